"""One module per file format, and the only place for foreign conventions. Start with `results`."""
