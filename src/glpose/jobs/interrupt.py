"""Requests to stop, such as Ctrl-C, honoured between frames so that files stay complete."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(Exception):
    """The user asked to stop."""


class Interrupt:
    """A stop request; set `requested` from any thread."""

    def __init__(self) -> None:
        self.requested = False

    def check(self) -> None:
        """Raises Interrupted if the user asked to stop."""
        if self.requested:
            raise Interrupted

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While the block runs, the job honours requests."""
        yield


class SignalInterrupt(Interrupt):
    """Ctrl-C and SIGTERM as stop requests, unless who started the process has them ignored.

    A second one raises KeyboardInterrupt as usual; a third ends the process at once, in case that
    something does not return.
    """

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Handle both signals while the block runs; main thread only."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        old = {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}
        old = {s: handler for s, handler in old.items() if handler is not signal.SIG_IGN}
        for number in old:
            signal.signal(number, self._handle)
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.requested:
            signal.signal(number, signal.SIG_DFL)
            raise KeyboardInterrupt
        self.requested = True
