"""Heatmaps of neighbouring frames, aligned by flow and merged. `spec`, `net`, `data`, `system`."""
