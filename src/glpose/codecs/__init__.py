"""Joints as maps and back: `codec` says what a codec does, `gaussian` is the one of heatmaps."""
