"""COCO keypoint files: people in still pictures, as `FrameTruth` in the file's joint set.

`open_coco` reads the official layout for training; `read_keypoints` any file of the format.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from glpose.errors import BadInput
from glpose.formats.dataset import LabelledPicture
from glpose.skeleton import COCO17, SKELETONS, Skeleton
from glpose.types import FrameTruth, People

PARTS = ("train", "val")

_Person = dict[str, Any]


def open_coco(root: Path, part: str) -> tuple[Skeleton, list[LabelledPicture]]:
    """The people of COCO 2017 to train on: `annotations/person_keypoints_<part>2017.json`.

    Pictures are in `<part>2017/`; those without people to train on are included, none is opened.
    Crowds, people of area 0 and people without a labelled joint are left out. Boxes are clipped to
    the picture as in the HRNet family: x2 = min(width - 1, x + w - 1).

    Raises: BadInput for a part other than train and val, missing files, or a file that is not COCO
    keypoints, naming the key.
    """
    if part not in PARTS:
        raise BadInput(f"COCO has no part '{part}'; expected one of: {', '.join(PARTS)}")
    annotations, images = annotation_file(root, part), root / f"{part}2017"
    if not annotations.is_file():
        raise BadInput(
            f"{annotations}: not found; unpack annotations_trainval2017.zip in {root}, "
            "so that there is a folder annotations"
        )
    if not images.is_dir():
        raise BadInput(f"{images}: not found; unpack {part}2017.zip in {root}")
    return _read(annotations, images, _to_train_on)


def annotation_file(root: Path, part: str) -> Path:
    """Where the keypoint file of a part is expected."""
    return root / "annotations" / f"person_keypoints_{part}2017.json"


def read_keypoints(
    annotations: Path, images: Path, is_wanted: Callable[[_Person], bool] = lambda _: True
) -> tuple[Skeleton, list[LabelledPicture]]:
    """Read a COCO keypoint file; pictures without people are included.

    `is_wanted` chooses among the pictures by their entries in the file. The joint set follows from
    the joint names (`categories[].keypoints`); COCO's if absent. Crowds and people without a box
    are left out. COCO joints are pixel indices, as in glpose.

    Raises: BadInput naming the key, if the file is not COCO keypoints.
    """
    return _read(annotations, images, _with_box, is_wanted)


def _with_box(person: _Person, image: _Person) -> bool:
    del image
    usable = person.get("bbox") and not person.get("iscrowd")
    return bool(usable and np.isfinite(person["bbox"]).all() and min(person["bbox"][2:]) > 0)


def _to_train_on(person: _Person, image: _Person) -> bool:
    """Whether HRNet's COCO loader keeps a person; clips the box to the picture in place."""
    if person["iscrowd"] or person["area"] <= 0 or not any(person["keypoints"][2::3]):
        return False
    x, y, width, height = _numbers([person], "bbox", 4)[0].tolist()
    x1, y1 = max(0.0, x), max(0.0, y)
    x2 = min(image["width"] - 1.0, x1 + max(0.0, width - 1))
    y2 = min(image["height"] - 1.0, y1 + max(0.0, height - 1))
    person["bbox"] = [x1, y1, x2 - x1, y2 - y1]
    return x2 >= x1 and y2 >= y1


def _read(
    annotations: Path,
    images: Path,
    is_kept: Callable[[_Person, _Person], bool],
    is_wanted: Callable[[_Person], bool] = lambda _: True,
) -> tuple[Skeleton, list[LabelledPicture]]:
    try:
        data = json.loads(annotations.read_text("utf-8"))
        skeleton = _skeleton(data)
        pictures = {image["id"]: image for image in data["images"]}
        kept = [p for p in data["annotations"] if is_kept(p, _picture_of(p, pictures))]
        truth = _truth(kept, skeleton)
        return skeleton, [
            LabelledPicture(images / image["file_name"], *truth(image["id"]))
            for image in data["images"]
            if is_wanted(image)
        ]
    except OSError as problem:
        raise BadInput(f"{annotations}: cannot be read ({problem.strerror})") from problem
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise BadInput(
            f"{annotations}: not JSON ({problem}); expected COCO keypoints; take it from its "
            "archive again"
        ) from problem
    except BadInput as problem:
        raise BadInput(f"{annotations}: {problem}") from problem
    except KeyError as problem:
        raise BadInput(
            f"{annotations}: not COCO keypoints, the key {problem} is missing"
        ) from problem
    except (TypeError, AttributeError, IndexError) as problem:
        raise BadInput(
            f"{annotations}: not COCO keypoints, something has a wrong type ({problem})"
        ) from problem


def _picture_of(person: _Person, pictures: dict[int, _Person]) -> _Person:
    image = pictures.get(person["image_id"])
    if image is None:
        raise BadInput(
            f"annotation {person.get('id')} is of the picture {person['image_id']}, which is not "
            "among 'images'; the file is incomplete, take it from its archive again"
        )
    return image


def _skeleton(data: dict[str, Any]) -> Skeleton:
    names = tuple(data["categories"][0].get("keypoints") or COCO17.joints)
    for skeleton in SKELETONS.values():
        if skeleton.joints == names:
            return skeleton
    raise BadInput(f"unknown joint set of {len(names)} joints: {', '.join(names)}")


def _truth(
    people: list[_Person], skeleton: Skeleton
) -> Callable[[int], tuple[FrameTruth, tuple[int, ...]]]:
    """The truth of a picture by its id, and the ids of its people.

    All people are converted at once: there may be 150,000.
    """
    num = len(skeleton.joints)
    joints = _numbers(people, "keypoints", 3 * num).reshape(-1, num, 3)
    boxes = _numbers(people, "bbox", 4)
    boxes[:, 2:] += boxes[:, :2]
    visibility = joints[..., 2].astype(np.int8)
    xy = np.where(visibility[..., None] > 0, joints[..., :2], np.float32(np.nan))
    rows: dict[int, list[int]] = {}
    for row, person in enumerate(people):
        rows.setdefault(person["image_id"], []).append(row)

    def truth(image_id: int) -> tuple[FrameTruth, tuple[int, ...]]:
        mine = rows.get(image_id, [])
        ones, ids = np.ones(len(mine), np.float32), np.arange(1, len(mine) + 1)
        found = People(boxes[mine], ones, ids)
        known = tuple(people[row].get("id", 0) for row in mine)
        return FrameTruth(image_id, 0.0, found, xy[mine], visibility[mine]), known

    return truth


def _numbers(people: list[_Person], key: str, count: int) -> Float32[np.ndarray, "people numbers"]:
    """The numbers under a key, one row per person; zeros for people without joints."""
    none = [0] * count
    values = [(person.get(key) or none) if key == "keypoints" else person[key] for person in people]
    try:
        numbers = np.array(values)
    except ValueError:  # lists of different lengths
        numbers = np.zeros(0, object)
    if numbers.dtype.kind not in "iuf" or numbers.shape != (len(people), count):
        for person, value in zip(people, values, strict=True):
            if len(value) != count or not all(isinstance(v, int | float) for v in value):
                raise BadInput(
                    f"the key '{key}' of annotation {person.get('id')} holds {len(value)} values, "
                    f"expected {count} numbers"
                )
    numbers = np.array(values, np.float32).reshape(len(people), count)
    if not np.isfinite(numbers).all():
        row = int(np.flatnonzero(~np.isfinite(numbers).all(1))[0])
        raise BadInput(
            f"the key '{key}' of annotation {people[row].get('id')} holds NaN or infinity, "
            f"expected {count} finite numbers"
        )
    return numbers
