"""Calibration of scores, and how far scores are from shares of correct joints."""

import itertools

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.metrics.calibration import calibrated, fit_calibration, reliability


def joints(num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose probability is their square."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(0, 1, num)
    return score, rng.uniform(0, 1, num) < score**2


def test_a_fit_turns_scores_into_probabilities_of_other_joints() -> None:
    knots = fit_calibration(*joints(20_000))
    score, correct = joints(20_000, seed=1)
    assert reliability(score, correct).error > 0.1
    assert reliability(calibrated(score, knots), correct).error < 0.015
    assert all(a[0] < b[0] and a[1] <= b[1] for a, b in itertools.pairwise(knots))


@pytest.mark.parametrize("correct", [np.arange(100) < 30, np.arange(100) >= 70])
def test_equal_scores_give_one_probability_in_any_order(correct: np.ndarray) -> None:
    assert fit_calibration(np.full(100, 0.5), correct) == ((0.5, 0.3),)
    score = np.repeat([0.2, 0.5, 0.8], [33, 100, 17])
    whole = np.concatenate([np.zeros(33, bool), correct, np.ones(17, bool)])
    assert fit_calibration(score, whole) == ((0.2, 0.0), (0.5, 0.3), (0.8, 1.0))


def test_joints_that_were_not_found_say_nothing_and_stay_so() -> None:
    score, correct = np.repeat([0.0, 0.5], 100), np.arange(200) >= 170
    knots = fit_calibration(score, correct)
    assert knots == ((0.5, 0.3),)
    assert calibrated(score, knots)[[0, -1]].tolist() == [0, 0.3]
    # Knots at 0 would say of joints that were not found that some are right.
    assert calibrated(np.zeros(1), ((0.0, 0.2), (0.5, 0.3))).tolist() == [0]


def test_a_score_has_one_probability() -> None:
    np.testing.assert_allclose(calibrated(np.array([0.0, 0.25, 0.5, 1.0]), ((0.5, 0.3),)),
                               [0, 0.15, 0.3, 0.3])  # fmt: skip


def test_without_knots_scores_stay() -> None:
    score = np.array([[0.0, 0.4]], np.float32)
    assert calibrated(score, ()) is score
    assert calibrated(score, ((0.2, 0.1), (0.8, 0.9))).dtype == np.float32


def test_too_few_joints_are_refused() -> None:
    with pytest.raises(BadInput, match="3 joints with a score; expected at least 20"):
        fit_calibration(np.ones(3), np.ones(3, bool))


def test_the_error_is_the_weighted_mean_distance() -> None:
    score = np.array([0.1, 0.1, 0.9, 0.9])
    correct = np.array([True, False, True, True])
    found = reliability(score, correct, bins=2)
    np.testing.assert_allclose(found.score, [0.1, 0.9])
    np.testing.assert_allclose(found.correct, [0.5, 1.0])
    assert found.error == pytest.approx(0.5 * 0.4 + 0.5 * 0.1)
