"""Estimation from one frame: an encoder and a head. `spec`, `net`, `system`, `port`."""
