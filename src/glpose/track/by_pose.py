"""Tracking by pose: the joints of a person in one frame say where the person is in the next.

The detector then looks only now and then: at new scenes, for newcomers, and where a pose is not
sure. Sources: the region of interest from the last frame's joints as in Bazarevsky et al.,
BlazePose, 2020, and boxes around joints as in Xiao et al., Simple Baselines for Human Pose
Estimation and Tracking, ECCV 2018. Rules and numbers are ours.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64, UInt8

from glpose.geometry import box_iou, oks
from glpose.skeleton import Skeleton, find_joints
from glpose.track import motion
from glpose.track.looks import LooksMemory, clothes
from glpose.track.tracker import Pool, Track, Tracker, TrackerSpec, to_people
from glpose.track.upright import body_turn_deg, is_upside_down, may_turn
from glpose.types import Detections, People

FEWEST_SURE = 4
"""Joints that must be sure for a box to go with them."""
_NEAR_BORDER = 0.03  # in box heights
# The most that a person's size changes in a frame.
_MOST_SCALING = 0.05
_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head_top", "head")


@dataclass(frozen=True, slots=True)
class PoseTrackerSpec:
    """When a pose is believed, and when the detector looks.

    A joint counts from a score of `joint_score` on. The score of a pose is the mean of its best
    joints, a third of all: half a person is a person, too. A track goes on without a detection as
    long as that is at least `keep_score` and the joints' box overlaps the predicted one by
    `keep_iou`. A detection of at least `try_score` that nobody claims is tried: it becomes a person
    if its pose has `sure_score`, or where the detector alone would start a track; next to others,
    in a box that overlaps one of theirs, after `crowd_frames`, as it may be one of them. Somebody near who was
    just lost is tried there first. Of two tracks whose
    poses have an OKS of `same_oks`, the one that was hidden in the frame before, and is not detected
    now, loses the pose, or else the one that was expected elsewhere.

    The detector looks at every `look_every`-th frame, or every `look_alone`-th while nobody is
    there; at the first `look_first` frames of a scene; and at the frame after one in which a pose
    was not sure. Where nothing changes beside people (see `stillness`), it waits for as long as nothing
    had changed before its last look, for at most `look_still` frames. Not with a `look_every` of 1; nor
    while somebody is lost, was not found by the last look, or has a box of another size than was
    detected (the ratios of its sides multiplied are more than `resized`), as poses alone might lead it
    astray; nor if somebody was just tried in vain.

    Who was seen upside down is looked for upside down, see `upright`. Who did not clearly stand before
    and is not sure now is looked for the other way up in every second frame; not half figures, nor
    people whom the picture cuts off. Who was cut off at its side and hardly seen, below `sure_score`, is not
    assumed there in the frames after.

    A box goes with the joints; it grows to hold them with a `margin` of their longer side, and
    shrinks by a share `shrink` a frame, see `pose_box`. People are looked for in the box of the last
    look as long as no edge has moved by more than `hold` of the longer side: where joints are found
    depends on it a little, so that a box that follows them makes people who stand still sway. Without
    `moves_boxes`, as in a picture, after which no frame comes, it stays as it was detected.
    """

    look_every: int = 5
    look_alone: int = 2
    look_first: int = 2
    look_still: int = 0
    resized: float = 1.3
    joint_score: float = 0.3
    keep_score: float = 0.30
    sure_score: float = 0.45
    try_score: float = 0.2
    keep_iou: float = 0.3
    same_oks: float = 0.6
    crowd_frames: int = 4
    moves_boxes: bool = True
    margin: float = 0.05
    shrink: float = 0.1
    hold: float = 0.03


class PoseTracker(Tracker):
    """A tracker whose tracks are also seen by their poses.

    For each frame call `update`, estimate the poses of the people it returns, and give them to
    `learn`. People who are being tried have the track id 0 between the two calls.
    """

    def __init__(
        self,
        joints: Skeleton,
        spec: TrackerSpec = TrackerSpec(),
        size_hw: tuple[int, int] | None = None,
        poses: PoseTrackerSpec = PoseTrackerSpec(),
    ) -> None:
        super().__init__(spec, size_hw)
        self._joints, self._poses = joints, poses
        self._ends = head_and_feet(joints)
        self._rows: list[Track] = []
        self._sightings: dict[Track, Sighting] = {}
        self._looks: LooksMemory[Track] = LooksMemory()
        self._looked: int | None = None
        self._opened = 0
        """The frame that opened the scene."""
        self.exchanged: dict[int, int] = {}
        """The numbers that changed hands in the last frame, the ones before as keys."""
        self._is_unsure = False
        self._in_vain = False
        """Whether somebody whom the last look found, or was to find again, was no person."""
        self._searched: dict[Track, Float64[np.ndarray, 4]] = {}
        """The boxes in which people were looked for last."""
        self._tried: dict[Track, Track] = {}
        """Tracks that are given a detection that is only tried, as they were before."""
        self._before: int | None = None
        """The frame that came before; numbers of frames that could not be decoded are missing."""

    @property
    def upside_down(self) -> Bool[np.ndarray, " n"]:
        """Of the people that `update` returned, who is to be looked for upside down."""
        return np.array([track.upside_down != track.tries_turned for track in self._rows], bool)

    @property
    def tried_xyxy(self) -> Float64[np.ndarray, "n 4"]:
        """The boxes of who is not a person yet."""
        return np.array([t.xyxy for t in self._tracks if not t.track_id]).reshape(-1, 4)

    def wants_look(self, frame: int, still: int = 0) -> bool:
        """Whether the detector should look at this frame; at a scene cut it always should.

        `still`: for how many frames before the last look nothing had changed, and has not since; 0
        if it has.
        """
        how = self._poses
        every = how.look_every if self._rows else min(how.look_every, how.look_alone)
        if how.look_every > 1 and self._may_wait():
            every = max(every, min(still, how.look_still))
        return (
            self._looked is None
            or self._is_unsure
            or frame - self._looked >= every
            or frame - self._opened < how.look_first
        )

    def _may_wait(self) -> bool:
        """Whether the last look found everybody, who is still there as found."""
        confirmed = [track for track in self._tracks if track.track_id]
        return not self._in_vain and all(
            track.seen == self._frame and track.found == self._looked and self._has_its_size(track)
            for track in confirmed
        )

    def _has_its_size(self, track: Track) -> bool:
        """Whether a box is about as wide and as high as the one that was detected."""
        now, found = (box[2:] - box[:2] for box in (track.xyxy, track.found_xyxy))
        return bool(np.prod(np.maximum(now / found, found / now)) <= self._poses.resized)

    def update(self, frame: int, detections: Detections | None, *, scene: int = 0) -> People:
        """The people to look for in a frame: where they are detected or expected.

        `detections` is None where the detector did not look. Raises: BadInput as `Tracker.update`.
        """
        self._before, self.exchanged, self._tried = self._frame, {}, {}
        opens = self._open(frame, scene)
        if opens:
            self._opened = frame
        if detections is not None:
            self._looked = frame
            pool = self._usable(detections)
            tried = [track for track in self._tracks if not track.track_id]
            self._associate(frame, pool)
            self._in_vain = any(track not in self._tracks for track in tried)
            self._start(frame, pool, opens=opens)
        self._frame = frame
        found = self._present(frame)
        found += [(t, t.score, t.xyxy) for t in self._tracks if not t.track_id and t.seen == frame]
        # Also people who are about to leave or who are half hidden, and those of a scene that is
        # back: their poses will tell.
        asked = {id(track) for track, _, _ in found}
        found += [
            (t, t.score, motion.to_xyxy(t.state))
            for t in self._tracks
            if t.track_id
            and id(t) not in asked
            and (t.seen == self._before or (opens and self._is_recent(t, frame)))
        ]
        self._rows = [track for track, _, _ in found]
        self._is_unsure &= bool(found)  # of nobody there is nothing to learn
        self._searched = {track: self._held(track, box) for track, _, box in found}
        return to_people([(t.track_id, score, self._searched[t]) for t, score, _ in found])

    def _held(self, track: Track, box: Float64[np.ndarray, "4"]) -> Float64[np.ndarray, "4"]:
        """The box of the last look, if this one is hardly another."""
        last = self._searched.get(track)
        if last is None or np.abs(box - last).max() > self._poses.hold * (box[2:] - box[:2]).max():
            return box
        return last

    def learn(
        self,
        xy: Float[np.ndarray, "n joints 2"],
        score: Float[np.ndarray, "n joints"],
        rgb: UInt8[np.ndarray, "h w 3"] | None = None,
    ) -> tuple[People, Int64[np.ndarray, " kept"]]:
        """Take the poses of the people that `update` returned, in their order.

        With the picture `rgb`, numbers that changed hands are given back, see `looks`.

        Returns the people of the frame, sorted by track id, and their rows among those.
        """
        assert self._frame is not None
        frame, rows, upside_down = self._frame, self._rows, self.upside_down
        was_seen = [track.seen == frame for track in rows]
        strength = pose_score(score)
        sure = (score >= self._poses.joint_score) & np.isfinite(xy).all(-1)
        boxes = [
            self._box_of(track, xy[i], sure[i], detected=was_seen[i])
            for i, track in enumerate(rows)
        ]
        believed, shared = self._believed(rows, boxes, xy, score)
        for i, track in enumerate(rows):
            box = boxes[i]
            if believed[i] and box is not None:
                if self._poses.moves_boxes:
                    frames = max(1, frame - track.seen) / self.pace
                    track.state = motion.correct(track.state, box, frames)
                    track.xyxy = box
                self._sightings[track] = Sighting(xy[i], sure[i], box, float(strength[i]))
                turn_deg = body_turn_deg(xy[i], sure[i], self._joints)
                track.upside_down = is_upside_down(turn_deg, before=bool(upside_down[i]))
                track.whole |= bool(np.isfinite(turn_deg))
                # Who was never whole is cut off by the picture, or by somebody, and not turned.
                track.may_turn = track.whole and may_turn(turn_deg, upside_down=track.upside_down)
                track.tries_turned = False
                track.hits += not was_seen[i]
                track.seen, track.weak = frame, 0
                is_sure = strength[i] >= self._poses.sure_score
                if not track.track_id and is_sure and track.hits >= self._frames_to_confirm(track):
                    self._confirm(track)
            else:
                if track in self._tried:
                    _take_back(track, self._tried[track])
                if was_seen[i] and track in self._sightings:
                    last = self._sightings[track]
                    self._sightings[track] = replace(last, strength=float(strength[i]))
                # Perhaps it is only the wrong way up: one look will tell.
                may = track.may_turn or track not in self._sightings
                is_whole = self._is_inside(track) or track.upside_down
                track.tries_turned = bool(
                    may and is_whole and not shared[i] and not track.tries_turned
                )
        self._drop_tried(rows, believed, shared)
        self._end_duplicates(frame)
        if rgb is not None:
            self._recognise(rgb, [(t, xy[i], sure[i]) for i, t in enumerate(rows) if believed[i]])
        alive = {track for tracks in (self._tracks, *self._aside.values()) for track in tracks}
        self._sightings = {t: s for t, s in self._sightings.items() if t in alive}
        self._is_unsure = any(
            not (ok or seen) for ok, seen in zip(believed, was_seen, strict=True)
        ) or any(not track.track_id for track in self._tracks)
        return self._result(frame, rows)

    def _associate(self, frame: int, pool: Pool) -> None:
        """As of a `Tracker`; who was lost is also given a detection that would only be tried."""
        super()._associate(frame, pool)
        spec, last = self._spec, frame if self._frame is None else self._frame
        lost = {
            track: replace(track)
            for track in self._tracks
            if track.track_id and track.seen < last and self._is_recent(track, frame)
        }
        weak = pool.among(self._poses.try_score, spec.high_score)
        self._match(frame, list(lost), pool, weak, spec.wide_iou, spec.wide_margin)
        self._tried = {track: before for track, before in lost.items() if track.seen == frame}

    def _min_new(self) -> float:
        return self._poses.try_score

    def _may_confirm(self, track: Track) -> bool:
        enough = max(self._spec.confirm_frames, self._frames_to_confirm(track))
        return track.hits >= enough and track.score >= self._spec.new_score

    def _frames_to_confirm(self, track: Track) -> int:
        """In how many frames a person who is tried must be seen."""
        others = [t.xyxy for t in self._tracks if t.track_id]
        alone = not others or box_iou(track.xyxy[None], np.stack(others)).max() < self._spec.new_iou
        return 1 if alone else self._poses.crowd_frames

    def _box_of(
        self, track: Track, xy: np.ndarray, sure: np.ndarray, *, detected: bool
    ) -> Float64[np.ndarray, "4"] | None:
        if sure.sum() < FEWEST_SURE:
            return None
        how, before = self._poses, self._sightings.get(track)
        expected = track.xyxy if detected or before is None else moved_box(before, xy, sure)
        return pose_box(xy, sure, expected, self._ends, how.margin, how.shrink)

    def _believed(
        self,
        rows: list[Track],
        boxes: list[Float64[np.ndarray, "4"] | None],
        xy: np.ndarray,
        score: np.ndarray,
    ) -> tuple[Bool[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        """Whose pose is sure and where it was expected; and whose is that of another track."""
        how = self._poses
        overlap = np.zeros(len(rows))
        for i, (track, box) in enumerate(zip(rows, boxes, strict=True)):
            if box is not None:
                expected = motion.to_xyxy(track.state)
                overlap[i] = box_iou(box[None], expected[None])[0, 0]
        believed = (pose_score(score) >= how.keep_score) & (overlap >= how.keep_iou)
        shared = np.zeros(len(rows), bool)
        areas = np.array([1.0 if b is None else np.prod(b[2:] - b[:2]) for b in boxes])
        sure_xy = np.where((score >= how.joint_score)[..., None], xy, np.nan)
        alike = oks(sure_xy, sure_xy, areas, areas, self._joints.oks_sigma) > how.same_oks
        # Confirmed before tried, then who was just seen, then the one that was expected there.
        hidden = [self._before is not None and track.seen < self._before for track in rows]
        order = sorted(
            range(len(rows)), key=lambda i: (rows[i].track_id == 0, hidden[i], -overlap[i])
        )
        for place, i in enumerate(order):
            shared[i] = any(alike[i, j] and believed[j] for j in order[:place])
            believed[i] &= not shared[i]
        return believed, shared

    def _present(self, frame: int) -> list[tuple[Track, float, Float64[np.ndarray, "4"]]]:
        """As of a `Tracker`, without who is leaving: cut off at the side, last seen unsure, then not."""
        return [
            (track, score, box)
            for track, score, box in super()._present(frame)
            if track.seen == frame or self._is_inside(track, axes=1) or self._was_sure(track)
        ]

    def _was_sure(self, track: Track) -> bool:
        last = self._sightings.get(track)
        return last is not None and last.strength >= self._poses.sure_score

    def _is_inside(self, track: Track, axes: int = 2) -> bool:
        """Whether the picture does not cut a person off; with one of the axes only at its sides."""
        if self._size_hw is None:
            return True
        near = _NEAR_BORDER * (track.xyxy[3] - track.xyxy[1])
        low, high = track.xyxy[:2], np.array(self._size_hw[::-1]) - 1 - track.xyxy[2:]
        return bool(min(*low[:axes], *high[:axes]) > near)

    def _drop_tried(self, rows: list[Track], believed: np.ndarray, shared: np.ndarray) -> None:
        """End the tracks that were tried in vain; a good detection is tried once more."""
        ended = {
            id(track)
            for track, ok, is_shared in zip(rows, believed, shared, strict=True)
            if not track.track_id and (is_shared or (not ok and track.score < self._spec.new_score))
        }
        self._in_vain |= bool(ended)
        self._tracks = [t for t in self._tracks if id(t) not in ended]

    def _recognise(self, rgb: np.ndarray, seen: list[tuple[Track, np.ndarray, np.ndarray]]) -> None:
        """Give back the numbers that changed hands, by how those who are `seen` look."""
        alive = [t for t in self._tracks if t.track_id]
        seen = [row for row in seen if row[0] in alive and row[0] in self._sightings]
        tracks = [track for track, _, _ in seen]
        shape = (len(seen), len(self._joints.joints))
        xy = np.array([xy for _, xy, _ in seen]).reshape(*shape, 2)
        sure = np.array([ok for _, _, ok in seen], bool).reshape(shape)
        boxes = np.array([t.xyxy for t in tracks]).reshape(-1, 4)
        changes = self._looks.update(tracks, boxes, clothes(rgb, xy, sure, self._joints), alive)
        numbers = [(track, owner.track_id) for track, owner in changes.items()]
        self.exchanged = {track.track_id: number for track, number in numbers}
        for track, number in numbers:
            track.track_id = number

    def _result(self, frame: int, rows: list[Track]) -> tuple[People, Int64[np.ndarray, " kept"]]:
        """The confirmed people of this frame who were asked for, with their rows."""
        place = {id(track): row for row, track in enumerate(rows)}
        found = [p for p in self._present(frame) if id(p[0]) in place]
        people = to_people([(track.track_id, score, box) for track, score, box in found])
        return people, np.array([place[id(track)] for track, _, _ in found], np.int64)


def pose_score(score: Float[np.ndarray, "n joints"]) -> Float[np.ndarray, " n"]:
    """The mean score of the best third of each person's joints."""
    num = max(1, score.shape[1] // 3)
    return np.sort(np.nan_to_num(score), axis=1)[:, -num:].mean(1)


def _take_back(track: Track, before: Track) -> None:
    """Undo a match."""
    for field in fields(Track):
        setattr(track, field.name, getattr(before, field.name))


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A pose that was believed: the joints, which of them are sure, and the person's box.

    `strength` is the score of the pose of the last frame in which the person was seen.
    """

    xy: Float[np.ndarray, "joints 2"]
    sure: Bool[np.ndarray, " joints"]
    xyxy: Float64[np.ndarray, "4"]
    strength: float = 1.0


def moved_box(
    before: Sighting, xy: Float[np.ndarray, "joints 2"], sure: Bool[np.ndarray, " joints"]
) -> Float64[np.ndarray, "4"]:
    """The last box, moved and scaled as the joints that were and are sure; it stays if they are few."""
    both = sure & before.sure
    if both.sum() < FEWEST_SURE:
        return before.xyxy
    old, new = before.xy[both], xy[both]
    scale = _spread(new) / max(_spread(old), 1e-6)
    scale = float(np.clip(scale, 1 - _MOST_SCALING, 1 + _MOST_SCALING))
    centre, moved = np.median(old, axis=0), np.median(new, axis=0)
    return ((before.xyxy.reshape(2, 2) - centre) * scale + moved).reshape(4)


def pose_box(
    xy: Float[np.ndarray, "joints 2"],
    sure: Bool[np.ndarray, " joints"],
    expected_xyxy: Float64[np.ndarray, "4"],
    ends: tuple[tuple[int, ...], ...],
    margin: float,
    shrink: float,
) -> Float64[np.ndarray, "4"]:
    """The expected box of a person, grown to the sure joints or shrunk towards them.

    Joints in the box may be those of a part of the person, and a box that follows them would never
    find the rest again: it grows at once, but each side shrinks only by a share `shrink` of its
    distance, and only if head and feet are sure (`ends`: joints of which one must be). The joints'
    own box is extended by `margin` of its longer side.
    """
    low, high = xy[sure].min(0), xy[sure].max(0)
    more = margin * (high - low).max()
    own = np.concatenate([low - more, high + more]).astype(np.float64)
    is_whole = all(sure[list(end)].any() for end in ends)
    inside = own - expected_xyxy
    is_inside = np.array([1, 1, -1, -1]) * inside > 0
    return expected_xyxy + np.where(is_inside, shrink * is_whole, 1.0) * inside


def _spread(xy: Float[np.ndarray, "n 2"]) -> float:
    return float(np.abs(xy - np.median(xy, axis=0)).mean())


def head_and_feet(joints: Skeleton) -> tuple[tuple[int, ...], ...]:
    """Head and feet: for each the joints of which one must be sure."""
    parts = (_HEAD, ("left_ankle",), ("right_ankle",))
    return tuple(found for part in parts if (found := tuple(find_joints(joints, part))))
