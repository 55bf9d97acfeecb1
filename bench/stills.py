"""Single pictures: joints on LSP's test half and COCO, boxes of the detector."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import twins
from figures import LIMBS, PARTS, Figure, NotMeasured, Outcome, Subject, columns, percent
from jaxtyping import Bool, Float, UInt8

from glpose.api import PICTURE_TRY_SCORE, Models, poses_of
from glpose.formats.coco.boxes import BoxedPicture
from glpose.formats.dataset import LabelledPicture, LabelledPictures
from glpose.formats.sets import DATASETS
from glpose.geometry import grown
from glpose.metrics.ap import (
    BoxTruth,
    average_precision,
    mean_average_precision,
    recall_and_precision,
)
from glpose.metrics.oks import OksPicture, oks_scores
from glpose.runtime.detector import BoxDetector, ThoroughDetector
from glpose.runtime.load import load_detector
from glpose.runtime.presets import Effort
from glpose.timing import Timings
from glpose.track.tracker import TrackerSpec
from glpose.types import Detections, Frame, FramePoses, VideoInfo

LIMBS_AND_NOSE = ("nose", *LIMBS)
SURE = 0.2
"""Joints of a higher score count in that of a pose; HRNet's `IN_VIS_THRE`, as `poses.person_score`."""

# The curve of a detector needs what it would not report.
_LOWEST = 0.01


def torso_right(
    guess_xy: Float[np.ndarray, "people joints 2"],
    truth_xy: Float[np.ndarray, "people joints 2"],
    torso_px: Float[np.ndarray, " people"],
    limit: float = 0.2,
) -> Bool[np.ndarray, "people joints"]:
    """Which joints are within `limit` of the torso's diameter; a guess of NaN is wrong."""
    return np.linalg.norm(guess_xy - truth_xy, axis=-1) <= limit * torso_px[:, None]


def lsp(subject: Subject) -> Outcome:
    """PCK on LSP's test half, boxes around the labelled joints.

    The torso's diameter is the distance from the left hip to the right shoulder, as in the usual
    evaluations of LSP (Sapp and Taskar, MODEC, CVPR 2013).
    """
    some, grow = pictures_of(subject, "lsp", "test"), DATASETS["lsp"].grow
    shares, lines = {}, []
    for name, share in (("grown as in training", grow), ("as in the file", 0.0)):
        right, labelled = _lsp_joints(some, subject.picture_models, share)
        shares[name] = percent(right, labelled)
        parts = (right[:, 2 * i : 2 * i + 2] for i in range(len(PARTS)))
        groups = [percent(part, labelled[:, 2 * i : 2 * i + 2]) for i, part in enumerate(parts)]
        said = ", ".join(f"{p} {x:.1f}" for p, x in zip(PARTS, groups, strict=True))
        lines.append(f"boxes {name}: {shares[name]:.1f}; {said}")
    num = len(some.pictures)
    what = f"LSP test half, {num} people, PCK@0.2 of the torso (left hip to right shoulder)"
    return Outcome([Figure(what, f"{shares['grown as in training']:.1f}", "88")], lines, shares)


def _lsp_joints(
    some: LabelledPictures, models: Models, grow: float
) -> tuple[Bool[np.ndarray, "people 12"], Bool[np.ndarray, "people 12"]]:
    """Which of the limb joints are right, and which are labelled."""
    where, here = columns(some.skeleton), columns(models.skeleton)
    hip, shoulder = columns(some.skeleton, ("left_hip", "right_shoulder"))
    rights, counted = [], []
    for picture, poses in poses_on(some, models, grow):
        truth = picture.truth
        torso_px = np.linalg.norm(truth.xy[:, hip] - truth.xy[:, shoulder], axis=-1)
        rights.append(torso_right(poses.xy[:, here], truth.xy[:, where], torso_px))
        is_torso = (truth.visibility[:, [hip, shoulder]] > 0).all(1, keepdims=True)
        counted.append((truth.visibility[:, where] > 0) & is_torso)
    return np.concatenate(rights), np.concatenate(counted)


