"""Showing results: `overlay` draws skeletons on pictures."""
