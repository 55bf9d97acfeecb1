"""Reusable torch parts: `blocks`, `heads`, `losses`, and `encoders` such as `hrnet` and `resnet`.

Their sizes are in `spec`, without torch.
"""
