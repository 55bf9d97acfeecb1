"""Left and right that are continuous over the stride.

In side views a single picture often does not tell which leg is the left one, and from behind which
shoulder is. Over time it shows: limbs, and the halves of the trunk, move steadily, also past each
other. They are followed by their motion, without names; which of two is the left one is then decided
for as long as they can be followed, by the evidence of all frames together. It is a hidden Markov
model of two states, solved with a bounded look ahead. Ours.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float

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

    The network's own labelling has the odds `odds` + `odds_slope` * evidence; since frames near in
    time err alike, `independent` frames count as one. A person's sides are unsure if the odds of
    the labelling stay below `sure`.
    """

    lookahead: int = 30
    apart: float = 0.05
    max_gap: int = 12
    noise: float = 0.06
    most_link: float = 4.0
    odds: float = 0.0
    odds_slope: float = 3.0
    independent: int = 15
    sure: float = 1.4

    def within_bytes(self, size_hw: tuple[int, int], most: int = 2**28) -> "SidesSpec":
        """The same, holding back no more pictures of this size than `most` bytes have room for.

        Also where pictures are not kept: results must not depend on it.
        """
        return replace(self, lookahead=min(self.lookahead, pictures_within(size_hw, most)))


LIMBS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "legs": (("hip",), ("knee", "ankle")),
    "arms": (("shoulder",), ("elbow", "wrist")),
    "trunk": (("shoulder", "hip"), ("shoulder", "hip")),
}
"""The pairs that are told apart, the halves of the trunk among them: the joints whose middle they are
followed from, and their own joints."""


def with_continuous_sides(
    pairs: Iterable[FrameAndPoses], joints: Skeleton, how: SidesSpec = SidesSpec()
) -> Iterator[FrameAndPoses]:
    """Exchange left and right limbs where time says so, and mark people whose sides are unsure.

    Poses without `side_evidence`, and limbs that `joints` lacks, stay as they are. If `pairs` fails,
    the frames held back are given out first, decided by what is known.
    """
    limbs = _limbs_of(joints)
    chains: dict[tuple[int, str], _Chain] = {}
    followed = ((pair, _observe(pair[1], limbs, chains, how)) for pair in pairs)
    for ((frame, poses), seen), _ in looking_ahead(followed, how.lookahead):
        yield frame, _decided(poses, seen, limbs, how)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Joint indices: what both are followed from, and the left and right joints in the same order."""

    root: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]


def _limbs_of(joints: Skeleton) -> dict[str, _Pair]:
    found = {}
    sides = ("left", "right")
    for name, (roots, parts) in LIMBS.items():
        names = [f"{side}_{part}" for side in sides for part in (*roots, *parts)]
        if all(joint in joints.joints for joint in names):
            left, right = (tuple(joints.index(f"{side}_{p}") for p in parts) for side in sides)
            middle = tuple(joints.index(f"{side}_{root}") for root in roots for side in sides)
            found[name] = _Pair(middle, left, right)
    return found


@dataclass(slots=True, eq=False)
class _Seen:
    """Two limbs in one frame. `is_turned`: they are in the other order than those followed.

    `stay` and `turn` are the costs of keeping or exchanging the names since the frame before, and
    `second` the cost of calling the second limb that is followed the left one, less that of the
    first. `cost` are the costs of both names up to and including this frame.
    """

    is_turned: bool
    stay: float
    turn: float
    second: float
    cost: tuple[float, float]


@dataclass(slots=True, eq=False)
class _Chain:
    """Limbs of one person as they are followed; `ahead` are the frames that are not yet decided."""

    past: deque[tuple[int, np.ndarray]] = field(default_factory=lambda: deque(maxlen=3))
    ahead: deque[_Seen] = field(default_factory=deque)
    count: int = 0
    cost: tuple[float, float] = (0.0, 0.0)

    def add(
        self, frame: int, limbs: Float[np.ndarray, "2 joints 2"], odds: float, how: SidesSpec
    ) -> _Seen:
        """Follow both limbs into a frame; `odds` are those of the network's labelling."""
        margin = self._margin(frame, limbs, how)
        is_turned = margin < 0
        self.past.append((frame, limbs[::-1] if is_turned else limbs))
        stay, turn = math.log1p(math.exp(-abs(margin))), math.log1p(math.exp(abs(margin)))
        second = (-odds if is_turned else odds) / how.independent
        self.cost = _step(self.cost, stay, turn)
        self.cost = self.cost[0], self.cost[1] + second
        self.count += 1
        seen = _Seen(is_turned, stay, turn, second, self.cost)
        self.ahead.append(seen)
        return seen

    def _margin(self, frame: int, limbs: Float[np.ndarray, "2 joints 2"], how: SidesSpec) -> float:
        """How much better the limbs fit their predicted places in this order than exchanged."""
        if not self.past:
            return 0.0
        last, places = self.past[-1]
        first, old = self.past[0]
        speed = (places - old) / (last - first) if last > first else np.zeros_like(places)
        expected = places + speed * (frame - last)
        as_is = np.linalg.norm(limbs - expected, axis=-1).mean(1).sum()
        turned = np.linalg.norm(limbs[::-1] - expected, axis=-1).mean(1).sum()
        margin = float(turned - as_is) / how.noise
        return max(-how.most_link, min(how.most_link, margin))

    def decide(self, seen: _Seen, how: SidesSpec) -> tuple[bool, bool]:
        """Whether to exchange the sides of the oldest undecided frame, and whether that is sure."""
        behind = (0.0, 0.0)
        for later in reversed(self.ahead):
            if later is seen:
                break
            behind = _step((behind[0], behind[1] + later.second), later.stay, later.turn)
        odds = (seen.cost[1] + behind[1]) - (seen.cost[0] + behind[0])
        num = min(self.count, how.independent)
        self.ahead.popleft()
        is_first_left = odds >= 0
        return is_first_left == seen.is_turned, abs(odds) >= how.sure * num / how.independent


