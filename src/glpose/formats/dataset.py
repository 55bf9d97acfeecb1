"""What every reader of a labelled set returns: sequences of frames or still pictures, with truth.

Opening a set reads labels only, never pictures. If each sequence has its own label file, `truth()`
reads it when called, so that a set of a thousand videos opens in seconds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from glpose.errors import BadInput
from glpose.imaging import read_image
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

    `ids` are the people's ids in the label file, and `size_hw` the size of the picture that it labels,
    where it has them.
    """

    path: Path
    truth: FrameTruth
    ids: tuple[int, ...] = ()
    size_hw: tuple[int, int] | None = None

    def read(self) -> UInt8[np.ndarray, "height width 3"]:
        """The picture. Raises: VideoError; BadInput if it is not of the size that was labelled."""
        return of_labelled_size(read_image(self.path), self.path, self.size_hw)


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPictures:
    """The still pictures of a labelled set, with or without people; joints as in `skeleton`."""

    skeleton: Skeleton
    pictures: Sequence[LabelledPicture]


def of_labelled_size(
    rgb: UInt8[np.ndarray, "height width 3"], path: Path, size_hw: tuple[int, int] | None
) -> UInt8[np.ndarray, "height width 3"]:
    """The picture of a file, if its labels are for this size.

    Raises: BadInput if they are not: joints and boxes would lie beside the people.
    """
    height, width = rgb.shape[:2]
    if size_hw in (None, (height, width)):
        return rgb
    labelled_height, labelled_width = size_hw
    raise BadInput(
        f"{path}: has {width} x {height} pixels as shown, its labels are for {labelled_width} x "
        f"{labelled_height}; take the pictures that were labelled, or scale the labels and the file's "
        "'width' and 'height'"
    )
