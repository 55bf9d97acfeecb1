"""People whom the pose network does not see are left out."""

import numpy as np
import pytest

from fake_estimator import people
from glpose.refine import Refiner
from glpose.refine.phantoms import without_phantoms
from glpose.types import Frame, FramePoses


def test_people_whom_the_pose_network_does_not_see_are_left_out() -> None:
    score = np.array([[0.5] * 15, [0.1] * 15, [0.3] * 15], np.float32)
    who = people((4, 30, 30), (5, 60, 40), (9, 90, 50))
    first = Frame(7, 0.28, np.zeros((8, 8, 3), np.uint8))
    poses = FramePoses(7, 0.28, who, np.ones((3, 15, 2), np.float32), score)
    second, empty = Frame(8, 0.32, None), FramePoses.empty(8, 0.32, 15, "undecodable")
    (one, kept), (two, same) = without_phantoms([(first, poses), (second, empty)])
    assert one is first
    assert two is second
    assert (kept.frame, kept.people.track_id.tolist()) == (7, [4, 9])
    assert kept.score[:, 0].tolist() == pytest.approx([0.5, 0.3])
    assert (same.status, len(same.people)) == ("undecodable", 0)


def test_a_plain_function_is_a_refiner() -> None:
    assert isinstance(without_phantoms, Refiner)
