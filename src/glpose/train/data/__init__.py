"""From labelled sets to batches: `sets` opens them, `people` and `augment` make samples."""
