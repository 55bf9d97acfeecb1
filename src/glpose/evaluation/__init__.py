"""Estimators on labelled sets: `predict` runs the pipeline, `sets` knows the official sets.

`scoring` has the official metrics, `damaged` the scores on clips that were damaged on purpose.
"""
