"""What every reader of a labelled set of videos gives: sequences, and the truth of their frames.

Opening a set reads labels only, never pictures; and where the labels come one file a sequence,
`truth` reads its file when it is called, so that a set of a thousand videos opens in seconds.
"""

from collections.abc import Callable
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
