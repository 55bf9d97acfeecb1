"""COCO keypoint files for scoring: truth with crowds and areas, and results as submitted.

Unlike `formats.coco`, which gives people to learn from, this leaves nobody out: crowds and people
without labelled joints take part in COCO's evaluation. Everything is float64, as in the files.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64

from glpose.errors import BadInput
from glpose.formats.lines import dump, write_whole
from glpose.skeleton import COCO17, SKELETONS, Skeleton


@dataclass(frozen=True, slots=True, eq=False)
class PictureTruth:
    """Everybody labelled in a picture; `ignore` has crowds and people with `num_keypoints` 0."""

    xy: Float64[np.ndarray, "people joints 2"]
    labelled: Bool[np.ndarray, "people joints"]
    area_px2: Float64[np.ndarray, " people"]
    xyxy: Float64[np.ndarray, "people 4"]
    ignore: Bool[np.ndarray, " people"]
    crowd: Bool[np.ndarray, " people"]


@dataclass(frozen=True, slots=True, eq=False)
class PictureGuess:
    """The poses found in a picture, in the order of the file."""

    xy: Float64[np.ndarray, "guesses joints 2"]
    score: Float64[np.ndarray, " guesses"]


def read_keypoint_truth(path: Path) -> tuple[Skeleton, int, dict[int, PictureTruth]]:
    """The joint set, the id of the category, and by picture id, in rising order, its people.

    Raises: BadInput naming the file and the annotation or key.
    """
    data = _read(path)
    if not isinstance(data, dict):
        raise _foreign(path, f"a {type(data).__name__}")
    category, skeleton = _category(path, data)
    people: dict[int, list[dict[str, Any]]] = {}
    for picture in _objects(path, data, "images"):
        people[_whole(path, picture, "id", "images")] = []
    seen: set[int] = set()
    for person in _objects(path, data, "annotations"):
        where = f"annotation {person.get('id')}"
        number = _whole(path, person, "id", where)
        if number in seen:
            raise BadInput(f"{path}: the annotation id {number} comes twice; expected it once")
        seen.add(number)
        image_id = _whole(path, person, "image_id", where)
        if image_id not in people:
            raise BadInput(
                f"{path}: {where} is of picture {image_id}, which is not among 'images'; "
                "the file is incomplete"
            )
        if _whole(path, person, "category_id", where) == category:
            people[image_id].append(person)
    num_joints = len(skeleton.joints)
    truth = {key: _truth(path, people[key], num_joints) for key in sorted(people)}
    return skeleton, category, truth


def read_keypoint_results(
    path: Path, skeleton: Skeleton, category: int, truth: Mapping[int, PictureTruth]
) -> dict[int, PictureGuess]:
    """The poses of each picture of `truth`, also of those without any.

    Raises: BadInput naming the entry: a picture or category that the truth lacks, joints of another
    number, coordinates or scores that are not finite numbers.
    """
    data = _read(path)
    if not isinstance(data, list):
        raise BadInput(
            f"{path}: found a {type(data).__name__}; expected COCO results, a list of objects with "
            "image_id, category_id, keypoints and score"
        )
    xy: dict[int, list[np.ndarray]] = {key: [] for key in truth}
    score: dict[int, list[float]] = {key: [] for key in truth}
    num_joints = len(skeleton.joints)
    for i, entry in enumerate(data):
        where = f"entry {i}"
        if not isinstance(entry, dict):
            raise BadInput(f"{path}: {where} is no object; expected COCO results")
        image_id = _whole(path, entry, "image_id", where)
        if image_id not in truth:
            raise BadInput(
                f"{path}: {where} is of picture {image_id}, which the truth does not have; "
                "expected results of the same pictures"
            )
        found = _whole(path, entry, "category_id", where)
        if found != category:
            raise BadInput(
                f"{path}: {where} has category_id {found}, for which there is no truth; "
                f"expected {category}"
            )
        joints = _numbers(path, entry, "keypoints", where, 3 * num_joints)
        xy[image_id].append(joints.reshape(num_joints, 3)[:, :2])
        score[image_id].append(float(_numbers(path, entry, "score", where, 1)[0]))
    return {
        key: PictureGuess(np.array(xy[key]).reshape(-1, num_joints, 2), np.array(score[key]))
        for key in truth
    }


def write_keypoint_results(
    path: Path,
    poses: Mapping[
        int, tuple[Float[np.ndarray, "n joints 2"], Float[np.ndarray, "n joints"], list[float]]
    ],
    category: int = 1,
) -> None:
    """Write COCO results: by picture id the joints, their scores and the scores of the people.

    A missing joint (NaN) is written as 0, 0, 0. Raises: BadInput if the file cannot be written.
    """
    lines = []
    for image_id, (xy, joint_score, score) in poses.items():
        joints = np.concatenate([xy, joint_score[..., None]], -1).astype(np.float64)
        joints[~np.isfinite(joints).all(-1)] = 0
        lines += [
            dump(
                {
                    "image_id": image_id,
                    "category_id": category,
                    "keypoints": np.round(person, 4).ravel(),
                    "score": whole,
                }
            )
            for person, whole in zip(joints, score, strict=True)
        ]
    write_whole(path, "[" + ",\n".join(lines) + "]\n")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as problem:
        raise BadInput(
            f"{path}: cannot be read ({problem.strerror}); expected a JSON file; check the name"
        ) from problem
    except (ValueError, RecursionError) as problem:  # ValueError: also bytes that are no text
        raise BadInput(
            f"{path}: not JSON ({problem}); expected COCO keypoints; is it truncated?"
        ) from problem


def _foreign(path: Path, found: str) -> BadInput:
    return BadInput(
        f"{path}: found {found}; expected COCO keypoints with images, annotations and categories"
    )


def _objects(path: Path, data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    if key not in data:
        raise _foreign(path, f"no '{key}'")
    values = data[key]
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise _foreign(path, f"something else than a list of objects in '{key}'")
    return values


def _category(path: Path, data: dict[str, Any]) -> tuple[int, Skeleton]:
    categories = _objects(path, data, "categories")
    if len(categories) != 1:
        raise _foreign(path, f"{len(categories)} categories instead of one")
    names = tuple(categories[0].get("keypoints") or COCO17.joints)
    for skeleton in SKELETONS.values():
        if skeleton.joints == names:
            return _whole(path, categories[0], "id", "categories"), skeleton
    raise BadInput(
        f"{path}: unknown joint set of {len(names)} joints: {', '.join(map(str, names))}"
    )


def _truth(path: Path, people: list[dict[str, Any]], num_joints: int) -> PictureTruth:
    joints = np.zeros((len(people), num_joints, 3))
    boxes = np.zeros((len(people), 4))
    area = np.zeros(len(people))
    for i, person in enumerate(people):
        where = f"annotation {person['id']}"
        joints[i] = _numbers(path, person, "keypoints", where, joints[i].size).reshape(-1, 3)
        boxes[i] = _numbers(path, person, "bbox", where, 4)
        area[i] = _numbers(path, person, "area", where, 1)[0]
    labelled = joints[..., 2] > 0
    boxes[:, 2:] += boxes[:, :2]
    count = [p.get("num_keypoints", here.sum()) for p, here in zip(people, labelled, strict=True)]
    crowd = np.array([bool(person.get("iscrowd")) for person in people], bool)
    ignore = crowd | (np.array(count, np.int64) == 0)
    return PictureTruth(joints[..., :2], labelled, area, boxes, ignore, crowd)


def _value(path: Path, item: dict[str, Any], key: str, where: str) -> Any:
    if key not in item:
        raise BadInput(f"{path}: {where} has no '{key}'; expected one")
    return item[key]


def _whole(path: Path, item: dict[str, Any], key: str, where: str) -> int:
    value = _value(path, item, key, where)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadInput(f"{path}: {where}, '{key}' is {value!r:.40}; expected a whole number")
    return value


def _numbers(
    path: Path, item: dict[str, Any], key: str, where: str, count: int
) -> Float64[np.ndarray, " count"]:
    value = _value(path, item, key, where)
    try:
        found = np.atleast_1d(np.asarray(value))
    except ValueError:  # lists in lists of unequal length
        found = np.zeros(0, object)
    if found.dtype.kind not in "iuf" or found.shape != (count,):
        what = "a number" if count == 1 else f"{count} numbers"
        raise BadInput(f"{path}: {where}, '{key}' is {str(value)[:40]!r}; expected {what}")
    if not np.isfinite(found).all():
        raise BadInput(f"{path}: {where}, '{key}' holds NaN or infinity; expected finite numbers")
    return found.astype(np.float64)
