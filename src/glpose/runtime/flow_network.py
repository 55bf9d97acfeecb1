"""Optical flow by a network, in place of dense inverse search.

The graph needs no card. It has the inputs `a_rgb` and `b_rgb`, uint8, 1 x height x width x 3, and
the output `flow`, float32, 1 x height x width x 2: how far each pixel of a has moved in b, x then
y, in pixels of these pictures. What it makes of levels from 0 to 255 is its own affair. Height and
width are fixed in the graph, or free; then it gets multiples of `MULTIPLE_PX`.
"""

from glpose.errors import BadWeights
from glpose.flow import FlowMap
from glpose.imaging import Rgb, resize, resize_flow
from glpose.runtime.engine import Graph

A, B, FLOW = "a_rgb", "b_rgb", "flow"

MULTIPLE_PX = 64
"""What the usual pyramids of flow networks divide the sides of pictures by, at most."""

LEAST_PX = 128
"""The least side of pictures for a graph that takes any size; smaller ones are enlarged."""


class FlowNetwork:
    """A `Flow` made of a graph that was checked: pictures are resized for it, the flow back."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._fixed_hw = graph.inputs[A].shape[1:3]

    def __call__(self, a_rgb: Rgb, b_rgb: Rgb, /) -> FlowMap:
        """The flow from a to b, at the pixels of a.

        Raises: BadWeights if the graph fails, or gives something else than its pictures need.
        """
        height, width = a_rgb.shape[:2]
        size = self.input_size((height, width))
        a, b = (rgb if size == (height, width) else resize(rgb, size) for rgb in (a_rgb, b_rgb))
        (found,) = self._graph.run({A: a[None], B: b[None]}, [FLOW])
        if found.shape != (1, *size, 2):
            raise BadWeights(
                f"{self._graph.path}: its output '{FLOW}' is {'x'.join(map(str, found.shape))} for "
                f"pictures of {size[0]}x{size[1]}; expected 1x{size[0]}x{size[1]}x2, export it again"
            )
        return found[0] if size == (height, width) else resize_flow(found[0], (height, width))

    def input_size(self, size_hw: tuple[int, int]) -> tuple[int, int]:
        """Height and width of what the graph gets for pictures of a size."""
        sides = [
            fixed
            if isinstance(fixed, int)
            else max(LEAST_PX, round(side / MULTIPLE_PX) * MULTIPLE_PX)
            for fixed, side in zip(self._fixed_hw, size_hw, strict=True)
        ]
        return sides[0], sides[1]
