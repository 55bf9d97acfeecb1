"""Boxes of detectors: both families, which frame each belongs to, and what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import posetrack_sets as sets
from glpose.errors import BadInput
from glpose.formats.dataset import LabelledSequence
from glpose.formats.detections import match_detections, read_detections
from glpose.formats.posetrack.labels import open_posetrack

FOLDER = f"bonn_5sec/{sets.SEQUENCE}"


def named(name: str, x: float = 1, score: float = 0.5, **others: Any) -> dict[str, Any]:
    box = {"bbox": [x, 2, 30, 40], "score": score, "category_id": 1, "image_name": name}
    return box | {"nframes": 5, "frame_id": 1} | others


def numbered(number: int, x: float = 1, **others: Any) -> dict[str, Any]:
    return {"bbox": [x, 2, 30, 40], "score": 0.5, "category_id": 1, "image_id": number} | others


def read(folder: Path, *entries: Any) -> Any:
    return read_detections(sets.write(folder / "boxes.json", list(entries))).boxes


def first_x(matched: list[tuple[Any, ...]]) -> list[list[float]]:
    """Of each picture of the only sequence the left edges of its boxes."""
    return [boxes.xyxy[:, 0].tolist() for boxes in matched[0]]


@pytest.fixture
def sequence17(tmp_path: Path) -> LabelledSequence:
    return open_posetrack(sets.set17(tmp_path), 2017, "val")[0]


def test_boxes_are_grouped_by_picture(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        named("a/b/1.jpg", 1, 0.25),
        named("a/b/2.jpg"),
        named("a/b/1.jpg", 5, 0.75),
        numbered(10003420001),
    )
    assert list(found) == ["a/b/1.jpg", "a/b/2.jpg", "10003420001"]
    assert found["a/b/1.jpg"].xyxy.tolist() == [[1, 2, 31, 42], [5, 2, 35, 42]]
    assert found["a/b/1.jpg"].score.tolist() == [0.25, 0.75]


@pytest.mark.parametrize(
    "name", ["images/a/b/1.jpg", "/a/b/1.jpg", "./a/b/1.jpg", "a\\b\\1.jpg", "a/b/1.jpg"]
)
def test_names_are_paths_from_the_folder_of_pictures(tmp_path: Path, name: str) -> None:
    assert list(read(tmp_path, named(name))) == ["a/b/1.jpg"]


def test_other_categories_and_boxes_without_area_are_left_out(tmp_path: Path) -> None:
    entries = [
        named("a", category_id=3),
        named("a", bbox=[1, 2, 0, 40]),
        named("a", bbox=[1e6, 2, 1e-3, 40]),  # nothing is left of it in float32
        numbered(7, score=1),
    ]
    found = read_detections(sets.write(tmp_path / "boxes.json", entries))
    assert {key: len(boxes) for key, boxes in found.boxes.items()} == {"a": 0, "7": 1}
    assert (found.num_others, found.num_flat) == (1, 2)


NAN = float("nan")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[{", "not JSON"),
        ("[]", r"no detections, found \[\]; expected a JSON list"),
        ('{"images": [], "annotations": []}', r"no detections, found \['images', 'annotations'\]"),
        ("[3]", r"'\[0\]' is 3; expected an object"),
        (
            [{"bbox": [1, 2, 3, 4], "score": 1}],
            "expected an object with 'image_name' or 'image_id'",
        ),
        ([named("a"), numbered(1) | {"bbox": None}], r"'bbox' is missing or empty in '\[1\]'"),
        ([{k: v for k, v in named("a").items() if k != "score"}], "key 'score' is missing"),
        ([named("a", bbox=[1, NAN, 3, 4])], r"'\[0\].bbox' is nan at place 1; expected 4 finite"),
        ([named("a", bbox=[1, 2, 3])], "is a list of 3; expected 4 finite numbers"),
        ([named("a", bbox=[1, 2, -3, 4])], r"bbox' is \[1, 2, -3, 4\]; .*not negative"),
        ([named("a", bbox=[1, 2, 3e9, 4])], r"expected \[x, y, width, height\] in pixels"),
        (
            [named("a", category_id=0), named("b", bbox=[1, 2, 0, 40])],
            "no box of a person is left: of 2 boxes 1 have another category_id, such as 0, the",
        ),
        ([named("a", score=NAN)], r"'\[0\].score' is nan; expected a finite number"),
        ([named("a", score=17)], r"'\[0\].score' is 17.0; expected a score from 0 to 1"),
        ([named("a", image_name=5)], r"image_name' is 5; expected text"),
        ([numbered(1, image_id=1.5)], r"image_id' is 1.5; expected a whole number"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, content: Any, complaint: str) -> None:
    path = sets.write(tmp_path / "boxes.json", content)
    with pytest.raises(BadInput, match=complaint) as caught:
        read_detections(path)
    assert str(caught.value).startswith(str(path))


def test_by_the_names_on_disk(tmp_path: Path, sequence17: LabelledSequence) -> None:
    found = read(tmp_path, named(f"{FOLDER}/00000005.jpg", 5), named(f"{FOLDER}/00000002.jpg", 2))
    matched = match_detections(found, [sequence17])
    assert first_x(matched) == [[], [2], [], [], [5]]


def test_by_the_names_of_the_renamed_copy(tmp_path: Path, sequence17: LabelledSequence) -> None:
    for path, name in zip(sequence17.images, sets.numbered(5, "{:04d}_crop.jpg", 8), strict=True):
        path.rename(path.with_name(name))
    (sequence,) = open_posetrack(tmp_path, 2017, "val")
    found = read(tmp_path, named(f"{FOLDER}/00000001.jpg", 7), named(f"{FOLDER}/00000005.jpg", 9))
    assert first_x(match_detections(found, [sequence])) == [[7], [], [], [], [9]]
    found = read(tmp_path, named(f"{FOLDER}/0008_crop.jpg", 7))
    assert first_x(match_detections(found, [sequence])) == [[7], [], [], [], []]


def overlapping(root: Path) -> list[LabelledSequence]:
    """Two videos whose pictures begin at 00000003.jpg, so that a renamed copy shares names."""
    sets.set17(root)
    entries = [sets.entry17(n, sets.person17(0, [sets.point17(0, n, n)])) for n in range(3, 8)]
    folder = root / "annotations" / "val"
    other = json.dumps({"annolist": entries}).replace(sets.SEQUENCE, "000001_mpii")
    sets.write(folder / f"{sets.SEQUENCE}.json", {"annolist": entries})
    sets.write(folder / "000001_mpii.json", other)
    for name in (sets.SEQUENCE, "000001_mpii"):
        shutil.rmtree(root / "images" / "bonn_5sec" / name, ignore_errors=True)
        sets.write_pictures(root / "images" / "bonn_5sec" / name, sets.numbered(5, first=3))
    return open_posetrack(root, 2017, "val")


@pytest.mark.parametrize(
    ("told_by", "expected"),
    [("00000001.jpg", [[], [], [], [4], []]), ("00000007.jpg", [[], [4], [], [], []])],
)
def test_names_that_fit_two_ways_go_by_the_other_videos(
    tmp_path: Path, told_by: str, expected: list
) -> None:
    sequences = overlapping(tmp_path)
    found = read(
        tmp_path, named(f"{FOLDER}/00000004.jpg", 4), named(f"bonn_5sec/000001_mpii/{told_by}")
    )
    matched = match_detections(found, sequences)
    assert [sum(map(len, own)) for own in matched] == [1, 1]
    assert first_x(matched[1:]) == expected


def test_names_that_fit_two_ways_and_mean_the_same_are_taken(
    tmp_path: Path, sequence17: LabelledSequence
) -> None:
    sequence17.images[3].unlink()
    (sequence,) = open_posetrack(tmp_path, 2017, "val")
    found = read(tmp_path, named(f"{FOLDER}/00000002.jpg", 2))
    assert first_x(match_detections(found, [sequence])) == [[], [2], [], []]


def test_names_that_fit_two_ways_are_refused_if_nothing_tells(tmp_path: Path) -> None:
    sequences = overlapping(tmp_path)
    alone = [named(f"{FOLDER}/00000004.jpg"), named(f"{FOLDER}/00000005.jpg")]
    with pytest.raises(BadInput, match=rf"{FOLDER}: the detections name .*no other sequence tells"):
        match_detections(read(tmp_path, *alone), sequences)
    both = [named(f"bonn_5sec/000001_mpii/{name}") for name in ("00000001.jpg", "00000007.jpg")]
    with pytest.raises(BadInput, match=r"the detections name '00000001.jpg', but there are 5"):
        match_detections(read(tmp_path, *alone, *both), sequences)


def test_by_ids(tmp_path: Path) -> None:
    (sequence,) = open_posetrack(sets.set18(tmp_path), 2018, "val")
    found = read(tmp_path, numbered(10003420003, 3), numbered(10003420000, 4))
    assert first_x(match_detections(found, [sequence])) == [[4], [], [], [3], []]


def test_names_of_2018(tmp_path: Path) -> None:
    (sequence,) = open_posetrack(sets.set18(tmp_path), 2018, "val")
    name = f"{sets.SEQUENCE}_test/000003.jpg"
    for prefix in ("images/val", "val"):
        found = read(tmp_path, named(f"{prefix}/{name}", 8))
        assert first_x(match_detections(found, [sequence])) == [[], [], [], [8], []]


def test_numbers_of_frames_are_no_ids(tmp_path: Path, sequence17: LabelledSequence) -> None:
    found = read(tmp_path, numbered(1), numbered(2))
    with pytest.raises(BadInput, match="belong to other pictures: they are for '1'"):
        match_detections(found, [sequence17])


def test_sequences_without_boxes_are_empty(tmp_path: Path, sequence17: LabelledSequence) -> None:
    sets.write_pictures(tmp_path / "images" / "mpii_5sec" / "000009_mpii", sets.numbered(3))
    entry = sets.entry17(1)
    entry["image"] = [{"name": "images/mpii_5sec/000009_mpii/00000001.jpg"}]
    path = tmp_path / "annotations" / "val" / "000009_mpii.json"
    path.write_text(json.dumps({"annolist": [entry]}))
    sequences = open_posetrack(tmp_path, 2017, "val")
    found = read(tmp_path, named(f"{FOLDER}/00000001.jpg"))
    matched = match_detections(found, sequences)
    assert [[len(boxes) for boxes in frames] for frames in matched] == [[0, 0, 0], [1, 0, 0, 0, 0]]


def test_boxes_of_other_pictures(tmp_path: Path, sequence17: LabelledSequence) -> None:
    found = read(tmp_path, named("mpii_5sec/000001_mpii/00000001.jpg"))
    with pytest.raises(BadInput, match=rf"'mpii_5sec/.*the set has '{FOLDER}/00000001.jpg'"):
        match_detections(found, [sequence17])
    found = read(tmp_path, named(f"{FOLDER}/00000001.jpg", category_id=2), named("a/b/1.jpg"))
    with pytest.raises(BadInput, match="belong to other pictures"):
        match_detections(found, [sequence17])
    found = read(tmp_path, named(f"{FOLDER}/00000001.jpg"), named(f"{FOLDER}/00000006.jpg"))
    with pytest.raises(BadInput, match=r"name '00000006.jpg', but there are 5 pictures"):
        match_detections(found, [sequence17])
