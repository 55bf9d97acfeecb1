"""Refiners: functions from a stream of frames with poses to another one, applied behind the pipeline.

One module each; none imports another. What uses them lists them in the order in which they apply.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable

from glpose.types import FrameAndPoses


@runtime_checkable
class Refiner(Protocol):
    """Yields every frame that comes, in order, each once, with poses that may be changed.

    It may hold some frames back to look ahead, a bounded number of them. A function with this
    signature will do; one with settings is bound to them with `functools.partial`.
    """

    def __call__(self, pairs: Iterable[FrameAndPoses], /) -> Iterator[FrameAndPoses]:
        """The refined stream."""
        ...
