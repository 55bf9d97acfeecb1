"""Hindsight: people are also followed back in time from where they were found.

A detector often finds somebody some frames late: the person bends, or is seen from behind. Whoever
appears is therefore followed back by pose, frame by frame, as long as the pose is sure, in the
pictures that are held for it. And who had a wrong number for a moment, a new one or that of somebody
they met, until the tracker knew who it was, has the right one from the beginning. Rules and numbers
are ours.
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from glpose.crop import shows_upside_down
from glpose.geometry import box_iou, oks
from glpose.imaging import pictures_within
from glpose.runtime.protocols import Encoded
from glpose.skeleton import Skeleton
from glpose.steps import Steps
from glpose.track import motion
from glpose.track.by_pose import (
    FEWEST_SURE,
    PoseTrackerSpec,
    Sighting,
    head_and_feet,
    moved_box,
    pose_box,
    pose_score,
)
from glpose.track.scenes import pace_of
from glpose.track.upright import body_turn_deg, is_upside_down
from glpose.types import Affine, People
from glpose.window import SeenFrame

_SAME_IOU = 0.5  # of the boxes of a person in two frames that follow each other
_MOST_PACE = 4  # 300 KB for each person in each frame that is held
_APPEARS = 1.0  # what it costs that a number comes or goes, in lengths of boxes


@dataclass(frozen=True, slots=True)
class HindsightSpec:
    """Settings: `reach` frames are held back, so far can one go; with 0 nobody goes back.

    So it is at 30 frames a second, see `reach_at`. `rate_hz` is what the header tells, NaN if that is not
    known; times that say otherwise count more. No more than `most` frames are held back.
    """

    reach: int = 24
    rate_hz: float = math.nan
    most: int = 10_000

    def reach_at(self, rate_hz: float) -> int:
        """How many frames reach as far in time at a higher rate; up to 120 frames a second."""
        return min(self.reach * min(pace_of(rate_hz), _MOST_PACE), self.most)

    def within_bytes(self, size_hw: tuple[int, int], most: int = 2**28) -> "HindsightSpec":
        """The same, holding back no more pictures of this size than `most` bytes have room for."""
        num = pictures_within(size_hw, most)
        return replace(self, reach=min(self.reach, num), most=num)


NO_HINDSIGHT = HindsightSpec(reach=0)
"""Each frame is given out at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What an encoder sees in n boxes of a picture, each alone; poses in image pixels."""

    crop_from_image: tuple[Affine, ...]
    encoded: Encoded
    xy: Float32[np.ndarray, "n joints 2"]
    score: Float32[np.ndarray, "n joints"]


Look = Callable[
    [UInt8[np.ndarray, "height width 3"], Float32[np.ndarray, "n 4"], Bool[np.ndarray, " n"]],
    Looked,
]
"""Looks into some boxes of a picture, and upside down into some of them."""


@dataclass(frozen=True, slots=True, eq=False)
class FollowedFrame:
    """A frame whose people were followed, with their poses; `scene` is its number.

    `exchanged` has the numbers that changed hands in this frame, the ones before as keys.
    Scores are as decoded, not calibrated.
    """

    seen: SeenFrame
    xy: Float32[np.ndarray, "n joints 2"]
    score: Float32[np.ndarray, "n joints"]
    scene: int
    exchanged: Mapping[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert len(self.seen.people) == len(self.xy) == len(self.score)


@dataclass(slots=True, eq=False)
class _Traveller:
    """A person on the way back, with the score of the detection that everything hangs on."""

    track_id: int
    score: float
    state: motion.BoxState
    last: Sighting
    upside_down: bool


class Hindsight:
    """Takes frames as they were followed, and gives them out with those who were found later."""

    def __init__(self, look: Look, joints: Skeleton, how: HindsightSpec = HindsightSpec()) -> None:
        self._look, self._joints, self._how = look, joints, how
        self._poses = PoseTrackerSpec()
        self._ends = head_and_feet(joints)
        self._held: deque[FollowedFrame] = deque()
        # Where each number was last given out: all numbers, as somebody may come back after hours.
        self._given_out: _Way = {}
        self._steps = Steps()

    def push(self, frame: FollowedFrame) -> Iterator[SeenFrame]:
        """Take the next frame; yield the one that nobody can reach any more."""
        if not self._how.reach:
            yield frame.seen
            return
        if frame.seen.status == "ok":
            ids = {int(number) for number in frame.seen.people.track_id}
            if frame.exchanged:
                self._exchange_back(frame)
            before = next((f for f in reversed(self._held) if f.seen.status == "ok"), None)
            there = set() if before is None else set(before.seen.people.track_id.tolist())
            self._give_back(frame, before, ids - there, there - ids)
            self._follow_back(frame, ids - there)
        self._held.append(frame)
        self._steps.add(frame.seen.frame, frame.seen.time_s)
        reach = self._how.reach_at(self._steps.rate_hz(self._how.rate_hz))
        while len(self._held) > reach:
            oldest = self._held.popleft()
            self._given_out |= _places(oldest)
            yield oldest.seen

    def drain(self) -> Iterator[SeenFrame]:
        """Yield the frames still held, after the last push."""
        while self._held:
            yield self._held.popleft().seen

    def _exchange_back(self, found: FollowedFrame) -> None:
        """Exchange numbers from where they changed hands, and not from where that was noticed.

        That is where the ways of all who are concerned fit best to what comes after.
        """
        now = found.exchanged
        before = {new: old for old, new in now.items()}
        held = [i for i, frame in enumerate(self._held) if frame.scene == found.scene]
        ways = [_places(self._held[i]) for i in held]
        ways.append({before.get(number, number): at for number, at in _places(found).items()})
        costs, last = [], dict(self._given_out)
        for begin, way in enumerate(ways):
            if not now.keys() & last.keys():  # nobody was there to take a number from
                costs.append(np.inf)
                last |= way
                continue
            first = {number: at for later in reversed(ways[begin:]) for number, at in later.items()}
            costs.append(
                sum(
                    _apart(last.get(new), first.get(old)) - _apart(last.get(old), first.get(old))
                    for old, new in now.items()
                )
            )
            last |= way
        # Of places that are as good, the latest.
        begin = min(range(len(ways)), key=lambda i: (costs[i], -i))
        for i in held[begin:]:
            self._held[i] = _renumbered(self._held[i], now)

    def _give_back(
        self, found: FollowedFrame, before: FollowedFrame | None, new: set[int], gone: set[int]
    ) -> None:
        """Let those whose number changed have had the new one all the time, if that is still held."""
        if before is None or before.scene != found.scene:
            return
        for number in sorted(new):
            here = found.seen.people.xyxy[found.seen.row(number)]
            for other in sorted(gone):
                there = before.seen.people.xyxy[before.seen.row(other)]
                if box_iou(here[None], there[None])[0, 0] < _SAME_IOU:
                    continue
                places = [i for i, f in enumerate(self._held) if f.seen.row(other) >= 0]
                is_held = other not in self._given_out
                if is_held and all(self._held[i].seen.row(number) < 0 for i in places):
                    for i in places:
                        self._held[i] = _renumbered(self._held[i], {other: number})
                    gone = gone - {other}
                    break

    def _follow_back(self, found: FollowedFrame, new: set[int]) -> None:
        """Look for people who are new in a frame in the ones before it, up to the last cut."""
        people = found.seen.people
        on_the_way = []
        for row, number in enumerate(people.track_id.tolist()):
            if number not in new:
                continue
            last = self._sighting(found.xy[row], found.score[row], people.xyxy[row])
            way_up = shows_upside_down(found.seen.crop_from_image[row])
            upside_down = self._is_upside_down(last, before=way_up)
            state, score = motion.start(people.xyxy[row]), float(people.score[row])
            on_the_way.append(_Traveller(number, score, state, last, upside_down))
        after = found.seen.frame
        for place in reversed(range(len(self._held))):
            frame = self._held[place]
            on_the_way = [t for t in on_the_way if frame.seen.row(t.track_id) < 0]
            if frame.scene != found.scene or not on_the_way:
                return
            for traveller in on_the_way:
                traveller.state = motion.predict(traveller.state, float(after - frame.seen.frame))
            after = frame.seen.frame
            if frame.seen.given.rgb is not None:
                self._held[place], on_the_way = self._look_for(frame, on_the_way)

    def _look_for(
        self, frame: FollowedFrame, travellers: list[_Traveller]
    ) -> tuple[FollowedFrame, list[_Traveller]]:
        """The frame with those who are in it, and who they are."""
        assert frame.seen.given.rgb is not None
        expected = np.stack([motion.to_xyxy(t.state) for t in travellers])
        upside_down = np.array([t.upside_down for t in travellers], bool)
        looked = self._look(frame.seen.given.rgb, expected.astype(np.float32), upside_down)
        there: list[_Traveller] = []
        for i, traveller in enumerate(travellers):
            box = self._believed_box(traveller, expected[i], looked.xy[i], looked.score[i])
            if box is None or self._is_somebody(frame, looked.xy[i], looked.score[i], box):
                continue
            traveller.state = motion.correct(traveller.state, box)
            last = traveller.last = self._sighting(looked.xy[i], looked.score[i], box)
            traveller.upside_down = self._is_upside_down(last, before=traveller.upside_down)
            there.append(traveller)
            frame = _with_person(frame, traveller, expected[i], looked, i)
        return frame, there

    def _sighting(self, xy: np.ndarray, score: np.ndarray, xyxy: np.ndarray) -> Sighting:
        sure = (score >= self._poses.joint_score) & np.isfinite(xy).all(-1)
        return Sighting(xy, sure, xyxy.astype(np.float64))

    def _is_upside_down(self, last: Sighting, *, before: bool) -> bool:
        """Whether to look upside down for somebody who was seen so, in a crop of that way up."""
        return is_upside_down(body_turn_deg(last.xy, last.sure, self._joints), before=before)

    def _believed_box(
        self, traveller: _Traveller, expected: np.ndarray, xy: np.ndarray, score: np.ndarray
    ) -> Float64[np.ndarray, "4"] | None:
        """The box that goes with a pose, if that is as sure as a newcomer's and where expected."""
        how, sure = self._poses, self._sighting(xy, score, expected).sure
        if sure.sum() < FEWEST_SURE or pose_score(score[None])[0] < how.sure_score:
            return None
        moved = moved_box(traveller.last, xy, sure)
        box = pose_box(xy, sure, moved, self._ends, how.margin, how.shrink)
        return box if box_iou(box[None], expected[None])[0, 0] >= how.keep_iou else None

    def _is_somebody(
        self, frame: FollowedFrame, xy: np.ndarray, score: np.ndarray, box: np.ndarray
    ) -> bool:
        """Whether a pose is that of somebody who is known in the frame."""
        others = frame.seen.people.xyxy.astype(np.float64)
        sure: Bool[np.ndarray, "n joints"] = frame.score >= self._poses.joint_score
        alike = oks(
            np.where((score >= self._poses.joint_score)[:, None], xy, np.nan)[None],
            np.where(sure[..., None], frame.xy, np.nan),
            np.array([np.prod(box[2:] - box[:2])]),
            np.prod(others[:, 2:] - others[:, :2], axis=1),
            self._joints.oks_sigma,
        )
        return bool((alike > self._poses.same_oks).any())


