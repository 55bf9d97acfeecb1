"""`python -m glpose.train NAME ...` is `glpose train NAME ...`: torchrun starts modules.

This one file calls upwards, as `glpose.__main__` does; nothing imports it.
"""

import os
import sys

from glpose.cli.main import main

if __name__ == "__main__":
    # All processes get the same words, so one of them answers for those that are wrong.
    speaks = os.environ.get("RANK", "0") == "0"
    sys.exit(main(["train", *sys.argv[1:]], speaks=speaks))
