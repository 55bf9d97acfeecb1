"""Limbs that a body can have: of the places where a joint may be, those that go together.

A map often has several peaks: on a leg that both knees are taken for, on the other arm, on a table.
For elbow and wrist of both arms, and for knee and ankle of both legs, the places are chosen together:
where the scores are good, bones are no longer than usual, the two of a pair are not in one place,
and both limbs are near where they were in the frame before. Pictorial structures (Felzenszwalb and
Huttenlocher, IJCV 2005) over a pair of limbs, and the Viterbi algorithm over time, with a bounded
look ahead. The details are ours.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64

from glpose.ahead import looking_ahead
from glpose.imaging import pictures_within
from glpose.skeleton import Skeleton
from glpose.types import Frame, FrameAndPoses, FramePoses, OtherPlaces

# Scores are never as sure or as unsure as these would say.
_LEAST_SCORE, _MOST_SCORE = 0.01, 0.985


@dataclass(frozen=True, slots=True)
class LimbsSpec:
    """Settings; lengths are shares of the longer side of the person's box, costs natural logarithms.

    `lookahead` frames are held back (`within_bytes` chooses fewer for large pictures). A place costs
    its score's odds against it; a bone `bone` times half the square of how much longer it is than
    `LIMBS` says, at most `longest`; both joints of a pair in one place `same`, falling to nothing
    like a Gaussian of `near`; a joint that moves `motion` for each length, at most that of `far`.
    """

    lookahead: int = 6
    bone: float = 0.3
    longest: float = 9.0
    same: float = 1.5
    near: float = 0.05
    motion: float = 3.0
    far: float = 0.24

    def within_bytes(self, size_hw: tuple[int, int], most: int = 2**28) -> "LimbsSpec":
        """The same, holding back no more pictures of this size than `most` bytes have room for.

        Also where pictures are not kept: results must not depend on it.
        """
        return replace(self, lookahead=min(self.lookahead, pictures_within(size_hw, most)))


@dataclass(frozen=True, slots=True)
class Limb:
    """The joints of a limb from the root on, and what is usual for its middle joint and its end.

    `length` is the commonest length of the bone that leads there, `spread` how much longer it is at
    times; `apart` says how rarely the two of a pair are in one place, from 0 to 1: hands often meet.
    """

    joints: tuple[str, str, str]
    length: tuple[float, float]
    spread: tuple[float, float]
    apart: tuple[float, float]


# Lengths as in the training clips of JHMDB, whose people are seen from all sides: that a bone looks
# shorter says nothing.
LIMBS: tuple[Limb, ...] = (
    Limb(("shoulder", "elbow", "wrist"), (0.14, 0.14), (0.22, 0.17), (1.0, 0.5)),
    Limb(("hip", "knee", "ankle"), (0.22, 0.205), (0.065, 0.06), (1.0, 1.0)),
)


def with_plausible_limbs(
    pairs: Iterable[FrameAndPoses], joints: Skeleton, how: LimbsSpec = LimbsSpec()
) -> Iterator[FrameAndPoses]:
    """Move elbows, wrists, knees and ankles to another of their places where limbs need it.

    A joint that is moved gets the mean of the scores of both places. Poses without `other_places`,
    and limbs that `joints` lacks, stay as they are. If `pairs` fails, the frames held back are given
    out first, decided by what is known.
    """
    limbs = _limbs_of(joints)
    if not len(limbs.joints):
        yield from pairs
        return
    followed = _followed(pairs, limbs, how)
    for (frame, now), ahead in looking_ahead(followed, how.lookahead):
        yield frame, _decided(now, [later for _, later in ahead], limbs)


@dataclass(frozen=True, slots=True, eq=False)
class _Limbs:
    """The L pairs of limbs of a skeleton: joint indices, and what `Limb` says of them."""

    joints: Int64[np.ndarray, "L 2 3"]
    length: Float64[np.ndarray, "L 2"]
    spread: Float64[np.ndarray, "L 2"]
    apart: Float64[np.ndarray, "L 2"]


def _limbs_of(joints: Skeleton) -> _Limbs:
    found, rows = [], []
    for limb in LIMBS:
        names = [[f"{side}_{part}" for part in limb.joints] for side in ("left", "right")]
        if all(name in joints.joints for side in names for name in side):
            found.append([[joints.index(name) for name in side] for side in names])
            rows.append((limb.length, limb.spread, limb.apart))
    length, spread, apart = np.array(rows, float).reshape(-1, 3, 2).swapaxes(0, 1)
    return _Limbs(np.array(found, np.int64).reshape(-1, 2, 3), length, spread, apart)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A frame and the ways to it. N people, L pairs of limbs, S states of one limb.

    A state is a place of the middle joint and one of the end; `place` has their numbers, 0 for the
    joint as it was found. `cost` is that of the best way to each pair of states (left, right),
    `left` and `right` say which state of the frame before that way comes from: `right` for each
    pair, `left` for each pair of a left state here and a right one there. They say nothing of who was
    not in the frame before.
    """

    poses: FramePoses
    others: OtherPlaces
    row_of: dict[int, int]
    xy: Float64[np.ndarray, "N L 2 S 2 2"]
    place: Int64[np.ndarray, "S 2"]
    cost: Float64[np.ndarray, "N L S S"]
    left: Int64[np.ndarray, "N L S S"] | None
    right: Int64[np.ndarray, "N L S S"] | None