_Way = dict[int, tuple[int, Float64[np.ndarray, "4"]]]
"""By number: a frame, and the box there."""


def _places(frame: FollowedFrame) -> _Way:
    people = frame.seen.people
    boxes = people.xyxy.astype(np.float64)
    return {
        number: (frame.seen.frame, box.copy())  # a view would keep all boxes of the frame
        for number, box in zip(people.track_id.tolist(), boxes, strict=True)
    }


def _apart(
    one: tuple[int, Float64[np.ndarray, "4"]] | None,
    other: tuple[int, Float64[np.ndarray, "4"]] | None,
) -> float:
    """How badly a box goes on in a later one: less, the more time is between them."""
    if one is None or other is None:
        return 0.0 if one is other else _APPEARS
    (begin, here), (end, there) = one, other
    length = max(float((box[2:] - box[:2]).max()) for box in (here, there))
    return float(np.abs(there - here).mean()) / max(length, 1.0) / float(np.sqrt(end - begin))


def _renumbered(frame: FollowedFrame, numbers: Mapping[int, int]) -> FollowedFrame:
    """The frame in which some people have other numbers."""
    seen, people = frame.seen, frame.seen.people
    ids = np.array([numbers.get(n, n) for n in people.track_id.tolist()], np.int64)
    order = np.argsort(ids)
    return replace(
        frame,
        seen=replace(
            seen,
            people=replace(people, track_id=ids)[order],
            crop_from_image=tuple(seen.crop_from_image[row] for row in order),
            features=seen.features[order],
            embedding=seen.embedding[order],
            summary=None if seen.summary is None else seen.summary[order],
        ),
        xy=frame.xy[order],
        score=frame.score[order],
    )


