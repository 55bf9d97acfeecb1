"""Evaluate estimators: `predict` runs the pipeline, `sets` defines the official sets.

`scoring` has the official metrics.
"""
