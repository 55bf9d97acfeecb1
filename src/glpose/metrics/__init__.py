"""One metric per module, from arrays to numbers: `pck` for joints, `ap` for boxes."""
