"""What a run keeps and shows: its record, checkpoints, log and pictures; and its processes."""
