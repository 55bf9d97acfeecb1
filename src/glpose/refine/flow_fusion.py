"""Poses made steadier by those of the frames around, moved along optical flow.

Implements the idea of Chang et al., Towards Accurate Human Pose Estimation in Videos of Crowded
Scenes (ACM MM 2020, arXiv 2010.10008): poses of earlier frames go forward, those of later frames
backward, and are merged with the frame's own. The paper's formula was not at hand; weights, limits
and what ends a track are ours. Who is missed in between appears, marked as propagated.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float64, Int64

from glpose.flow import Motion, Motions
from glpose.geometry import box_area, oks
from glpose.poses import of_rows
from glpose.refine import Refiner
from glpose.skeleton import Skeleton
from glpose.track.cuts import CutDetector
from glpose.types import Frame, FrameAndPoses, FramePoses, People, marks_with_more


@dataclass(frozen=True, slots=True)
class FlowFusionSpec:
    """Settings; `window` is the number of frames on each side, from 1 to 5: longer chains drift.

    A carried score is multiplied by `per_step` and by exp(-e / `error_px`), with the
    forward-backward error e in pixels. The weight of a pose from s frames away, the frame's own
    with s = 0, is the square of its score times `per_frame` to the power s. Joints further than
    `reach` times the torso's length from the weighted median are left out; a torso counts as at
    least `least_torso` of the longer side of the box, also when it is seen from its end.

    A track changes its person where poses before and after have an OKS below `switch_oks`. Nobody
    is put where somebody is found with an OKS above `double_oks`, nor with joints whose scores are
    below `least_score` on average: flow that fails its check leads to no place.
    """

    window: int = 4
    per_step: float = 0.9
    error_px: float = 3.0
    per_frame: float = 0.7
    reach: float = 0.25
    least_torso: float = 0.2
    switch_oks: float = 0.3
    double_oks: float = 0.7
    least_score: float = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """The poses of a frame as they are `steps` frames later, or earlier if negative; 0 are its own.

    Joints are in pixels of the picture; where one has left it they are NaN with score 0.
    """

    steps: int
    xy: Float64[np.ndarray, "n joints 2"]
    score: Float64[np.ndarray, "n joints"]


def own(poses: FramePoses) -> Carried:
    """The poses of a frame in it."""
    return Carried(0, poses.xy.astype(np.float64), poses.score.astype(np.float64))


def forward(
    start: Carried, motions: Iterable[Motion | None], how: FlowFusionSpec = FlowFusionSpec()
) -> list[Carried]:
    """Carry poses to each of the next frames, along the motions from frame to frame.

    None is a cut, or a frame without a picture: the chain ends before it.
    """
    return _chain(start, motions, 1, how)


def backward(
    start: Carried, motions: Iterable[Motion | None], how: FlowFusionSpec = FlowFusionSpec()
) -> list[Carried]:
    """Carry poses to each of the frames before, the last one first.

    The motions are those to the next frame as in `forward`, the last one first.
    """
    turned = (None if motion is None else motion.reversed for motion in motions)
    return _chain(start, turned, -1, how)


def _chain(
    start: Carried, motions: Iterable[Motion | None], step: int, how: FlowFusionSpec
) -> list[Carried]:
    chain, last = [], start
    for motion in motions:
        if motion is None:
            break
        xy, error_px = motion.move(last.xy)
        trust = how.per_step * np.exp(-error_px / how.error_px)
        has_left = np.isnan(trust)
        xy[has_left] = np.nan
        last = Carried(last.steps + step, xy, np.where(has_left, 0.0, last.score * trust))
        chain.append(last)
    return chain


def fuse(
    steps: Int64[np.ndarray, " candidates"],
    xy: Float64[np.ndarray, "candidates n joints 2"],
    score: Float64[np.ndarray, "candidates n joints"],
    torso_px: Float64[np.ndarray, " n"],
    how: FlowFusionSpec = FlowFusionSpec(),
) -> tuple[Float64[np.ndarray, "n joints 2"], Float64[np.ndarray, "n joints"]]:
    """Merge poses of the same people, carried over `steps` frames; a candidate without one is NaN.

    The mean without outliers, weighted; the score is the mean of the scores with the same weights.
    A joint that no candidate has is NaN with score 0.
    """
    weight = weights(steps, score, how)
    weight = np.where(np.isfinite(xy).all(-1), weight, 0.0)
    away = np.linalg.norm(xy - _weighted_median(xy, weight), axis=-1)
    away = np.where(weight > 0, away, np.inf)
    # The median mixes x and y of different candidates, so that all may be far from it.
    limit = np.maximum(how.reach * torso_px[:, None], away.min(0))
    weight = np.where(away <= limit, weight, 0.0)
    total = weight.sum(0)
    share = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    mean = (share[..., None] * np.where(weight[..., None] > 0, xy, 0.0)).sum(0)
    mean[total == 0] = np.nan
    return mean, (share * score).sum(0)


def weights(
    steps: Int64[np.ndarray, " candidates"],
    score: Float64[np.ndarray, "candidates n joints"],
    how: FlowFusionSpec = FlowFusionSpec(),
) -> Float64[np.ndarray, "candidates n joints"]:
    """What candidates count: the own pose of a frame as one that is carried over no steps.

    With the plain score for its own poses, the unsure ones would count more than sure ones carried to
    them, just where people are covered.
    """
    return score**2 * how.per_frame ** np.abs(steps)[:, None, None]


def _weighted_median(
    xy: Float64[np.ndarray, "candidates n joints 2"],
    weight: Float64[np.ndarray, "candidates n joints"],
) -> Float64[np.ndarray, "n joints 2"]:
    """The median of x and of y: the first value at which half of the weight is reached."""
    values = np.where(weight[..., None] > 0, xy, np.inf)
    order = np.argsort(values, axis=0, kind="stable")
    heavy = np.take_along_axis(np.broadcast_to(weight[..., None], xy.shape), order, 0)
    reached = heavy.cumsum(0) >= heavy.sum(0) / 2
    middle = np.take_along_axis(order, reached.argmax(0)[None], 0)
    return np.take_along_axis(xy, middle, 0)[0]


def torso_px(
    xy: Float64[np.ndarray, "candidates n joints 2"],
    side_px: Float64[np.ndarray, " n"],
    joints: Skeleton,
    how: FlowFusionSpec = FlowFusionSpec(),
) -> Float64[np.ndarray, " n"]:
    """The usual distance from a shoulder to the hip below, at least a share of the box's side."""
    least = how.least_torso * side_px
    pairs = [(f"{side}_shoulder", f"{side}_hip") for side in ("left", "right")]
    lengths = [
        np.linalg.norm(xy[:, :, joints.index(a)] - xy[:, :, joints.index(b)], axis=-1)
        for a, b in pairs
        if a in joints.joints and b in joints.joints
    ]
    if not lengths:
        return least
    all_lengths = np.concatenate(lengths)
    known = np.isfinite(all_lengths).any(0)
    median = np.nanmedian(np.where(known, all_lengths, 0.0), axis=0)
    return np.maximum(median, least)


