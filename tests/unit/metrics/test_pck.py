"""PCK of the box against hand cases."""

import numpy as np
import pytest

from glpose.metrics.pck import pck

BOX = np.array([[0, 0, 50, 100]], np.float32)  # longer side 100


def one(distance: float) -> np.ndarray:
    return np.array([[[distance, 0.0]]])


TRUTH, COUNTED = np.zeros((1, 1, 2)), np.ones((1, 1), bool)


@pytest.mark.parametrize(("distance", "share"), [(0, 100), (19.9, 100), (20, 100), (20.1, 0)])
def test_the_limit_is_a_part_of_the_longer_side_and_inclusive(
    distance: float, share: float
) -> None:
    assert pck(one(distance), TRUTH, COUNTED, BOX, 0.2).pooled == share


def test_a_guess_of_nan_is_wrong_and_an_uncounted_joint_does_not_matter() -> None:
    guess = np.array([[[np.nan, np.nan], [0, 0], [500, 0]]])
    counted = np.array([[True, True, False]])
    found = pck(guess, np.zeros((1, 3, 2)), counted, BOX, 0.2)
    assert found.pooled == 50
    assert found.per_joint[:2].tolist() == [0, 100]
    assert np.isnan(found.per_joint[2])


def test_truth_of_nan_that_is_not_counted_is_harmless() -> None:
    truth = np.full((1, 1, 2), np.nan)
    assert np.isnan(pck(one(0), truth, ~COUNTED, BOX, 0.2).pooled)


def test_pooled_weighs_joints_not_people() -> None:
    guess = np.zeros((2, 2, 2))
    guess[1] = 1000
    counted = np.array([[True, True], [True, False]])
    found = pck(guess, np.zeros((2, 2, 2)), counted, np.repeat(BOX, 2, 0), 0.2)
    assert found.pooled == pytest.approx(200 / 3)
    assert found.per_joint.tolist() == [50, 100]


def test_each_person_has_a_limit_of_their_own() -> None:
    boxes = np.array([[0, 0, 50, 100], [0, 0, 10, 5]], np.float32)
    guess = np.full((2, 1, 2), [5.0, 0.0])
    found = pck(guess, np.zeros((2, 1, 2)), np.ones((2, 1), bool), boxes, 0.1)
    assert found.pooled == 50
