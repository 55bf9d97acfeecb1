"""How long a frame usually takes, by the times of those so far."""

import math
from collections import deque

_FEWEST, _MOST = 2, 30
_ALIKE = 1.25  # rates that differ by less: frames come a little unevenly, or clocks are coarse


class Steps:
    """Takes the numbers and times of frames in order; the last 30 steps count."""

    def __init__(self) -> None:
        self._steps_s: deque[float] = deque(maxlen=_MOST)
        self._last: tuple[int, float] | None = None

    def add(self, index: int, time_s: float) -> None:
        """Take the next frame; those between it and the last one were left out."""
        last, self._last = self._last, (index, time_s)
        if last is not None and time_s > last[1] and index > last[0]:
            self._steps_s.append((time_s - last[1]) / (index - last[0]))

    @property
    def usual_s(self) -> float | None:
        """The upper quartile: some pauses are not usual, nor are some steps that come too early.

        None until two steps are known.
        """
        num = len(self._steps_s)
        return None if num < _FEWEST else sorted(self._steps_s)[3 * num // 4]

    def rate_hz(self, told_hz: float = math.nan) -> float:
        """Frames a second by the usual step; `told_hz` if that is not known, or as good as the same."""
        usual_s = self.usual_s
        return told_hz if usual_s is None else rate_by_times(usual_s, told_hz)


def rate_by_times(usual_s: float, told_hz: float) -> float:
    """The rate that a header tells, unless the usual step of the times is clearly another one.

    Headers may tell the rate of a clock, or a mean that a single pause has changed.
    """
    return told_hz if 1 / _ALIKE < told_hz * usual_s < _ALIKE else 1 / usual_s
