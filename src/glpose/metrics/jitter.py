"""Jitter of joint tracks: how much joints shake from frame to frame, measured by acceleration.

The acceleration of a joint at frame t is its second difference, x(t+1) - 2 x(t) + x(t-1), in
pixels; it is zero for a joint at rest or in steady motion. Its length is divided by the longer
side of the person's box at t: **percent of the person's size per frame squared**. The frame rate is
not taken into account, so compare only videos of the same rate.

A joint has an acceleration at t only if its track id is in the frames numbered t-1, t and t+1 and
the joint is found in all three: gaps are never bridged. All such triples of all joints have
the same weight.

Real motion accelerates too. So compare jitter with that of the truth, or use the acceleration
error: the length of the difference of both accelerations, as is usual for pose in videos
(Kanazawa et al., Learning 3D Human Dynamics from Video, CVPR 2019; there in millimetres).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from glpose.types import FramePoses, FrameTruth


@dataclass(frozen=True, slots=True, eq=False)
class Jitter:
    """Mean lengths in percent of the person's size per frame squared; NaN without a triple.

    `pooled` is over all triples of all joints and tracks, `per_track` by track id.
    """

    per_joint: Float64[np.ndarray, " joints"]
    pooled: float
    per_track: Mapping[int, float]
    num_triples: int


def jitter(frames: Sequence[FramePoses] | Sequence[FrameTruth]) -> Jitter:
    """Mean acceleration of the joints of a video's tracks; frames in order, gaps allowed.

    Triples are left out if the person's size is not positive (no box). Unlabelled joints of a truth
    are NaN, so they are left out too.
    """
    return _summary(_accelerations(frames), _num_joints(frames))


def acceleration_error(guess: Sequence[FramePoses], truth: Sequence[FrameTruth]) -> Jitter:
    """Mean difference of the accelerations of guess and truth, relative to the true person's size.

    People are matched by track id, which is right when the true boxes were given. Only triples
    present in both count; joints missing in the guess are not penalised here but by PCK or AP.
    """
    true = _accelerations(truth)
    guessed = _accelerations(guess)
    both = {
        key: _Triple(guessed[key].acceleration - true[key].acceleration, true[key].size_px)
        for key in true.keys() & guessed.keys()
    }
    return _summary(dict(sorted(both.items())), _num_joints(truth))


@dataclass(frozen=True, slots=True, eq=False)
class _Triple:
    """The second differences of a person's joints at a frame, NaN where a joint is missing."""

    acceleration: Float64[np.ndarray, "joints 2"]
    size_px: float


_Key = tuple[int, int]
"""Track id and frame number."""


def _accelerations(
    frames: Sequence[FramePoses] | Sequence[FrameTruth],
) -> dict[_Key, _Triple]:
    people = {poses.frame: _people(poses) for poses in frames}
    triples = {}
    for frame, tracks in people.items():
        before, after = people.get(frame - 1, {}), people.get(frame + 1, {})
        for track in tracks.keys() & before.keys() & after.keys():
            xy, size_px = tracks[track]
            change = after[track][0] - 2 * xy + before[track][0]
            triples[track, frame] = _Triple(change, size_px)
    return triples


def _people(
    poses: FramePoses | FrameTruth,
) -> dict[int, tuple[Float64[np.ndarray, "joints 2"], float]]:
    """Joints and size by track id."""
    size_px = (poses.people.xyxy[:, 2:] - poses.people.xyxy[:, :2]).max(-1)
    return {
        int(track): (xy.astype(np.float64), float(size))
        for track, xy, size in zip(poses.people.track_id, poses.xy, size_px, strict=True)
    }


def _num_joints(frames: Sequence[FramePoses] | Sequence[FrameTruth]) -> int:
    return frames[0].xy.shape[1] if frames else 0


def _summary(triples: Mapping[_Key, _Triple], num_joints: int) -> Jitter:
    usable = {key: triple for key, triple in triples.items() if triple.size_px > 0}
    lengths = np.zeros((len(usable), num_joints))
    for row, triple in enumerate(usable.values()):
        lengths[row] = 100 * np.linalg.norm(triple.acceleration, axis=-1) / triple.size_px
    tracks = np.array([track for track, _ in usable], np.int64)
    counted = np.isfinite(lengths)
    return Jitter(
        per_joint=np.array([_mean(lengths[counted[:, j], j]) for j in range(num_joints)]),
        pooled=_mean(lengths[counted]),
        per_track={
            int(track): _mean(lengths[tracks == track][counted[tracks == track]])
            for track in np.unique(tracks)
        },
        num_triples=int(counted.sum()),
    )


def _mean(values: Float64[np.ndarray, " values"]) -> float:
    return float(values.mean()) if len(values) else float("nan")
