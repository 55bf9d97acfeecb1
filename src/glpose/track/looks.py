"""Who is who by the colours of their clothes: numbers that changed hands are given back.

Where people pass each other, boxes and poses may follow the wrong one. Afterwards, when both are
seen apart again, the colours along trunk and legs tell who is who. Colour as the cue of identity is
usual (colour histograms of body parts in Farenzena et al., CVPR 2010); the rules and numbers here
are ours. People who are dressed alike keep the numbers that motion gave them.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, UInt8

from glpose.skeleton import Skeleton
from glpose.track.assign import assign

# Places along trunk (between the middles of shoulders and hips), thighs and shins.
_TRUNK_PARTS = ((0.15, 0.3, 0.45), (0.6, 0.75, 0.9))
_ACROSS = (0.3, 0.4, 0.5, 0.6, 0.7)
_ALONG = (0.3, 0.5, 0.7)
NUM_PARTS = 4
"""Upper trunk, lower trunk, thighs, shins."""

_LIGHTNESS = 0.5  # light and shadow change it, other people less so

# What it costs to change the number of somebody of whom nothing is known: it breaks ties.
_CHANGE = 0.5

# sRGB: what its 256 levels are in linear light, and CIE XYZ of its primaries, white (D65) as 1.
_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS > 0.04045, ((_LEVELS + 0.055) / 1.055) ** 2.4, _LEVELS / 12.92)
_XYZ_FROM_RGB = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
_XYZ_FROM_RGB /= _XYZ_FROM_RGB.sum(1, keepdims=True)

Looks = Float[np.ndarray, "n parts 3"]


def clothes(
    rgb: UInt8[np.ndarray, "h w 3"],
    xy: Float[np.ndarray, "n joints 2"],
    sure: Bool[np.ndarray, "n joints"],
    joints: Skeleton,
) -> Looks:
    """The median colour of `NUM_PARTS` parts of each person: CIE L*a*b*, NaN for parts unseen.

    `xy` are the joints in pixels of the picture; a place counts if all of its joints are `sure`, which
    must be finite.
    """
    places = _places(joints)
    known = (sure[:, None] | (places.share == 0)).all(-1)
    at = places.share @ np.where(sure[..., None], xy, 0).astype(np.float64)
    colours = np.where(known[..., None], to_lab(_nearest(rgb, at)), np.nan)
    found = [_median(colours[:, places.part == part]) for part in range(NUM_PARTS)]
    return np.stack(found, 1).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where to look for colours: the share of each joint in each place, and the part it is of."""

    share: Float64[np.ndarray, "places joints"]
    part: Int64[np.ndarray, " places"]


@lru_cache(maxsize=8)
def _places(joints: Skeleton) -> _Places:
    """The places of a skeleton; those of joints that it lacks are left out."""
    found: list[tuple[int, dict[str, float]]] = []
    for part, heights in enumerate(_TRUNK_PARTS):
        for v, u in product(heights, _ACROSS):
            sides = (("left", 1 - u), ("right", u))
            ends = (("shoulder", 1 - v), ("hip", v))
            found.append((part, {f"{s}_{e}": a * b for s, a in sides for e, b in ends}))
    for part, (upper, lower) in ((2, ("hip", "knee")), (3, ("knee", "ankle"))):
        for side, v in product(("left", "right"), _ALONG):
            found.append((part, {f"{side}_{upper}": 1 - v, f"{side}_{lower}": v}))
    found = [(part, mix) for part, mix in found if mix.keys() <= set(joints.joints)]
    share = np.array([[mix.get(name, 0.0) for name in joints.joints] for _, mix in found])
    parts = np.array([part for part, _ in found], np.int64)
    return _Places(share.reshape(-1, len(joints.joints)), parts)


def _nearest(
    rgb: UInt8[np.ndarray, "h w 3"], xy: Float[np.ndarray, "*n 2"]
) -> UInt8[np.ndarray, "*n 3"]:
    """The pixels nearest to some places."""
    h, w = rgb.shape[:2]
    column = np.clip(np.round(xy[..., 0]), 0, w - 1).astype(int)
    row = np.clip(np.round(xy[..., 1]), 0, h - 1).astype(int)
    return rgb[row, column]


