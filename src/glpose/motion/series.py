"""People over time: one person's joints in the frames from the first to the last."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from glpose.steps import usual_steps, windows_around
from glpose.types import FramePoses

JUMP = 0.5
"""Joints that move by more than this share of the person's size at once may have been cut."""

UNUSUAL = 4.0
"""Such a jump is a cut if it is this much faster than the motion around it."""

HOLE = 2.5
"""So many times longer than others a step is where frames are missing."""

LEAST_HOLE_S = 0.13
"""Cameras often drop two frames: those at 25 Hz are 0.12 s apart, and still show how people move."""

TOLERANCE_S = 1e-5
"""Times are written in millionths of a second: so far off no limit in seconds tells them apart."""

_AROUND = 5


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """A person, with a row for each frame of the results from the first to the last with them.

    `rows` are indices into the frames of the results. Where the person is not in the frame, joints
    and box are NaN and scores 0. `number` are those of the frames; `time_s` rises from row to row. At the
    rows `cuts` the scene is another one than before, see `cuts_of`. `is_filled` marks joints that `glpose
    smooth` has filled in, which are NaN in `found_xy`, the joints before smoothing.
    """

    rows: Int64[np.ndarray, " frames"]
    number: Int64[np.ndarray, " frames"]
    is_present: Bool[np.ndarray, " frames"]
    time_s: Float64[np.ndarray, " frames"]
    xy: Float64[np.ndarray, "frames joints 2"]
    score: Float64[np.ndarray, "frames joints"]
    box_xyxy: Float64[np.ndarray, "frames 4"]
    box_score: Float64[np.ndarray, " frames"]
    unsure_sides: Bool[np.ndarray, " frames"]
    is_filled: Bool[np.ndarray, "frames joints"]
    found_xy: Float64[np.ndarray, "frames joints 2"]
    cuts: Int64[np.ndarray, " cuts"]

    def __getitem__(self, rows: slice) -> "Series":
        """Some of the rows alone."""
        start, stop, _ = rows.indices(len(self.rows))
        by_row = {
            one.name: getattr(self, one.name)[rows] for one in fields(self) if one.name != "cuts"
        }
        cuts = self.cuts[(self.cuts > start) & (self.cuts < stop)] - start
        return Series(**by_row, cuts=cuts)

    @property
    def counted(self) -> Float64[np.ndarray, " frames"]:
        """The rows in whole numbers, counting the frames that are missing in holes, see `num_missing`."""
        missing = num_missing(self.time_s, self.number)
        return np.arange(len(self.rows)) + np.r_[0.0, missing.cumsum()]

    @property
    def size_px(self) -> float:
        """The usual length of the longer side of the box, at least a pixel."""
        return _size_px(self.box_xyxy[self.is_present])


def _size_px(box_xyxy: Float[np.ndarray, "present 4"]) -> float:
    return max(1.0, float(np.median((box_xyxy[:, 2:] - box_xyxy[:, :2]).max(1))))


def series_of(frames: Sequence[FramePoses]) -> dict[int, Series]:
    """The people of a result by track id, in the order of their appearance."""
    where: dict[int, list[tuple[int, int]]] = {}
    for row, poses in enumerate(frames):
        for person, number in enumerate(poses.people.track_id.tolist()):
            where.setdefault(number, []).append((row, person))
    time_s = rising(np.array([poses.time_s for poses in frames], np.float64))
    return {
        number: _series(frames, time_s, np.array(places, np.int64))
        for number, places in where.items()
    }


