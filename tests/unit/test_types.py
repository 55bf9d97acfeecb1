"""The nouns: choosing among people, and what is printed of them."""

import numpy as np

from glpose.skeleton import POSETRACK15
from glpose.types import FramePoses, People, PoseResult, VideoInfo


def test_people_are_chosen_by_places_in_their_order_or_by_a_mask() -> None:
    xyxy = np.arange(12, dtype=np.float32).reshape(3, 4)
    people = People(xyxy, np.array([0.1, 0.2, 0.3], np.float32), np.array([7, 8, 9]))
    for rows in ([2, 0], np.array([2, 0])):
        some = people[rows]
        assert some.track_id.tolist() == [9, 7]
        assert np.array_equal(some.xyxy, xyxy[[2, 0]])
        assert np.array_equal(some.score, people.score[[2, 0]])
    assert people[np.array([True, False, True])].track_id.tolist() == [7, 9]
    assert len(people[np.zeros(3, bool)]) == 0


def test_poses_are_printed_in_one_line() -> None:
    lost = FramePoses.empty(3, 0.12, 15, "undecodable")
    assert repr(lost) == "FramePoses(frame 3, undecodable)"
    result = PoseResult(VideoInfo("a.mp4", (8, 8), 25.0), POSETRACK15, (lost,))
    assert repr(result) == "PoseResult(a.mp4, 1 frame, nobody)"
    nobodys = People(np.zeros((2, 4), np.float32), np.ones(2, np.float32), np.array([-1, -1]))
    xy = np.zeros((2, 15, 2), np.float32)
    poses = FramePoses(0, 0.0, nobodys, xy, np.ones((2, 15), np.float32))
    assert repr(poses) == "FramePoses(frame 0, people without numbers)"
