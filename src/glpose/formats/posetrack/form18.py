"""PoseTrack files of 2018: COCO's form (`images`, `annotations`, `categories`), one per video.

Joints are found by the names in `categories`, 17 slots or 15. A joint is absent only if all three
of its numbers are 0; one with coordinates and flag 0 is labelled, as in poseval.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from glpose.formats.posetrack.people import (
    MISSING_SCORE,
    FileFrame,
    FilePeople,
    extent,
    head_length,
    places,
    regions_of,
)
from glpose.formats.text.lines import FARTHEST_PX
from glpose.formats.text.rows import Rows, top
from glpose.formats.text.tree import Node, by_id
from glpose.skeleton import POSETRACK15, POSETRACK17


@dataclass(frozen=True, slots=True, eq=False)
class _Slots:
    """The slot of each evaluated joint in the file, and the number of slots."""

    index: Int64[np.ndarray, " 15"]
    count: int


def read_frames(root: Node, *, predicted: bool) -> Iterator[FileFrame]:
    """The frames in the order of `images`; truth has to name pictures and tracks.

    A person's box is the file's `bbox`; where it is missing or has no width or height, the extent
    of the joints scaled by 1.3, like the official boxes. Raises: BadInput with the key.
    """
    slots = _slots(root)
    images = by_id(root.items("images"))
    rows = _by_image(top(root).rows("annotations"), list(images))
    people = _people(rows, slots, predicted=predicted)
    for (number, image), of_image in zip(images.items(), rows.slices(len(images)), strict=True):
        name = image.get("file_name") if predicted else image.at("file_name")
        flag = image.get("is_labeled")
        found = people[of_image]
        yield FileFrame(
            name="" if name is None else name.text(),
            number=number,
            labelled=len(found) > 0 or (flag is not None and flag.number() != 0),
            people=found,
            ignore=_regions(image),
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


def _by_image(rows: Rows, numbers: list[int]) -> Rows:
    """The annotations in the order of the images, which own them."""
    place = {number: i for i, number in enumerate(numbers)}
    ids = rows.wholes("image_id").tolist()
    for i, number in enumerate(ids):
        if number not in place:
            raise (
                rows.node(i)
                .at("image_id")
                .error(
                    f"{number}", f"the id of one of the {len(place)} images; there is no such frame"
                )
            )
    owner = np.array([place[number] for number in ids], np.int64)
    order = np.argsort(owner, kind="stable")
    return replace(rows.take(order), owner=owner[order])


def _people(rows: Rows, slots: _Slots, *, predicted: bool) -> FilePeople:
    joints = _pixels(rows, "keypoints", 3 * slots.count, 0.0)
    joints = joints.reshape(-1, slots.count, 3)[:, slots.index]
    there = (joints != 0).any(-1)
    xy = np.where(there[..., None], joints[..., :2], np.nan)
    joint_score, score = np.full(there.shape, MISSING_SCORE), np.full(len(rows), MISSING_SCORE)
    if predicted:
        joint_score = rows.lists("scores", slots.count, MISSING_SCORE)[:, slots.index]
        score = rows.numbers("score", MISSING_SCORE)
    box = _corners(rows, "bbox")
    is_box = (box[:, 2:] > box[:, :2]).all(-1, keepdims=True)
    box = np.where(is_box, box, extent(xy, grow=1.3, add_px=0.0))
    return FilePeople(
        track_id=rows.wholes("track_id", places(rows) if predicted else None),
        xy=xy,
        visibility=np.where(there, np.where(joints[..., 2] > 0, 2, 1), 0).astype(np.int8),
        xyxy=np.where(there.any(-1, keepdims=True), box, 0.0),
        head_px=head_length(_corners(rows, "bbox_head")),
        listed=np.ones(len(rows), bool),
        joint_score=joint_score,
        score=score,
    )


def _corners(rows: Rows, key: str) -> Float64[np.ndarray, "rows 4"]:
    """Boxes as `xyxy`; NaN where missing."""
    box = _pixels(rows, key, 4, np.nan)
    return np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], -1)


def _pixels(rows: Rows, key: str, count: int, missing: float) -> Float64[np.ndarray, "rows count"]:
    values = rows.lists(key, count, missing)
    for i in np.flatnonzero((np.abs(values) > FARTHEST_PX).any(-1)).tolist():
        _check_near(rows.node(i).at(key), values[i])
    return values


def _check_near(node: Node, values: Float64[np.ndarray, " values"]) -> None:
    farthest = np.abs(values).max(initial=0)
    if farthest > FARTHEST_PX:
        raise node.error(f"{farthest:g}", f"numbers within {FARTHEST_PX:g} pixels")


def _regions(image: Node) -> tuple[Float64[np.ndarray, "_ 2"], ...]:
    sides = [_polygons(image, key) for key in ("ignore_regions_x", "ignore_regions_y")]
    if [len(s) for s in sides[0]] != [len(s) for s in sides[1]]:
        raise image.error(
            f"{[len(s) for s in sides[0]]} points of 'ignore_regions_x' and "
            f"{[len(s) for s in sides[1]]} of 'ignore_regions_y'",
            "as many x as y in each region",
        )
    return regions_of(np.stack(side, -1) for side in zip(*sides, strict=True))


def _polygons(image: Node, key: str) -> list[np.ndarray]:
    node = image.get(key)
    if node is None:
        return []
    # A single region may lack its outer list, as in exports from MATLAB.
    value: Any = node.value
    is_single = isinstance(value, list) and not isinstance(value[0], list)
    regions = [node] if is_single else [region for region in image.items(key) if region.value]
    sides = [region.numbers() for region in regions]
    for region, side in zip(regions, sides, strict=True):
        _check_near(region, side)
    return sides


def document(frames: Sequence[FileFrame]) -> dict[str, Any]:
    """Predictions in this form, 17 slots; images without an id get their position, from 1."""
    ids = [i + 1 if frame.number is None else frame.number for i, frame in enumerate(frames)]
    return {
        "images": [
            {"file_name": frame.name, "id": number, "frame_id": number}
            for frame, number in zip(frames, ids, strict=True)
        ],
        "annotations": [
            {"image_id": number, "id": number * 100 + i, **_written(frame.people, i)}
            for frame, number in zip(frames, ids, strict=True)
            for i in range(len(frame.people))
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


def _written(people: FilePeople, i: int) -> dict[str, Any]:
    slots = np.array([POSETRACK17.index(name) for name in POSETRACK15.joints])
    joints, scores = np.zeros((len(POSETRACK17.joints), 3)), np.zeros(len(POSETRACK17.joints))
    there, score = people.visibility[i] > 0, float(people.score[i])
    joints[slots[there], :2] = people.xy[i, there]
    joints[slots[there], 2] = 1
    scores[slots] = people.joint_score[i]
    has_scores = (people.joint_score[i, there] != MISSING_SCORE).any()
    return {
        "track_id": int(people.track_id[i]),
        "category_id": 1,
        "keypoints": joints.reshape(-1).tolist(),
        "scores": scores.tolist() if has_scores else [],
        **({} if score == MISSING_SCORE else {"score": score}),
    }
