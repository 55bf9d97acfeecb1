"""Numbers for detections: followed while they overlap, nobody left out."""

import numpy as np

from glpose.track.link import link
from glpose.types import Detections


def found(*corners: tuple[float, float], score: float = 0.9) -> Detections:
    boxes = [[x, y, x + 20, y + 40] for x, y in corners]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.full(len(corners), score, np.float32)
    )


def test_boxes_that_overlap_have_one_number_whatever_their_order() -> None:
    people = link({0: found((0, 0), (50, 0)), 1: found((52, 1), (2, 1)), 2: found((4, 2), (54, 2))})
    assert [people[i].track_id.tolist() for i in range(3)] == [[0, 1], [1, 0], [0, 1]]
    np.testing.assert_array_equal(people[1].xyxy, found((52, 1), (2, 1)).xyxy)


def test_newcomers_and_those_who_come_back_late_have_new_numbers() -> None:
    people = link(
        {0: found((0, 0)), 1: found((0, 0), (50, 0)), 4: found((50, 0)), 12: found((50, 0))}
    )
    assert [people[i].track_id.tolist() for i in (0, 1, 4, 12)] == [[0], [0, 1], [1], [2]]


def test_a_box_that_jumps_is_someone_else() -> None:
    people = link({0: found((0, 0)), 1: found((15, 0))})  # an IoU of 1/7
    assert people[1].track_id.tolist() == [1]


def test_the_sum_of_overlaps_decides_between_two() -> None:
    people = link({0: found((0, 0), (8, 0)), 1: found((4, 0), (12, 0))})
    assert people[1].track_id.tolist() == [0, 1]


def test_frames_without_boxes_are_not_there_and_weak_ones_stay() -> None:
    people = link({0: Detections.empty(), 3: found((0, 0), score=0.01)})
    assert list(people) == [3]
    assert len(people[3]) == 1
    assert link({}) == {}
