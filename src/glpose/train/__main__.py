"""`python -m glpose.train NAME ...` is `glpose train NAME ...`, as a module for torchrun.

Like `glpose.__main__`, which it is run by, this file imports from `cli`; nothing imports it.
"""

import os
import sys
import time

import glpose.__main__

# torchrun kills all processes once one fails; the first one needs time to print its error.
_GRACE_S = 3.0


def start() -> int:
    """Train as one of several processes; return the exit status. Only rank 0 prints messages."""
    speaks = os.environ.get("RANK", "0") == "0"

    def train() -> int:
        from glpose.cli.main import main

        try:
            return main(["train", *sys.argv[1:]], speaks=speaks)
        except SystemExit as stop:
            return int(stop.code or 0)

    status = glpose.__main__.start(train, speaks=speaks)
    if status and not speaks:
        time.sleep(_GRACE_S)
    return status


if __name__ == "__main__":
    exit_status = start()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: gloo threads that are still running may abort a finished process.
    os._exit(exit_status)
