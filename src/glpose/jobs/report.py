"""Progress and problems of a running job, sent to a reporter that the caller passes in."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Reporter(Protocol):
    """Receives the progress of a job. All texts are single lines."""

    def start(self, name: str, total: int | None) -> None:
        """A source starts; `total` frames are expected, None if unknown."""
        ...

    def update(self, frames: int, people: int) -> None:
        """Numbers of frames done and of people seen so far."""
        ...

    def stop(self) -> None:
        """The source is finished or has failed."""
        ...

    def problem(self, message: str) -> None:
        """Something is wrong or missing; the job continues or ends. Outcomes contain it too."""
        ...

    def note(self, message: str) -> None:
        """Occasional progress of a job that has no sources."""
        ...

    def result(self, line: str) -> None:
        """A line of output: of a table, or a folder's path."""
        ...


class Silent:
    """A reporter that ignores everything, for callers that only need outcomes."""

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