def with_flow_fusion(
    pairs: Iterable[FrameAndPoses],
    joints: Skeleton,
    how: FlowFusionSpec = FlowFusionSpec(),
    motions: Motions | None = None,
) -> Iterator[FrameAndPoses]:
    """Merge each pose with those of the same track up to `how.window` frames away.

    Who is missing in a frame but not before and after it appears with `propagated` set. Nothing is
    carried over a scene cut, over a frame without a picture, or to where a track has changed its
    person. `how.window` + 1 frames are held back, and the motion of `how.window` pairs of frames is
    remembered; `motions` are those of the video, if others ask for its flow, too. If `pairs` fails,
    the frames held back are given out first.
    """
    stream = _Stream(joints, how, motions or Motions())
    problem: Exception | None = None
    source = iter(pairs)
    while True:
        try:
            pair = next(source, None)
        except Exception as found:  # noqa: BLE001 - whatever it is, it is raised again
            pair, problem = None, found
        if pair is None:
            break
        stream.push(*pair)
        if stream.num_waiting > how.window + 1:
            yield stream.take()
    while stream.num_waiting:
        yield stream.take()
    if problem is not None:
        raise problem


def refiner(joints: Skeleton, window: int, motions: Motions | None) -> Refiner:
    """The refiner called "flow"."""
    how = FlowFusionSpec(window=window)
    return partial(with_flow_fusion, joints=joints, how=how, motions=motions)


