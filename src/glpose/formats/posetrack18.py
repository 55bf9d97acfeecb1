"""PoseTrack files of 2018: COCO's form, `images`, `annotations` and `categories`, a file a video.

Joints go by the names in `categories`, 17 slots or 15. A joint is absent only if all three of its
numbers are 0; one with coordinates and flag 0 is labelled, as poseval counts it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int8, Int64

from glpose.errors import BadInput
from glpose.formats.lines import FARTHEST_PX
from glpose.formats.posetrack_people import (
    MISSING_SCORE,
    NUM_JOINTS,
    FileFrame,
    Person,
    extent,
    head_length,
    no_joints,
    polygon,
)
from glpose.formats.tree import Node
from glpose.skeleton import POSETRACK15, POSETRACK17


@dataclass(frozen=True, slots=True, eq=False)
class _Slots:
    """Where the file keeps each joint of the evaluation, and how many slots it has."""

    index: Int64[np.ndarray, " 15"]
    count: int


def read_frames(root: Node, *, predicted: bool) -> Iterator[FileFrame]:
    """The frames in the order of `images`; truth has to name pictures and tracks.

    A person's box is the file's `bbox`; where it lacks one, the extent of the joints, 1.3 times as
    large, which is what the official boxes are. Raises: BadInput with the key.
    """
    slots = _slots(root)
    people: dict[int, list[Node]] = {}
    for node in root.items("annotations"):
        people.setdefault(node.at("image_id").whole(), []).append(node)
    images = [(image, image.at("id").whole()) for image in root.items("images")]
    _check_ids(root, [number for _, number in images], people)
    for image, number in images:
        nodes = people.get(number, [])
        name = image.get("file_name") if predicted else image.at("file_name")
        flag = image.get("is_labeled")
        yield FileFrame(
            name="" if name is None else name.text(),
            number=number,
            labelled=bool(nodes) or (flag is not None and flag.number() != 0),
            people=tuple(
                _person(node, i, slots, predicted=predicted) for i, node in enumerate(nodes)
            ),
            ignore=tuple(_regions(image)),
        )


def _slots(root: Node) -> _Slots:
    category = next(root.items("categories"), None) or root.at("categories")
    names = category.at("keypoints").texts()
    lacking = [name for name in POSETRACK15.joints if name not in names]
    if lacking:
        raise category.at("keypoints").error(
            f"a list of {len(names)} joints without {', '.join(lacking)}",
            "the joints of PoseTrack by their names",
        )
    return _Slots(np.array([names.index(name) for name in POSETRACK15.joints]), len(names))


def _check_ids(root: Node, numbers: list[int], people: dict[int, list[Node]]) -> None:
    known = set(numbers)
    if len(known) < len(numbers):
        twice = next(n for n in numbers if numbers.count(n) > 1)
        raise BadInput(f"{root.file}: two 'images' have the id {twice}; expected each frame once")
    for number, nodes in people.items():
        if number not in known:
            raise (
                nodes[0]
                .at("image_id")
                .error(
                    f"{number}", f"the id of one of the {len(known)} images; there is no such frame"
                )
            )


def _person(node: Node, place: int, slots: _Slots, *, predicted: bool) -> Person:
    xy, visibility = no_joints(), np.zeros(NUM_JOINTS, np.int8)
    score = np.full(NUM_JOINTS, MISSING_SCORE)
    joints = node.get("keypoints")
    if joints is not None:
        rows = _pixels(joints, 3 * slots.count).reshape(-1, 3)[slots.index]
        there = (rows != 0).any(-1)
        xy[there] = rows[there, :2]
        visibility[there] = np.where(rows[there, 2] > 0, 2, 1)
    scores = node.get("scores") if predicted else None
    if scores is not None:
        score = scores.numbers(slots.count)[slots.index]
    track = node.get("track_id") if predicted else node.at("track_id")
    pose_score = node.get("score") if predicted else None
    return Person(
        track_id=place if track is None else track.whole(),
        xy=xy,
        visibility=visibility,
        xyxy=_box(node, xy, visibility),
        head_px=_head_px(node),
        joint_score=score,
        score=MISSING_SCORE if pose_score is None else pose_score.number(),
    )


def _box(
    node: Node, xy: Float64[np.ndarray, "15 2"], visibility: Int8[np.ndarray, " 15"]
) -> Float64[np.ndarray, " 4"]:
    box = _corners(node, "bbox")
    if not visibility.any():
        return np.zeros(4)
    if box is None or not (box[2:] > box[:2]).all():
        return extent(xy, grow=1.3, add_px=0.0)
    return box


def _head_px(node: Node) -> float:
    box = _corners(node, "bbox_head")
    return np.nan if box is None else head_length(box)


def _corners(node: Node, key: str) -> Float64[np.ndarray, " 4"] | None:
    given = node.get(key)
    if given is None:
        return None
    x, y, width, height = _pixels(given, 4)
    return np.array([x, y, x + width, y + height])


def _pixels(node: Node, count: int | None = None) -> Float64[np.ndarray, " count"]:
    values = node.numbers(count)
    if (np.abs(values) > FARTHEST_PX).any():
        raise node.error(f"{np.abs(values).max():g}", f"numbers within {FARTHEST_PX:g} pixels")
    return values


def _regions(image: Node) -> Iterator[Float64[np.ndarray, "points 2"]]:
    sides = [_polygons(image, key) for key in ("ignore_regions_x", "ignore_regions_y")]
    if [len(s) for s in sides[0]] != [len(s) for s in sides[1]]:
        raise image.error(
            f"{[len(s) for s in sides[0]]} points of 'ignore_regions_x' and "
            f"{[len(s) for s in sides[1]]} of 'ignore_regions_y'",
            "as many x as y in each region",
        )
    for x, y in zip(*sides, strict=True):
        yield from polygon(list(zip(x.tolist(), y.tolist(), strict=True)))


def _polygons(image: Node, key: str) -> list[np.ndarray]:
    node = image.get(key)
    if node is None:
        return []
    # A single region may come without its outer list, as exporters from MATLAB write it.
    value: Any = node.value
    if isinstance(value, list) and not isinstance(value[0], list):
        return [_pixels(node)]
    return [_pixels(region) for region in image.items(key) if region.value]


def document(frames: Sequence[FileFrame]) -> dict[str, Any]:
    """Predictions in this form, 17 slots; images without an id get their place, counted from 1."""
    ids = [i + 1 if frame.number is None else frame.number for i, frame in enumerate(frames)]
    return {
        "images": [
            {"file_name": frame.name, "id": number, "frame_id": number}
            for frame, number in zip(frames, ids, strict=True)
        ],
        "annotations": [
            {"image_id": number, "id": number * 100 + i, **_written(person)}
            for frame, number in zip(frames, ids, strict=True)
            for i, person in enumerate(frame.people)
        ],
        "categories": [
            {
                "supercategory": "person",
                "id": 1,
                "name": "person",
                "keypoints": list(POSETRACK17.joints),
                "skeleton": [[a + 1, b + 1] for a, b in POSETRACK17.bones],
            }
        ],
    }


def _written(person: Person) -> dict[str, Any]:
    slots = np.array([POSETRACK17.index(name) for name in POSETRACK15.joints])
    joints, scores = np.zeros((len(POSETRACK17.joints), 3)), np.zeros(len(POSETRACK17.joints))
    there = person.visibility > 0
    joints[slots[there], :2] = person.xy[there]
    joints[slots[there], 2] = 1
    scores[slots] = person.joint_score
    has_scores = (person.joint_score[there] != MISSING_SCORE).any()
    return {
        "track_id": person.track_id,
        "category_id": 1,
        "keypoints": joints.reshape(-1).tolist(),
        "scores": scores.tolist() if has_scores else [],
        **({} if person.score == MISSING_SCORE else {"score": person.score}),
    }
