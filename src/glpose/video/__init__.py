"""The PyAV door: the only package that imports av.

`reader` opens one video file (`open_video`) and yields its frames with true times, including lost
ones; `writer` writes H.264 with the original times and the audio (`VideoWriter`); `source`
turns what a user names, files, folders and globs, into things to read (`find_sources`); `given`
does so with arrays, iterators and bytes (`find_given`); `stills` reads pictures, `heif` those of HEIC
and AVIF; `camera` reads a camera of this computer.
"""
