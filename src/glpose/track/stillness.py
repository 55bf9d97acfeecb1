"""Whether a picture shows what it showed when the detector looked last, but for the people followed.

Then the detector would find what it found: a camera that stands still need not be searched again and
again. People who are followed move, and who comes in changes the picture beside them.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8


@dataclass(frozen=True, slots=True)
class StillSpec:
    """When nothing has changed; the values are ours.

    No pixel of the thumbnail may differ by more than `most_change` grey levels from what it was,
    after the median change, that of the exposure, is taken off. Boxes of people do not count, with
    a share `room` of their longer side on all sides.
    """

    most_change: float = 12.0
    room: float = 0.1


class Stillness:
    """Compares thumbnails with that of the last look, beside the people there then and now."""

    def __init__(self, spec: StillSpec = StillSpec()) -> None:
        self._spec = spec
        self._grey: Float32[np.ndarray, "rows columns"] | None = None
        self._is_people: Bool[np.ndarray, "rows columns"] | None = None
        self._was_people: Bool[np.ndarray, "rows columns"] | None = None

    def remember(self, thumbnail: UInt8[np.ndarray, "rows columns 3"]) -> None:
        """The detector looks at this picture, whose people `follow` will give."""
        self._grey, self._was_people = _grey(thumbnail), None

    def follow(self, xyxy: Float[np.ndarray, "people 4"], size_hw: tuple[int, int]) -> None:
        """Take the boxes of the people of the last picture, in its pixels."""
        assert self._grey is not None
        rows, columns = self._grey.shape
        scale = np.array([columns / size_hw[1], rows / size_hw[0]] * 2)
        mask = np.zeros((rows, columns), bool)
        for box in xyxy.astype(np.float64):
            room = self._spec.room * float((box[2:] - box[:2]).max())
            x1, y1, x2, y2 = (box + np.array([-room, -room, room, room])) * scale
            top, left = max(0, int(y1)), max(0, int(x1))
            mask[top : max(0, int(y2) + 1), left : max(0, int(x2) + 1)] = True
        self._is_people = mask
        if self._was_people is None:
            self._was_people = mask

    def holds(self, thumbnail: UInt8[np.ndarray, "rows columns 3"]) -> bool:
        """Whether nothing has changed; false before anything is known."""
        if self._grey is None or self._is_people is None or self._was_people is None:
            return False
        change = _grey(thumbnail) - self._grey
        beside = change[~(self._is_people | self._was_people)]
        if not len(beside):
            return True
        return float(np.abs(beside - np.median(beside)).max()) <= self._spec.most_change


def _grey(thumbnail: UInt8[np.ndarray, "rows columns 3"]) -> Float32[np.ndarray, "rows columns"]:
    return thumbnail.astype(np.float32).mean(-1)
