"""Joints that other networks, the teachers, found on the people of a set, and their consensus.

A file `<set>.npz` has, for each person, the joints of MoveNet Thunder, of Thunder on the mirrored
picture, of MoveNet Lightning and of BlazePose heavy, in tenths of a pixel:

    annotation_id, image_id   n                the ids of the set's label file, or -1
    box_xyxy                  n, 4             pixels
    movenet_xy10              n, 3, 17, 2      COCO's joints
    movenet_score             n, 3, 17         255 times the score
    blaze_xy10                n, 33, 2         BlazePose's points
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Int64

from glpose.errors import BadInput
from glpose.formats.dataset import LabelledPicture, LabelledPictures
from glpose.formats.numpy_objects import read_objects
from glpose.skeleton import BODY19, COCO17, joint_map
from glpose.types import FrameTruth, People

Trust = Literal["hand", "consensus"]
"""Whose joint counts where both have one: labels by hand, or what the teachers agree on."""

# BlazePose's points for COCO's 17 joints.
_BLAZE = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)

# Shares of the longer side of the box: Thunder and its mirror image agree, a teacher agrees with
# the consensus, labels by hand agree with it.
_SAME, _NEAR, _LIKE = 0.05, 0.08, 0.1
_LEAST_AGREEING, _LEAST_SCORE = 3, 0.3
# Labels by hand are believed where the teachers are unsure, if they agree with most of the joints
# of that person that the teachers are sure of: then the person's sides are not exchanged.
_BELIEVED_SHARE = 0.75
# Teachers know people who stand. Of the joints that they are sure of, one in fifty lies wrong on people
# of LSP whose trunk leans less than 30 degrees, but one in nine to four where it leans by more than 60,
# mostly on the other side (`bench/taught.py`). There labels by hand count.
_MOST_LEAN_DEG = 60.0

# Teachers place shoulders and hips higher than people do, by this share of the torso: medians on
# the hand labels of LSP and COCO are 0.05 and 0.03 for shoulders, 0.045 and 0.015 for hips.
_LOWER = {"shoulder": 0.04, "hip": 0.03}


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """The consensus of the teachers on the people of a set.

    `xy` are COCO's joints in pixels; `sure` says where the teachers agree.
    """

    annotation_id: Int64[np.ndarray, " n"]
    image_id: Int64[np.ndarray, " n"]
    xyxy: Float32[np.ndarray, "n 4"]
    xy: Float32[np.ndarray, "n 17 2"]
    sure: Bool[np.ndarray, "n 17"]


@dataclass(frozen=True, slots=True, eq=False)
class Teachers:
    """What each teacher said of the people of a set: Thunder, its mirror image, Lightning, BlazePose.

    `xy` are COCO's joints in pixels; `score` is the mean of MoveNet's three.
    """

    annotation_id: Int64[np.ndarray, " n"]
    image_id: Int64[np.ndarray, " n"]
    xyxy: Float32[np.ndarray, "n 4"]
    xy: Float32[np.ndarray, "n 4 17 2"]
    score: Float32[np.ndarray, "n 17"]


def read_teachers(path: Path) -> Teachers:
    """Read the teachers' joints of a set.

    Raises: BadInput if the file is missing or not one of teachers' joints, naming what is wrong.
    """
    arrays = read_objects(path)
    try:
        movenet = arrays["movenet_xy10"].astype(np.float32) / 10
        blaze = arrays["blaze_xy10"].astype(np.float32)[:, list(_BLAZE)] / 10
        return Teachers(
            arrays["annotation_id"].astype(np.int64),
            arrays["image_id"].astype(np.int64),
            arrays["box_xyxy"].astype(np.float32),
            np.concatenate([movenet, blaze[:, None]], 1),
            arrays["movenet_score"].mean(1, dtype=np.float32) / 255,
        )
    except (LookupError, ValueError, TypeError, AttributeError) as problem:
        raise BadInput(
            f"{path}: not a file of teachers' joints ({problem}); expected annotation_id, "
            "image_id, box_xyxy, movenet_xy10, movenet_score and blaze_xy10"
        ) from problem


def read_taught(path: Path) -> Taught:
    """Read the teachers' joints of a set and form their consensus. Raises: as `read_teachers`."""
    said = read_teachers(path)
    xy, sure = consensus(said.xy, said.score, said.xyxy)
    return Taught(said.annotation_id, said.image_id, said.xyxy, lowered(xy), sure)


def consensus(
    found: Float32[np.ndarray, "n 4 17 2"],
    score: Float32[np.ndarray, "n 17"],
    xyxy: Float32[np.ndarray, "n 4"],
) -> tuple[Float32[np.ndarray, "n 17 2"], Bool[np.ndarray, "n 17"]]:
    """Joints and where they are sure, from Thunder, its mirror image, Lightning and BlazePose.

    The mean of Thunder and its mirror image where these agree, else the median of all; sure where
    three of the four are near it and MoveNet's mean score is high enough.
    """
    side = (xyxy[:, 2:] - xyxy[:, :2]).max(1)[:, None]
    apart = np.linalg.norm(found[:, 0] - found[:, 1], axis=-1) / side
    both = found[:, :2].mean(1)
    xy = np.where((apart < _SAME)[..., None], both, np.median(found, axis=1))
    distance = np.linalg.norm(found - xy[:, None], axis=-1) / side[..., None]
    agreeing = (distance < _NEAR).sum(1)
    return xy.astype(np.float32), (agreeing >= _LEAST_AGREEING) & (score > _LEAST_SCORE)


