"""Features learned from videos without labels, in two halves. `spec`, `net`, `data`, `system`."""
