"""What every reader of a labelled set gives: sequences of frames, or still pictures, with truth.

Opening a set reads labels only, never pictures; and where the labels come one file a sequence,
`truth` reads its file when it is called, so that a set of a thousand videos opens in seconds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from glpose.skeleton import Skeleton
from glpose.types import FrameTruth


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSequence:
    """One video of a labelled set.

    `images` are all its frames in order, labelled or not, and `FrameTruth.frame` is a place in
    them, so counts from 0 whatever the files are called; a sequence kept as a video file has
    `video` instead. `truth()` gives the labelled frames only, those without people included, joints
    as `skeleton`; it raises BadInput, naming file and key.
    """

    name: str
    skeleton: Skeleton
    truth: Callable[[], tuple[FrameTruth, ...]]
    images: tuple[Path, ...] = ()
    video: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture:
    """A picture file and the people labelled in it (`truth.frame` is the picture's id)."""

    path: Path
    truth: FrameTruth


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPictures:
    """The still pictures of a labelled set, those without people included; joints as `skeleton`."""

    skeleton: Skeleton
    pictures: Sequence[LabelledPicture]