def _median(values: Float64[np.ndarray, "n places 3"]) -> Float64[np.ndarray, "n 3"]:
    """The median over the places that are known, NaN if none is; `np.nanmedian` takes longer."""
    num = np.isfinite(values).all(-1).sum(1)
    if not num.any():
        return np.full((len(values), 3), np.nan)
    ordered, people = np.sort(values, axis=1), np.arange(len(values))  # NaN comes last
    return (ordered[people, (num - 1) // 2] + ordered[people, num // 2]) / 2


def to_lab(rgb: UInt8[np.ndarray, "*n 3"]) -> Float64[np.ndarray, "*n 3"]:
    """Colours of sRGB in CIE L*a*b* (D65): lightness of 0 to 100, and a*, b* of about -128 to 128.

    Not OpenCV's, which needs 0.2 s when it is first called.

    Source: CIE 15, Colorimetry, and IEC 61966-2-1 (sRGB).
    """
    xyz = _LINEAR[rgb] @ _XYZ_FROM_RGB.T
    bright = xyz > (6 / 29) ** 3
    x, y, z = np.moveaxis(np.where(bright, np.cbrt(xyz), xyz / 3 * (29 / 6) ** 2 + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def difference(a: Float[np.ndarray, "parts 3"], b: Float[np.ndarray, "parts 3"]) -> float:
    """The mean distance of the colours of parts seen in both, with lightness at half; NaN if none."""
    apart = np.linalg.norm((a - b) * [_LIGHTNESS, 1, 1], axis=-1)
    return float(np.nanmean(apart)) if np.isfinite(apart).any() else np.nan


@dataclass(slots=True)
class _Mean:
    """A mean of looks, part by part."""

    total: Float64[np.ndarray, "parts 3"] = field(default_factory=lambda: np.zeros((NUM_PARTS, 3)))
    num: Float64[np.ndarray, "parts 1"] = field(default_factory=lambda: np.zeros((NUM_PARTS, 1)))
    frames: int = 0

    def add(self, looks: Float[np.ndarray, "parts 3"]) -> None:
        seen = np.isfinite(looks).all(-1, keepdims=True)
        self.total += np.where(seen, looks, 0)
        self.num += seen
        self.frames += 1

    def merge(self, other: "_Mean") -> None:
        self.total, self.num = self.total + other.total, self.num + other.num
        self.frames += other.frames

    @property
    def value(self) -> Float64[np.ndarray, "parts 3"]:
        return np.where(self.num > 0, self.total / np.maximum(self.num, 1), np.nan)


Who = TypeVar("Who", bound=Hashable)


@dataclass(slots=True)
class _Memory(Generic[Who]):
    """How a person looked before the last meeting and since, who was met, and the last box."""

    before: _Mean = field(default_factory=_Mean)
    since: _Mean = field(default_factory=_Mean)
    met: set[Who] = field(default_factory=set)
    xyxy: Float64[np.ndarray, "4"] | None = None


@dataclass(frozen=True, slots=True)
class LooksSpec:
    """When looks decide who is who.

    People meet where a share `meet` of one's box is covered by the other's. Those who met are
    judged once `num_clean` frames show one of them apart, against the looks of at least
    `num_before` frames before the meeting. Somebody new is taken to have met the hidden people
    whose last boxes are less than `near` box heights away. Numbers change hands if that lessens the
    sum of differences by more than `gain` (CIE L*a*b*, lightness at half). A number whose owner was
    not seen before the meeting differs by `unknown` from everybody.
    """

    meet: float = 0.3
    num_clean: int = 3
    num_before: int = 3
    near: float = 1.5
    gain: float = 8.0
    unknown: float = 15.0


class LooksMemory(Generic[Who]):
    """Remembers how people look; `update` says whose number belongs to whom."""

    def __init__(self, spec: LooksSpec = LooksSpec()) -> None:
        self._spec = spec
        self._of: dict[Who, _Memory[Who]] = {}

    def update(
        self,
        people: Sequence[Who],
        xyxy: Float[np.ndarray, "n 4"],
        looks: Looks,
        alive: Sequence[Who],
    ) -> dict[Who, Who]:
        """Take how the people of a frame look; those `alive` may be hidden.

        Returns: for those who must change, whose number they get; a permutation.
        """
        known = self._of
        self._of = {who: known.get(who, _Memory()) for who in alive}
        for memory in self._of.values():
            # Who is gone is forgotten; of the last ones one stays, as the meeting has not ended yet.
            memory.met = (memory.met & self._of.keys()) or set(list(memory.met)[:1])
        hidden = [who for who in known if who in self._of and who not in set(people)]
        covered = _covered(xyxy) >= self._spec.meet
        for i, who in enumerate(people):
            memory = self._of[who]
            memory.xyxy = xyxy[i]
            if who not in known:
                for other in hidden:
                    if self._is_near(memory, self._of[other]):
                        memory.met.add(other)
                        self._of[other].met.add(who)
            near = covered[i] | covered[:, i]
            met = {other for other, is_near in zip(people, near, strict=True) if is_near}
            if met:
                memory.met |= met
                memory.since = _Mean()
            elif memory.met:
                memory.since.add(looks[i])
            else:
                memory.before.add(looks[i])
        changes: dict[Who, Who] = {}
        for group in self._groups():
            changes |= self._judge(group)
        before = {who: self._of[owner].before for who, owner in changes.items()}
        for who, mean in before.items():
            self._of[who].before = mean
        self._close()
        return changes

    def _groups(self) -> list[list[Who]]:
        """Those who met each other, directly or not; always in the same order, which settles ties."""
        left = [who for who, memory in self._of.items() if memory.met]
        groups = []
        while left:
            group = [left.pop(0)]
            for who in group:  # which grows
                met = self._of[who].met
                group += [w for w in left if w in met or who in self._of[w].met]
                left = [w for w in left if w not in group]
            groups.append(group)
        return groups

    def _is_near(self, a: _Memory[Who], b: _Memory[Who]) -> bool:
        if a.xyxy is None or b.xyxy is None:
            return False
        apart = (a.xyxy[:2] + a.xyxy[2:] - b.xyxy[:2] - b.xyxy[2:]) / 2
        tall = max(a.xyxy[3] - a.xyxy[1], b.xyxy[3] - b.xyxy[1])
        return bool(np.hypot(*apart) < self._spec.near * tall)

    def _is_judged(self, who: Who) -> bool:
        return who not in self._of or self._of[who].since.frames >= self._spec.num_clean

    def _judge(self, group: list[Who]) -> dict[Who, Who]:
        """Whose number each of a group gets, if it is not the own one."""
        cost = np.zeros((len(group), len(group)))
        for i, who in enumerate(group):
            if not self._is_judged(who):
                cost[i] = np.where(np.arange(len(group)) == i, 0, _CHANGE)
                continue
            since = self._of[who].since.value
            for j, owner in enumerate(group):
                before = self._of[owner].before
                known = before.frames >= self._spec.num_before
                apart = difference(since, before.value) if known else np.nan
                cost[i, j] = self._spec.unknown if np.isnan(apart) else apart
        _, best = assign(cost, 1e6)
        gain = np.trace(cost) - cost[np.arange(len(group)), best].sum()
        if gain <= self._spec.gain:
            return {}
        return {group[i]: group[j] for i, j in enumerate(best) if i != j}

    def _close(self) -> None:
        """End the meetings after which everybody was judged."""
        for who, memory in self._of.items():
            if memory.met and self._is_judged(who) and all(map(self._is_judged, memory.met)):
                memory.before.merge(memory.since)
                memory.since, memory.met = _Mean(), set()


def _covered(xyxy: Float[np.ndarray, "n 4"]) -> Float64[np.ndarray, "n n"]:
    """The share of each person's box (row) that lies in that of another (column)."""
    low = np.maximum(xyxy[:, None, :2], xyxy[None, :, :2])
    high = np.minimum(xyxy[:, None, 2:], xyxy[None, :, 2:])
    own = np.maximum(np.prod(xyxy[:, 2:] - xyxy[:, :2], -1), 1e-6)
    out = np.prod(np.maximum(high - low, 0), -1) / own[:, None]
    np.fill_diagonal(out, 0)
    return out.astype(np.float64)
