"""Reading COCO-like box files."""

import json
from pathlib import Path

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.formats.coco.boxes import read_boxes


def write(folder: Path, data: object) -> Path:
    path = folder / "boxes.json"
    path.write_text(json.dumps(data), "utf-8")
    return path


def test_boxes_become_corners_and_crowds_are_ignored(tmp_path: Path):
    data = {
        "images": [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "b.png"}],
        "annotations": [
            {"image_id": 7, "bbox": [1, 2, 3, 4]},
            {"image_id": 7, "bbox": [0, 0, 5, 5], "iscrowd": 1},
            {"image_id": 7, "bbox": [0, 0, 6, 6], "ignore": 1},
            {"image_id": 7, "bbox": [0, 0, 0, 6]},
        ],
    }
    with_people, empty = read_boxes(write(tmp_path, data), tmp_path)
    assert with_people.path == tmp_path / "a.png"
    assert with_people.picture_id == 7
    np.testing.assert_array_equal(with_people.xyxy, [[1, 2, 4, 6], [0, 0, 5, 5], [0, 0, 6, 6]])
    np.testing.assert_array_equal(with_people.ignore, [False, True, True])
    assert empty.xyxy.shape == (0, 4)


def test_errors_name_the_file_and_the_key(tmp_path: Path):
    with pytest.raises(BadInput, match="cannot be read"):
        read_boxes(tmp_path / "absent.json", tmp_path)
    with pytest.raises(BadInput, match="'annotations'"):
        read_boxes(write(tmp_path, {"images": []}), tmp_path)
    (tmp_path / "boxes.json").write_text("{", "utf-8")
    with pytest.raises(BadInput, match="not JSON"):
        read_boxes(tmp_path / "boxes.json", tmp_path)
    twice = [{"id": 7, "file_name": name} for name in ("a.png", "b.png")]
    with pytest.raises(BadInput, match=r"'images\[1\]\.id' is 7, as that of 'images\[0\]'"):
        read_boxes(write(tmp_path, {"images": twice, "annotations": []}), tmp_path)
