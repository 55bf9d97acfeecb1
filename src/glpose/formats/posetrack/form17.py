"""PoseTrack files of 2017: `annolist`, one entry per frame, as JSON or MATLAB structures.

Joints are numbered 0 to 14 in the order of POSETRACK15; `x1, y1, x2, y2` of a person are the
corners of the head box. Unlabelled joints are absent.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from glpose.formats.posetrack.people import (
    MISSING_SCORE,
    NUM_JOINTS,
    FileFrame,
    FilePeople,
    extent,
    head_length,
    pixels,
    places,
    regions_of,
)
from glpose.formats.text.rows import Rows, top
from glpose.formats.text.tree import Node, only


def read_frames(root: Node, *, predicted: bool) -> Iterator[FileFrame]:
    """The frames in file order; truth has to name pictures and tracks.

    A person's box is [xmin, ymin, xmax + 1, ymax + 1] of the joints, scaled by 1.2, as in
    DetectAndTrack and all code that trains on these files. Raises: BadInput with the key.
    """
    entries = top(root).rows("annolist")
    rows = entries.rows("annorect")
    people, regions = _people(rows, predicted=predicted), _regions(entries)
    of_frame = rows.slices(len(entries))
    for i in range(len(entries)):
        entry = entries.node(i)
        flag = entry.get("is_labeled")
        number = entry.get("imgnum")
        found = people[of_frame[i]]
        yield FileFrame(
            name=_image_name(entry, needed=not predicted),
            number=None if number is None else number.whole(),
            labelled=len(found) > 0 or (flag is not None and flag.number() != 0),
            people=found,
            ignore=regions[i],
        )


def _image_name(entry: Node, *, needed: bool) -> str:
    image = entry.at("image") if needed else entry.get("image")
    if image is None:
        return ""
    name = image.at("name") if needed else image.get("name")
    return "" if name is None else name.text()


def _people(rows: Rows, *, predicted: bool) -> FilePeople:
    parts = rows.rows("annopoints")
    points = parts.rows("point")
    listed = np.zeros(len(rows), bool)
    listed[parts.owner[[value is not None for value in parts.raw("point")]]] = True
    person, joint = parts.owner[points.owner], _joints(points)
    # Of duplicates the first one counts, as in poseval, where no ignore region hides it; those of
    # predictions are in the file of the truth.
    first = np.unique(person * NUM_JOINTS + joint, return_index=True)[1]
    if predicted and len(first) < len(points):
        again = int(np.setdiff1d(np.arange(len(points)), first)[0])
        raise (
            points.node(again)
            .at("id")
            .error(f"{joint[again]}, which the person has already", "each joint of a person once")
        )
    points, at = points.take(first), (person[first], joint[first])
    xy = np.full((len(rows), NUM_JOINTS, 2), np.nan)
    xy[at] = np.stack([pixels(points, "x"), pixels(points, "y")], -1)
    visibility = np.zeros((len(rows), NUM_JOINTS), np.int8)
    # The flag is not used in scoring, so it may be anything; MPII, the source, also has text here.
    flags = [flag if flag is None else str(only(flag)) for flag in points.raw("is_visible")]
    visibility[at] = [1 if flag in ("0", "0.0") else 2 for flag in flags]
    joint_score, score = np.full(xy.shape[:2], MISSING_SCORE), np.full(len(rows), MISSING_SCORE)
    if predicted:
        joint_score[at] = points.numbers("score", MISSING_SCORE)
        score = rows.numbers("score", MISSING_SCORE)
    return FilePeople(
        track_id=rows.wholes("track_id", places(rows) if predicted else None),
        xy=xy,
        visibility=visibility,
        xyxy=extent(xy, grow=1.2, add_px=1.0),
        head_px=head_length(
            np.stack([pixels(rows, key, np.nan) for key in ("x1", "y1", "x2", "y2")], -1)
        ),
        listed=listed,
        joint_score=joint_score,
        score=score,
    )


def _joints(points: Rows) -> Int64[np.ndarray, " rows"]:
    joints = points.wholes("id")
    for i in np.flatnonzero((joints < 0) | (joints >= NUM_JOINTS)).tolist():
        raise (
            points.node(i)
            .at("id")
            .error(
                str(joints[i]),
                "a joint from 0 to 14 (files of 17 slots are of 2018's form)",
            )
        )
    return joints


def _regions(entries: Rows) -> list[tuple[Float64[np.ndarray, "_ 2"], ...]]:
    regions = entries.rows("ignore_regions")
    points = regions.rows("point")
    xy = np.stack([pixels(points, "x"), pixels(points, "y")], -1)
    shapes = [xy[of_region] for of_region in points.slices(len(regions))]
    return [regions_of(shapes[of_frame]) for of_frame in regions.slices(len(entries))]


def document(frames: Sequence[FileFrame]) -> dict[str, Any]:
    """Predictions in this form, without `MISSING_SCORE`. Frames without a number get one."""
    return {
        "annolist": [
            {
                "image": [{"name": frame.name}],
                "imgnum": [i + 1 if frame.number is None else frame.number],
                "annorect": [_written(frame.people, i) for i in range(len(frame.people))],
            }
            for i, frame in enumerate(frames)
        ]
    }


def _written(people: FilePeople, i: int) -> dict[str, Any]:
    points = [
        {"id": [joint], "x": [x], "y": [y], **_score(float(people.joint_score[i, joint]))}
        for joint, (x, y) in enumerate(people.xy[i].tolist())
        if people.visibility[i, joint]
    ]
    return {
        "annopoints": [{"point": points}],
        **_score(float(people.score[i])),
        "track_id": [int(people.track_id[i])],
    }


def _score(value: float) -> dict[str, Any]:
    return {} if value == MISSING_SCORE else {"score": [value]}