def coco(subject: Subject) -> Outcome:
    """OKS AP over the limb joints and the nose in COCO's val2017 pictures, boxes given.

    People with none of these joints labelled are ignored.
    """
    some, models = pictures_of(subject, "coco", "val"), subject.picture_models
    areas = areas_of(subject.path("coco") / "person_keypoints.json")
    here = columns(models.skeleton, LIMBS_AND_NOSE)
    pictures = [
        oks_picture(some, picture, areas, poses.xy[:, here], poses.score[:, here])
        for picture, poses in poses_on(some, models, DATASETS["coco"].grow)
    ]
    scores = oks_scores(pictures, some.skeleton.oks_sigma[columns(some.skeleton, LIMBS_AND_NOSE)])
    num = sum(int((~picture.ignore).sum()) for picture in pictures)
    what = f"COCO val2017, {num} people, boxes given, OKS AP of 12 limb joints and nose"
    values = {"ap": 100 * scores.ap, "ap50": 100 * scores.ap50, "ap75": 100 * scores.ap75}
    said = ", ".join(f"{name} {value:.1f}" for name, value in values.items())
    return Outcome([Figure(what, f"{values['ap']:.1f}", "60")], [said], values)


def oks_picture(
    some: LabelledPictures,
    picture: LabelledPicture,
    areas: dict[int, float],
    guess_xy: Float[np.ndarray, "people 13 2"],
    guess_score: Float[np.ndarray, "people 13"],
) -> OksPicture:
    """A picture of a set with an answer for each labelled person, as `LIMBS_AND_NOSE`.

    A pose ranks by the mean of its joint scores above 0.2, as results for COCO usually do.
    """
    truth, where = picture.truth, columns(some.skeleton, LIMBS_AND_NOSE)
    labelled = truth.visibility[:, where] > 0
    counted = guess_score > SURE
    score = np.where(counted, guess_score, 0).sum(1) / np.maximum(counted.sum(1), 1)
    return OksPicture(
        truth_xy=truth.xy[:, where].astype(np.float64),
        labelled=labelled,
        area_px2=np.array([areas[i] for i in picture.ids], np.float64),
        truth_xyxy=truth.people.xyxy.astype(np.float64),
        ignore=np.asarray(~labelled.any(1)),
        crowd=np.zeros(len(labelled), bool),
        guess_xy=guess_xy.astype(np.float64),
        guess_score=score.astype(np.float64),
    )


def areas_of(path: Path) -> dict[int, float]:
    """The area of each labelled person by id."""
    people = json.loads(path.read_text("utf-8"))["annotations"]
    return {person["id"]: float(person["area"]) for person in people}


def pictures_of(subject: Subject, name: str, part: str) -> LabelledPictures:
    """The pictures of a set in which people are labelled."""
    opened = DATASETS[name].open
    assert opened is not None
    found = opened(subject.path(name), part)
    assert isinstance(found, LabelledPictures)
    return LabelledPictures(
        found.skeleton, subject.some([p for p in found.pictures if len(p.truth.people)])
    )


def poses_on(
    some: LabelledPictures, models: Models, grow: float, effort: Effort = Effort()
) -> Iterator[tuple[LabelledPicture, FramePoses]]:
    """The poses of the labelled people of each picture, in their order."""
    for picture in some.pictures:
        rgb = picture.read()
        info = VideoInfo(picture.path.name, rgb.shape[:2], 25.0, is_still=True)
        people = picture.truth.people
        boxes = {0: replace(people, xyxy=grown(people.xyxy, grow))}
        frames = [Frame(0, 0.0, rgb)]
        ((_, poses),) = poses_of(frames, info, models, boxes, keep_pictures=False, effort=effort)
        yield picture, poses


