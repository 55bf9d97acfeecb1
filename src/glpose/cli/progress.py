"""How far a run is: a live line on a terminal, a plain line every few seconds elsewhere."""

import sys
import time
from typing import Protocol, runtime_checkable

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

_PLAIN_EVERY_S = 5.0


@runtime_checkable
class Reporter(Protocol):
    """Is told how a run goes, source by source."""

    def start(self, name: str, total: int | None) -> None:
        """A source begins; `total` frames are expected, None if that is not known."""
        ...

    def update(self, frames: int, people: int) -> None:
        """So many frames are done, and so many people were seen in them."""
        ...

    def stop(self) -> None:
        """The source is done, or given up."""
        ...


def make_reporter(*, quiet: bool) -> Reporter:
    """The reporter for where we are: silent, terminal, or a log."""
    if quiet:
        return _Silent()
    console = Console(stderr=True)
    return _Live(console) if console.is_terminal else _Plain()


class _Silent:
    def start(self, name: str, total: int | None) -> None:
        pass

    def update(self, frames: int, people: int) -> None:
        pass

    def stop(self) -> None:
        pass


class _Plain:
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
        print(
            f"{self._name}: {frames}{of} frames, {rate:.1f} frames/s, {people} people{left}",
            file=sys.stderr,
            flush=True,
        )

    def stop(self) -> None:
        pass


class _Live:
    def __init__(self, console: Console) -> None:
        self._console = console

    def start(self, name: str, total: int | None) -> None:
        self._begin = time.monotonic()
        self._bar = Progress(
            TextColumn(escape(name)),
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
