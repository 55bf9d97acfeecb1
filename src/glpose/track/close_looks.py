"""When a detector looks closely, which costs several times as much as a look."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CloseLooksSpec:
    """At the first frame of a scene, and `every` so many frames while people are there who are small.

    For `again` frames after each it looks closely wherever the detector looks while somebody small is
    only tried, whom no other look may see. While nobody is small, the wait doubles each time, up to
    `most` frames. At 30 frames a second, in pictures up to 4K, people are followed back for as long as
    `every` (`HindsightSpec.reach`). The values are ours.
    """

    every: int = 10
    most: int = 80
    again: int = 5


class CloseLooks:
    """Says at which of a detector's looks it is to look closely."""

    def __init__(self, spec: CloseLooksSpec = CloseLooksSpec()) -> None:
        self._spec = spec
        self._last: int | None = None
        self._wait = spec.every
        self._saw_small = False

    def take(self, frame: int, *, opens: bool, tries: bool = False) -> bool:
        """Whether to look closely at this frame, the detector looking.

        `opens`: it begins a scene. `tries`: somebody small is only tried.
        """
        if opens or self._last is None:
            self._wait = self._spec.every
        elif tries and frame - self._last <= self._spec.again:
            return True
        elif frame - self._last < self._wait:
            return False
        else:
            longer = min(2 * self._wait, self._spec.most)
            self._wait = self._spec.every if self._saw_small else longer
        self._last, self._saw_small = frame, False
        return True

    def saw(self, *, small: bool) -> None:
        """Whether somebody in a frame is small, which ends a long wait."""
        if small:
            self._saw_small, self._wait = True, self._spec.every
