"""How long a frame usually takes, by the times of those so far."""

from collections import deque

_FEWEST, _MOST = 2, 30


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
