"""COCO-like box files: people in still pictures, with regions to ignore."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from glpose.errors import BadInput


@dataclass(frozen=True, slots=True, eq=False)
class BoxedPicture:
    """A picture file and its boxes in pixels; `ignore` marks crowds and people hard to see."""

    path: Path
    picture_id: int
    xyxy: Float32[np.ndarray, "n 4"]
    ignore: Bool[np.ndarray, " n"]


def open_person_boxes(root: Path, part: str, held_out_every: int) -> list[BoxedPicture]:
    """Our sets of person boxes: `instances_person.json` and `images/`.

    The part "val" has the pictures whose id is a multiple of `held_out_every`, "train" all others.

    Raises: BadInput as `read_boxes` does.
    """
    pictures = read_boxes(root / "instances_person.json", root / "images")
    return [p for p in pictures if (p.picture_id % held_out_every == 0) == (part == "val")]


def read_boxes(
    annotations: Path, images: Path, is_wanted: Callable[[dict[str, Any]], bool] = lambda _: True
) -> list[BoxedPicture]:
    """Read the pictures of a COCO instance or keypoint file, including those without people.

    `is_wanted` chooses among the pictures by their entries in the file.
    Boxes without area are left out; `ignore` and `iscrowd` are read where they exist.

    Raises: BadInput naming the key, if the file is not COCO-like; what `is_wanted` raises, with the
    file.
    """
    try:
        data = json.loads(annotations.read_text("utf-8"))
        people: dict[int, list[dict[str, Any]]] = {}
        for person in data["annotations"]:
            if person["bbox"][2] > 0 and person["bbox"][3] > 0:
                people.setdefault(person["image_id"], []).append(person)
        return [
            _picture(images / image["file_name"], image["id"], people.get(image["id"], []))
            for image in data["images"]
            if is_wanted(image)
        ]
    except OSError as problem:
        raise BadInput(f"{annotations}: cannot be read ({problem.strerror})") from problem
    except json.JSONDecodeError as problem:
        raise BadInput(f"{annotations}: not JSON ({problem}); expected COCO boxes") from problem
    except BadInput as problem:
        raise BadInput(f"{annotations}: {problem}") from problem
    except (KeyError, IndexError, TypeError, AttributeError) as problem:
        raise BadInput(
            f"{annotations}: not COCO boxes, the key {problem} is missing or of a wrong type"
        ) from problem


def _picture(path: Path, picture_id: int, people: list[dict[str, Any]]) -> BoxedPicture:
    xyxy = np.array([p["bbox"] for p in people], np.float32).reshape(-1, 4)
    xyxy[:, 2:] += xyxy[:, :2]
    ignore = np.array([bool(p.get("ignore") or p.get("iscrowd")) for p in people], bool)
    return BoxedPicture(path, picture_id, xyxy, ignore)