def _series(
    frames: Sequence[FramePoses],
    time_s: Float64[np.ndarray, " all"],
    places: Int64[np.ndarray, "present 2"],
) -> Series:
    first, last = places[[0, -1], 0].tolist()
    num, num_joints = last - first + 1, frames[first].xy.shape[1]
    series = Series(
        rows=np.arange(first, last + 1),
        number=np.array([poses.frame for poses in frames[first : last + 1]], np.int64),
        is_present=np.zeros(num, bool),
        time_s=time_s[first : last + 1],
        xy=np.full((num, num_joints, 2), np.nan),
        score=np.zeros((num, num_joints)),
        box_xyxy=np.full((num, 4), np.nan),
        box_score=np.zeros(num),
        unsure_sides=np.zeros(num, bool),
        is_filled=np.zeros((num, num_joints), bool),
        found_xy=np.full((num, num_joints, 2), np.nan),
        cuts=cuts_of(frames, time_s, places) - first,
    )
    for row, person in places.tolist():
        poses, at = frames[row], row - first
        series.is_present[at] = True
        series.xy[at], series.score[at] = poses.xy[person], poses.score[person]
        series.box_xyxy[at] = poses.people.xyxy[person]
        series.box_score[at] = poses.people.score[person]
        if poses.unsure_sides is not None:
            series.unsure_sides[at] = poses.unsure_sides[person]
        if poses.before is not None:
            series.is_filled[at] = poses.before.is_filled[person]
        known = ~series.is_filled[at]
        series.found_xy[at, known] = _found_xy(poses)[person, known]
    return series


def _found_xy(poses: FramePoses) -> Float[np.ndarray, "people joints 2"]:
    """The joints before smoothing."""
    return poses.xy if poses.before is None else poses.before.xy


def found_ids(poses: FramePoses) -> set[int]:
    """The track ids of a frame before smoothing: without those whom `glpose smooth` has put there."""
    return set(poses.people.track_id[~_is_put_there(poses)].tolist())


def _is_put_there(poses: FramePoses) -> Bool[np.ndarray, " people"]:
    if poses.before is None or poses.propagated is None:
        return np.zeros(len(poses.people), bool)
    return poses.propagated & np.isnan(poses.before.xy).all((1, 2))


def cuts_of(
    frames: Sequence[FramePoses],
    time_s: Float64[np.ndarray, " all"],
    places: Int64[np.ndarray, "present 2"],
) -> Int64[np.ndarray, " cuts"]:
    """The rows at which a person is behind a cut; the results themselves do not tell where scenes change.

    `places` are the rows with the person, and where in these frames the person is. glpose gives people
    new numbers after a cut, unless the scene is back soon: then nobody was seen in between but others
    who are neither in the frame before nor in this one. In results of given boxes or of other tools, a
    cut, or a number that another person has got, is a jump of the joints as no motion makes it. Joints
    and people count as they were found, so that it makes no difference who asks, and whether they are
    smoothed.
    """
    is_found = [not _is_put_there(frames[row])[person] for row, person in places]
    if not any(is_found):
        return np.zeros(0, np.int64)
    places = places[is_found]
    rows = places[:, 0]
    xy = np.array([_found_xy(frames[row])[person] for row, person in places], np.float64)
    box_xyxy = np.array([frames[row].people.xyxy[person] for row, person in places], np.float64)
    known = np.isfinite(xy[..., 0]).any(1)
    jumps = _jumps(xy[known], time_s[rows[known]], _size_px(box_xyxy))
    return np.union1d(rows[known][jumps], _back_from_elsewhere(frames, rows))


def _back_from_elsewhere(
    frames: Sequence[FramePoses], rows: Int64[np.ndarray, " present"]
) -> Int64[np.ndarray, " scenes"]:
    """Of the rows in which a person is there, those before which another scene was shown."""
    back = []
    for i in np.flatnonzero(np.diff(rows) > 1):
        before, now = rows[i], rows[i + 1]
        numbers = [found_ids(poses) for poses in frames[before : now + 1]]
        others = set().union(*numbers[1:-1])
        if others and not others & (numbers[0] | numbers[-1]):
            back.append(now)
    return np.array(back, np.int64)


def rising(time_s: Float64[np.ndarray, " frames"]) -> Float64[np.ndarray, " frames"]:
    """Times that never fall made to rise: frames that share a time are spread up to the next one."""
    _, first = np.unique(time_s, return_index=True)
    if len(first) == len(time_s):
        return time_s
    step = usual_step_s(time_s[first]) if len(first) > 1 else 1.0
    # What follows the last frame, so that the last ones are spread too.
    at, end_s = [*first, len(time_s)], [*time_s[first], time_s[-1] + step]
    return np.interp(np.arange(len(time_s)), at, end_s)


