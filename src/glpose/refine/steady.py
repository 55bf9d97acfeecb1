"""Joints that one frame does not show well, from where they are in the frames around it.

A straight line is fitted to the places of each joint around a frame: local regression as in
Cleveland, Robust Locally Weighted Regression, JASA 1979. What a place weighs falls with the error
that its score stands for and with the time to it. A joint that is plainly seen outweighs all others
and stays; one that is hidden or blurred lies where the frames before and behind it say.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Float64

from glpose.ahead import looking_ahead
from glpose.geometry import box_iou
from glpose.imaging import pictures_within
from glpose.types import FrameAndPoses, FramePoses

# Scores are never as sure or as unsure as these would say.
_LEAST_SCORE, _MOST_SCORE = 0.02, 0.985


@dataclass(frozen=True, slots=True)
class SteadySpec:
    """Settings; lengths are shares of the longer side of the person's box.

    `reach` frames on each side count, and as many are held back (`within_bytes` chooses fewer for
    large pictures). From t seconds away a joint's place is known to within `bend_per_s2` * t^2,
    since people speed up and slow down. A score s is the share of joints within `near`, and so
    stands for a normal error e = near / sqrt(-2 ln(1 - s)); as errors of neighbouring frames are
    alike, only those above `usual` are made good: e counts as usual * (e / usual)^`sharpness`.
    Boxes of a person that overlap less than `least_iou` from one frame to the next are apart: there
    was a cut.
    """

    reach: int = 6
    bend_per_s2: float = 54.0
    near: float = 0.1
    usual: float = 0.055
    sharpness: float = 4.0
    least_iou: float = 0.1

    def within_bytes(self, size_hw: tuple[int, int], most: int = 2**28) -> "SteadySpec":
        """The same, holding back no more pictures of this size than `most` bytes have room for.

        Also where pictures are not kept: results must not depend on it.
        """
        return replace(self, reach=min(self.reach, pictures_within(size_hw, most)))


def with_steady_joints(
    pairs: Iterable[FrameAndPoses], how: SteadySpec = SteadySpec()
) -> Iterator[FrameAndPoses]:
    """Move joints towards where the frames around say they are, the more the less sure they are.

    Joints that are missing stay missing, and scores stay as they are. If `pairs` fails, the frames
    held back are given out first.
    """
    pieces = _Pieces(how)
    behind: deque[_Seen] = deque(maxlen=how.reach)
    seen = ((frame, pieces.add(poses)) for frame, poses in pairs)
    for (frame, now), ahead in looking_ahead(seen, how.reach):
        yield frame, _steady(now, [*behind, now, *(later for _, later in ahead)], how)
        behind.append(now)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A frame's poses, the row of each piece of a track, and the variance of each joint's place."""

    poses: FramePoses
    row_of: dict[int, int]
    variance: Float64[np.ndarray, "n joints"]


@dataclass(slots=True)
class _Pieces:
    """Numbers the pieces of tracks: parts in which the person does not jump.

    Who was away for longer than any frame reaches begins a new one, so that memory is bounded.
    """

    how: SteadySpec
    _last: dict[int, tuple[int, int, Float[np.ndarray, "4"]]] = field(default_factory=dict)
    _num_pieces: int = 0
    _num_frames: int = 0

    def add(self, poses: FramePoses) -> _Seen:
        """The next frame."""
        earliest = self._num_frames - 2 * self.how.reach
        self._last = {n: last for n, last in self._last.items() if last[1] >= earliest}
        row_of: dict[int, int] = {}
        for row, number in enumerate(poses.people.track_id.tolist()):
            xyxy = poses.people.xyxy[row]
            piece, _, before = self._last.get(number, (-1, 0, xyxy))
            if piece < 0 or box_iou(before[None], xyxy[None])[0, 0] < self.how.least_iou:
                piece, self._num_pieces = self._num_pieces, self._num_pieces + 1
            self._last[number] = piece, self._num_frames, xyxy
            row_of[piece] = row
        self._num_frames += 1
        return _Seen(poses, row_of, _variance(poses.score, self.how))


def _variance(
    score: Float[np.ndarray, "n joints"], how: SteadySpec
) -> Float64[np.ndarray, "n joints"]:
    share = np.clip(score.astype(np.float64), _LEAST_SCORE, _MOST_SCORE)
    error = how.near / np.sqrt(-2 * np.log(1 - share))
    return (how.usual * (error / how.usual) ** how.sharpness) ** 2


def _steady(now: _Seen, around: list[_Seen], how: SteadySpec) -> FramePoses:
    """The frame `now`, which is one of those `around` it, with steady joints."""
    poses = now.poses
    if not len(poses.people):
        return poses
    shape = (len(around), *poses.score.shape)
    xy, weight = np.zeros((*shape, 2)), np.zeros(shape)
    time_s = np.array([other.poses.time_s - poses.time_s for other in around])
    for place, other in enumerate(around):
        both = [piece for piece in now.row_of if piece in other.row_of]
        here, there = ([seen.row_of[piece] for piece in both] for seen in (now, other))
        xy[place, here] = other.poses.xy[there]
        moved = how.bend_per_s2 * time_s[place] ** 2
        weight[place, here] = 1 / (other.variance[there] + moved**2)
    known = np.isfinite(xy.sum(-1))
    xy, weight = np.where(known[..., None], xy, 0.0), np.where(known, weight, 0.0)
    # Weighted least squares of a line, at the time 0.
    t = time_s[:, None, None]
    w, wt, wtt = weight.sum(0), (weight * t).sum(0), (weight * t * t).sum(0)
    wxy = (weight[..., None] * xy).sum(0)
    wtxy = ((weight * t)[..., None] * xy).sum(0)
    spread = w * wtt - wt * wt
    spread = np.where(spread > 1e-9 * w * w, spread, np.nan)  # NaN: all places are of one time
    found = (wtt[..., None] * wxy - wt[..., None] * wtxy) / spread[..., None]
    is_found = np.isfinite(found) & np.isfinite(poses.xy).all(-1, keepdims=True)
    return replace(poses, xy=np.where(is_found, found, poses.xy).astype(poses.xy.dtype))