@dataclass(slots=True, eq=False)
class _Seen:
    """A frame; its poses go `ahead` to the next frames, the nearest first, and `behind` likewise.

    `person` has a key for each pose: the track id, and how often that track had changed its person.
    """

    frame: Frame
    poses: FramePoses
    own: Carried
    person: list[tuple[int, int]]
    ahead: list[Carried] = field(default_factory=list)
    behind: list[Carried] = field(default_factory=list)

    def at(self, here: int, there: int) -> Carried | None:
        """The poses as they are in another frame, by the places of both; None if none lead there."""
        if here == there:
            return self.own
        chain, away = (self.ahead, there - here) if there > here else (self.behind, here - there)
        return chain[away - 1] if away <= len(chain) else None


class _Stream:
    """The frames held: those waiting, and before them those that were given out but still count."""

    def __init__(self, joints: Skeleton, how: FlowFusionSpec, motions: Motions) -> None:
        self._joints, self._how, self._motions = joints, how, motions
        self._held: deque[_Seen] = deque()
        self._latest: deque[Motion | None] = deque(maxlen=how.window)  # the last one first
        self._changes: dict[int, int] = {}
        self._cuts = CutDetector()
        self.num_waiting = 0

    def push(self, frame: Frame, poses: FramePoses) -> None:
        """Take the next frame."""
        is_cut = frame.rgb is not None and self._cuts.update(frame.rgb)
        person = [(t, self._changes.get(t, 0)) for t in poses.people.track_id.tolist()]
        new = _Seen(frame, poses, own(poses), person)
        if self._held:
            nobody = not any(seen.person for seen in self._held)
            ends = is_cut or nobody  # where there is nobody to carry, flow costs for nothing
            motion = None if ends else self._motions.between(self._held[-1].frame, frame)
            self._latest.appendleft(motion)
            for age, seen in enumerate(reversed(self._held)):
                if len(seen.ahead) == age:  # the chain has not ended before
                    last = seen.ahead[-1] if seen.ahead else seen.own
                    seen.ahead += forward(last, [motion], self._how)
            new.behind += backward(new.own, self._latest, self._how)
        self._held.append(new)
        self.num_waiting += 1
        self._mark_changes()

    def take(self) -> FrameAndPoses:
        """The oldest frame that waits, refined."""
        here = len(self._held) - self.num_waiting
        seen = self._held[here]
        out = seen.frame, self._refined(here)
        self.num_waiting -= 1
        seen.frame = Frame(seen.frame.index, seen.frame.time_s, None)
        if here >= self._how.window:
            self._held.popleft()
        return out

    def _mark_changes(self) -> None:
        """Give new keys to people of the last two frames whom their tracks did not have before."""
        place = len(self._held) - 2
        if place < 1:
            return
        first, second = self._held[place], self._held[place + 1]
        for row, person in enumerate(first.person):
            if person not in second.person:
                continue
            before = [p for p in range(place) if person in self._held[p].person][-2:]
            alike = [self._alike(p, q, person) for p in before for q in (place, place + 1)]
            known = [value for value in alike if value is not None]
            if known and max(known) < self._how.switch_oks:
                number, count = person
                self._changes[number] = count + 1
                second.person[second.person.index(person)] = (number, count + 1)
                first.person[row] = (number, count + 1)

    def _alike(self, here: int, there: int, person: tuple[int, int]) -> float | None:
        """The OKS of a person's pose, carried to another frame, with the one found there."""
        one, other = self._held[here], self._held[there]
        moved = one.at(here, there)
        if moved is None:
            return None
        a, b = one.person.index(person), other.person.index(person)
        area = box_area(other.poses.people.xyxy[[b]])
        sigma = self._joints.oks_sigma
        return float(oks(moved.xy[[a]], other.own.xy[[b]], area, area, sigma)[0, 0])

    def _refined(self, here: int) -> FramePoses:
        seen, how = self._held[here], self._how
        near = range(max(0, here - how.window), min(len(self._held), here + how.window + 1))
        moved = {p: found for p in near if (found := self._held[p].at(p, here)) is not None}
        missed = self._missed(moved, here)
        persons = [*seen.person, *missed]
        if len(moved) < 2 or not persons:
            return seen.poses
        shape = len(moved), len(persons), len(self._joints.joints)
        xy, score = np.full((*shape, 2), np.nan), np.zeros(shape)
        for layer, (p, carried) in enumerate(moved.items()):
            for row, person in enumerate(self._held[p].person):
                if person in persons:
                    column = persons.index(person)
                    xy[layer, column], score[layer, column] = carried.xy[row], carried.score[row]
        between = [self._between(m, moved, here) for m in missed]
        people = _joined(seen.poses.people, [one for one, _ in between])
        unsure = np.array([is_unsure for _, is_unsure in between], bool)
        side_px = (people.xyxy[:, 2:] - people.xyxy[:, :2]).max(-1).astype(np.float64)
        steps = np.array([carried.steps for carried in moved.values()], np.int64)
        torso = torso_px(xy, side_px, self._joints, how)
        fused = _Fused(people, *fuse(steps, xy, score, torso, how), unsure)
        return fused.instead_of(seen.poses, self._joints, how)

    def _missed(self, moved: Iterable[int], here: int) -> list[tuple[int, int]]:
        """The people who are near in time before and after a frame, but not in it."""
        found = {number for number, _ in self._held[here].person}
        before = {k for p in moved if p < here for k in self._held[p].person}
        after = {k for p in moved if p > here for k in self._held[p].person}
        return sorted(k for k in before & after if k[0] not in found)

    def _between(
        self, person: tuple[int, int], moved: Iterable[int], here: int
    ) -> tuple[People, bool]:
        """The box of a person who is missed in a frame, from those before and after it.

        And whether the sides are unsure in one of these.
        """
        there = [p for p in moved if person in self._held[p].person]
        first, last = max(p for p in there if p < here), min(p for p in there if p > here)
        ends = [
            of_rows(self._held[p].poses, np.array([self._held[p].person.index(person)]))
            for p in (first, last)
        ]
        a, b = (poses.people for poses in ends)
        share = np.float32((here - first) / (last - first))
        between = People(
            a.xyxy + (b.xyxy - a.xyxy) * share, a.score + (b.score - a.score) * share, a.track_id
        )
        marks = [poses.unsure_sides for poses in ends]
        return between, any(bool(one.any()) for one in marks if one is not None)


