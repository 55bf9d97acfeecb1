"""What PoseTrack's AP and MOT scores share: cleaning, distances in head sizes, groups, tables.

Source: leonid-pishchulin/poseval (BSD), read, not copied; see docs/metrics.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from glpose.errors import BadInput
from glpose.geometry import outside_all
from glpose.skeleton import POSETRACK15
from glpose.types import FramePoses, FrameTruth

NUM_JOINTS = len(POSETRACK15.joints)
MATCH_LIMIT = 0.5
"""Largest distance of a matching joint from the truth, in head sizes; inclusive."""
TRACK_ID_END = 10_000
"""Track ids in official files are below this."""
NAMES = (*("neck" if joint == "head_bottom" else joint for joint in POSETRACK15.joints), "total")
"""The names of the 16 numbers in the official output."""
GROUPS = {
    "Head": (14, 12, 13),
    "Shou": (8, 9),
    "Elb": (7, 10),
    "Wri": (6, 11),
    "Hip": (2, 3),
    "Knee": (1, 4),
    "Ankl": (0, 5),
}
"""The columns of the official table and the joints whose mean they show."""


@dataclass(frozen=True, slots=True, eq=False)
class ComparedFrame:
    """A scored frame, cleaned: the people of both sides and the distances between their joints.

    `distance` is in head sizes of the true person, infinite where either lacks the joint. `score`
    is NaN where there is no joint.
    """

    truth_id: Int64[np.ndarray, " truth"]
    guess_id: Int64[np.ndarray, " guess"]
    labelled: Bool[np.ndarray, "truth joints"]
    predicted: Bool[np.ndarray, "guess joints"]
    score: Float64[np.ndarray, "guess joints"]
    distance: Float64[np.ndarray, "guess truth joints"]


def compare_videos(
    truth: Sequence[Sequence[FrameTruth]],
    guess: Sequence[Sequence[FramePoses]],
    names: Sequence[tuple[str, str]] | None = None,
) -> list[list[ComparedFrame]]:
    """Check and clean both sides and measure distances; one list of frames per video, may be empty.

    In the official order: frames without a true person are dropped with all predictions in them;
    people are removed of whom no joints are `listed`; in frames with ignore regions joints strictly
    inside one are removed, then people with no joints left. `names` of the videos,
    in the truth and in the predictions, are for messages.

    Raises: BadInput, with video and frame, for different numbers of videos or frames, not 15
    joints, a joint without x, y or score, in a predicted frame a track id of 10000 or more or one
    that comes twice, a labelled person without a head size where there are predictions, or no frame
    at all with true people.
    """
    if len(truth) != len(guess):
        raise BadInput(
            f"{len(truth)} videos of truth but {len(guess)} of predictions; give one for each"
        )
    if names is None:
        names = [(f"video {i}", f"video {i}") for i in range(len(truth))]
    videos = []
    for (of_truth, of_guess), true_frames, guessed_frames in zip(names, truth, guess, strict=True):
        if len(true_frames) != len(guessed_frames):
            raise BadInput(
                f"{of_guess}: {len(guessed_frames)} frames of predictions for {len(true_frames)} of "
                "truth; give every frame, also those without labels or people"
            )
        kept = []
        for i, (t, g) in enumerate(zip(true_frames, guessed_frames, strict=True)):
            place = f"{of_truth}, frame {i} of the truth"
            _check_points(t.xy, place)
            _check_guess(g, f"{of_guess}, frame {i} of the predictions")
            if len(t.people):
                kept.append(_compare_frame(t, g, place))
        videos.append(kept)
    if not any(videos):
        raise BadInput("no frame of the truth has a person; nothing can be scored")
    return videos


def with_total(per_joint: Float64[np.ndarray, " joints"]) -> Float64[np.ndarray, " all"]:
    """The values of the joints, then the mean of those that are not NaN; NaN if all are."""
    known = per_joint[~np.isnan(per_joint)]
    return np.append(per_joint, known.mean() if len(known) else np.nan)


def grouped(values: Float[np.ndarray, " all"], *, skip_nan: bool = False) -> dict[str, float]:
    """The eight columns of the official table from the 15 joints and the total.

    A group is NaN if one of its joints is, unless `skip_nan`.
    """
    columns = {}
    for name, joints in GROUPS.items():
        known = values[list(joints)]
        known = known[~np.isnan(known)] if skip_nan else known
        columns[name] = float(known.mean()) if len(known) else float("nan")
    columns["Total"] = float(values[NUM_JOINTS])
    return columns


def table_row(values: Sequence[float]) -> str:
    """One row as the official tool prints it: one decimal each, ready for LaTeX."""
    return "&" + " &".join(f"{value:5.1f}" for value in values) + " \\\\"


def official_lists(lists: dict[str, np.ndarray]) -> dict[str, Any]:
    """The official JSON: lists of 16 numbers and their names; may hold NaN."""
    names = {str(i): name for i, name in enumerate(NAMES)}
    return {name: values.tolist() for name, values in lists.items()} | {"names": names}


def first_repeated(ids: Int64[np.ndarray, " people"]) -> int | None:
    """The first id that repeats an earlier one."""
    listed = ids.tolist()
    if len(set(listed)) == len(listed):
        return None
    return next(number for i, number in enumerate(listed) if number in listed[:i])


def _compare_frame(truth: FrameTruth, guess: FramePoses, place: str) -> ComparedFrame:
    true_xy, guess_xy = np.asarray(truth.xy, np.float64), np.asarray(guess.xy, np.float64)
    labelled = outside_all(true_xy, truth.ignore)
    predicted = outside_all(guess_xy, truth.ignore)
    true_stays, guess_stays = labelled.any(1), predicted.any(1)
    if not truth.ignore:
        true_stays = true_stays if truth.listed is None else truth.listed
        guess_stays = guess_stays if guess.listed is None else guess.listed
    labelled, predicted = labelled[true_stays], predicted[guess_stays]
    head_px = np.full(len(true_xy), np.nan) if truth.head_px is None else truth.head_px
    head_px = head_px[true_stays]
    headless = np.isnan(head_px) & labelled.any(1)
    if headless.any() and len(predicted):
        raise BadInput(
            f"{place}: the person with track id "
            f"{truth.people.track_id[true_stays][headless][0]} "
            "has joints but no head box, by which errors are measured; add the box"
        )
    offset = guess_xy[guess_stays][:, None] - true_xy[true_stays][None]
    with np.errstate(divide="ignore", invalid="ignore"):  # a head of size 0 matches nothing
        distance = np.linalg.norm(offset, axis=-1) / head_px[None, :, None]
    both = predicted[:, None] & labelled[None]
    return ComparedFrame(
        truth.people.track_id[true_stays],
        guess.people.track_id[guess_stays],
        labelled,
        predicted,
        np.where(predicted, np.asarray(guess.score, np.float64)[guess_stays], np.nan),
        np.where(both, distance, np.inf),
    )


def _check_guess(guess: FramePoses, place: str) -> None:
    _check_points(guess.xy, place)
    check_ids(guess.people.track_id, place)
    again = first_repeated(guess.people.track_id)
    if again is not None:
        raise BadInput(f"{place}: track id {again} twice; give each person of a frame another")
    scoreless = np.isnan(guess.score) & ~np.isnan(guess.xy[..., 0])
    if scoreless.any():
        person, joint = np.argwhere(scoreless)[0]
        raise BadInput(
            f"{place}: {POSETRACK15.joints[joint]} of person {person} has the score NaN; "
            "give a number to each joint that has coordinates"
        )


def _check_points(xy: np.ndarray, place: str) -> None:
    if xy.shape[1:] != (NUM_JOINTS, 2):
        raise BadInput(
            f"{place}: poses of {xy.shape[1]} joints; PoseTrack is scored on the {NUM_JOINTS} of "
            f"skeleton '{POSETRACK15.name}'"
        )
    missing = np.isnan(xy)
    wrong = (missing[..., 0] != missing[..., 1]) | np.isinf(xy).any(-1)
    if wrong.any():
        person, joint = np.argwhere(wrong)[0]
        x, y = xy[person, joint]
        raise BadInput(
            f"{place}: {POSETRACK15.joints[joint]} of person {person} is at ({x:g}, {y:g}); "
            "give two finite numbers, or leave the joint out"
        )


def check_ids(track_id: np.ndarray, place: str) -> None:
    """Raises: BadInput, naming the place, for a track id that official files cannot have."""
    if (track_id >= TRACK_ID_END).any():
        raise BadInput(
            f"{place}: track id {track_id[track_id >= TRACK_ID_END][0]}; PoseTrack's are below "
            f"{TRACK_ID_END}"
        )
