"""PoseTrack files and sets for tests, written as the archives have them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from glpose.skeleton import POSETRACK15, POSETRACK17

SEQUENCE = "000342_mpii"
PLACE = f"images/bonn_5sec/{SEQUENCE}"
SLOT = [POSETRACK17.index(name) for name in POSETRACK15.joints]


def point17(joint: int, x: float, y: float, **others: Any) -> dict[str, Any]:
    return {"id": [joint], "x": [x], "y": [y]} | {key: [value] for key, value in others.items()}


def person17(track: int, points: Sequence[dict[str, Any]], **others: Any) -> dict[str, Any]:
    person = {"x1": [130], "y1": [105], "x2": [170], "y2": [135], "track_id": [track]}
    return person | {"annopoints": [{"point": list(points)}]} | others


def entry17(number: int, *people: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {
        "image": [{"name": f"{PLACE}/{number:08d}.jpg"}],
        "imgnum": [number],
        "is_labeled": [int(bool(people))],
        "annorect": list(people),
    } | others


def image18(frame: int, **others: Any) -> dict[str, Any]:
    return {
        "file_name": f"images/val/{SEQUENCE}_test/{frame:06d}.jpg",
        "id": 10003420000 + frame,
        "frame_id": 10003420000 + frame,
        "vid_id": "000342",
        "is_labeled": True,
    } | others


def person18(
    frame: int, track: int, joints: dict[int, tuple[float, float, int]], **others: Any
) -> dict[str, Any]:
    """`joints` by their official number of 15."""
    slots = np.zeros((17, 3)).tolist()
    for joint, values in joints.items():
        slots[SLOT[joint]] = list(values)
    return {
        "image_id": 10003420000 + frame,
        "id": (10003420000 + frame) * 100 + track,
        "track_id": track,
        "category_id": 1,
        "keypoints": [value for slot in slots for value in slot],
        "scores": [],
        "bbox_head": [130, 105, 40, 30],
    } | others


def document18(
    images: Sequence[dict[str, Any]], people: Sequence[dict[str, Any]], **others: Any
) -> dict[str, Any]:
    names = [{"name": "person", "id": 1, "keypoints": list(POSETRACK17.joints)}]
    return {"images": list(images), "annotations": list(people), "categories": names} | others


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def write_mat(path: Path, annolist: Sequence[dict[str, Any]]) -> Path:
    """A list of entries as MATLAB's structs: a list of one is a struct, an empty one `[]`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"annolist": _structs(annolist)}, do_compression=True)
    return path


def _structs(rows: Sequence[dict[str, Any]]) -> np.ndarray:
    keys = sorted({key for row in rows for key in row})
    array = np.empty((1, len(rows)), [(key, object) for key in keys])
    for i, row in enumerate(rows):
        for key in keys:  # every struct of an array has all fields, empty where there is nothing
            array[key][0, i] = _matlab(row.get(key, []))
    return array


def _matlab(value: Any) -> Any:
    if not isinstance(value, list) or not value:
        return np.zeros((0, 0)) if isinstance(value, list) else value
    return _structs(value) if isinstance(value[0], dict) else float(value[0])


def write_pictures(folder: Path, names: Sequence[str]) -> None:
    """Files of that name; nothing in them, since no reader of labels may open them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def numbered(count: int, form: str = "{:08d}.jpg", first: int = 1) -> list[str]:
    return [form.format(i) for i in range(first, first + count)]


def set17(root: Path, num_frames: int = 5, labelled: Sequence[int] = (1, 3)) -> Path:
    """A validation set of one video, one person in its labelled frames."""
    points = [point17(0, 10, 20), point17(13, 40.5, 80)]
    entries = [
        entry17(i + 1, *([person17(1, points)] if i in labelled else [])) for i in range(num_frames)
    ]
    write(root / "annotations" / "val" / f"{SEQUENCE}.json", {"annolist": entries})
    write_pictures(root / PLACE, numbered(num_frames))
    return root


def set18(root: Path, num_frames: int = 5, labelled: Sequence[int] = (1, 3)) -> Path:
    """The same set in the form and the folders of 2018."""
    images = [image18(i, is_labeled=i in labelled) for i in range(num_frames)]
    people = [person18(i, 1, {0: (10, 20, 1), 13: (40.5, 80, 1)}) for i in labelled]
    file = root / "annotations" / "val" / f"{SEQUENCE}_test.json"
    write(file, document18(images, people))
    folder = root / "images" / "val" / f"{SEQUENCE}_test"
    write_pictures(folder, numbered(num_frames, "{:06d}.jpg", 0))
    return root
