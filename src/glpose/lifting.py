"""From the poses of a video to poses in space: tracks are cut out, lifted and put back.

`lift_frames` does it for frames with track ids. All that can be wrong with such poses is said here.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from glpose.config import real_number
from glpose.errors import BadInput
from glpose.motion.series import cuts_of, rising
from glpose.runtime.bones import with_steady_bones
from glpose.runtime.lift import LEAST_JOINTS, LEAST_SCORE, MOST_GAP, MOST_STEP, LiftedTrack, Lifter
from glpose.skeleton import Skeleton, joint_map
from glpose.steps import rate_by_times, usual_steps
from glpose.types import FramePoses, PosesInSpace

_LEAST_PX = 8.0
"""People are larger than this; if not, the joints are no pixels."""

_MOST_LATE = 0.5  # of a step


def lift_frames(
    frames: Sequence[FramePoses],
    skeleton: Skeleton,
    rate_hz: float,
    lifter: Lifter,
    height_m: float | None = None,
    size_hw: tuple[int, int] = (0, 0),
) -> tuple[FramePoses, ...]:
    """The frames with `lifted` poses, whose joints are those of `skeleton`.

    Frames are in order, may be left out, and their people have track ids. Samples are taken by the
    times of the frames; `rate_hz` is what the header tells, and counts where times do not contradict it.
    With the `height_m` of a person lengths are in metres; without it they are in the unit of the
    card. `size_hw` is that of the pictures, (0, 0) if it is not known.

    Raises: BadInput if the skeleton lacks the root, the joints are no pixels or all missing, frames
    are not in order, an id comes twice in one, or no track is long enough.
    """
    card = lifter.card
    check_height(height_m)
    check_rate(rate_hz)
    index = joint_map(skeleton, card.joints)
    for joint in card.root:
        if index[card.joints.index(joint)] < 0:
            raise BadInput(
                f"the poses have the joints of {skeleton.name}, which lack '{joint}', the root of "
                f"the weights '{card.name}'; give weights for these joints"
            )
    _check_order(frames)
    _check_joints(frames)
    scale = height_m if height_m is not None and card.unit == "statures" else 1.0
    time, in_steps, rate_hz = _times(frames, rate_hz)
    places, lifted = {}, {}
    for track, numbers in _places(frames).items():
        is_cut = np.isin(numbers[:, 1], cuts_of(frames, time, numbers[:, 1:]))
        places[track], when = _placed(numbers, is_cut, time, in_steps)
        shots = np.split(places[track], np.flatnonzero(is_cut))
        lifted[track] = _lift_track(frames, shots, when, index, rate_hz, size_hw, lifter)
    if not any(np.isfinite(found.xyz).any() for found in lifted.values()):
        if len(frames) == 1:
            raise BadInput("holds a single frame; expected a video")
        longest = max(found.longest for found in lifted.values())
        raise BadInput(
            f"no track is long enough: the longest has {longest} frames in a row, each with "
            f"{LEAST_JOINTS} joints of a score of {LEAST_SCORE} or more; '{card.name}' needs "
            f"{lifter.least_frames(rate_hz)} at {rate_hz:g} frames a second"
        )
    back = joint_map(card.joints, skeleton)
    made = [_nobody(poses, len(skeleton.joints)) for poses in frames]
    for track, place in places.items():
        found = lifted[track]
        for when, number, row in place:
            xyz = np.where((back >= 0)[:, None], found.xyz[when, back], np.nan)
            made[number].xyz[row] = scale * xyz
            made[number].padded[row] = found.padded[when]
            made[number].bridged[row] = found.bridged[when]
    return tuple(replace(p, lifted=xyz) for p, xyz in zip(frames, made, strict=True))


def unit_of(lifter: Lifter, height_m: float | None) -> str:
    """The unit of lengths, for results."""
    return "metres" if height_m is not None else lifter.card.unit


def lift_settings(lifter: Lifter, height_m: float | None) -> dict[str, object]:
    """What results say about `joints_3d`."""
    card = lifter.card
    return {
        "lift": {
            "unit": unit_of(lifter, height_m),
            "height_m": real_number(height_m),
            "root": list(card.root),
            "frame": ("camera turned to the person" if card.frame == "person" else "camera")
            + ": x right, y up, z towards the camera",
            "window": card.window,
            "rate_hz": card.rate_hz,
        }
    }


def check_height(height_m: float | None) -> None:
    """Raises: BadInput for a height that no person has, which may be one in another unit."""
    if height_m is None:
        return
    height = real_number(height_m)
    if height is None or not 0.3 <= height <= 3.0:
        found = f"{height_m!r:.40}" if height is None else f"{height:g}"
        raise BadInput(f"the height is {found}; expected that of a person in metres, e.g. 1.75")


def check_rate(rate_hz: float, what: str = "the frame rate") -> None:
    """Raises: BadInput for a frame rate that no video has; `what` is for the message."""
    rate = real_number(rate_hz)
    if rate is None or not 0.001 <= rate <= 100_000:
        found = f"{rate_hz!r:.40}" if rate is None else f"{rate:g}"
        found = "nan, not known" if found == "nan" else found
        raise BadInput(f"{what} is {found}; expected frames in a second, from 0.001 to 100000")


def _check_order(frames: Sequence[FramePoses]) -> None:
    """Raises: BadInput for frames that go back or come twice, and people who do."""
    for before, poses in pairwise(frames):
        if poses.frame <= before.frame:
            raise BadInput(
                f"frame {poses.frame} comes after frame {before.frame}; expected each frame once, "
                "in order"
            )
    for poses in frames:
        ids = poses.people.track_id.tolist()
        for track in ids:
            if ids.count(track) > 1:
                raise BadInput(
                    f"frame {poses.frame} has the track id {track} twice; expected each person once"
                )


def _check_joints(frames: Sequence[FramePoses]) -> None:
    """Raises: BadInput if nobody has joints, or people are smaller than any pixels could show."""
    sizes = [
        float((xy.max(0) - xy.min(0)).max())
        for poses in frames
        for all_xy, score in zip(poses.xy, poses.score, strict=True)
        for xy in [all_xy[np.isfinite(all_xy).all(-1) & (score >= LEAST_SCORE)]]
        if len(xy) > 1
    ]
    if not sizes:
        num = sum(len(poses.people) for poses in frames)
        raise BadInput(
            f"none of the {num} poses in {len(frames)} frames has joints with a score of "
            f"{LEAST_SCORE} or more; expected joints to lift"
        )
    if float(np.median(sizes)) < _LEAST_PX:
        raise BadInput(
            f"the joints of a person span {np.median(sizes):.3g}; expected pixels of the picture, "
            "of which a person has many; multiply shares of a picture by its size"
        )


def _places(frames: Sequence[FramePoses]) -> dict[int, Int64[np.ndarray, "_ 3"]]:
    """For each track its frame numbers, and where its poses are: place in the list, and row."""
    found: dict[int, list[tuple[int, int, int]]] = {}
    for number, poses in enumerate(frames):
        for row, track in enumerate(poses.people.track_id.tolist()):
            found.setdefault(track, []).append((poses.frame, number, row))
    return {track: np.array(rows, np.int64) for track, rows in found.items()}


def _times(
    frames: Sequence[FramePoses], rate_hz: float
) -> tuple[Float64[np.ndarray, " frames"], Float64[np.ndarray, " frames"], float]:
    """When the frames were taken, rising, in the steps that are usual in all and in those around each.

    Also the rate of the former; all by `rate_hz` if all times are the same.
    """
    number = np.array([poses.frame for poses in frames], np.float64)
    time_s = np.maximum.accumulate(np.array([poses.time_s for poses in frames], np.float64))
    if time_s[0] == time_s[-1]:
        return number, number, rate_hz
    time_s = rising(time_s)
    usual_s, _ = usual_steps(np.diff(time_s) / np.diff(number))
    rate_hz = rate_by_times(float(np.median(usual_s)), rate_hz)
    return time_s * rate_hz, np.r_[0, np.cumsum(np.diff(time_s) / usual_s)], rate_hz


def _placed(
    place: Int64[np.ndarray, "times 3"],
    is_cut: Bool[np.ndarray, " times"],
    time: Float64[np.ndarray, " frames"],
    in_steps: Float64[np.ndarray, " frames"],
) -> tuple[Int64[np.ndarray, "times 3"], Float64[np.ndarray, "2 rows"]]:
    """The same with rows of the track's arrays for frame numbers, and when these rows were taken.

    That is in both kinds of steps, see `_times`. Absences that end a run are all of one length: memory
    is then bounded by the poses, whatever the numbers of their frames. A cut ends a run, too: there is
    nothing to bridge. Between such ends frames count as evenly apart if their times say so up to half a
    step, as files write times more coarsely.
    """
    number, ends = place[:, 1], MOST_GAP + 2
    taken = np.diff(place[:, 0])
    apart = np.diff([time[number], in_steps[number]])
    is_end = is_cut[1:] | (apart[1] > MOST_STEP)
    for part in np.split(np.arange(len(taken)), np.flatnonzero(is_end)):
        inside = part[~is_end[part]]
        late = np.cumsum(np.r_[0, apart[0, inside] - taken[inside]])
        if np.ptp(late) <= _MOST_LATE:
            apart[:, inside] = taken[inside]
    apart[:, is_end] = ends
    row = np.r_[0, np.cumsum(np.where(is_end, ends, np.minimum(taken, ends)))]
    # Rounded, so that times which are whole steps after all are so exactly.
    moments = np.round(np.cumsum(np.pad(apart, ((0, 0), (1, 0))), axis=1), 6)
    when = np.stack([np.interp(np.arange(row[-1] + 1), row, kind) for kind in moments])
    return np.column_stack([row, place[:, 1:]]), when


def _lift_track(
    frames: Sequence[FramePoses],
    shots: Sequence[Int64[np.ndarray, "_ 3"]],
    when: Float64[np.ndarray, "2 rows"],
    index: Int64[np.ndarray, " joints"],
    rate_hz: float,
    size_hw: tuple[int, int],
    lifter: Lifter,
) -> LiftedTrack:
    """Lift one track, placed by `_placed`, as a person with one set of bones in each shot."""
    xy: Float32[np.ndarray, "frames joints 2"]
    xy = np.full((shots[-1][-1, 0] + 1, len(index), 2), np.nan, np.float32)
    score = np.zeros(xy.shape[:2], np.float32)
    there = index >= 0
    for at, number, row in np.concatenate(shots):
        xy[at, there] = frames[number].xy[row, index[there]]
        score[at, there] = frames[number].score[row, index[there]]
    size_wh = size_hw[1], size_hw[0]
    found = lifter(xy, score, rate_hz, size_wh, at=when[0], in_steps=when[1])
    card = lifter.card
    roots = tuple(map(card.joints.index, card.root))
    for shot in shots:
        at = slice(shot[0, 0], shot[-1, 0] + 1)
        found.xyz[at] = with_steady_bones(found.xyz[at], card.joints, roots)
    return found


def _nobody(poses: FramePoses, joints: int) -> PosesInSpace:
    num = len(poses.people)
    return PosesInSpace(
        np.full((num, joints, 3), np.nan, np.float32), np.zeros(num, bool), np.zeros(num, bool)
    )