def detector(subject: Subject) -> Outcome:
    """AP of the detector on pictures held out of training, as videos and as pictures are searched.

    Precision is that of what starts a track in videos, of what poses decide about in pictures, and
    of the people that are reported there: for these the pose network runs, too. Each figure comes twice: of
    all pictures, and of those without twins among the pictures that detectors are trained on.
    """
    shipped = load_detector(subject.detector, subject.engine)
    plain = BoxDetector(shipped.run, replace(shipped.card, min_score=_LOWEST))
    looks: dict[str, tuple[Look, float]] = {
        "in videos": (plain, TrackerSpec().new_score),
        "in pictures": (ThoroughDetector(plain), PICTURE_TRY_SCORE),
        "reported": (partial(reported, models=subject.picture_models), 0.0),
    }
    # In pictures the aim of recall is one of the people reported, not of what poses decide about.
    aims = {
        "person_boxes": {"in videos": "85", "in pictures": "85", "reported": ""},
        "person_boxes_2": {"in videos": "45, 55 %", "in pictures": "45", "reported": "55 %"},
    }
    outcome = Outcome([])
    for name, aim in aims.items():
        try:
            root = subject.path(name)
        except NotMeasured as why:
            what = f"{name} held out: AP50, recall and precision"
            outcome.figures.append(Figure(what, f"not measured: {why}", aim["in videos"]))
            continue
        boxes = DATASETS[name].boxes
        assert boxes is not None
        pictures = subject.some(boxes(root, "val"))
        is_new = twins.alike(twins.of_all(pictures), twins.trained_on(subject)) < twins.SAME
        outcome.values[name] = {"pictures": len(is_new), "without twins": int(is_new.sum())}
        for where, (look, limit) in looks.items():
            spent = Timings()
            found = []
            for picture in pictures:
                rgb = picture.read()
                with spent("look"):
                    found.append((look(rgb), picture))
            new = [pair for pair, counts in zip(found, is_new, strict=True) if counts]
            both = {"all": _values(found, limit), f"{len(new)} without twins": _values(new, limit)}
            measured = "; ".join(f"{which}: {_brief(values)}" for which, values in both.items())
            what = f"{name} held out, {where}: AP50, recall and precision at {limit}"
            if where == "reported":
                what = f"{name} held out, people that `glpose run` reports in pictures: recall, precision"
            outcome.figures.append(Figure(what, measured, aim[where]))
            ms = 1000 * spent.seconds["look"] / len(pictures)
            outcome.details.append(f"{name}, {where}: {ms:.1f} ms a picture")
            for which, values in both.items():
                said = ", ".join(f"{key} {value:.1f}" for key, value in values.items())
                outcome.details.append(f"{name}, {where}, {which}: {said}")
            outcome.values[name][where] = dict(
                zip(("all", "without twins"), both.values(), strict=True)
            )
    return outcome


Look = Callable[[UInt8[np.ndarray, "height width 3"]], Detections]


def _brief(values: dict[str, float]) -> str:
    ap = f"{values['ap50']:.1f}, " if "ap50" in values else ""
    return f"{ap}{values['recall']:.1f} %, {values['precision']:.1f} %"


def _values(found: list[tuple[Detections, BoxedPicture]], limit: float) -> dict[str, float]:
    """Recall and precision of people from `limit` on; AP too, if any below it were looked for."""
    people, truth = [p for p, _ in found], [BoxTruth(p.xyxy, p.ignore) for _, p in found]
    recall, precision = recall_and_precision(people, truth, limit)
    values = {"recall": 100 * recall, "precision": 100 * precision}
    if not limit:
        return values
    ap50, mean = average_precision(people, truth), mean_average_precision(people, truth)
    return {"ap50": 100 * ap50, "ap50:95": 100 * mean} | values


def reported(
    rgb: UInt8[np.ndarray, "height width 3"], models: Models, effort: Effort = Effort()
) -> Detections:
    """The people that a user gets of a picture."""
    info = VideoInfo("picture", rgb.shape[:2], 25.0, is_still=True)
    frames = [Frame(0, 0.0, rgb)]
    ((_, poses),) = poses_of(frames, info, models, keep_pictures=False, effort=effort)
    return Detections(poses.people.xyxy, poses.people.score)
