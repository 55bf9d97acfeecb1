"""Left and right that are continuous over the stride.

In side views a single picture often does not tell which leg is the left one, and from behind which
shoulder is. Over time it shows: limbs, and the halves of the trunk, move steadily, also past each
other. They are followed by their motion, without names; which of two is the left one is then decided
for as long as they can be followed, by the evidence of all frames together, and for all parts of the
body at once: arms hang on shoulders, legs on hips. It is a hidden Markov model of two states for each
part, solved with a bounded look ahead. Where legs cross, knees alone may be taken for each other for a
few frames, while ankles are not: with `LEG_PARTS` and `LEGS` such frames are mended. Ours.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import lcm

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from glpose.ahead import looking_ahead, with_first
from glpose.imaging import pictures_within
from glpose.skeleton import Skeleton
from glpose.steps import Steps
from glpose.types import FrameAndPoses, FramePoses, OtherPlaces


@dataclass(frozen=True, slots=True)
class SidesSpec:
    """Settings; lengths are shares of the longer side of the person's box, times are in frames.

    They are those of a video of 30 frames a second; `at_rate` makes them fit another one.
    `lookahead` frames are held back (`within_bytes` chooses fewer for large pictures); with 0 only
    the frames before decide, and each is answered at once. Limbs
    nearer than `apart` are not told apart. They are followed over gaps of at most `max_gap`;
    `noise` is the usual error of the predicted position, and `most_link` the most that motion says
    for or against an exchange (all in natural logarithms of odds).

    The network's own labelling has the odds `odds` + `odds_slope` * evidence, and that parts next to
    each other lie side by side, not crossed, has the odds l / `cross`, at most `most_cross`, where l
    is how far both reach the same way from side to side. Since frames near in time err alike,
    `independent` frames count as one. A person's sides are unsure if the odds of the labelling stay
    below `sure`.
    """

    lookahead: int = 30
    apart: float = 0.05
    max_gap: int = 12
    noise: float = 0.06
    most_link: float = 4.0
    odds: float = 0.0
    odds_slope: float = 3.0
    cross: float = 0.01
    most_cross: float = 8.0
    independent: int = 15
    sure: float = 1.4

    def at_rate(self, rate_hz: float) -> "SidesSpec":
        """For a video of so many frames a second, from 3 to 240; as they are where that is not known.

        Faster ones need more frames for the same time. In slower ones a position is predicted less
        well, so that motion has less to say; as many frames are needed, since what networks say of
        them differs more.
        """
        more = min(max(rate_hz / 30.0, 0.1), 8.0) if 0 < rate_hz < np.inf else 1.0
        lookahead, max_gap, independent = (
            round(frames * max(more, 1.0))
            for frames in (self.lookahead, self.max_gap, self.independent)
        )
        return replace(
            self,
            lookahead=lookahead,
            max_gap=max_gap,
            independent=independent,
            noise=self.noise / min(more, 1.0),
        )

    def within_bytes(self, size_hw: tuple[int, int], most: int = 2**30) -> "SidesSpec":
        """The same, holding back no more pictures of this size than `most` bytes have room for.

        Also where pictures are not kept: results must not depend on it.
        """
        return replace(self, lookahead=min(self.lookahead, pictures_within(size_hw, most)))


Parts = Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
"""Pairs that are told apart, each beside the next: the joints whose middle they are followed from, and
their own joints, the nearest to the trunk first."""

PARTS: Parts = {
    "arms": (("shoulder",), ("elbow", "wrist")),
    "shoulders": (("shoulder", "hip"), ("shoulder",)),
    "hips": (("shoulder", "hip"), ("hip",)),
    "legs": (("hip",), ("knee", "ankle")),
}
"""Those of a whole body."""

LEG_PARTS: Parts = {"knees": (("hip",), ("knee",)), "ankles": (("hip",), ("ankle",))}
"""Those of legs whose sides are known, with `LEGS`."""

# The names are those of whole legs, whatever a frame says: what leaves them for a few frames comes back.
LEGS = SidesSpec(lookahead=4, odds=15.0, odds_slope=0.0, most_cross=0.0, sure=0.0)


def with_continuous_sides(
    pairs: Iterable[FrameAndPoses],
    joints: Skeleton,
    how: SidesSpec = SidesSpec(),
    parts: Parts = PARTS,
) -> Iterator[FrameAndPoses]:
    """Exchange left and right where time says so, and mark people whose sides are unsure.

    Poses without `side_evidence`, and `parts` that `joints` lacks, stay as they are; who is marked
    stays marked. If `pairs` fails, the frames held back are given out first, decided by what is known.
    """
    rated = ((pair, math.nan) for pair in pairs)
    yield from (pair for pair, _ in _continuous(rated, joints, lambda _: how, parts))


def with_sides_in_time(
    pairs: Iterable[FrameAndPoses],
    joints: Skeleton,
    size_hw: tuple[int, int],
    rate_hz: float = math.nan,
    *,
    causal: bool = False,
    legs: bool = True,
) -> Iterator[FrameAndPoses]:
    """The same with settings that fit the rate of the frames, and then with those of `legs`.

    The rate is that of the times, see `Steps`; `rate_hz` is what the header tells, NaN if that is not
    known. The first frames are judged by the frames that are held back with them anyway, all later
    ones by those before. As many frames are held back as the rate wants and pictures of this size have
    room for, none with `causal`: then `rate_hz` does not count, as nobody knows that of what is live.
    Where the pictures are too large to look far enough ahead for legs, these stay as they are.
    """
    usual = SidesSpec(lookahead=0) if causal else SidesSpec()
    first, pairs = with_first(pairs, 1 + usual.within_bytes(size_hw).lookahead)
    steps, told_hz = Steps(), math.nan if causal else rate_hz
    for _, poses in first:
        steps.add(poses.frame, poses.time_s)

    def at_rate(rate_hz: float) -> SidesSpec:
        return usual.at_rate(rate_hz).within_bytes(size_hw)

    def legs_at_rate(rate_hz: float) -> SidesSpec:
        # Without the frames to come, legs are crossed more often than mended, see docs/results.md.
        how = LEGS.at_rate(rate_hz)
        return how if how == how.within_bytes(size_hw, 2**28) else _NEVER_APART

    rated = _continuous(_rated(pairs, steps, len(first), told_hz), joints, at_rate, PARTS)
    if legs and not causal:
        rated = _continuous(rated, joints, legs_at_rate, LEG_PARTS)
    yield from (pair for pair, _ in rated)


_NEVER_APART = SidesSpec(lookahead=0, apart=math.inf)

_Rated = tuple[FrameAndPoses, float]
"""A frame, and the frames in a second around it; NaN if that is not known."""


def _rated(
    pairs: Iterable[FrameAndPoses], steps: Steps, known: int, told_hz: float
) -> Iterator[_Rated]:
    """The frames with their rates; `steps` know the first `known` ones."""
    for number, (frame, poses) in enumerate(pairs):
        if number >= known:
            steps.add(poses.frame, poses.time_s)
        yield (frame, poses), steps.rate_hz(told_hz)


def _continuous(
    rated: Iterable[_Rated], joints: Skeleton, fit: Callable[[float], SidesSpec], parts: Parts
) -> Iterator[_Rated]:
    """See `with_continuous_sides`; `fit` says the settings for the rate of a frame."""
    known = _parts_of(joints, parts)
    bodies: dict[int, _Body] = {}
    fitted = ((one, fit(one[1])) for one in rated)
    followed = ((one, own, _observe(one[0][1], known, bodies, own)) for one, own in fitted)
    held = looking_ahead(followed, lambda newest: newest[1].lookahead)
    for (((frame, poses), rate_hz), own, seen), _ in held:
        yield (frame, _decided(poses, seen, known, own)), rate_hz


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """Joint indices of each part: what it is followed from, and its left and its right joints.

    Those with fewer joints than others have them several times, which leaves their means as they are.
    """

    root: Int64[np.ndarray, "parts roots"]
    own: Int64[np.ndarray, "parts 2 joints"]

    def __len__(self) -> int:
        return len(self.own)


def _parts_of(joints: Skeleton, parts: Parts) -> _Parts:
    roots, left, right = [], [], []
    sides = ("left", "right")
    for root, own in parts.values():
        if all(f"{side}_{name}" in joints.joints for side in sides for name in (*root, *own)):
            roots.append([joints.index(f"{side}_{name}") for name in root for side in sides])
            for side, found in zip(sides, (left, right), strict=True):
                found.append([joints.index(f"{side}_{name}") for name in own])
    return _Parts(_alike(roots), np.stack([_alike(left), _alike(right)], 1))


def _alike(rows: list[list[int]]) -> Int64[np.ndarray, "rows most"]:
    """Rows of one length, the shorter ones several times."""
    most = lcm(*(len(row) for row in rows))
    return np.array([row * (most // len(row)) for row in rows], np.int64).reshape(len(rows), most)


@dataclass(slots=True, eq=False)
class _Seen:
    """A person in one frame. `is_turned`: parts that are in the other order than those followed.

    `is_told` are the parts that are apart. `move` are the costs of going from each way to name the
    parts to each other one since the frame before, `own` what the frame says of each, and `cost` the
    costs of each up to and including this frame.
    """

    is_turned: Bool[np.ndarray, " parts"]
    is_told: Bool[np.ndarray, " parts"]
    move: Float[np.ndarray, "states states"]
    own: Float[np.ndarray, " states"]
    cost: Float[np.ndarray, " states"]


class _Body:
    """The parts of one person as they are followed; `ahead` are the frames that are not yet decided."""

    def __init__(self, parts: _Parts) -> None:
        num = len(parts)
        self.ahead: deque[_Seen] = deque()
        self.last = 0
        # The last frames in which each part was told apart, newest first, and the places there.
        self._frame = np.zeros((_MOST_PAST, num), np.int64)
        self._place = np.zeros((_MOST_PAST, *parts.own.shape, 2))
        self._num_past = np.zeros(num, np.int64)
        self._count = np.zeros(num, np.int64)
        # All ways to name the parts: whether the second of each pair is the left one.
        self._names = np.array(list(product((False, True), repeat=num)), bool)
        self._differ = self._names[:, None] != self._names
        self._cost = np.zeros(len(self._names))

    def add(
        self,
        frame: int,
        places: Float64[np.ndarray, "parts 2 joints 2"],
        is_told: Bool[np.ndarray, " parts"],
        odds: Float64[np.ndarray, " parts"],
        beside: Float64[np.ndarray, " parts-1"],
        how: SidesSpec,
    ) -> _Seen:
        """Follow the parts into a frame; only some are told apart there.

        `odds` are those of the network's labelling, `beside` those that each part is not crossed
        with the next one.
        """
        self.last = frame
        # What comes back after so long is followed anew.
        is_gone = frame - self._frame[0] > how.max_gap
        self._num_past[is_gone] = self._count[is_gone] = 0
        is_known = is_told & (self._num_past > 0)
        margin = np.where(is_known, self._margin(frame, places, how), 0.0)
        is_turned = margin < 0
        ordered = np.where(is_turned[:, None, None, None], places[:, ::-1], places)
        self._remember(frame, ordered[is_told], is_told)
        stay, turn = np.logaddexp(0, [-abs(margin), abs(margin)])
        stay, turn = np.where(is_told, stay, 0.0), np.where(is_told, turn, _NEVER)
        move = self._differ @ (turn - stay) + stay.sum()
        is_exchanged = self._names ^ is_turned
        crossed = is_exchanged[:, 1:] != is_exchanged[:, :-1]
        own = (is_exchanged @ np.where(is_told, odds, 0.0) + crossed @ beside) / how.independent
        self._cost = _step(self._cost, move) + own
        seen = _Seen(is_turned, is_told, move, own, self._cost)
        self.ahead.append(seen)
        return seen

    def _margin(
        self, frame: int, places: Float64[np.ndarray, "parts 2 joints 2"], how: SidesSpec
    ) -> Float64[np.ndarray, " parts"]:
        """How much better limbs fit their predicted places in this order than exchanged."""
        last, before = self._frame[0], self._place[0]
        oldest = np.maximum(self._num_past, 1) - 1, np.arange(len(places))
        since = np.maximum(last - self._frame[oldest], 1)
        since, ahead = (n[:, None, None, None] for n in (since, frame - last))
        # In this order: where two ways to name legs cost the same, rounding decides.
        expected = before + (before - self._place[oldest]) / since * ahead
        both = np.stack([places, places[:, ::-1]])
        as_is, turned = np.linalg.norm(both - expected, axis=-1).mean(-1).sum(-1)
        return np.clip((turned - as_is) / how.noise, -how.most_link, how.most_link)

    def _remember(self, frame: int, told: np.ndarray, is_told: Bool[np.ndarray, " parts"]) -> None:
        """Take the places of the parts that are told apart, in the order in which they are followed."""
        self._frame[1:, is_told] = self._frame[:-1, is_told]
        self._place[1:, is_told] = self._place[:-1, is_told]
        self._frame[0, is_told], self._place[0, is_told] = frame, told
        self._num_past = np.minimum(self._num_past + is_told, _MOST_PAST)
        self._count += is_told

    def decide(
        self, seen: _Seen, how: SidesSpec
    ) -> tuple[Bool[np.ndarray, " parts"], Bool[np.ndarray, " parts"]]:
        """Which parts to exchange in the oldest undecided frame, and which of them are sure."""
        behind = np.zeros_like(seen.cost)
        for later in reversed(self.ahead):
            if later is seen:
                break
            behind = _step(behind + later.own, later.move)
        self.ahead.popleft()
        total = seen.cost + behind
        best = self._names[total.argmin()]
        is_other = self._names != best
        other = np.where(is_other, total[:, None], np.inf).min(0)
        num = np.minimum(self._count, how.independent)
        is_sure = (other - total.min() >= how.sure * num / how.independent) | ~seen.is_told
        return (best ^ seen.is_turned) & seen.is_told, is_sure


_NEVER = 1e3
"""The cost of exchanging the names of parts that are not seen apart."""

_MOST_PAST = 3
"""So many frames tell where a part moves."""


def _step(
    cost: Float[np.ndarray, " states"], move: Float[np.ndarray, "states states"]
) -> Float[np.ndarray, " states"]:
    """The costs one frame on, or one back, less that of the best one before."""
    return (cost[:, None] - cost.min() + move).min(0)


_Followed = dict[int, tuple[_Body, _Seen]]
"""The people of a frame by track id."""


def _observe(
    poses: FramePoses, parts: _Parts, bodies: dict[int, _Body], how: SidesSpec
) -> _Followed:
    """Follow the parts of a frame's people; those that are together or not found are left out."""
    seen: _Followed = {}
    for number in [n for n, body in bodies.items() if poses.frame - body.last > how.max_gap]:
        del bodies[number]
    if poses.side_evidence is None or not len(parts):
        return seen
    box, xy = poses.people.xyxy, poses.xy.astype(np.float64)
    size = np.maximum((box[:, 2:] - box[:, :2]).max(1), 1.0).astype(np.float64)
    # Axes: person, part, side, joint, x and y.
    root = xy[:, parts.root].mean(2)[:, :, None, None]
    places = (xy[:, parts.own] - root) / size.reshape(-1, 1, 1, 1, 1)
    apart = np.linalg.norm(places[:, :, 0] - places[:, :, 1], axis=-1).mean(-1)
    is_told = apart >= how.apart  # not where a joint is NaN
    evidence = poses.side_evidence[:, parts.own[:, 0]].mean(-1).astype(np.float64)
    odds = how.odds + how.odds_slope * evidence
    across = places[:, :, 0, 0] - places[:, :, 1, 0]
    beside = np.where(is_told[:, 1:] & is_told[:, :-1], _beside(across, how), 0.0)
    for row, number in enumerate(poses.people.track_id.tolist()):
        if is_told[row].any():
            if number not in bodies:
                bodies[number] = _Body(parts)
            body = bodies[number]
            told = is_told[row], odds[row], beside[row]
            seen[number] = body, body.add(poses.frame, places[row], *told, how)
    return seen


