"""Where a new scene begins, so that tracks end, and at which pace the pictures of a video come."""

import numpy as np
from jaxtyping import UInt8

from glpose.steps import Steps
from glpose.track.cuts import CutDetector
from glpose.types import Frame

STALL_S = 2.0
"""After so many seconds without a picture nobody is taken for somebody before."""

_USUAL_HZ = 30.0  # where limits that count frames were chosen
_STALL_FRAMES = 30  # of a time-lapse, whose pictures are always far apart
_MOST_PACE = 32  # of 960 frames a second; times that come faster are taken for wrong
_HARDLY = 0.6


def pace_of(rate_hz: float, before: int = 1) -> int:
    """How many frames take as long as one of 30 a second: 1 up to 48 frames a second, or if unknown.

    It stays as it was `before` where another one fits hardly better, so that it does not flicker.
    """
    exact = min(rate_hz / _USUAL_HZ, _MOST_PACE) if rate_hz > 0 else 1.0
    return before if abs(exact - before) <= _HARDLY else max(1, round(exact))


class Scenes:
    """Tells for each picture of a video whether it begins a new scene, and keeps the `pace`.

    One begins at a cut, where pictures have another size, and after a gap in time of more than
    `stall_s` seconds and of 30 frames. How long a frame usually takes is found from the times of the
    pictures so far; before, `rate_hz` says it, but for the pace, as nobody knows the rate of what is live.
    """

    def __init__(self, rate_hz: float = float("nan"), stall_s: float = STALL_S) -> None:
        self._cuts, self._stall_s = CutDetector(), stall_s
        self._told_s = 1 / rate_hz if rate_hz > 0 else 0.0
        self._steps = Steps()
        self._last: tuple[float, tuple[int, int]] | None = None
        self.pace = 1
        """How many frames take as long as one of 30 a second, see `pace_of`."""

    @property
    def scene(self) -> int:
        """The number of the last picture's scene, see `CutDetector`."""
        return self._cuts.scene

    def update(
        self, frame: Frame, small: UInt8[np.ndarray, "height width 3"] | None = None
    ) -> bool:
        """Whether this picture begins a new scene; the first one does not.

        `small` is its thumbnail, see `cuts`, if that is known. Frames without a picture are left out.
        """
        assert frame.rgb is not None
        last, self._last = self._last, (frame.time_s, frame.rgb.shape[:2])
        begins = last is not None and self._is_apart(last, frame)
        self._steps.add(frame.index, frame.time_s)
        if (step_s := self._steps.usual_s) is not None:
            self.pace = pace_of(1 / step_s, self.pace)
        small = frame.rgb if small is None else small
        return self._cuts.update(small, begins=begins, pace=self.pace)

    def _is_apart(self, last: tuple[float, tuple[int, int]], frame: Frame) -> bool:
        """Whether a gap in time, or another size, parts a picture from the last one."""
        assert frame.rgb is not None
        time_s, size_hw = last
        away_s = frame.time_s - time_s
        usual_s = self._steps.usual_s or self._told_s
        has_stalled = away_s > max(self._stall_s, _STALL_FRAMES * usual_s)
        return has_stalled or size_hw != frame.rgb.shape[:2]
