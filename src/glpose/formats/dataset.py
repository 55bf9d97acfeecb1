"""What every reader of a labelled set returns: sequences of frames or still pictures, with truth.

Opening a set reads labels only, never pictures. If each sequence has its own label file, `truth()`
reads it when called, so that a set of a thousand videos opens in seconds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from glpose.skeleton import Skeleton
from glpose.types import FrameTruth


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSequence:
    """One video of a labelled set.

    `images` are all its frames in order, labelled or not, and `FrameTruth.frame` is an index into
    them, so it counts from 0 whatever the files are called; a sequence stored as a video file has
    `video` instead. `truth()` returns the labelled frames, with or without people, joints as
    `skeleton`; it raises BadInput, naming file and key.
    """

    name: str
    skeleton: Skeleton
    truth: Callable[[], tuple[FrameTruth, ...]]
    images: tuple[Path, ...] = ()
    video: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture:
    """A picture file and the people labelled in it (`truth.frame` is the picture's id).

    `ids` are the people's ids in the label file, where it has them.
    """

    path: Path
    truth: FrameTruth
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPictures:
    """The still pictures of a labelled set, with or without people; joints as in `skeleton`."""

    skeleton: Skeleton
    pictures: Sequence[LabelledPicture]
