"""The command `glpose`, also as `python -m glpose`."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType


def _command() -> int:
    from glpose.cli.main import main

    return main()


def start(command: Callable[[], int] = _command, *, speaks: bool = True) -> int:
    """Run what the process was started with; Ctrl-C and SIGTERM end it with one line, if it speaks.

    The command imports its modules, as a signal may come while that takes its time.
    """
    status, stopped = 0, False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        raise KeyboardInterrupt

    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, stop)
        status = command()
    except BaseException as problem:
        # Compiled modules that are being imported make an ImportError of it, or a TypeError.
        if not stopped and not isinstance(problem, KeyboardInterrupt):
            raise
        stopped = True
    if stopped or status == 130:
        for number in (signal.SIGINT, signal.SIGTERM):  # it ends, and with this status
            signal.signal(number, signal.SIG_IGN)
    if stopped and status != 130:
        status = 130
        if speaks:
            from glpose.cli.output import complain

            complain("interrupted")
    # Python keeps in mind that a KeyboardInterrupt has left an `exec`, as that of a dataclass, until
    # the next one, and would end by SIGINT.
    exec("")  # noqa: S102
    if any(thread.name == "glpose-network" for thread in threading.enumerate()):
        # It waits for what never comes, and Python would not end before it.
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
    return status


if __name__ == "__main__":
    sys.exit(start())
