"""PoseTrack files of 2017: `annolist`, one entry a frame, as JSON or as MATLAB's structures.

Joints have numbers from 0 to 14 in the order of POSETRACK15; `x1, y1, x2, y2` of a person are the
corners of the head. Joints that are not labelled are not there.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from glpose.formats.posetrack_people import (
    MISSING_SCORE,
    NUM_JOINTS,
    FileFrame,
    Person,
    extent,
    head_length,
    no_joints,
    pixels,
    polygon,
)
from glpose.formats.tree import Node, only


def read_frames(root: Node, *, predicted: bool) -> Iterator[FileFrame]:
    """The frames in the file's order; truth has to name pictures and tracks.

    A person's box is [xmin, ymin, xmax + 1, ymax + 1] of the joints, 1.2 times as large, as
    DetectAndTrack makes it and all who train on these files use it. Raises: BadInput with the key.
    """
    for entry in root.items("annolist"):
        people = tuple(
            _person(node, i, predicted=predicted) for i, node in enumerate(entry.items("annorect"))
        )
        flag = entry.get("is_labeled")
        number = entry.get("imgnum")
        yield FileFrame(
            name=_image_name(entry, needed=not predicted),
            number=None if number is None else number.whole(),
            labelled=bool(people) or (flag is not None and flag.number() != 0),
            people=people,
            ignore=tuple(_regions(entry)),
        )


def _image_name(entry: Node, *, needed: bool) -> str:
    image = entry.at("image") if needed else entry.get("image")
    if image is None:
        return ""
    name = image.at("name") if needed else image.get("name")
    return "" if name is None else name.text()


def _person(node: Node, place: int, *, predicted: bool) -> Person:
    xy, score = no_joints(), np.full(NUM_JOINTS, MISSING_SCORE)
    visibility = np.zeros(NUM_JOINTS, np.int8)
    for part in node.items("annopoints"):
        for point in part.items("point"):
            joint = _joint(point)
            if visibility[joint]:
                continue  # twice in the file: the first one counts, as in poseval
            xy[joint] = pixels(point.at("x")), pixels(point.at("y"))
            seen, given = point.get("is_visible"), point.get("score")
            # The flag counts nowhere, so it may be anything; MPII, the source, also has it as text.
            is_hidden = seen is not None and str(only(seen.value)) in ("0", "0.0")
            visibility[joint] = 1 if is_hidden else 2
            if given is not None and predicted:
                score[joint] = given.number()
    track = node.get("track_id") if predicted else node.at("track_id")
    pose_score = node.get("score") if predicted else None
    return Person(
        track_id=place if track is None else track.whole(),
        xy=xy,
        visibility=visibility,
        xyxy=extent(xy, grow=1.2, add_px=1.0),
        head_px=_head_px(node),
        joint_score=score,
        score=MISSING_SCORE if pose_score is None else pose_score.number(),
    )


def _joint(point: Node) -> int:
    node = point.at("id")
    joint = node.whole()
    if not 0 <= joint < NUM_JOINTS:
        raise node.error(str(joint), "a joint from 0 to 14 (files of 17 slots are of 2018's form)")
    return joint


def _head_px(node: Node) -> float:
    corners = [node.get(key) for key in ("x1", "y1", "x2", "y2")]
    values = [pixels(corner) for corner in corners if corner is not None]
    return head_length(np.array(values)) if len(values) == 4 else np.nan


def _regions(entry: Node) -> Iterator[Float64[np.ndarray, "points 2"]]:
    for region in entry.items("ignore_regions"):
        points = [(pixels(p.at("x")), pixels(p.at("y"))) for p in region.items("point")]
        yield from polygon(points)


def document(frames: Sequence[FileFrame]) -> dict[str, Any]:
    """Predictions in this form; `MISSING_SCORE` is left out. Frames without a number get theirs."""
    return {
        "annolist": [
            {
                "image": [{"name": frame.name}],
                "imgnum": [i + 1 if frame.number is None else frame.number],
                "annorect": [_written(person) for person in frame.people],
            }
            for i, frame in enumerate(frames)
        ]
    }


def _written(person: Person) -> dict[str, Any]:
    points = [
        {"id": [joint], "x": [x], "y": [y], **_score(float(person.joint_score[joint]))}
        for joint, (x, y) in enumerate(person.xy.tolist())
        if person.visibility[joint]
    ]
    return {
        "annopoints": [{"point": points}],
        **_score(person.score),
        "track_id": [person.track_id],
    }


def _score(value: float) -> dict[str, Any]:
    return {} if value == MISSING_SCORE else {"score": [value]}
