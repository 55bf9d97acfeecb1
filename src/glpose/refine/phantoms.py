"""Detections that the pose network does not confirm as people."""

from collections.abc import Iterable, Iterator

import numpy as np

from glpose.poses import of_rows
from glpose.types import FrameAndPoses

MIN_MEAN_SCORE = 0.22
"""Just below the least mean joint scores of people: of one who turns over against the light."""


def without_phantoms(pairs: Iterable[FrameAndPoses]) -> Iterator[FrameAndPoses]:
    """Leave out people with a low mean joint score.

    A detector may take a table for a person; all joints then have low scores. Track ids of the
    others stay the same. Not for boxes given by a user, which are trusted.
    """
    for frame, poses in pairs:
        kept = poses.score.mean(1) >= MIN_MEAN_SCORE if len(poses.people) else np.zeros(0, bool)
        yield frame, of_rows(poses, kept)
