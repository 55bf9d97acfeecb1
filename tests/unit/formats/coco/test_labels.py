"""COCO keypoint files: what is read, what is left out, what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.formats.coco.labels import open_coco, read_keypoints
from glpose.skeleton import COCO17, LSP14

JOINTS = [v for j in range(17) for v in (10 * j, j, 2 - j % 3)]


def person(image_id: int = 7, **changes: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": image_id, "bbox": [1, 2, 30, 40], "keypoints": JOINTS} | changes


def document(*people: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
        "annotations": list(people),
        "categories": [{"keypoints": list(COCO17.joints)}],
    } | changes


def write(folder: Path, content: Any) -> Path:
    path = folder / "person_keypoints.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_people_are_grouped_by_picture(tmp_path: Path) -> None:
    path = write(tmp_path, document(person(), person(8), person(8)))
    skeleton, pictures = read_keypoints(path, tmp_path / "images")
    assert skeleton is COCO17
    assert [p.path for p in pictures] == [tmp_path / "images" / n for n in ("a.jpg", "b.jpg")]
    assert [len(p.truth.people) for p in pictures] == [1, 2]
    truth = pictures[0].truth
    assert truth.frame == 7
    assert truth.people.xyxy.tolist() == [[1, 2, 31, 42]]
    assert truth.visibility[0].tolist() == [2 - j % 3 for j in range(17)]
    labelled = truth.visibility[0] > 0
    expected = np.stack([10 * np.arange(17), np.arange(17)], -1)
    assert (truth.xy[0][labelled] == expected[labelled]).all()
    assert np.isnan(truth.xy[0][~labelled]).all()


@pytest.mark.parametrize(
    "left_out",
    [
        {"iscrowd": 1},
        {"bbox": None},
        {"bbox": [1, 2, 0, 40]},
        {"bbox": [1, 2, 30, -1]},
        {"bbox": [1, 2, float("nan"), 40]},
        {"bbox": [float("nan"), 2, 30, 40]},
    ],
)
def test_crowds_and_people_without_a_box_are_left_out(tmp_path: Path, left_out: dict) -> None:
    path = write(tmp_path, document(person(), person(**left_out)))
    assert len(read_keypoints(path, tmp_path)[1][0].truth.people) == 1


def test_people_without_joints_are_kept_unlabelled(tmp_path: Path) -> None:
    path = write(tmp_path, document(person(keypoints=[])))
    truth = read_keypoints(path, tmp_path)[1][0].truth
    assert (truth.visibility == 0).all()
    assert np.isnan(truth.xy).all()


def test_the_joint_set_is_recognised_by_its_names(tmp_path: Path) -> None:
    names = [{"keypoints": list(LSP14.joints)}]
    path = write(tmp_path, document(person(keypoints=JOINTS[:42]), categories=names))
    assert read_keypoints(path, tmp_path)[0] is LSP14
    path = write(tmp_path, document(categories=[{"name": "person"}]))
    assert read_keypoints(path, tmp_path)[0] is COCO17


def test_files_that_are_not_json(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"person_keypoints.json: not JSON"):
        read_keypoints(write(tmp_path, json.dumps(document(person()))[:200]), tmp_path)
    (tmp_path / "person_keypoints.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match=r"person_keypoints.json: not JSON"):
        read_keypoints(tmp_path / "person_keypoints.json", tmp_path)
    with pytest.raises(BadInput, match=r"none.json: cannot be read"):
        read_keypoints(tmp_path / "none.json", tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"images": [], "annotations": []}, "with the list 'categories'"),
        ({"images": [], "categories": [{}]}, "with the list 'annotations'"),
        (document(annotations=[{"id": 1, "bbox": [0, 0, 1, 1]}]), "the key 'image_id' is missing"),
        (
            document(images=[{"id": 7, "file_name": name} for name in ("a.jpg", "b.jpg")]),
            r"'images\[1\].id' is 7, as that of 'images\[0\]'; expected each id once",
        ),
        (document(images=[{"id": 7}]), "the key 'file_name' is missing"),
        ([], "with the list 'categories'"),
        (document(annotations=[3]), r"'annotations\[0\]' is 3; expected an object"),
        (document(person(bbox="long")), r"'annotations\[0\].bbox' is a list of 1"),
        (document(person(bbox=[1, 2, 3])), r"'annotations\[0\].bbox' is a list of 3"),
        (document(person(bbox=[10**400, 2, 3, 4])), r"at place 0; expected 4 finite numbers"),
        (document(person(bbox=[[1, 2], 2, 3, 4])), r"at place 0; expected 4 finite numbers"),
        (document(person(image_id=10**400)), r"'annotations\[0\].image_id' is 1000"),
        (document(person(keypoints=[1, 2, 300] * 17)), "one with other visibilities"),
        (
            document(person(keypoints=[1, 2, 2])),
            r"'annotations\[0\].keypoints' is a list of 3; expected 51 finite numbers",
        ),
        (
            document(person(keypoints=["a"] * 51)),
            r"'annotations\[0\].keypoints' is 'a' at place 0; expected 51 finite numbers",
        ),
        (
            document(person(keypoints=[float("nan")] + JOINTS[1:])),
            r"'annotations\[0\].keypoints' is nan at place 0; expected 51 finite numbers",
        ),
        (
            document(person(9)),
            r"'annotations\[0\]' is of the picture 9, which is not among 'images'",
        ),
        (document(categories=[{"keypoints": ["nose"]}]), "unknown joint set, 1 joints: nose"),
    ],
)
def test_other_json_names_the_file_and_the_key(tmp_path: Path, content: Any, words: str) -> None:
    with pytest.raises(BadInput, match=rf"person_keypoints.json: .*{words}"):
        read_keypoints(write(tmp_path, content), tmp_path)


def official(root: Path, *people: dict[str, Any], **changes: Any) -> Path:
    """A set in the official layout, with one picture of 100 x 60."""
    images = [{"id": 7, "file_name": "000000000007.jpg", "width": 100, "height": 60}]
    content = document(*people, images=images, **changes)
    (root / "annotations").mkdir(parents=True)
    (root / "annotations" / "person_keypoints_val2017.json").write_text(json.dumps(content))
    (root / "val2017").mkdir()
    return root


def whole(**changes: Any) -> dict[str, Any]:
    return person() | {"iscrowd": 0, "area": 600.5} | changes


def test_the_official_layout(tmp_path: Path) -> None:
    skeleton, (picture,) = open_coco(official(tmp_path, whole()), "val")
    assert skeleton is COCO17
    assert picture.path == tmp_path / "val2017" / "000000000007.jpg"
    assert picture.truth.visibility[0].tolist() == [2 - j % 3 for j in range(17)]


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        # As the HRNet family cuts boxes: the last column is x + w - 1.
        ([1, 2, 30, 40], [1, 2, 30, 41]),
        ([-5.5, -3, 30.5, 40], [0, 0, 29.5, 39]),
        ([80, 30, 40, 50], [80, 30, 99, 59]),
        ([3, 4, 0.5, 0], [3, 4, 3, 4]),
    ],
)
def test_boxes_are_cut_to_the_picture(tmp_path: Path, bbox: list, expected: list) -> None:
    _, (picture,) = open_coco(official(tmp_path, whole(bbox=bbox)), "val")
    assert picture.truth.people.xyxy.tolist() == [expected]


@pytest.mark.parametrize(
    "left_out",
    [
        {"iscrowd": 1},
        {"area": 0},
        {"keypoints": [0] * 51},
        {"bbox": [100, 10, 20, 20]},
        {"bbox": [10, -30, 20, 20.5], "area": 0.0},
    ],
)
def test_who_is_not_trained_on(tmp_path: Path, left_out: dict) -> None:
    root = official(tmp_path, whole() | left_out, whole(id=2))
    _, (picture,) = open_coco(root, "val")
    assert len(picture.truth.people) == 1
    assert picture.truth.xy.shape == (1, 17, 2)


def test_missing_parts_of_the_official_layout(tmp_path: Path) -> None:
    root = official(tmp_path, whole())
    with pytest.raises(BadInput, match=r"person_keypoints_train2017.json: not found; unpack ann"):
        open_coco(root, "train")
    with pytest.raises(BadInput, match=r"no part 'test'; expected one of: train, val"):
        open_coco(root, "test")
    (root / "val2017").rmdir()
    with pytest.raises(BadInput, match=r"val2017: not found; unpack val2017.zip"):
        open_coco(root, "val")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"area": None}, "the key 'area' is missing"),
        ({"bbox": [1, 2, 3, float("nan")]}, ".bbox' is nan at place 3"),
        ({"bbox": [1, 2, 3]}, ".bbox' is a list of 3; expected 4"),
        ({"keypoints": JOINTS[:45]}, ".keypoints' is a list of 45; expected 51"),
    ],
)
def test_wrong_people_are_named(tmp_path: Path, changes: dict, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        open_coco(official(tmp_path, whole(**changes)), "val")
