"""Poses of other tools as poses of a video: scores, numbers, and people who are none."""

import json
from pathlib import Path

import numpy as np
import pytest

from glpose.formats.dataset import LabelledSequence
from glpose.formats.poses import read_poses
from glpose.formats.posetrack.labels import SequenceLabels, write_prediction_file
from glpose.skeleton import POSETRACK15
from glpose.types import FramePoses, People


def standing(frame: int, *numbers: int) -> FramePoses:
    num = len(numbers)
    xy = np.arange(num * 30, dtype=np.float32).reshape(num, 15, 2) + 10
    boxes = np.array([[10, 10, 60, 60]], np.float32).repeat(num, 0)
    people = People(boxes, np.full(num, 0.9, np.float32), np.array(numbers, np.int64))
    return FramePoses(frame, frame / 25, people, xy, np.full((num, 15), 0.5, np.float32))


def file_2018(path: Path, people: list[dict]) -> Path:
    joints = [value for i in range(15) for value in (10.0 + i, 20.0 + i, 1.0)]
    usual = {"image_id": 7, "keypoints": joints}
    category = {"id": 1, "name": "person", "keypoints": list(POSETRACK15.joints)}
    annotations = [usual | person for person in people]
    whole = {"images": [{"id": 7}], "annotations": annotations, "categories": [category]}
    path.write_text(json.dumps(whole))
    return path


def test_our_own_predictions_come_back_without_who_is_nobody(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    frames = (standing(0, 1), FramePoses.empty(1, 0.04, 15), standing(2, 1))
    images = tuple(Path(f"images/walk/{i}.jpg") for i in range(3))
    labels = {
        "annolist": [{"image": [{"name": str(i)}], "imgnum": [n]} for n, i in enumerate(images)]
    }
    (tmp_path / "walk.json").write_text(json.dumps(labels))
    truth = SequenceLabels("walk", tmp_path / "walk.json", tmp_path, images)
    sequence = LabelledSequence("walk", POSETRACK15, truth, images)
    write_prediction_file(path, sequence, frames)
    given = read_poses(path)
    assert [len(poses.people) for poses in given.frames] == [1, 0, 1]
    np.testing.assert_allclose(given.frames[2].xy, frames[2].xy)
    np.testing.assert_allclose(given.frames[2].score, 0.5)
    assert given.has_ids


@pytest.mark.parametrize(
    ("person", "joint", "box"),
    [
        ({}, 1.0, 1.0),
        ({"scores": [3.2] * 15, "score": 0.5}, 1.0, 0.5),
        ({"scores": [0.25] * 15}, 0.25, 1.0),
    ],
)
def test_scores_are_from_0_to_1(person: dict, joint: float, box: float, tmp_path: Path) -> None:
    (poses,) = read_poses(file_2018(tmp_path / "a.json", [person | {"track_id": 3}])).frames
    assert poses.score[0].tolist() == [joint] * 15
    assert poses.people.score.tolist() == [box]
    assert poses.people.track_id.tolist() == [3]
    assert poses.xy.dtype == poses.score.dtype == np.float32


def test_people_without_numbers_have_none(tmp_path: Path) -> None:
    given = read_poses(file_2018(tmp_path / "a.json", [{"track_id": 3}, {}]))
    assert given.frames[0].people.track_id.tolist() == [-1, -1]
    assert not given.has_ids
