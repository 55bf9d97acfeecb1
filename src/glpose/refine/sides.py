"""Left and right that are continuous over the stride.

In side views a single picture often does not tell which leg is the left one, and from behind which
shoulder is. Over time it shows: limbs, and the halves of the trunk, move steadily, also past each
other. They are followed by their motion, without names; which of two is the left one is then decided
for as long as they can be followed, by the evidence of all frames together, and for all parts of the
body at once: arms hang on shoulders, legs on hips. It is a hidden Markov model of two states for each
part, solved with a bounded look ahead. Where legs cross, knees alone may be taken for each other for a
few frames, while ankles are not: with `LEG_PARTS` and `LEGS` such frames are mended. Ours.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import compress, pairwise, product

import numpy as np
from jaxtyping import Bool, Float

from glpose.ahead import looking_ahead
from glpose.imaging import pictures_within
from glpose.skeleton import Skeleton
from glpose.types import FrameAndPoses, FramePoses, OtherPlaces


@dataclass(frozen=True, slots=True)
class SidesSpec:
    """Settings; lengths are shares of the longer side of the person's box, times are in frames.

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

    def within_bytes(self, size_hw: tuple[int, int], most: int = 2**28) -> "SidesSpec":
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
    known = _parts_of(joints, parts)
    bodies: dict[int, _Body] = {}
    followed = ((pair, _observe(pair[1], known, bodies, how)) for pair in pairs)
    for ((frame, poses), seen), _ in looking_ahead(followed, how.lookahead):
        yield frame, _decided(poses, seen, known, how)


@dataclass(frozen=True, slots=True)
class _Part:
    """Joint indices: what both are followed from, and the left and right joints in the same order."""

    root: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]


def _parts_of(joints: Skeleton, parts: Parts) -> list[_Part]:
    found = []
    sides = ("left", "right")
    for roots, own in parts.values():
        if all(f"{side}_{part}" in joints.joints for side in sides for part in (*roots, *own)):
            left, right = (tuple(joints.index(f"{side}_{p}") for p in own) for side in sides)
            middle = tuple(joints.index(f"{side}_{root}") for root in roots for side in sides)
            found.append(_Part(middle, left, right))
    return found


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

    def __init__(self, num: int) -> None:
        self.past: list[deque[tuple[int, np.ndarray]]] = [deque(maxlen=3) for _ in range(num)]
        self.ahead: deque[_Seen] = deque()
        self.last = 0
        self._count = np.zeros(num, np.int64)
        # All ways to name the parts: whether the second of each pair is the left one.
        self._names = np.array(list(product((False, True), repeat=num)), bool)
        self._differ = self._names[:, None] != self._names
        self._cost = np.zeros(len(self._names))

    def add(
        self,
        frame: int,
        places: list[Float[np.ndarray, "2 _joints 2"] | None],
        odds: Float[np.ndarray, " parts"],
        beside: Float[np.ndarray, " parts-1"],
        how: SidesSpec,
    ) -> _Seen:
        """Follow the parts into a frame; None are not told apart there.

        `odds` are those of the network's labelling, `beside` those that each part is not crossed
        with the next one.
        """
        self.last = frame
        is_told = np.array([place is not None for place in places])
        is_turned, stay = np.zeros(len(places), bool), np.zeros(len(places))
        turn = np.full(len(places), _NEVER)
        for number, (past, place) in enumerate(zip(self.past, places, strict=True)):
            if past and frame - past[-1][0] > how.max_gap:
                past.clear()  # what comes back after so long is followed anew
                self._count[number] = 0
            if place is None:
                continue
            margin = _margin(past, frame, place, how)
            is_turned[number] = margin < 0
            past.append((frame, place[::-1] if margin < 0 else place))
            stay[number], turn[number] = np.logaddexp(0, [-abs(margin), abs(margin)])
            self._count[number] += 1
        move = self._differ @ (turn - stay) + stay.sum()
        is_exchanged = self._names ^ is_turned
        crossed = is_exchanged[:, 1:] != is_exchanged[:, :-1]
        own = (is_exchanged @ np.where(is_told, odds, 0.0) + crossed @ beside) / how.independent
        self._cost = _step(self._cost, move) + own
        seen = _Seen(is_turned, is_told, move, own, self._cost)
        self.ahead.append(seen)
        return seen

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
        other = np.array([total[column].min() for column in is_other.T])
        num = np.minimum(self._count, how.independent)
        is_sure = (other - total.min() >= how.sure * num / how.independent) | ~seen.is_told
        return (best ^ seen.is_turned) & seen.is_told, is_sure