def lowered(xy: Float32[np.ndarray, "n 17 2"]) -> Float32[np.ndarray, "n 17 2"]:
    """Shoulders and hips moved along the torso to where people label them."""
    middle = {
        part: xy[:, [COCO17.index(f"{side}_{part}") for side in ("left", "right")]].mean(1)
        for part in _LOWER
    }
    torso = middle["hip"] - middle["shoulder"]
    share = [_LOWER.get(joint.rpartition("_")[2], 0.0) for joint in COCO17.joints]
    return xy + np.array(share, np.float32)[:, None] * torso[:, None]


def lean_deg(
    xy: Float32[np.ndarray, "n joints 2"], seen: Bool[np.ndarray, "n joints"]
) -> Float32[np.ndarray, " n"]:
    """How far trunks are turned from upright, 0 to 180 degrees; joints are those of BODY19.

    NaN for people without a labelled shoulder or hip.
    """
    middles = []
    for part in _LOWER:
        columns = [BODY19.index(f"{side}_{part}") for side in ("left", "right")]
        weight = seen[:, columns, None].astype(np.float32)
        with np.errstate(invalid="ignore"):
            middles.append((weight * np.nan_to_num(xy[:, columns])).sum(1) / weight.sum(1))
    right, down = (middles[1] - middles[0]).T
    return np.abs(np.degrees(np.arctan2(right, down)))


def with_taught(labelled: LabelledPictures, taught: Taught, trust: Trust) -> LabelledPictures:
    """The set's people as BODY19, with the joints that the teachers are sure of.

    By `trust`, a joint by hand counts, and joints that the set has no label for at all are filled;
    or the consensus counts, and labels by hand are used where it is unsure and they agree with it
    on the rest of the person. On people whose trunk leans by more than 60 degrees it counts for
    joints without labels only, and only if both agree on the rest; labels by hand are used unless
    it is sure of a place that is neither that of the joint nor that of its mirror partner, as labelled. A joint
    that nobody is sure of has visibility 0. People whom only the teachers know are added.
    """
    index = joint_map(labelled.skeleton, BODY19)
    rows = {int(number): row for row, number in enumerate(taught.annotation_id) if number >= 0}
    labelled_ids = [number for picture in labelled.pictures for number in picture.ids]
    new: dict[int, list[int]] = {}
    for row in np.flatnonzero(~np.isin(taught.annotation_id, labelled_ids)):
        new.setdefault(int(taught.image_id[row]), []).append(int(row))
    pictures = [
        replace(p, truth=_merged(p, index, taught, rows, new.get(p.truth.frame, []), trust), ids=())
        for p in labelled.pictures
    ]
    return LabelledPictures(BODY19, pictures)


def _merged(
    picture: LabelledPicture,
    index: Int64[np.ndarray, " joints"],
    taught: Taught,
    rows: Mapping[int, int],
    new: list[int],
    trust: Trust,
) -> FrameTruth:
    truth, known = picture.truth, index >= 0
    num = len(truth.people)
    hand_xy = np.where(known[:, None], truth.xy[:, index], np.nan).astype(np.float32)
    hand_seen = np.where(known, truth.visibility[:, index], 0)
    place = np.array([rows.get(number, -1) for number in picture.ids], np.int64).reshape(num)
    place = np.concatenate([place, np.array(new, np.int64)])
    hand_xy = np.concatenate([hand_xy, np.full((len(new), len(index), 2), np.nan, np.float32)])
    hand_seen = np.concatenate([hand_seen, np.zeros((len(new), len(index)), hand_seen.dtype)])
    xyxy = np.concatenate([truth.people.xyxy, taught.xyxy[new]]).astype(np.float32)

    to_body = joint_map(COCO17, BODY19)
    sure = np.where(place[:, None] >= 0, taught.sure[place][:, to_body], False) & (to_body >= 0)
    by_teachers = taught.xy[place][:, to_body]
    if trust == "hand":
        used = sure & ~known
        seen = np.where(used, 2, hand_seen)
    else:
        near_px = _LIKE * (xyxy[:, 2:] - xyxy[:, :2]).max(1)[:, None]
        both = sure & (hand_seen > 0)
        like = both & (np.linalg.norm(hand_xy - by_teachers, axis=-1) < near_px)
        believed = (like.sum(1) >= _BELIEVED_SHARE * np.maximum(both.sum(1), 1))[:, None]
        leans = (lean_deg(hand_xy, hand_seen > 0) > _MOST_LEAN_DEG)[:, None]
        mirrored_px = np.linalg.norm(hand_xy[:, list(BODY19.mirror)] - by_teachers, axis=-1)
        denied = both & ~like & ~(mirrored_px < near_px)
        used = sure & (~leans | (believed & (hand_seen == 0)))
        seen = np.where(used, 2, np.where(leans & ~denied | ~leans & believed, hand_seen, 0))
    xy = np.where(used[..., None], by_teachers, hand_xy)
    xy = np.where((seen > 0)[..., None], xy, np.nan).astype(np.float32)
    count = len(place)
    people = People(xyxy, np.ones(count, np.float32), np.arange(1, count + 1))
    return FrameTruth(truth.frame, truth.time_s, people, xy, seen.astype(np.int8))
