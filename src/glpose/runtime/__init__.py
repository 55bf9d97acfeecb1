"""Weights at run time: `load` opens them, `protocols` defines the networks, `card` their use."""
