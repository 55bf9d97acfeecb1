"""Arrays packed for a page: quantised differences in byte planes, deflated, in base64.

A page holds all arrays in one text, see `Packing.text`; `viewer/page/unpack.js` reads it. Motion is
small from frame to frame, so that differences fit in a byte or two; the planes of higher bytes are
almost all zero and cost nothing once deflated.
"""

import base64
import zlib
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64

from glpose.errors import BadInput

_MOST_STEPS = 2**51  # JavaScript counts exactly up to 2**53
_LEVEL = 6  # of deflate: 9 takes many times as long for a hundredth of the size


@dataclass(slots=True, eq=False)
class Packing:
    """The arrays of a page, one after the other."""

    _parts: list[bytes] = field(default_factory=list)
    _size: int = 0

    def add(
        self, values: Float64[np.ndarray, "rows channels"], quantum: float
    ) -> dict[str, int | float]:
        """Append an array; returns where it is and its form, for the reader.

        Values are rounded to multiples of `quantum`; NaN stays NaN. Raises: BadInput for values that
        are too large.
        """
        largest = float(np.abs(values[np.isfinite(values)]).max(initial=0))
        if largest >= _MOST_STEPS * quantum:
            raise BadInput(
                f"found the value {largest:.3g} among times or coordinates; expected less than "
                f"{_MOST_STEPS * quantum:.3g}; correct the results"
            )
        codes = _codes(values, quantum)
        planes = (int(codes.max(initial=0)).bit_length() + 7) // 8
        at = self._size
        for plane in range(planes):
            # Channel by channel: neighbours in the text are neighbours in time.
            part = (codes.T >> (8 * plane)).astype(np.uint8).tobytes()
            self._parts.append(part)
            self._size += len(part)
        rows, channels = values.shape
        return {
            "at": at, "rows": rows, "channels": channels, "planes": planes, "quantum": quantum,
        }  # fmt: skip

    def text(self) -> str:
        """All arrays as base64 of a zlib stream."""
        press = zlib.compressobj(_LEVEL)
        pressed = b"".join([*map(press.compress, self._parts), press.flush()])
        return base64.b64encode(pressed).decode("ascii")


def _codes(
    values: Float64[np.ndarray, "rows channels"], quantum: float
) -> Int64[np.ndarray, "rows channels"]:
    """0 for NaN, else 1 + the zigzag of the difference to the known value before, or to 0."""
    is_known = np.isfinite(values)
    steps = np.round(np.where(is_known, values, 0) / quantum).astype(np.int64)
    rows = np.where(is_known, np.arange(1, len(values) + 1)[:, None], 0)
    last = np.maximum.accumulate(rows, axis=0)[:-1]  # counted from 1
    padded = np.concatenate([np.zeros((1, values.shape[1]), np.int64), steps])
    before = np.zeros_like(steps)
    before[1:] = np.take_along_axis(padded, last, axis=0)
    change = steps - before
    return np.where(is_known, 1 + np.where(change < 0, -2 * change - 1, 2 * change), 0)
