"""Joints as maps and back: `codec` is the protocol, `gaussian` heatmaps, `known` what cards name."""