_Followed = dict[tuple[int, str], tuple[_Chain, _Seen]]
"""The limbs of a frame by track id and name, each with the chain that it belongs to."""


def _step(cost: tuple[float, float], stay: float, turn: float) -> tuple[float, float]:
    """The costs of both names one frame on, less those of the better one before."""
    least = min(cost)
    one, two = cost[0] - least, cost[1] - least
    return min(one + stay, two + turn), min(two + stay, one + turn)


def _observe(
    poses: FramePoses,
    limbs: dict[str, _Pair],
    chains: dict[tuple[int, str], _Chain],
    how: SidesSpec,
) -> _Followed:
    """Follow the limbs of a frame's people; those that are together or not found are left out."""
    seen: _Followed = {}
    for key in [k for k, c in chains.items() if poses.frame - c.past[-1][0] > how.max_gap]:
        del chains[key]  # who comes back after so long is followed anew
    if poses.side_evidence is None:
        return seen
    size = (poses.people.xyxy[:, 2:] - poses.people.xyxy[:, :2]).max(1)
    for row, number in enumerate(poses.people.track_id.tolist()):
        for name, pair in limbs.items():
            xy = poses.xy[row].astype(np.float64)
            places = np.stack([xy[list(pair.left)], xy[list(pair.right)]])
            places = (places - xy[list(pair.root)].mean(0)) / max(float(size[row]), 1.0)
            apart = np.linalg.norm(places[0] - places[1], axis=-1).mean()
            if not apart >= how.apart:  # also where a joint is NaN
                continue
            evidence = float(poses.side_evidence[row, list(pair.left)].mean())
            chain = chains.setdefault((number, name), _Chain())
            odds = how.odds + how.odds_slope * evidence
            seen[number, name] = chain, chain.add(poses.frame, places, odds, how)
    return seen


def _decided(
    poses: FramePoses,
    seen: _Followed,
    limbs: dict[str, _Pair],
    how: SidesSpec,
) -> FramePoses:
    if not seen:
        return poses
    xy, score, others = poses.xy.copy(), poses.score.copy(), poses.other_places
    if others is not None:
        others = OtherPlaces(others.xy.copy(), others.score.copy())
    unsure = np.zeros(len(poses.people), bool)
    rows = {int(number): row for row, number in enumerate(poses.people.track_id)}
    for (number, name), (chain, one) in seen.items():
        row, pair = rows[number], limbs[name]
        exchange, is_sure = chain.decide(one, how)
        unsure[row] |= not is_sure
        if exchange:
            here, there = [*pair.left, *pair.right], [*pair.right, *pair.left]
            for array in (xy, score, *(() if others is None else (others.xy, others.score))):
                array[row, here] = array[row, there]
    return replace(poses, xy=xy, score=score, unsure_sides=unsure, other_places=others)
