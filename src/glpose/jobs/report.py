"""What a job tells while it runs, to whom it may concern: a reporter is handed in."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Reporter(Protocol):
    """Is told how a job goes. All texts are single lines."""

    def start(self, name: str, total: int | None) -> None:
        """A source begins; `total` frames are expected, None if that is not known."""
        ...

    def update(self, frames: int, people: int) -> None:
        """So many frames are done, and so many people were seen in them."""
        ...

    def stop(self) -> None:
        """The source is done, or given up."""
        ...

    def problem(self, message: str) -> None:
        """Something is wrong or missing, and the job goes on or ends; outcomes say it too."""
        ...

    def note(self, message: str) -> None:
        """How far a job is that has no sources, every now and then."""
        ...

    def result(self, line: str) -> None:
        """A line about what was done: a table, a folder."""
        ...


class Silent:
    """The reporter of whoever wants outcomes only."""

    def start(self, name: str, total: int | None) -> None:
        """Nothing is said."""

    def update(self, frames: int, people: int) -> None:
        """Nothing is said."""

    def stop(self) -> None:
        """Nothing is said."""

    def problem(self, message: str) -> None:
        """Nothing is said."""

    def note(self, message: str) -> None:
        """Nothing is said."""

    def result(self, line: str) -> None:
        """Nothing is said."""


SILENT = Silent()
