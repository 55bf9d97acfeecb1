"""Refiners map a stream of frames with poses to another one; they are applied after the pipeline.

One module each; none imports another. Callers list them in the order of application.
`PHONE_BOOK` has those that a user can ask for by name.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Protocol, runtime_checkable

from glpose.errors import BadInput
from glpose.flow import Motions
from glpose.skeleton import Skeleton
from glpose.types import FrameAndPoses

PHONE_BOOK = {
    "flow": "glpose.refine.flow_fusion",
}
"""In each module, `refiner(joints, window, motions)` makes one; it looks `window` frames to each side."""

WINDOW, MOST_WINDOW = 4, 5
"""Frames on each side, and the most that can be asked for: chains of flow drift."""


@runtime_checkable
class Refiner(Protocol):
    """Yields every input frame once, in order, with poses that may be changed.

    It may hold back a bounded number of frames to look ahead. Any function with this signature
    will do; bind settings with `functools.partial`.
    """

    def __call__(self, pairs: Iterable[FrameAndPoses], /) -> Iterator[FrameAndPoses]:
        """The refined stream."""
        ...


def refiner_named(
    name: str, joints: Skeleton, window: int = WINDOW, motions: Motions | None = None
) -> Refiner:
    """A refiner by its name, for one video if the `motions` of that are given to share them.

    Raises: BadInput for a name that is unknown, or a window out of range.
    """
    if name not in PHONE_BOOK:
        known = ", ".join(sorted(PHONE_BOOK)) or "none"
        raise BadInput(f"unknown refiner '{name}'; known: {known}")
    if not 1 <= window <= MOST_WINDOW:
        raise BadInput(f"the window is {window} frames; expected 1 to {MOST_WINDOW}")
    return import_module(PHONE_BOOK[name]).refiner(joints, window, motions)
