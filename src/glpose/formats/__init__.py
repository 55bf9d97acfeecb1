"""File formats, and the only place for other tools' conventions. Start with `results`."""
