"""Joints to maps and back: `codec` is the protocol, `gaussian` implements it for heatmaps."""