_Held = _Seen | FramePoses
"""A frame that is held back; its poses alone if there is nothing to decide."""


def _followed(
    pairs: Iterable[FrameAndPoses], limbs: _Limbs, how: LimbsSpec
) -> Iterator[tuple[Frame, _Held]]:
    last: _Seen | None = None
    for frame, poses in pairs:
        if poses.other_places is None or not len(poses.people):
            last = None
            yield frame, poses
        else:
            last = _follow(poses, poses.other_places, last, limbs, how)
            yield frame, last


def _follow(
    poses: FramePoses, others: OtherPlaces, last: _Seen | None, limbs: _Limbs, how: LimbsSpec
) -> _Seen:
    """The next frame, in which those who were in the last one go on."""
    box = poses.people.xyxy.astype(np.float64)
    size = np.maximum((box[:, 2:] - box[:, :2]).max(1), 1.0).reshape(-1, 1, 1, 1, 1)
    xy, place, cost = _states(poses, others, size, limbs, how)
    numbers = poses.people.track_id.tolist()
    known = {} if last is None else last.row_of
    before = np.array([known.get(number, -1) for number in numbers], np.int64)
    left = right = None
    if last is not None and (before >= 0).any():
        # [person, limb, side, from, to, joint]
        way = np.linalg.norm(xy[..., None, :, :, :] - last.xy[before][..., None, :, :], axis=-1)
        way = np.nan_to_num(way / size[..., None], nan=how.far)
        moved = how.motion * np.minimum(way, how.far).sum(-1)
        old = last.cost[before] - last.cost[before].min((-2, -1), keepdims=True)
        # First the left limb goes on, then the right one: 2 S^3 sums in place of S^4.
        ways = old[:, :, :, None, :] + moved[:, :, 0, :, :, None]
        left, half = ways.argmin(2), ways.min(2)
        ways = half[..., None] + moved[:, :, 1, None]
        right, best = ways.argmin(3), ways.min(3)
        cost = cost + np.where(before[:, None, None, None] >= 0, best, 0.0)
    row_of = {number: row for row, number in enumerate(numbers)}
    return _Seen(poses, others, row_of, xy, place, cost, left, right)


