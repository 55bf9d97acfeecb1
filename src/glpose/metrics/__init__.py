"""One metric each, from arrays to numbers: `pck` for joints, `ap` for boxes."""
