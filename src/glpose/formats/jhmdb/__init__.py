"""JHMDB: `labels` in the official layout with its `check`, and `short`, our split of 14 actions."""
