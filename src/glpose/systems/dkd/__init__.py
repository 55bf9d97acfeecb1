"""Kernels distilled from the frame before, for a cheap encoder. `spec`, `net`, `data`, `system`."""
