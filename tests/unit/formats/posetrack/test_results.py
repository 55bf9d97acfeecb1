"""Poses of a video as predictions of PoseTrack: names, numbers, and joints of other skeletons."""

import json
from pathlib import Path

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.formats.posetrack.labels import read_prediction_file
from glpose.formats.posetrack.results import write_video_predictions
from glpose.skeleton import COCO17, POSETRACK15
from glpose.types import FramePoses, People


def frame(number: int, *track_ids: int, picture: str | None = None) -> FramePoses:
    num = len(track_ids)
    boxes = np.tile(np.array([0, 0, 20, 50], np.float32), (num, 1))
    people = People(boxes, np.ones(num, np.float32), np.array(track_ids, np.int64))
    xy = np.arange(34 * num, dtype=np.float32).reshape(num, 17, 2)
    score = np.full((num, 17), 0.5, np.float32)
    return FramePoses(number, number / 25, people, xy, score, picture=picture)


def test_frames_keep_their_numbers_and_names(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    frames = [frame(7, 3, 4, picture="b 7.jpg"), frame(9, picture="c.jpg"), frame(10, 4)]
    scored = [(one, np.full(len(one.people), 0.25, np.float32)) for one in frames]
    assert write_video_predictions(path, "walk", COCO17, scored) == 3
    written = json.loads(path.read_text())
    assert [(image["id"], image["file_name"]) for image in written["images"]] == [
        (7, "images/walk/b 7.jpg"), (9, "images/walk/c.jpg"), (10, ""),
    ]  # fmt: skip
    first, empty, last = read_prediction_file(path)
    assert (first.people.track_id.tolist(), last.people.track_id.tolist()) == ([3, 4], [4])
    assert first.people.score.tolist() == [0.25, 0.25]
    assert empty.score.tolist() == [[-100.0] + [0.0] * 14]
    is_known = np.isfinite(first.xy[0]).all(-1)
    lacking = {POSETRACK15.joints[joint] for joint in np.flatnonzero(~is_known)}
    assert lacking == set(POSETRACK15.joints) - set(COCO17.joints) != set()
    knee = POSETRACK15.index("left_knee")
    assert first.xy[1, knee].tolist() == frames[0].xy[1, COCO17.index("left_knee")].tolist()
    assert first.score[1, knee] == 0.5


def test_numbers_that_poseval_does_not_take(tmp_path: Path) -> None:
    poses = frame(2, 10_000)
    with pytest.raises(BadInput, match=r"a\.json: frame 2: track_id 10000; expected less"):
        write_video_predictions(tmp_path / "a.json", "", COCO17, [(poses, np.ones(1, np.float32))])
    assert not list(tmp_path.iterdir())