def usual_step_s(time_s: Float64[np.ndarray, " frames"]) -> float:
    """How long a frame usually takes, in seconds, by `steps`; of several rates the one of most frames.

    NaN for a single frame.
    """
    usual_s, _ = usual_steps(np.diff(time_s))
    return float(np.median(usual_s)) if len(usual_s) else float("nan")


def is_longer(time_s: Any, limit_s: Any) -> Any:
    """Whether times are longer than a limit, by more than rounding: so all equal ones are told alike."""
    return time_s > limit_s + TOLERANCE_S


def num_missing(
    time_s: Float64[np.ndarray, " frames"], number: Int64[np.ndarray, " frames"]
) -> Float64[np.ndarray, " steps"]:
    """How many frames are missing from each frame to the next: whole numbers, 0 but in holes.

    Steps that others around are as long as are no holes: rates change, and pictures come in bursts. But
    one over which the `number` of the frames jumps as it does not usually is a hole however many such
    there are: a slow live stream jumps from frame to frame.
    """
    step_s, jump = np.diff(time_s), np.diff(number).astype(np.float64)
    usual_s, longest_s = usual_steps(step_s)
    if not len(jump):
        return jump
    windows, around = windows_around(jump)
    usual_jump = np.median(windows, axis=1)[around]
    missing = np.zeros(len(step_s))
    # The first that finds a hole says how long it is.
    for is_hole, steps in (
        (is_longer(step_s, HOLE * longest_s), step_s / usual_s),
        (jump > HOLE * usual_jump, jump / usual_jump),
    ):
        missing = np.where(is_hole & (missing == 0), np.round(steps) - 1, missing)
    return np.where(is_longer(step_s, LEAST_HOLE_S), missing, 0)


def pieces(series: Series) -> list[slice]:
    """The rows between cuts."""
    return [slice(a, b) for a, b in pairwise([0, *series.cuts.tolist(), len(series.rows)])]


def _jumps(
    xy: Float64[np.ndarray, "known joints 2"],
    time_s: Float64[np.ndarray, " known"],
    size_px: float,
) -> Int64[np.ndarray, " jumps"]:
    """Where the joints have moved as no motion makes it; each frame has some joint."""
    row, known = np.arange(len(xy)), np.isfinite(xy[..., 0])
    # Each frame is compared with the last one in which some of its joints were found.
    last = np.maximum.accumulate(np.where(known, row[:, None], -1))[:-1]
    before = np.where(known[1:], last, -1).max(1, initial=-1)
    before = np.where(before < 0, row[:-1], before)
    steps = _middle(np.linalg.norm(xy[1:] - xy[before], axis=-1) / size_px)
    speed = steps / (time_s[1:] - time_s[before])
    found = []
    for i in np.flatnonzero(steps > JUMP):
        around = np.r_[speed[max(0, i - _AROUND) : i], speed[i + 1 : i + 1 + _AROUND]]
        if not len(around) or speed[i] > UNUSUAL * np.median(around):
            found.append(i + 1)
    return np.array(found, np.int64)


def _middle(far: Float64[np.ndarray, "steps joints"]) -> Float64[np.ndarray, " steps"]:
    """How far the middle joint is; 0 if none is known."""
    known = np.isfinite(far)
    far = np.where(known, far, np.inf)
    middle = np.sort(far, axis=1)[np.arange(len(far)), np.maximum(known.sum(1) - 1, 0) // 2]
    return np.where(known.any(1), middle, 0.0)


def runs(marked: Bool[np.ndarray, " frames"]) -> list[tuple[int, int]]:
    """The first row of each run of marked ones, and the one behind its last."""
    edges = np.flatnonzero(np.diff(np.r_[False, marked, False]))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]
