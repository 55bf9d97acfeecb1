"""For how long a picture has shown the same beside the people who are followed.

There the detector would find again what it found: before a camera that stands still it need not look
so often. People who are followed move, and whoever comes in changes the picture beside them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

# Every so many-th pixel tells the median change as well as all; odd, so that columns alternate.
_STEP = 7


@dataclass(frozen=True, slots=True)
class StillSpec:
    """When nothing has changed; the values are ours.

    No pixel of the thumbnail may differ by more than `most_grey` levels from what it was, in the mean of
    its channels, nor any channel by more than `most_colour`, as videos store colours coarsely; the
    median change of each, that of exposure and white balance, is taken off first. Boxes of people do
    not count, with a share `room` of their longer side on all sides; of the picture at least a share
    `least_beside` must be left.
    """

    most_grey: float = 12.0
    most_colour: float = 24.0
    room: float = 0.1
    least_beside: float = 1 / 3


class Stillness:
    """Compares pictures of a scene with that of the last look, beside the people there then and now."""

    def __init__(self, spec: StillSpec = StillSpec()) -> None:
        self._spec = spec
        self._looked = self._since = 0
        self._size_hw = (1, 1)
        self._seen: Float32[np.ndarray, "rows columns 3"] | None = None
        self._has_people: Bool[np.ndarray, "rows columns"] | None = None
        self._had_people: Bool[np.ndarray, "rows columns"] | None = None

    def looked(
        self, frame: int, small: UInt8[np.ndarray, "72 128 3"], size_hw: tuple[int, int]
    ) -> None:
        """The detector looks at the picture of this size with this thumbnail (see `cuts.thumbnail`).

        Where people are in it `saw` has to say next.
        """
        if not self._holds(small):
            self._since = frame
        self._looked, self._size_hw = frame, size_hw
        self._seen = small.astype(np.float32)
        self._has_people = self._had_people = None

    def saw(self, xyxy: Float[np.ndarray, "people 4"]) -> None:
        """Take the boxes of the people of a frame, in its pixels."""
        assert self._seen is not None, "the detector has not looked yet"
        rows, columns = self._seen.shape[:2]
        height, width = self._size_hw
        scale = np.array([columns / width, rows / height] * 2)
        mask = np.zeros((rows, columns), bool)
        for box in xyxy.astype(np.float64):
            room = self._spec.room * float((box[2:] - box[:2]).max())
            x1, y1, x2, y2 = (box + np.array([-room, -room, room, room])) * scale
            top, left = max(0, int(y1)), max(0, int(x1))
            mask[top : max(0, int(y2) + 1), left : max(0, int(x2) + 1)] = True
        self._has_people = mask
        if self._had_people is None:
            self._had_people = mask

    def still_frames(self, small: UInt8[np.ndarray, "72 128 3"]) -> int:
        """For how many frames before the last look nothing had changed; 0 if anything has since."""
        return self._looked - self._since if self._holds(small) else 0

    def _holds(self, small: UInt8[np.ndarray, "72 128 3"]) -> bool:
        if self._seen is None or self._has_people is None or self._had_people is None:
            return False
        beside = ~(self._has_people | self._had_people)
        if beside.mean() < self._spec.least_beside:
            return False
        change = (small - self._seen)[beside]
        change -= np.median(change[::_STEP], axis=0)
        grey = np.abs(change @ np.full(3, 1 / 3, np.float32)).max()
        return bool(grey <= self._spec.most_grey and np.abs(change).max() <= self._spec.most_colour)
