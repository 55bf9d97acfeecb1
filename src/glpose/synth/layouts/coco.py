"""COCO keypoints: `annotations/person_keypoints_{train,val}2017.json` and folders of pictures."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from glpose.imaging import write_image
from glpose.skeleton import COCO17
from glpose.synth.layouts.order import (
    SPLITS,
    Order,
    Shot,
    Written,
    category,
    rounded,
    shots,
    with_joints,
    write_text,
)
from glpose.synth.scene import SceneSpec

SIZE_HW = (320, 426)
_EVERY = 4  # one in so many frames of a scene becomes a picture
_LEAST_SHARE = 32 * 32 / (320 * 426)  # of the picture; smaller people have a box but no joints


def write_coco(folder: Path, order: Order) -> Written:
    """Write both splits; each video gives several pictures, some of them in portrait format."""
    order, written = with_joints(order, _has_joints), Written()
    data: dict[str, dict[str, Any]] = {
        part: {
            "info": {"description": "rendered figures in the layout of COCO 2017 keypoints"},
            "licenses": [],
            "images": [],
            "annotations": [],
            "categories": [category(COCO17)],
        }
        for part in SPLITS
    }
    for number in range(order.num_videos):
        part, least_share = order.split_of(number), _least_share(order, number)
        (folder / f"{part}2017").mkdir(parents=True, exist_ok=True)
        for index, shot in enumerate(_pictures(order, number)):
            image_id = 139 + 1000 * number + 17 * index
            name = f"{image_id:012d}.jpg"
            write_image(folder / f"{part}2017" / name, shot.rgb)
            height, width = shot.rgb.shape[:2]
            data[part]["images"].append(
                {"license": 1, "file_name": name, "height": height, "width": width, "id": image_id}
            )
            people = _annotations(shot, image_id, least_share)
            data[part]["annotations"] += people
            written.num_pictures += 1
            written.num_people += sum(person["num_keypoints"] > 0 for person in people)
        written.num_videos += 1
    for part, content in data.items():
        path = folder / "annotations" / f"person_keypoints_{part}2017.json"
        write_text(path, json.dumps(content))
    return written


def _has_joints(order: Order, number: int) -> bool:
    least_share = _least_share(order, number)
    people = (_annotations(shot, 0, least_share) for shot in _pictures(order, number))
    return any(person["num_keypoints"] for found in people for person in found)


def _least_share(order: Order, number: int) -> float:
    """0 in a scene that was drawn again for its joints: in a wide picture everybody is small."""
    return 0.0 if number in order.redrawn else _LEAST_SHARE


def _pictures(order: Order, number: int) -> Iterator[Shot]:
    """Pictures of one scene; every third scene is portrait, some training scenes have no people."""
    height, width = order.size_hw or SIZE_HW
    is_empty = number % 4 == 1 and order.split_of(number) == "train"
    num = -(-order.frames_of(number) // _EVERY)
    spec = SceneSpec(
        size_hw=(width, height) if number % 3 == 2 else (height, width),
        num_frames=num,
        rate_hz=25.0 / _EVERY,
        num_people=(0, 0) if is_empty else (1, 4),
        height_share=(0.12, 1.1),
        num_obstacles=(0, 2),
    )
    return shots(order.scene(number, spec))


def _annotations(shot: Shot, image_id: int, least_share: float) -> list[dict[str, Any]]:
    """Annotations of the visible people; the fourth person, if any, is marked as a crowd."""
    out = []
    for place, track in enumerate(shot.truth.people.track_id.tolist()):
        labels, is_crowd = shot.people[track], track == 4
        xy, visibility = labels.joints(COCO17)
        if is_crowd or labels.mask.mean() < least_share:
            visibility = np.zeros_like(visibility)
        joints = np.where(visibility[:, None] > 0, np.column_stack([xy, visibility]), 0)
        box = labels.box()
        if box is None:
            continue
        x1, y1, x2, y2 = box.tolist()
        out.append({
            "segmentation": {"counts": run_lengths(labels.mask), "size": list(labels.mask.shape)},
            "num_keypoints": int((visibility > 0).sum()),
            "area": int(labels.mask.sum()),
            "iscrowd": int(is_crowd),
            "keypoints": rounded(joints),
            "image_id": image_id,
            "bbox": [x1, y1, x2 + 1 - x1, y2 + 1 - y1],
            "category_id": 1,
            "id": image_id * 100 + place,
        })  # fmt: skip
    return out


def run_lengths(mask: Bool[np.ndarray, "h w"]) -> list[int]:
    """A mask as COCO run lengths: alternately pixels outside and inside, in column order."""
    flat = np.concatenate([[False], mask.T.ravel(), [not mask.T.ravel()[-1]]])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.concatenate([[0], changes])).tolist()
