"""People whom the detector finds and the pose network does not see."""

from collections.abc import Iterable, Iterator

import numpy as np

from glpose.poses import of_rows
from glpose.types import FrameAndPoses

MIN_MEAN_SCORE = 0.22
"""Between the mean joint scores of tables and pillars (0.1 to 0.2) and of people (0.3 and more)."""


def without_phantoms(
    pairs: Iterable[FrameAndPoses], min_mean_score: float = MIN_MEAN_SCORE
) -> Iterator[FrameAndPoses]:
    """Leave out people whom the pose network does not see in their boxes.

    A detector may take a table for a person; joints then have low scores all over. Numbers of the
    others stay. Not for boxes that a user gives: those are taken at their word.
    """
    for frame, poses in pairs:
        kept = poses.score.mean(1) >= min_mean_score if len(poses.people) else np.zeros(0, bool)
        yield frame, of_rows(poses, kept)
