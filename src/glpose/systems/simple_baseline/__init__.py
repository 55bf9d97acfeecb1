"""Simple Baselines: a ResNet and deconvolutions on single frames. `spec`, `net`, `system`."""