def _with_person(
    frame: FollowedFrame, person: _Traveller, xyxy: np.ndarray, looked: Looked, row: int
) -> FollowedFrame:
    """The frame with one person more, at the place of the track id."""
    seen = frame.seen
    place = int(np.searchsorted(seen.people.track_id, person.track_id))

    def joined(those: np.ndarray, one: np.ndarray | np.generic) -> np.ndarray:
        # Frames without people hold features of no size.
        return np.insert(those, place, one, axis=0) if len(those) else np.asarray(one)[None]

    maps, own = seen.crop_from_image, looked.encoded
    summary = None
    if own.summary is not None:
        others = seen.summary if seen.summary is not None else own.summary[:0]
        summary = joined(others, own.summary[row])
    return replace(
        frame,
        seen=replace(
            seen,
            people=People(
                joined(seen.people.xyxy, xyxy.astype(np.float32)),
                joined(seen.people.score, np.float32(person.score)),
                joined(seen.people.track_id, np.int64(person.track_id)),
            ),
            crop_from_image=(*maps[:place], looked.crop_from_image[row], *maps[place:]),
            features=joined(seen.features, own.features[row]),
            embedding=joined(seen.embedding, own.embedding[row]),
            summary=summary,
        ),
        xy=joined(frame.xy, looked.xy[row]),
        score=joined(frame.score, looked.score[row]),
    )
