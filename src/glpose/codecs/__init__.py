"""Joints as maps and back: `codec` is the protocol, `known` what cards name.

`gaussian` is heatmaps, `composite` coarse heatmaps with offsets.
"""
