"""COCO keypoint files: people of still pictures, as `FrameTruth` in their own joint set."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glpose.errors import BadInput
from glpose.skeleton import COCO17, SKELETONS, Skeleton
from glpose.types import FrameTruth, People


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPicture:
    """A picture file and the people labelled in it (`truth.frame` is the picture's id)."""

    path: Path
    truth: FrameTruth


def read_keypoints(annotations: Path, images: Path) -> tuple[Skeleton, list[LabelledPicture]]:
    """Read a COCO keypoint file; pictures without people are included.

    The joint set is recognised by its names (`categories[].keypoints`), COCO's own if absent.
    Crowds and people without a box are left out. COCO joints are pixel indices, as glpose's are.

    Raises: BadInput if the file is not COCO keypoints; the key is named.
    """
    try:
        data = json.loads(annotations.read_text("utf-8"))
        skeleton = _skeleton(data)
        people: dict[int, list[dict[str, Any]]] = {}
        for person in data["annotations"]:
            usable = person.get("bbox") and not person.get("iscrowd")
            if usable and np.isfinite(person["bbox"]).all() and min(person["bbox"][2:]) > 0:
                people.setdefault(person["image_id"], []).append(person)
        return skeleton, [
            LabelledPicture(
                images / image["file_name"],
                _truth(image["id"], people.get(image["id"], []), skeleton),
            )
            for image in data["images"]
        ]
    except OSError as problem:
        raise BadInput(f"{annotations}: cannot be read ({problem.strerror})") from problem
    except (json.JSONDecodeError, UnicodeDecodeError) as problem:
        raise BadInput(f"{annotations}: not JSON ({problem}); expected COCO keypoints") from problem
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


def _skeleton(data: dict[str, Any]) -> Skeleton:
    names = tuple(data["categories"][0].get("keypoints") or COCO17.joints)
    for skeleton in SKELETONS.values():
        if skeleton.joints == names:
            return skeleton
    raise BadInput(f"unknown joint set of {len(names)} joints: {', '.join(names)}")


def _truth(image_id: int, people: list[dict[str, Any]], skeleton: Skeleton) -> FrameTruth:
    joints = np.zeros((len(people), len(skeleton.joints), 3), np.float32)
    boxes = np.zeros((len(people), 4), np.float32)
    for i, person in enumerate(people):
        if person.get("keypoints"):
            joints[i] = _numbers(person, "keypoints", joints[i].size).reshape(-1, 3)
        boxes[i] = _numbers(person, "bbox", 4)
    boxes[:, 2:] += boxes[:, :2]
    visibility = joints[..., 2].astype(np.int8)
    xy = np.where(visibility[..., None] > 0, joints[..., :2], np.nan).astype(np.float32)
    ids = np.arange(1, len(people) + 1)
    return FrameTruth(
        image_id, 0.0, People(boxes, np.ones(len(people), np.float32), ids), xy, visibility
    )


def _numbers(person: dict[str, Any], key: str, count: int) -> np.ndarray:
    values = person[key]
    if len(values) != count or not all(isinstance(v, int | float) for v in values):
        raise BadInput(
            f"the key '{key}' of annotation {person.get('id')} holds {len(values)} values, "
            f"expected {count} numbers"
        )
    return np.array(values, np.float32)
