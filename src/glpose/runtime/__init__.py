"""Weights at run time: `load` opens them, `protocols` says what they do, `card` how to use them."""
