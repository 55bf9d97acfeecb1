"""Print a job's reports: progress is a live line on a terminal, plain lines elsewhere.

Results go to stdout, all else to stderr.
"""

import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from glpose.cli.output import complain, say, tell
from glpose.errors import BadInput, one_line
from glpose.jobs.report import Reporter, Silent

_PLAIN_EVERY_S = 30.0


def make_reporter(*, quiet: bool) -> Reporter:
    """The reporter for the current output: quiet, terminal or log."""
    if quiet:
        return Quiet()
    console = Console(stderr=True)
    return _Live(console) if console.is_terminal else _Plain()


class Quiet(Silent):
    """Prints problems only."""

    def problem(self, message: str) -> None:
        """On stderr."""
        complain(message)


class Printed(Quiet):
    """Prints everything but the progress of a source."""

    def note(self, message: str) -> None:
        """On stderr."""
        tell(message)

    def result(self, line: str) -> None:
        """On stdout; the results themselves are in files, so nothing is lost without it."""
        try:
            say(line)
        except BadInput as problem:
            complain(str(problem))


class _Plain(Printed):
    def start(self, name: str, total: int | None) -> None:
        self._name, self._total = name, total
        self._begin = self._last = time.monotonic()

    def update(self, frames: int, people: int) -> None:
        now = time.monotonic()
        if now - self._last < _PLAIN_EVERY_S:
            return
        self._last = now
        rate = frames / (now - self._begin)
        of, left = "", ""
        if self._total:
            of = f" of {self._total}"
            left = f", {max(0, self._total - frames) / rate:.0f} s left"
        tell(f"{self._name}: {frames}{of} frames, {rate:.1f} frames/s, {people} people{left}")


class _Live(Printed):
    def __init__(self, console: Console) -> None:
        self._console = console

    def start(self, name: str, total: int | None) -> None:
        self._begin = time.monotonic()
        self._bar = Progress(
            TextColumn(escape(one_line(name))),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task(name, total=total, note="")
        self._bar.start()

    def update(self, frames: int, people: int) -> None:
        rate = frames / max(1e-6, time.monotonic() - self._begin)
        note = f"{rate:.1f} frames/s, {people} people"
        self._bar.update(self._task, completed=frames, note=note)

    def stop(self) -> None:
        self._bar.stop()