def _joined(people: People, more: Sequence[People]) -> People:
    every = [people, *more]
    return People(
        np.concatenate([p.xyxy for p in every]),
        np.concatenate([p.score for p in every]),
        np.concatenate([p.track_id for p in every]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Fused:
    """Merged poses of the people of a frame, and behind them those of the missed ones.

    `unsure` are the missed ones whose sides are so.
    """

    people: People
    xy: Float64[np.ndarray, "n joints 2"]
    score: Float64[np.ndarray, "n joints"]
    unsure: Bool[np.ndarray, " missed"]

    def instead_of(self, poses: FramePoses, joints: Skeleton, how: FlowFusionSpec) -> FramePoses:
        """A frame's poses with these joints, and with the people that were missed."""
        num = len(poses.people)
        xy, score = self.xy.astype(poses.xy.dtype), self.score.astype(poses.score.dtype)
        unknown = np.isnan(xy[:num]).any(-1)  # joints without any score stay as they were
        xy[:num][unknown], score[:num][unknown] = poses.xy[unknown], poses.score[unknown]
        area = box_area(self.people.xyxy)
        alike = oks(xy[num:], xy[:num], area[num:], area[:num], joints.oks_sigma)
        is_new = (alike <= how.double_oks).all(1) & (score[num:].mean(1) >= how.least_score)
        rows = np.r_[np.arange(num), num + np.flatnonzero(is_new)]
        more = len(rows) - num
        if not more:
            gone = replace(poses, other_places=None, lifted=None, before=None)
            return replace(gone, xy=xy[:num], score=score[:num])
        evidence = poses.side_evidence
        unsure_sides, propagated = marks_with_more(poses, self.unsure[is_new])
        return replace(
            poses,
            people=self.people[rows],
            xy=xy[rows],
            score=score[rows],
            side_evidence=None if evidence is None else np.pad(evidence, ((0, more), (0, 0))),
            unsure_sides=unsure_sides,
            propagated=propagated,
            other_places=None,
            lifted=None,
            before=None,
        )