def _beside(
    across: Float64[np.ndarray, "people parts 2"], how: SidesSpec
) -> Float64[np.ndarray, "people parts-1"]:
    """The odds that parts are not crossed with the next ones: 0 if they reach across in other ways.

    `across` are from right to left, as shares of the box.
    """
    a, b = across[:, :-1], across[:, 1:]
    length = np.maximum(np.linalg.norm(a, axis=-1) + np.linalg.norm(b, axis=-1), _LEAST)
    reach = 2 * (a * b).sum(-1) / length / how.cross
    return np.clip(reach, -how.most_cross, how.most_cross)


_LEAST = 1e-9
"""Keeps 0 / 0 out where joints coincide."""


def _decided(poses: FramePoses, seen: _Followed, parts: _Parts, how: SidesSpec) -> FramePoses:
    if not seen:
        return poses
    xy, score, others = poses.xy.copy(), poses.score.copy(), poses.other_places
    if others is not None:
        others = OtherPlaces(others.xy.copy(), others.score.copy())
    marked = poses.unsure_sides
    unsure = np.zeros(len(poses.people), bool) if marked is None else marked.copy()
    for row, number in enumerate(poses.people.track_id.tolist()):
        if number not in seen:
            continue
        body, one = seen[number]
        exchange, is_sure = body.decide(one, how)
        unsure[row] |= not is_sure.all()
        for own in parts.own[exchange]:
            here, there = own.ravel(), own[::-1].ravel()
            for array in (xy, score, *(() if others is None else (others.xy, others.score))):
                array[row, here] = array[row, there]
    return replace(poses, xy=xy, score=score, unsure_sides=unsure, other_places=others)
