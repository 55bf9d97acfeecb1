"""Short ways to frames of PoseTrack for the tests of its scores."""

from collections.abc import Sequence

import numpy as np

from glpose.types import FramePoses, FrameTruth, People

HEAD_PX = 30.0
POSE = np.column_stack([np.tile([0.0, 20.0, 40.0], 5), np.repeat(np.arange(0.0, 150.0, 30.0), 3)])
"""A person of 15 joints, 20 px or more from each other."""


def people(ids: Sequence[int] | np.ndarray) -> People:
    """People of whom only the track ids matter."""
    num = len(ids)
    return People(np.zeros((num, 4), np.float32), np.ones(num, np.float32), np.array(ids, np.int64))


def truth(
    *poses: np.ndarray,
    ids: Sequence[int] | np.ndarray | None = None,
    ignore: Sequence[np.ndarray] = (),
    head_px: float = HEAD_PX,
) -> FrameTruth:
    """A frame with these people, whose ids are their places if not given."""
    xy = np.array(poses, np.float64).reshape(-1, 15, 2)
    visibility = np.where(np.isnan(xy[..., 0]), 0, 2).astype(np.int8)
    who = people(range(len(poses)) if ids is None else ids)
    return FrameTruth(0, 0.0, who, xy, visibility, tuple(ignore), np.full(len(poses), head_px))


def guess(
    *poses: np.ndarray,
    ids: Sequence[int] | np.ndarray | None = None,
    score: float | Sequence[float] | np.ndarray = 0.5,
) -> FramePoses:
    """A frame with these predictions; `score` of all, of each pose or of each joint."""
    xy = np.array(poses, np.float64).reshape(-1, 15, 2)
    given = np.asarray(score, np.float64)
    given = given[:, None] if given.ndim == 1 else given
    scores = np.broadcast_to(given, (len(poses), 15)).copy()
    return FramePoses(0, 0.0, people(range(len(poses)) if ids is None else ids), xy, scores)


def without(pose: np.ndarray, *joints: int) -> np.ndarray:
    """The pose with these joints missing."""
    pose = pose.copy()
    pose[list(joints)] = np.nan
    return pose
