"""How long a frame usually takes, by the times of those around it.

It is the mean of 30 steps, of which the two longest count as the third longest does (of four to seven
steps the longest as the second; fewer are as they are). So pauses are not usual, while pictures that come
in bursts, or have times of a coarse clock, take as long as the camera takes for them.
"""

import math
from collections import deque

import numpy as np
from jaxtyping import Float64, Int64

_FEWEST, _MOST = 2, 30
_PAUSES, _STEPS_PER_PAUSE = 2, 4  # so many steps may be pauses, and no more than one of four
_ALIKE = 1.25  # rates that differ by less: frames come a little unevenly, or clocks are coarse


class Steps:
    """Takes the numbers and times of frames in order; the last 30 steps count."""

    def __init__(self) -> None:
        self._steps_s: deque[float] = deque(maxlen=_MOST)
        # The first frame at the last time, and how many there were at it.
        self._last: tuple[int, float] | None = None
        self._alike = 0

    def add(self, index: int, time_s: float) -> None:
        """Take the next frame; those between it and the last one were left out.

        Frames of the same time are taken for evenly spread up to the next one.
        """
        self._alike += 1
        if self._last is not None and index > self._last[0] and time_s >= self._last[1]:
            if time_s == self._last[1]:
                return
            step_s = (time_s - self._last[1]) / (index - self._last[0])
            self._steps_s.extend([step_s] * min(self._alike, _MOST))
        self._last, self._alike = (index, time_s), 0

    @property
    def usual_s(self) -> float | None:
        """None until two steps are known."""
        if len(self._steps_s) < _FEWEST:
            return None
        usual_s, _ = _usual(np.array(self._steps_s)[None])
        return float(usual_s[0])

    def rate_hz(self, told_hz: float = math.nan) -> float:
        """Frames a second by the usual step; `told_hz` if that is not known, or as good as the same."""
        usual_s = self.usual_s
        return told_hz if usual_s is None else rate_by_times(usual_s, told_hz)


def rate_by_times(usual_s: float, told_hz: float) -> float:
    """The rate that a header tells, unless the usual step of the times is clearly another one.

    Headers may tell the rate of a clock, or a mean that a single pause has changed.
    """
    return told_hz if 1 / _ALIKE < told_hz * usual_s < _ALIKE else 1 / usual_s


def usual_steps(
    steps: Float64[np.ndarray, " steps"],
) -> tuple[Float64[np.ndarray, " steps"], Float64[np.ndarray, " steps"]]:
    """Of the 30 steps around each one: how long they usually are, and the longest that is no pause."""
    if not len(steps):
        return steps, steps
    windows, around = windows_around(steps)
    usual, longest = _usual(windows)
    return usual[around], longest[around]


def windows_around(
    steps: Float64[np.ndarray, " steps"],
) -> tuple[Float64[np.ndarray, "windows width"], Int64[np.ndarray, " steps"]]:
    """All windows of 30 steps (of all if there are fewer), and for each step the one that is around it."""
    windows = np.lib.stride_tricks.sliding_window_view(steps, min(len(steps), _MOST))
    return windows, np.clip(np.arange(len(steps)) - _MOST // 2, 0, len(windows) - 1)


def _usual(
    windows: Float64[np.ndarray, "windows steps"],
) -> tuple[Float64[np.ndarray, " windows"], Float64[np.ndarray, " windows"]]:
    """See `usual_steps`."""
    num = windows.shape[1]
    at = num - 1 - min(_PAUSES, num // _STEPS_PER_PAUSE)
    longest = np.partition(windows, at, axis=1)[:, at]
    return np.minimum(windows, longest[:, None]).mean(1), longest
