"""Boxes and pose similarity against values worked out by hand."""

import numpy as np
import pytest

from glpose.geometry import box_area, box_iou, clip_box, grown, oks, suppress


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_area_is_width_times_height_and_never_negative() -> None:
    area = box_area(boxes((0, 0, 10, 20), (5, 5, 5, 9), (10, 10, 0, 0)))
    assert area.tolist() == [200, 0, 0]


def test_iou_of_hand_cases() -> None:
    a = boxes((0, 0, 10, 10))
    b = boxes((0, 0, 10, 10), (5, 0, 15, 10), (10, 0, 20, 10), (2, 2, 4, 4))
    assert box_iou(a, b)[0] == pytest.approx([1, 50 / 150, 0, 4 / 100])


def test_two_empty_boxes_do_not_overlap() -> None:
    assert box_iou(boxes((3, 3, 3, 3)), boxes((3, 3, 3, 3)))[0, 0] == 0


def test_iou_of_no_boxes_has_the_right_shape() -> None:
    assert box_iou(boxes(), boxes((0, 0, 1, 1))).shape == (0, 1)


def test_boxes_grow_by_a_share_of_their_longer_sides() -> None:
    xyxy = np.array([[0, 0, 10, 40], [5, 5, 25, 15]], np.float32)
    assert grown(xyxy, 0.5).tolist() == [[-10, -10, 20, 50], [0, 0, 30, 20]]
    assert grown(xyxy, 0.0).tolist() == xyxy.tolist()


def test_suppress_keeps_the_best_and_what_overlaps_only_the_suppressed() -> None:
    # The second overlaps the first, the third only the second: the third stays.
    xyxy = boxes((0, 0, 10, 10), (4, 0, 14, 10), (8, 0, 18, 10))
    score = np.array([0.9, 0.8, 0.7], np.float32)
    assert suppress(xyxy, score, 0.3).tolist() == [0, 2]


def test_suppress_gives_best_first_and_keeps_overlap_equal_to_the_limit() -> None:
    xyxy = boxes((0, 0, 10, 10), (0, 0, 10, 5))
    score = np.array([0.2, 0.6], np.float32)
    assert suppress(xyxy, score, 0.5).tolist() == [1, 0]
    assert suppress(xyxy, score, 0.49).tolist() == [1]


def test_suppress_of_nothing_is_nothing() -> None:
    assert suppress(boxes(), np.zeros(0, np.float32), 0.5).tolist() == []


def test_oks_of_hand_cases() -> None:
    truth, sigma = np.zeros((1, 2, 2)), np.array([0.1, 0.05])
    assert oks(truth, truth, np.array([50.0]), np.array([150.0]), sigma).tolist() == [[1]]
    # d^2 / (2 area (2 sigma)^2): 4 / (2 * 100 * 0.04) = 0.5 for the first joint, 0 for the second.
    guess = np.array([[[2.0, 0.0], [0.0, 0.0]]])
    expected = (np.exp(-0.5) + 1) / 2
    found = oks(guess, truth, np.array([50.0]), np.array([150.0]), sigma)
    assert found[0, 0] == pytest.approx(expected)


def test_oks_counts_joints_that_both_have() -> None:
    guess = np.array([[[np.nan, np.nan], [0.0, 0.0]], np.full((2, 2), np.nan)])
    area = np.array([50.0])
    found = oks(guess, np.zeros((1, 2, 2)), np.repeat(area, 2), area, np.full(2, 0.1))
    assert found.tolist() == [[1], [0]]


def test_oks_of_nobody_is_an_empty_table() -> None:
    nobody, somebody = np.zeros((0, 2, 2)), np.zeros((3, 2, 2))
    assert oks(nobody, somebody, np.zeros(0), np.ones(3), np.full(2, 0.1)).shape == (0, 3)


def test_a_clipped_box_ends_with_its_last_pixel() -> None:
    """As in the HRNet family: x2 = min(width - 1, x + w - 1), also for boxes inside."""
    inside = clip_box(np.array([10.0, 20.0, 50.0, 80.0]), (100, 120))
    assert inside.tolist() == [10, 20, 49, 79]
    across = clip_box(np.array([-5.0, -8.0, 200.0, 300.0]), (100, 120))
    assert across.tolist() == [0, 0, 119, 99]
    outside = np.array([130.0, 20.0, 150.0, 80.0])
    assert clip_box(outside, (100, 120)) is outside
    before = clip_box(np.array([-50.0, 10.0, -10.0, 60.0]), (100, 120))
    assert before.tolist() == [0, 10, 39, 59]  # moved to the border, as in that family
