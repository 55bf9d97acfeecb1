"""Refiners map a stream of frames with poses to another one; they are applied after the pipeline.

One module each; none imports another. Callers list them in the order of application.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from glpose.types import FrameAndPoses


@runtime_checkable
class Refiner(Protocol):
    """Yields every input frame once, in order, with poses that may be changed.

    It may hold back a bounded number of frames to look ahead. Any function with this signature
    will do; bind settings with `functools.partial`.
    """

    def __call__(self, pairs: Iterable[FrameAndPoses], /) -> Iterator[FrameAndPoses]:
        """The refined stream."""
        ...
