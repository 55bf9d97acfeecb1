"""Tracking of detections over time: two-step association with a motion model.

Source: Zhang et al., ByteTrack: Multi-Object Tracking by Associating Every Detection Box,
ECCV 2022. Ours: matching of widened boxes, coasting, and jumps of the motion model.
"""

from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from jaxtyping import Float32, Float64, Int64

from glpose.errors import BadInput
from glpose.geometry import box_iou
from glpose.track import motion
from glpose.track.assign import assign
from glpose.types import Detections, People


@dataclass(frozen=True, slots=True)
class TrackerSpec:
    """Settings of the tracker.

    Frames are those of 30 a second; of faster videos `Tracker.pace` times as many count, but for
    `confirm_frames`. Detections of at least `high_score` are matched first, those of at least `low_score` only to
    recently seen people, and at most `low_frames` times in a row, so that a shadow does not keep
    alive the track of somebody who left. An unmatched high detection of at least `new_score` starts
    a track; it is confirmed at once if it has `sure_score` or starts a scene, else after
    `confirm_frames` frames in a row, and is not in the output before.

    `high_iou`, `low_iou` and `new_iou` are the least IoU with the predicted box: of high and of low
    detections, and of high ones with unconfirmed tracks. `wide_iou` is a last try for people seen
    at most `coast_frames` before the last frame, for fast motion and low frame rates: both boxes are
    extended by `wide_margin` of their size on each side.

    An undetected person keeps the identity for `max_gap_frames`. For the first `coast_frames` of
    them, and for fewer frames than it was seen, the predicted box is in the output with its score
    multiplied by `coast_decay` each frame, unless the person leaves the picture or the box overlaps
    that of a detected person by `coast_iou`. If two tracks overlap by `duplicate_iou` for
    `duplicate_frames` frames, the newer one ends.

    `smoothing` blends output boxes: 0 is the detection, 1 the Kalman filter. Detections with a side
    below `min_side_px` are ignored.
    """

    high_score: float = 0.25
    low_score: float = 0.15
    low_frames: int = 15
    new_score: float = 0.3
    sure_score: float = 0.7
    high_iou: float = 0.2
    low_iou: float = 0.5
    new_iou: float = 0.3
    wide_iou: float = 0.25
    wide_margin: float = 0.5
    max_gap_frames: int = 30
    confirm_frames: int = 2
    coast_frames: int = 5
    coast_decay: float = 0.8
    coast_iou: float = 0.5
    duplicate_iou: float = 0.85
    duplicate_frames: int = 3
    smoothing: float = 0.7
    min_side_px: float = 4.0


@dataclass(slots=True, eq=False)
class Track:
    """One person; `track_id` is 0 until confirmed, so that false alarms use up no ids.

    For `PoseTracker`: whether the pose was `upside_down`, whether it was ever `whole`, from neck to feet,
    whether it `may_turn` soon, and whether the next look `tries_turned`, the other way up. `found` is the
    frame of the last detection, and `found_xyxy` its box.
    """

    state: motion.BoxState
    xyxy: Float64[np.ndarray, "4"]
    found_xyxy: Float64[np.ndarray, "4"]
    found: int
    score: float
    seen: int
    hits: int = 1
    weak: int = 0
    track_id: int = 0
    upside_down: bool = False
    whole: bool = False
    may_turn: bool = False
    tries_turned: bool = False


@dataclass(slots=True)
class Pool:
    """Usable detections of a frame in a fixed order, and which are still unmatched."""

    xyxy: Float64[np.ndarray, "n 4"]
    score: Float64[np.ndarray, " n"]
    free: set[int] = field(default_factory=set)

    def among(self, low: float, high: float = np.inf) -> list[int]:
        """Unmatched detections with a score of at least `low` and below `high`, best first."""
        return [i for i in sorted(self.free) if low <= self.score[i] < high]


