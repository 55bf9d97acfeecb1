"""Poses of other tools as poses of a video: scores, numbers, and people who are none."""

import json
from pathlib import Path

import numpy as np
import pytest

import glpose
from glpose.errors import BadInput
from glpose.formats.dataset import LabelledSequence
from glpose.formats.poses import find_poses, read_poses
from glpose.formats.posetrack.labels import SequenceLabels, write_prediction_file
from glpose.formats.results import ResultWriter
from glpose.skeleton import POSETRACK15
from glpose.types import FramePoses, People, VideoInfo


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


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("num_settings", [1, 2**14])
def test_a_whole_result_in_one_object_is_read_however_it_is_written(
    indent: int | None, num_settings: int, tmp_path: Path
) -> None:
    video = VideoInfo("walk.mp4", (120, 160), 25.0, 2, 0.08)
    settings = {"long": ["of glpose" * 8] * num_settings}  # of so many the line is longer than 1 MB
    with ResultWriter(tmp_path / "poses.jsonl", video, POSETRACK15, {}, settings) as writer:
        for frame in (standing(0, 1), standing(1, 1)):
            writer.write(frame)
    whole = glpose.load(tmp_path / "poses.jsonl").to_dict()
    path = tmp_path / "result.json"
    path.write_text(json.dumps(whole, indent=indent))
    given = read_poses(path)
    assert given.video == video
    assert given.settings == settings
    assert [poses.people.track_id.tolist() for poses in given.frames] == [[1], [1]]
    path.write_text(json.dumps(whole | {"format": "glpose/9"}, indent=indent))
    with pytest.raises(BadInput, match='format "glpose/9"; expected glpose/1'):
        read_poses(path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([{"image_id": "0.jpg", "keypoints": [1] * 51, "score": 2.5}], "is the name '0.jpg'"),
        ({"meta_info": {}, "instance_info": [{"frame_id": 1}]}, "as MMPose writes them"),
        ({"version": 1.3, "people": []}, "as OpenPose writes them"),
        ({"joints": []}, "its keys are 'joints'; expected"),
    ],
)
def test_other_forms_are_named_with_those_that_are_read(
    content: object, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "poses.json"
    path.write_text(json.dumps(content), "utf-8")
    with pytest.raises(
        BadInput, match=r"COCO results \(a list.*predictions of PoseTrack"
    ) as raised:
        read_poses(path)
    assert said in str(raised.value)


def test_folders_of_other_tools(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"holds no poses.jsonl; expected a results folder"):
        find_poses(tmp_path)
    (tmp_path / "0.json").touch()
    with pytest.raises(BadInput, match=r"holds no poses.jsonl; expected COCO results.*PoseTrack"):
        find_poses(tmp_path)
    (tmp_path / "a_000000000000_keypoints.json").touch()
    with pytest.raises(BadInput, match=r"poses of OpenPose, a file a frame; expected COCO results"):
        find_poses(tmp_path)
    (tmp_path / "poses.jsonl").touch()
    assert find_poses(tmp_path) == tmp_path / "poses.jsonl"
