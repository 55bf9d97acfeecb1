"""Reusable torch parts: `blocks`, `heads`, `hrnet`; their sizes, without torch, in `spec`."""
