"""Parts of a run: its record, checkpoints, log, pictures and processes."""