class Tracker:
    """Gives each person of a video a track id: from 1, constant over time, never reused.

    The result does not depend on the order of the detections in a frame. `size_hw` is the picture
    size, to detect people who leave it; without it nobody is assumed to leave.
    """

    def __init__(
        self, spec: TrackerSpec = TrackerSpec(), size_hw: tuple[int, int] | None = None
    ) -> None:
        self._spec = spec
        self._size_hw = size_hw
        self._tracks: list[Track] = []
        self._aside: dict[int, list[Track]] = {}
        """The tracks of other scenes, which may be shown again."""
        self._left: dict[int, int] = {}
        """The last frame of each scene that was left."""
        self._scene = 0
        self._overlapping: dict[tuple[int, int], int] = {}
        self._last_id = 0
        self._frame: int | None = None
        self.pace = 1
        """How many frames count as one, see `scenes.pace_of`."""

    def resize(self, size_hw: tuple[int, int]) -> None:
        """The next picture has this size; for pictures of different sizes. Not without a size before."""
        if self._size_hw is not None:
            self._size_hw = size_hw

    def update(self, frame: int, detections: Detections, *, scene: int = 0) -> People:
        """The people of a frame, sorted by track id; their score is that of their detection.

        Frames may be skipped (e.g. undecodable ones) but not repeated. Tracks are those of a `scene`: in
        others nobody goes on, but if it is shown again, those go on who were not unseen for too long,
        as if it had been away for `coast_frames` at most: where people are then, nobody knows.
        Boxes that are not finite, inverted or too small are ignored.

        Raises: BadInput if `frame` is not later than the one before.
        """
        opens = self._open(frame, scene)
        pool = self._usable(detections)
        self._associate(frame, pool)
        self._start(frame, pool, opens=opens)
        self._end_duplicates(frame)
        self._frame = frame
        return to_people([(t.track_id, score, box) for t, score, box in self._present(frame)])

    def _open(self, frame: int, scene: int) -> bool:
        """Predict all tracks to this frame; return whether a scene starts here, or starts again."""
        if self._frame is not None and frame <= self._frame:
            raise BadInput(
                f"the tracker got frame {frame} after frame {self._frame}; expected a later one; "
                "use a new tracker for each video"
            )
        opens = scene != self._scene or self._frame is None
        away = 0
        if scene != self._scene:
            last = frame - 1 if self._frame is None else self._frame
            self._aside[self._scene], self._left[self._scene] = self._tracks, last
            self._tracks, self._overlapping = self._aside.pop(scene, []), {}
            away = frame - self._left.pop(scene, frame - 1) - 1
            self._scene = scene
        self._tracks = self._predicted(self._tracks, frame)
        aside = {number: self._predicted(tracks, frame) for number, tracks in self._aside.items()}
        self._aside = {number: tracks for number, tracks in aside.items() if tracks}
        self._left = {number: self._left[number] for number in self._aside}
        for track in chain(*self._aside.values()):
            if not self._is_recent(track, frame + 1):
                track.state = motion.stop(track.state)
        unnoticed = max(0, away - self._spec.coast_frames * self.pace)
        for track in self._tracks:
            track.seen += unnoticed
            track.found += unnoticed
        return opens

    def _is_recent(self, track: Track, frame: int) -> bool:
        """Whether a person was undetected in the last `coast_frames` at most."""
        return frame - track.seen - 1 <= self._spec.coast_frames * self.pace

    def _predicted(self, tracks: list[Track], frame: int) -> list[Track]:
        """Predict tracks to this frame, without those not detected for too long."""
        last = frame - 1 if self._frame is None else self._frame
        longest = self._spec.max_gap_frames * self.pace
        tracks = [t for t in tracks if frame - t.seen - 1 <= longest]
        for track in tracks:
            lost = track.seen < last
            state = motion.hold_size(track.state) if lost else track.state
            track.state = motion.predict(state, (frame - last) / self.pace)
        return tracks

    def _usable(self, detections: Detections) -> Pool:
        xyxy, score = detections.xyxy.astype(np.float64), detections.score.astype(np.float64)
        size = xyxy[:, 2:] - xyxy[:, :2]
        good = np.isfinite(xyxy).all(1) & (size >= self._spec.min_side_px).all(1)
        good &= score >= self._spec.low_score
        xyxy, score = xyxy[good], score[good]
        order = np.lexsort((*xyxy.T[::-1], -score))
        return Pool(xyxy[order], score[order], set(range(len(order))))

    def _associate(self, frame: int, pool: Pool) -> None:
        """Match in rounds, the most reliable first; unmatched unconfirmed tracks end."""
        spec = self._spec
        confirmed = [t for t in self._tracks if t.track_id]
        self._match(frame, confirmed, pool, pool.among(spec.high_score), spec.high_iou)
        recent = [t for t in confirmed if self._is_recent(t, frame)]
        steady = [t for t in recent if t.weak < spec.low_frames * self.pace]
        low = pool.among(spec.low_score, spec.high_score)
        self._match(frame, steady, pool, low, spec.low_iou)
        high = pool.among(spec.high_score)
        self._match(frame, recent, pool, high, spec.wide_iou, spec.wide_margin)
        unconfirmed = [t for t in self._tracks if not t.track_id]
        self._match(frame, unconfirmed, pool, pool.among(spec.high_score), spec.new_iou)
        self._tracks = [t for t in self._tracks if t.track_id or t.seen == frame]

    def _match(
        self,
        frame: int,
        tracks: list[Track],
        pool: Pool,
        among: list[int],
        min_iou: float,
        margin: float = 0.0,
    ) -> None:
        """Match the tracks not yet seen in this frame to some detections, and update them."""
        tracks = [t for t in tracks if t.seen < frame]
        if not tracks or not among:
            return
        predicted = self._visible(np.stack([motion.to_xyxy(t.state) for t in tracks]))
        iou = box_iou(_extend(predicted, margin), _extend(pool.xyxy[among], margin))
        # A box that covers two people overlaps each of them well, but has a low score.
        cost = np.where(iou > min_iou, 1 - iou * pool.score[among], np.inf)
        for row, column in zip(*assign(cost, 1.0), strict=True):
            track, index = tracks[row], among[column]
            frames = (frame - track.seen) / self.pace
            track.state = motion.correct(track.state, pool.xyxy[index], frames)
            track.xyxy, track.score = pool.xyxy[index], float(pool.score[index])
            track.seen, track.hits = frame, track.hits + 1
            track.found, track.found_xyxy = frame, track.xyxy
            track.weak = 0 if track.score >= self._spec.high_score else track.weak + 1
            pool.free.remove(index)
            if not track.track_id and self._may_confirm(track):
                self._confirm(track)

    def _visible(self, xyxy: Float64[np.ndarray, "n 4"]) -> Float64[np.ndarray, "n 4"]:
        """The boxes without what lies outside the picture, where detections end, too."""
        if self._size_hw is None:
            return xyxy
        edge = np.array([self._size_hw[1], self._size_hw[0]] * 2) - 1.0
        return xyxy.clip(0, edge)

    def _start(self, frame: int, pool: Pool, *, opens: bool) -> None:
        """Start tracks for confident detections that do not duplicate a detected person."""
        spec = self._spec
        for index in pool.among(self._min_new()):
            xyxy, score = pool.xyxy[index], float(pool.score[index])
            seen = _stack([t.xyxy for t in self._tracks if t.seen == frame])
            overlap = box_iou(xyxy[None], seen).max(initial=0.0)
            if overlap > spec.duplicate_iou:
                continue
            track = Track(motion.start(xyxy), xyxy, xyxy, frame, score, frame)
            self._tracks.append(track)
            sure = score >= spec.sure_score and overlap < spec.new_iou
            new = score >= spec.new_score and (opens or spec.confirm_frames <= 1)
            if new or sure:
                self._confirm(track)

    def _min_new(self) -> float:
        """The least score of a detection that starts a track."""
        return max(self._spec.new_score, self._spec.high_score)

    def _may_confirm(self, track: Track) -> bool:
        """Whether a track that was just detected again is that of a person."""
        return track.hits >= self._spec.confirm_frames

    def _confirm(self, track: Track) -> None:
        self._last_id += 1
        track.track_id = self._last_id

    def _end_duplicates(self, frame: int) -> None:
        seen = self._seen(frame)
        boxes = _stack([t.xyxy for t in seen])
        pairs = np.argwhere(np.triu(box_iou(boxes, boxes) > self._spec.duplicate_iou, 1))
        keys = [(seen[a].track_id, seen[b].track_id) for a, b in pairs]
        self._overlapping = {key: self._overlapping.get(key, 0) + 1 for key in keys}
        limit = self._spec.duplicate_frames * self.pace
        ended = {key[1] for key, count in self._overlapping.items() if count >= limit}
        self._tracks = [t for t in self._tracks if t.track_id not in ended]

    def _seen(self, frame: int) -> list[Track]:
        """Confirmed tracks detected in this frame, sorted by id."""
        seen = [t for t in self._tracks if t.track_id and t.seen == frame]
        return sorted(seen, key=lambda t: t.track_id)

    def _present(self, frame: int) -> list[tuple[Track, float, Float64[np.ndarray, "4"]]]:
        """Who is in this frame, sorted by id: track, score and box, detected or coasting."""
        spec, pace = self._spec, self.pace
        seen = self._seen(frame)
        share = spec.smoothing
        out = [(t, t.score, share * motion.to_xyxy(t.state) + (1 - share) * t.xyxy) for t in seen]
        boxes = _stack([box for _, _, box in out])
        for track in self._tracks:
            unseen = frame - track.seen
            if not track.track_id or not 0 < unseen <= min(
                spec.coast_frames * pace, track.hits - 1
            ):
                continue
            box = motion.to_xyxy(track.state)
            hidden = bool((box_iou(box[None], boxes) > spec.coast_iou).any())
            if not hidden and not self._leaves(box, track.state.speed):
                out.append((track, track.score * spec.coast_decay ** (unseen / pace), box))
        return sorted(out, key=lambda person: person[0].track_id)

    def _leaves(self, xyxy: Float64[np.ndarray, "4"], speed: Float64[np.ndarray, "4"]) -> bool:
        """Whether a box is outside the picture, or touches its border and moves outwards."""
        if self._size_hw is None:
            return False
        edge = np.array([self._size_hw[1], self._size_hw[0]]) - 1.0
        centre = (xyxy[:2] + xyxy[2:]) / 2
        height = xyxy[3] - xyxy[1]
        near, fast = 0.02 * height, 0.01 * height
        out = (centre < 0) | (centre > edge)
        low = (xyxy[:2] < near) & (speed[:2] < -fast)
        high = (xyxy[2:] > edge - near) & (speed[:2] > fast)
        return bool((out | low | high).any())


def _extend(xyxy: Float64[np.ndarray, "n 4"], margin: float) -> Float64[np.ndarray, "n 4"]:
    more = margin * (xyxy[:, 2:] - xyxy[:, :2])
    return np.concatenate([xyxy[:, :2] - more, xyxy[:, 2:] + more], 1)


def _stack(boxes: list[Float64[np.ndarray, "4"]]) -> Float64[np.ndarray, "n 4"]:
    return np.array(boxes, np.float64).reshape(-1, 4)


def to_people(people: list[tuple[int, float, Float64[np.ndarray, "4"]]]) -> People:
    """People from track ids, scores and boxes."""
    xyxy: Float32[np.ndarray, "n 4"] = _stack([box for _, _, box in people]).astype(np.float32)
    track_id: Int64[np.ndarray, " n"] = np.array([number for number, _, _ in people], np.int64)
    return People(xyxy, np.array([score for _, score, _ in people], np.float32), track_id)
