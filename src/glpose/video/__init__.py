"""The PyAV door: the only package that imports av.

`reader` opens one video file (`open_video`) and gives its frames with true times, lost ones
included; `writer` writes H.264 with the original times and the audio (`VideoWriter`); `source`
turns what a user names, files, folders and globs, into things to read (`find_sources`).
"""