_NEVER = 1e3
"""The cost of exchanging the names of parts that are not seen apart."""


def _margin(
    past: deque[tuple[int, np.ndarray]],
    frame: int,
    places: Float[np.ndarray, "2 joints 2"],
    how: SidesSpec,
) -> float:
    """How much better two limbs fit their predicted places in this order than exchanged."""
    if not past:
        return 0.0
    last, before = past[-1]
    first, old = past[0]
    speed = (before - old) / (last - first) if last > first else np.zeros_like(before)
    expected = before + speed * (frame - last)
    as_is = np.linalg.norm(places - expected, axis=-1).mean(1).sum()
    turned = np.linalg.norm(places[::-1] - expected, axis=-1).mean(1).sum()
    margin = float(turned - as_is) / how.noise
    return max(-how.most_link, min(how.most_link, margin))


def _step(
    cost: Float[np.ndarray, " states"], move: Float[np.ndarray, "states states"]
) -> Float[np.ndarray, " states"]:
    """The costs one frame on, or one back, less that of the best one before."""
    return (cost[:, None] - cost.min() + move).min(0)


def _beside(
    xy: Float[np.ndarray, "joints 2"], one: _Part, other: _Part, size_px: float, how: SidesSpec
) -> float:
    """The odds that two parts are not crossed: 0 if they reach from side to side in other ways."""
    a, b = (xy[part.left[0]] - xy[part.right[0]] for part in (one, other))
    length = float(np.linalg.norm(a) + np.linalg.norm(b))  # not 0: both are apart
    reach = 2 * float(a @ b) / length / size_px / how.cross
    return max(-how.most_cross, min(how.most_cross, reach))


_Followed = dict[int, tuple[_Body, _Seen]]
"""The people of a frame by track id."""


def _observe(
    poses: FramePoses, parts: list[_Part], bodies: dict[int, _Body], how: SidesSpec
) -> _Followed:
    """Follow the parts of a frame's people; those that are together or not found are left out."""
    seen: _Followed = {}
    for number in [n for n, body in bodies.items() if poses.frame - body.last > how.max_gap]:
        del bodies[number]
    if poses.side_evidence is None or not parts:
        return seen
    size = (poses.people.xyxy[:, 2:] - poses.people.xyxy[:, :2]).max(1)
    for row, number in enumerate(poses.people.track_id.tolist()):
        xy, size_px = poses.xy[row].astype(np.float64), max(float(size[row]), 1.0)
        places: list[np.ndarray | None] = []
        for part in parts:
            place = np.stack([xy[list(part.left)], xy[list(part.right)]])
            place = (place - xy[list(part.root)].mean(0)) / size_px
            apart = np.linalg.norm(place[0] - place[1], axis=-1).mean()
            places.append(place if apart >= how.apart else None)  # also where a joint is NaN
        if all(place is None for place in places):
            continue
        evidence = [poses.side_evidence[row, list(part.left)].mean() for part in parts]
        odds = how.odds + how.odds_slope * np.array(evidence, np.float64)
        beside = np.array(
            [
                0.0 if a is None or b is None else _beside(xy, one, other, size_px, how)
                for (one, other), (a, b) in zip(pairwise(parts), pairwise(places), strict=True)
            ]
        )
        body = bodies.setdefault(number, _Body(len(parts)))
        seen[number] = body, body.add(poses.frame, places, odds, beside, how)
    return seen


def _decided(poses: FramePoses, seen: _Followed, parts: list[_Part], how: SidesSpec) -> FramePoses:
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
        for part in compress(parts, exchange):
            here, there = [*part.left, *part.right], [*part.right, *part.left]
            for array in (xy, score, *(() if others is None else (others.xy, others.score))):
                array[row, here] = array[row, there]
    return replace(poses, xy=xy, score=score, unsure_sides=unsure, other_places=others)
