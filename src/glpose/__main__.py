"""The command `glpose`, also as `python -m glpose`."""

import signal
import sys
from types import FrameType


def start() -> int:
    """Run the command that the process was started with; Ctrl-C and SIGTERM end it with one line.

    Modules are imported here, as a signal may come while that takes its time.
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
        from glpose.cli.main import main

        status = main()
    except BaseException as problem:
        # Compiled modules that are being imported make an ImportError of it, or a TypeError.
        if not stopped and not isinstance(problem, KeyboardInterrupt):
            raise
        stopped = True
    if stopped and status != 130:
        from glpose.cli.output import complain

        complain("interrupted")
        status = 130
    # Python keeps in mind that a KeyboardInterrupt has left an `exec`, as that of a dataclass, until
    # the next one, and would end by SIGINT.
    exec("")  # noqa: S102
    return status


if __name__ == "__main__":
    sys.exit(start())
