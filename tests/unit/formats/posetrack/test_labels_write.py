"""Prediction files: what is in empty frames, what is left out, what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import posetrack_sets as sets
from glpose.errors import BadInput
from glpose.formats.dataset import LabelledSequence
from glpose.formats.posetrack.labels import (
    open_posetrack,
    read_prediction_file,
    read_truth_file,
    write_prediction_file,
)
from glpose.types import FramePoses, People


def poses(frame: int, *tracks: int, num_joints: int = 15) -> FramePoses:
    n = len(tracks)
    xy = np.full((n, num_joints, 2), 10.3, np.float32)
    xy[:, 3] = np.nan
    score = np.full((n, num_joints), 0.7, np.float32)
    score[:, 3] = 0
    people = People(
        np.zeros((n, 4), np.float32), np.full(n, 0.9, np.float32), np.array(tracks, np.int64)
    )
    return FramePoses(frame, 0.0, people, xy, score)


@pytest.fixture
def sequence(tmp_path: Path) -> LabelledSequence:
    return open_posetrack(sets.set17(tmp_path), 2017, "val")[0]


def written(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text())["annolist"]


def test_one_entry_for_each_frame_with_a_dummy_where_nobody_is(
    sequence: LabelledSequence, tmp_path: Path
) -> None:
    path = tmp_path / "out.json"
    write_prediction_file(path, sequence, [poses(3, 5, 2), poses(1)])
    entries = written(path)
    truth = read_truth_file(tmp_path / "annotations" / "val" / f"{sequence.name}.json")
    assert len(entries) == len(truth) == 5
    assert [e["image"] for e in entries] == [
        [{"name": f"{sets.PLACE}/{name}"}] for name in sets.numbered(5)
    ]
    assert [e["imgnum"] for e in entries] == [[1], [2], [3], [4], [5]]
    people = entries[3]["annorect"]
    assert [person["track_id"] for person in people] == [[5], [2]]
    assert people[0]["score"] == [0.9]  # the shortest decimals, not 0.8999999761581421
    points = people[0]["annopoints"][0]["point"]
    assert [point["id"][0] for point in points] == [j for j in range(15) if j != 3]
    assert points[0] == {"id": [0], "x": [10.3], "y": [10.3], "score": [0.7]}
    dummy = {"id": [0], "x": [0.0], "y": [0.0], "score": [-100.0]}
    for i in (0, 1, 2, 4):
        (person,) = entries[i]["annorect"]
        assert person["annopoints"] == [{"point": [dummy]}]
    read = read_prediction_file(path)[0]
    assert read.xy[0, 0].tolist() == [0, 0]
    assert read.score[0, 0] == -100


def test_without_dummies_empty_frames_are_empty(sequence: LabelledSequence, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    write_prediction_file(path, sequence, [poses(1, 1)], dummy=False)
    assert [len(entry["annorect"]) for entry in written(path)] == [0, 1, 0, 0, 0]


def test_people_without_joints_are_left_out(sequence: LabelledSequence, tmp_path: Path) -> None:
    empty = poses(1, 1)
    empty.xy[:] = np.nan
    write_prediction_file(tmp_path / "out.json", sequence, [empty], dummy=False)
    assert written(tmp_path / "out.json")[1]["annorect"] == []


def test_the_form_of_2018_has_the_ids_of_the_labels(tmp_path: Path) -> None:
    (sequence,) = open_posetrack(sets.set18(tmp_path), 2018, "val")
    path = tmp_path / "out.json"
    write_prediction_file(path, sequence, [poses(1, 4)], layout="2018")
    document = json.loads(path.read_text())
    labels = json.loads((tmp_path / "annotations" / "val" / f"{sequence.name}.json").read_text())
    for key in ("id", "file_name"):
        assert [i[key] for i in document["images"]] == [i[key] for i in labels["images"]]
    assert document["categories"][0]["keypoints"] == labels["categories"][0]["keypoints"]
    person = document["annotations"][1]
    assert person["image_id"] == labels["images"][1]["id"]
    assert len(person["keypoints"]) == 51
    assert len(person["scores"]) == 17
    assert person["keypoints"][9:15] == [0] * 6  # the ears
    assert len({p["id"] for p in document["annotations"]}) == 5


def test_labels_of_some_frames_only(tmp_path: Path) -> None:
    entries = [sets.entry17(n, sets.person17(0, [sets.point17(0, n, n)])) for n in (4, 8)]
    sets.write(tmp_path / "annotations" / "val" / f"{sets.SEQUENCE}.json", {"annolist": entries})
    sets.write_pictures(tmp_path / sets.PLACE, sets.numbered(10))
    (sequence,) = open_posetrack(tmp_path, 2017, "val")
    write_prediction_file(tmp_path / "out.json", sequence, [poses(i, i) for i in range(10)])
    assert [e["annorect"][0]["track_id"] for e in written(tmp_path / "out.json")] == [[3], [7]]


def test_sequences_of_other_sets(tmp_path: Path) -> None:
    images = tuple(tmp_path / "frames" / f"{i}.png" for i in range(3))
    other = LabelledSequence("other", sets.POSETRACK15, lambda: (), images)
    write_prediction_file(tmp_path / "out.json", other, [poses(2, 0)])
    assert len(read_prediction_file(tmp_path / "out.json")) == 3
    nothing = LabelledSequence("other", sets.POSETRACK15, lambda: ())
    with pytest.raises(BadInput, match="other: has no pictures"):
        write_prediction_file(tmp_path / "out.json", nothing, [])


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ([poses(1, 0), poses(1, 0)], "frame 1 is predicted twice"),
        ([poses(5, 0)], "frame 5 is predicted; the sequence has 5 pictures"),
        ([poses(0, 3, 3)], "frame 0: track_id 3 is there 2 times"),
        ([poses(0, 10_000)], "frame 0: track_id 10000; expected less than 10000"),
        ([poses(0, 1, num_joints=17)], "frame 0 has 17 joints; expected the 15 of posetrack15"),
    ],
)
def test_poses_that_do_not_fit(
    sequence: LabelledSequence, tmp_path: Path, bad: list[FramePoses], complaint: str
) -> None:
    path = tmp_path / "out.json"
    with pytest.raises(BadInput, match=complaint):
        write_prediction_file(path, sequence, bad)
    assert not path.exists()


def test_a_file_that_cannot_be_written(sequence: LabelledSequence, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be written"):
        write_prediction_file(tmp_path / "none" / "out.json", sequence, [])
    assert not list(tmp_path.rglob("*.part"))