def _states(
    poses: FramePoses,
    others: OtherPlaces,
    size: Float64[np.ndarray, "N 1 1 1 1"],
    limbs: _Limbs,
    how: LimbsSpec,
) -> tuple[Float64[np.ndarray, "N L 2 S 2 2"], Int64[np.ndarray, "S 2"], np.ndarray]:
    """The states of limbs: joints, the numbers of their places, and the costs of pairs of states."""
    xy = np.concatenate([poses.xy[:, :, None], others.xy], 2, dtype=np.float64)
    score = np.concatenate([poses.score[:, :, None], others.score], 2, dtype=np.float64)
    sure = np.clip(score, _LEAST_SCORE, _MOST_SCORE)
    odds = np.log((1 - sure) / sure)
    # A joint that was not found may stay so; another place that there is not cannot be taken.
    odds[..., 1:][~np.isfinite(xy[..., 1:, :]).all(-1)] = np.inf
    # Now [person, limb, side, place].
    roots, middles, ends = (xy[:, limbs.joints[:, :, i]] for i in range(3))
    bones = (
        np.linalg.norm(middles - roots[..., :1, :], axis=-1)[..., None],
        np.linalg.norm(middles[..., None, :] - ends[..., None, :, :], axis=-1),
    )
    cost = odds[:, limbs.joints[..., 1]][..., None] + odds[:, limbs.joints[..., 2]][..., None, :]
    for i, bone in enumerate(bones):
        length, spread = (v[:, i].reshape(-1, 1, 1, 1) for v in (limbs.length, limbs.spread))
        longer = np.nan_to_num(bone / size - length).clip(0) / spread
        cost = cost + how.bone * np.minimum(longer**2 / 2, how.longest)
    cost = cost.reshape(*cost.shape[:3], -1)
    place = np.argwhere(np.ones((xy.shape[2],) * 2))
    limb_xy = np.stack([middles[..., place[:, 0], :], ends[..., place[:, 1], :]], -2)
    apart = np.linalg.norm(limb_xy[:, :, 0, :, None] - limb_xy[:, :, 1, None], axis=-1)
    apart = np.nan_to_num(apart / size, nan=np.inf)
    same = how.same * limbs.apart[:, None, None] * np.exp(-((apart / how.near) ** 2) / 2)
    return limb_xy, place, cost[:, :, 0, :, None] + cost[:, :, 1, None] + same.sum(-1)


def _decided(now: _Held, ahead: list[_Held], limbs: _Limbs) -> FramePoses:
    """A frame's poses with the limbs of the best way through it and the frames behind it."""
    if isinstance(now, FramePoses):
        return replace(now, other_places=None)
    poses, others = now.poses, now.others
    xy, score = poses.xy.copy(), poses.score.copy()
    for number, row in now.row_of.items():
        for limb, states in enumerate(_best(now, row, _behind(number, ahead))):
            for joints, state in zip(limbs.joints[limb], states, strict=True):
                for joint, place in zip(joints[1:], now.place[state].tolist(), strict=True):
                    if place:
                        xy[row, joint] = others.xy[row, joint, place - 1]
                        score[row, joint] += others.score[row, joint, place - 1]
                        score[row, joint] /= 2
    return replace(poses, xy=xy, score=score, other_places=None)


def _behind(number: int, ahead: list[_Held]) -> list[tuple[_Seen, int]]:
    """The frames behind one, and the person's rows there, as far as the person goes on."""
    found: list[tuple[_Seen, int]] = []
    for later in ahead:
        if isinstance(later, FramePoses) or number not in later.row_of:
            break
        found.append((later, later.row_of[number]))
    return found


def _best(now: _Seen, row: int, behind: list[tuple[_Seen, int]]) -> list[tuple[int, int]]:
    """The left and the right state of each pair of limbs."""
    last, place = behind[-1] if behind else (now, row)
    found = []
    for limb, cost in enumerate(last.cost[place]):
        left, right = divmod(int(cost.argmin()), len(cost))
        for seen, at in reversed(behind):
            assert seen.left is not None
            assert seen.right is not None
            right_before = int(seen.right[at, limb, left, right])
            left = int(seen.left[at, limb, left, right_before])
            right = right_before
        found.append((left, right))
    return found
