"""`python -m glpose.train NAME ...` is `glpose train NAME ...`: torchrun starts modules.

This one file calls upwards, as `glpose.__main__` does; nothing imports it.
"""

import os
import sys
import time

from glpose.cli.main import main

# torchrun ends all processes as soon as one has failed; the one that speaks must have spoken.
_GRACE_S = 3.0


def start() -> int:
    """Train as one of several processes; the exit status. All get the same words: one answers."""
    speaks = os.environ.get("RANK", "0") == "0"
    try:
        status = main(["train", *sys.argv[1:]], speaks=speaks)
    except SystemExit as stop:
        status = int(stop.code or 0)
    if status and not speaks:
        time.sleep(_GRACE_S)
    return status


if __name__ == "__main__":
    exit_status = start()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: threads of gloo that still live then may abort a process that has done its work.
    os._exit(exit_status)
