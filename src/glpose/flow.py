"""Optical flow between pictures next to each other in time, and points that move along it.

Flow from a to b is given at the pixels of a: pixel p of a is at p + flow[p] in b. Values are (x, y)
in pixels of the pictures.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, Float64

from glpose.imaging import LEAST_FLOW_PX, Rgb, dense_flow, inside_picture, resize, resize_flow
from glpose.types import Frame

FlowMap = Float32[np.ndarray, "height width 2"]

LONGEST_PX = 640
"""Larger pictures are shrunk to this before their flow is searched."""


@runtime_checkable
class Flow(Protocol):
    """Finds the flow between two pictures of one size. Any function with this signature will do."""

    def __call__(self, a_rgb: Rgb, b_rgb: Rgb, /) -> FlowMap:
        """The flow from a to b, at the pixels of a."""
        ...


def move_points(
    xy: Float[np.ndarray, "*points 2"], flow: FlowMap
) -> Float64[np.ndarray, "*points 2"]:
    """Where points of a are in b, by the median flow of the 3 x 3 pixels around each.

    NaN for points that are outside a, or come to lie outside b.
    """
    size_hw = flow.shape[:2]
    known = inside_picture(xy, size_hw)
    out = np.full(xy.shape, np.nan)
    column, row = np.round(xy[known]).astype(np.int64).T
    step = np.arange(-1, 2)
    rows = np.clip(row[:, None, None] + step[:, None], 0, size_hw[0] - 1)
    columns = np.clip(column[:, None, None] + step, 0, size_hw[1] - 1)
    around = flow[rows, columns].reshape(-1, 9, 2)
    out[known] = xy[known] + np.median(around, axis=1)
    out[~inside_picture(out, size_hw)] = np.nan
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """The flow between two pictures, in both directions."""

    there: FlowMap
    back: FlowMap

    @property
    def reversed(self) -> "Motion":
        """The same from the second picture to the first."""
        return Motion(self.back, self.there)

    def move(
        self, xy: Float[np.ndarray, "*points 2"]
    ) -> tuple[Float64[np.ndarray, "*points 2"], Float64[np.ndarray, "*points"]]:
        """Where points of the first picture are in the second, and how far from them one comes back.

        The second value is the forward-backward error in pixels, NaN for points that left.
        """
        moved = move_points(xy, self.there)
        return moved, np.linalg.norm(move_points(moved, self.back) - xy, axis=-1)


class Motions:
    """The flow between the frames of one video. Who needs it shares one: none is searched twice.

    A direction is searched when it is first asked for, on pictures whose longer side is at most
    `longest_px`; what is found there is scaled back, its values too. The last `keep` results are
    remembered, at 8 bytes a pixel of the smaller pictures, but of frames next to each other only:
    flow over more frames serves one caller. Frames are told apart by their index.
    """

    def __init__(
        self, flow: Flow = dense_flow, *, keep: int = 2, longest_px: int = LONGEST_PX
    ) -> None:
        self._flow, self._keep, self._longest_px = flow, keep, longest_px
        self._found: dict[tuple[int, int], FlowMap] = {}

    def flow(self, a: Frame, b: Frame) -> FlowMap | None:
        """The flow from a to b; None if one of them has no picture, or another size."""
        if a.rgb is None or b.rgb is None or a.rgb.shape != b.rgb.shape:
            return None
        pair = a.index, b.index
        found = self._found.get(pair)
        if found is None:
            found = self._search(a.rgb, b.rgb)
            if abs(a.index - b.index) == 1:
                self._found[pair] = found
                if len(self._found) > self._keep:
                    del self._found[next(iter(self._found))]
        size_hw = a.rgb.shape[:2]
        return found if found.shape[:2] == size_hw else resize_flow(found, size_hw)

    def between(self, a: Frame, b: Frame) -> Motion | None:
        """The motion from a to b, both ways; None as in `flow`."""
        there, back = self.flow(a, b), self.flow(b, a)
        return None if there is None or back is None else Motion(there, back)

    def _search(self, a_rgb: Rgb, b_rgb: Rgb) -> FlowMap:
        """The flow of the pictures, made smaller if they are large."""
        height, width = a_rgb.shape[:2]
        zoom = min(1.0, self._longest_px / max(height, width))
        small = max(LEAST_FLOW_PX, round(height * zoom)), max(LEAST_FLOW_PX, round(width * zoom))
        if small == (height, width):
            return self._flow(a_rgb, b_rgb)
        return self._flow(resize(a_rgb, small), resize(b_rgb, small))
