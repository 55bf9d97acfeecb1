"""People who are small in a large picture: real clips and pictures, laid side by side.

No set with labels has large pictures, so clips of JHMDB's validation part, and pictures held out of
training detectors, stand in rows and columns, as on a wall of screens: each person has the pixels of
their own clip, and is as small in the whole as a player in a view of the pitch. The arrangement is
made up, what is seen is not.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from clips import Limbs, limbs_of, text, val_clips
from figures import Figure, Outcome, Subject
from jaxtyping import Float32, UInt8
from stills import reported

from glpose.api import poses_of
from glpose.formats.jhmdb.short import JhmdbClip
from glpose.formats.sets import DATASETS
from glpose.metrics.ap import BoxTruth, recall_and_precision
from glpose.runtime.presets import PRESETS, Effort
from glpose.types import FramePoses
from glpose.video.reader import open_video

WALLS = (3, 6)
"""So many clips stand in a row, and as many rows are there."""
PICTURES, ACROSS = 144, 3
"""So many pictures are taken, and so many stand in a row."""
_EFFORTS = {**PRESETS, "balanced, no small people": Effort(small_people=False)}


def wide(subject: Subject) -> Outcome:
    """People found, and their joints, where many clips or pictures are one; a miss counts as wrong."""
    outcome = Outcome([])
    for across in WALLS:
        for name, effort in _EFFORTS.items():
            seen = _on_walls(subject, across, effort)
            missed = float(100 * np.isnan(seen.guess_xy).all((1, 2)).mean())
            what = (
                f"JHMDB val on walls of {across} x {across} clips, `glpose run`, {name} (synthetic)"
            )
            measured = f"{text(seen.both())}; {missed:.1f} % of the people missed"
            outcome.figures.append(Figure(what, measured, ""))
            outcome.values[f"{across}, {name}"] = {**seen.both(), "missed": missed}
    for name in ("balanced", "balanced, no small people"):
        values = _of_pictures(subject, _EFFORTS[name])
        what = f"{PICTURES} pictures of person_boxes_2 held out, {ACROSS} x {ACROSS} in one, {name} (synthetic)"
        measured = f"{values['recall']:.1f} % reported, precision {values['precision']:.1f} %"
        outcome.figures.append(Figure(what, measured, ""))
        outcome.values[f"pictures, {name}"] = values
    return outcome


def _of_pictures(subject: Subject, effort: Effort) -> dict[str, float]:
    """Recall and precision of the people whom `glpose run` reports in walls of pictures."""
    boxes = DATASETS["person_boxes_2"].boxes
    assert boxes is not None
    pictures = boxes(subject.path("person_boxes_2"), "val")
    order = np.random.default_rng(0).permutation(len(pictures))[:PICTURES]
    num = ACROSS * ACROSS
    found, truth = [], []
    for first in range(0, len(order) - num + 1, num):
        some = [pictures[i] for i in order[first : first + num]]
        wall, corners = _side_by_side([picture.read() for picture in some], ACROSS)
        found.append(reported(wall, subject.picture_models, effort))
        xyxy = [p.xyxy + np.tile(corner, 2) for p, corner in zip(some, corners, strict=True)]
        truth.append(BoxTruth(np.concatenate(xyxy), np.concatenate([p.ignore for p in some])))
    recall, precision = recall_and_precision(found, truth, 0.0)
    return {"recall": 100 * recall, "precision": 100 * precision}


def _on_walls(subject: Subject, across: int, effort: Effort) -> Limbs:
    """The limb joints of clips of like length; those that fill no wall are left out."""
    clips = sorted(val_clips(subject), key=lambda clip: (len(clip.truth), clip.name))
    num = across * across
    walls = [clips[i : i + num] for i in range(0, len(clips) - num + 1, num)]
    poses = [found for wall in walls for found in _poses_on(wall, across, subject, effort)]
    whole = [clip for wall in walls for clip in wall]
    return limbs_of(whole, subject.models.skeleton, poses)


def _poses_on(
    wall: Sequence[JhmdbClip], across: int, subject: Subject, effort: Effort
) -> list[list[FramePoses]]:
    """The poses of each clip, in its own pixels, as long as all clips last."""
    videos = [open_video(clip.video) for clip in wall]
    together = list(zip(*(video.frames() for video in videos), strict=False))
    walls = [_side_by_side([f.rgb for f in some if f.rgb is not None], across) for some in together]
    frames = [replace(some[0], rgb=rgb) for some, (rgb, _) in zip(together, walls, strict=True)]
    whole, corners = walls[0]
    assert len(corners) == len(wall), "JHMDB's clips are whole"
    info = replace(videos[0].info, size_hw=whole.shape[:2])
    found: list[list[FramePoses]] = [[] for _ in wall]
    for _, poses in poses_of(frames, info, subject.models, effort=effort, keep_pictures=False):
        middle = (poses.people.xyxy[:, :2] + poses.people.xyxy[:, 2:]) / 2
        # Whose place is whose: that of the corner nearest to the left of, and above, the middle.
        inside = (middle[None] >= corners[:, None]).all(-1)
        place = np.where(inside, corners.sum(-1, keepdims=True), -1).argmax(0)
        for number, own in enumerate(found):
            own.append(_moved(poses, np.flatnonzero(place == number), corners[number]))
    return found


def _side_by_side(
    pictures: Sequence[UInt8[np.ndarray, "_ _ 3"]], across: int
) -> tuple[UInt8[np.ndarray, "height width 3"], Float32[np.ndarray, "pictures 2"]]:
    """Pictures in rows and columns of the largest, on black, and their corners, (x, y)."""
    height, width = np.max([rgb.shape[:2] for rgb in pictures], 0)
    rows = -(-len(pictures) // across)
    whole = np.zeros((height * rows, width * across, 3), np.uint8)
    corners = [(i % across * width, i // across * height) for i in range(len(pictures))]
    for rgb, (left, top) in zip(pictures, corners, strict=True):
        whole[top : top + rgb.shape[0], left : left + rgb.shape[1]] = rgb
    return whole, np.array(corners, np.float32)


def _moved(poses: FramePoses, rows: np.ndarray, by: Float32[np.ndarray, "2"]) -> FramePoses:
    """Some of the people of a frame, in pixels from another corner."""
    people = poses.people[rows]
    return FramePoses(
        poses.frame,
        poses.time_s,
        replace(people, xyxy=people.xyxy - np.tile(by, 2)),
        poses.xy[rows] - by,
        poses.score[rows],
    )
