"""Average precision on cases that can be counted by hand."""

import math

import numpy as np
import pytest

from glpose.metrics.ap import (
    BoxTruth,
    average_precision,
    mean_average_precision,
    recall_and_precision,
)
from glpose.types import Detections

A, B, FAR = [0, 0, 10, 20], [30, 0, 40, 20], [100, 100, 110, 120]


def found(*rows: tuple[list[float], float]) -> Detections:
    boxes = np.array([box for box, _ in rows], np.float32).reshape(-1, 4)
    return Detections(boxes, np.array([score for _, score in rows], np.float32))


def truth(*boxes: list[float], ignore: tuple[bool, ...] = ()) -> BoxTruth:
    flags = np.array(ignore or [False] * len(boxes), bool)
    return BoxTruth(np.array(boxes, np.float32).reshape(-1, 4), flags)


def test_perfect_detections_score_one():
    assert average_precision([found((A, 0.9), (B, 0.8))], [truth(A, B)]) == 1.0
    assert mean_average_precision([found((A, 0.9))], [truth(A)]) == 1.0


def test_a_better_scored_false_detection_costs_precision():
    # Wrong, right, right: the precision is 1/2, then 2/3; the envelope lifts both to 2/3.
    got = average_precision([found((FAR, 0.9), (A, 0.8), (B, 0.7))], [truth(A, B)])
    assert got == pytest.approx(2 / 3)


def test_a_missed_person_costs_recall_and_a_second_box_is_wrong():
    detections = [found((A, 0.9), (A, 0.8))]
    assert average_precision(detections, [truth(A, B)]) == pytest.approx(1 / 2)
    assert recall_and_precision(detections, [truth(A, B)], 0.5) == (0.5, 0.5)


def test_a_second_box_may_take_the_neighbour_it_overlaps_less():
    near = [1, 0, 11, 20]
    got = average_precision([found((A, 0.9), (A, 0.8))], [truth(A, near)])
    assert got == 1.0


def test_ignored_people_count_neither_way():
    people = truth(A, B, ignore=(False, True))
    assert average_precision([found((B, 0.95), (B, 0.93), (A, 0.9))], [people]) == 1.0
    assert average_precision([found((A, 0.9))], [people]) == 1.0
    # A person is preferred to an ignored region that overlaps the detection more.
    shifted = [0, 0, 10, 16]
    both = truth(shifted, A, ignore=(False, True))
    assert average_precision([found((A, 0.9))], [both]) == 1.0


def test_scores_are_ranked_over_all_pictures():
    detections = [found((FAR, 0.5)), found((A, 0.9))]
    assert average_precision(detections, [truth(), truth(A)]) == 1.0
    assert average_precision(detections[::-1], [truth(A), truth()]) == 1.0


def test_limits_of_overlap_and_score_are_inclusive():
    half = [0, 0, 10, 10]  # IoU 0.5 with A
    assert average_precision([found((half, 0.9))], [truth(A)]) == 1.0
    ignored = truth(A, B, ignore=(True, False))
    assert average_precision([found((half, 0.9), (B, 0.8))], [ignored]) == 1.0
    assert recall_and_precision([found((A, 0.5), (FAR, 0.25))], [truth(A)], 0.5) == (1.0, 1.0)
    assert recall_and_precision([found((A, 0.5), (FAR, 0.25))], [truth(A)], 0.25) == (1.0, 0.5)


def test_many_equal_scores_rank_in_the_order_given():
    # Some better ones between them, since NumPy leaves scores that are all alike in place.
    scores = [0.9 if i % 7 == 0 else 0.5 for i in range(60)]
    is_right = [score == 0.9 or i < 30 for i, score in enumerate(scores)]
    rows = [(A if right else FAR, score) for right, score in zip(is_right, scores, strict=True)]
    pictures = [found(row) for row in rows]
    people = [truth(A) if right else truth() for right in is_right]
    assert average_precision(pictures, people) == 1.0
    assert average_precision([found(*rows)], [truth(*[A] * sum(is_right))]) == 1.0


def test_overlap_decides():
    half = [0, 0, 10, 11]  # IoU 0.55 with A
    assert average_precision([found((half, 0.9))], [truth(A)]) == 1.0
    assert average_precision([found((half, 0.9))], [truth(A)], 0.6) == 0.0
    assert mean_average_precision([found((half, 0.9))], [truth(A)]) == pytest.approx(0.2)


def test_nothing_found_and_nobody_there():
    assert average_precision([found()], [truth(A)]) == 0.0
    assert math.isnan(average_precision([found((A, 0.9))], [truth()]))
    recall, precision = recall_and_precision([found()], [truth(A)], 0.5)
    assert recall == 0.0
    assert math.isnan(precision)
