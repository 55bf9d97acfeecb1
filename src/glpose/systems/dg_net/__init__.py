"""Poses in space from tracks of joints, by graphs of joints that change with the sample.

`spec`, `net`, `data`, `tracks`, `camera`, `system`.
"""
