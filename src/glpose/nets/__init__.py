"""Reusable torch parts: `blocks`, `heads`, `hrnet`, `resnet`, and `single_frame` made of them.

Their sizes are in `spec`, without torch.
"""
