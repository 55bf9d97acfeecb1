"""Show results: `overlay` draws skeletons on pictures."""
