"""Errors of poses in space: examples worked by hand, laws, and the same by another route."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from glpose.errors import BadInput
from glpose.metrics.lifting import (
    LIMITS_MM,
    auc_3d,
    joint_errors,
    mpjpe,
    pck_3d,
    per_action,
    procrustes,
    procrustes_mpjpe,
    scaled_mpjpe,
    velocity_error,
)

_seeds = st.integers(0, 10_000)


def poses(seed: int, num: int = 6, joints: int = 7) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 300, (num, joints, 3))


def test_worked_example_of_distances():
    truth = np.zeros((2, 2, 3))
    guess = np.array([[[3, 4, 0], [0, 0, 0]], [[0, 0, 12], [np.nan] * 3]])
    np.testing.assert_array_equal(joint_errors(guess, truth), [[5, 0], [12, np.nan]])
    assert mpjpe(guess, truth) == pytest.approx(17 / 3)


def test_worked_example_of_scale():
    truth = np.array([[[0, 0, 0], [10, 0, 0], [0, 10, 0]]], float)
    guess = np.array([[[0, 0, 0], [5, 0, 0], [0, 5, 2]]], float)
    # <p, g> / <p, p> = 100 / 54; what is left over is the tilted joint and the shrunk one.
    scale = 100 / 54
    expected = (abs(5 * scale - 10) + np.hypot(5 * scale - 10, 2 * scale)) / 3
    assert scaled_mpjpe(guess, truth) == pytest.approx(expected)


def test_worked_example_of_velocity():
    truth = [np.zeros((3, 1, 3)), np.zeros((2, 1, 3))]
    guess = [np.array([[[0, 0, 0]], [[1, 0, 0]], [[1, 2, 0]]], float), np.ones((2, 1, 3)) * 9]
    assert velocity_error(guess, truth) == pytest.approx((1 + 2 + 0) / 3)


def test_worked_example_of_shares():
    truth = np.zeros((1, 4, 3))
    guess = np.zeros((1, 4, 3))
    guess[0, :, 0] = [150, 151, 75, np.nan]
    assert pck_3d(guess, truth) == 50.0
    # 150 is within one limit of 31, 75 within the 16 from 75 on.
    assert auc_3d(guess, truth) == pytest.approx(100 * (1 + 16) / (4 * 31))
    truth[0, 3] = np.nan
    assert pck_3d(guess, truth) == pytest.approx(200 / 3)


def test_actions_weigh_the_same():
    assert per_action({"walk": 30.0, "sit": 50.0})["mean"] == 40.0
    with pytest.raises(BadInput, match="no action was scored"):
        per_action({})


@given(_seeds, st.floats(0.2, 5))
def test_a_moved_turned_and_scaled_pose_has_no_error_after_alignment(seed: int, scale: float):
    rng = np.random.default_rng(seed)
    truth = poses(seed)
    turn = Rotation.random(len(truth), random_state=seed).as_matrix()
    guess = scale * truth @ turn + rng.normal(0, 1000, (len(truth), 1, 3))
    assert procrustes_mpjpe(guess, truth) < 1e-6


@given(_seeds)
def test_a_mirrored_pose_keeps_an_error(seed: int):
    truth = poses(seed)
    assert procrustes_mpjpe(truth * [-1, 1, 1], truth) > 1


@given(_seeds)
def test_alignment_agrees_with_scipy(seed: int):
    guess, truth = poses(seed, 1)[0], poses(seed + 1, 1)[0]
    a, b = guess - guess.mean(0), truth - truth.mean(0)
    turn, _ = Rotation.align_vectors(b, a)
    turned = turn.apply(a)
    scale = (turned * b).sum() / (a * a).sum()
    np.testing.assert_allclose(procrustes(guess, truth), scale * turned + truth.mean(0), atol=1e-4)


@given(_seeds)
def test_each_alignment_helps_its_own_measure_at_least_on_squares(seed: int):
    guess, truth = poses(seed), poses(seed + 1)

    def squares(found: np.ndarray) -> float:
        return float(np.square(found - truth).sum())

    aligned = np.stack([procrustes(g, t) for g, t in zip(guess, truth, strict=True)])
    scale = (guess * truth).sum((1, 2)) / (guess**2).sum((1, 2))
    assert squares(aligned) <= squares(scale[:, None, None] * guess) + 1e-6
    assert squares(scale[:, None, None] * guess) <= squares(guess) + 1e-6
    assert scaled_mpjpe(guess, truth) == pytest.approx(
        np.linalg.norm(scale[:, None, None] * guess - truth, axis=-1).mean()
    )


def test_missing_joints_are_left_out_of_the_alignment():
    truth = poses(4)
    guess = 2 * truth + 5
    guess[:, 2] = np.nan
    assert procrustes_mpjpe(guess, truth) < 1e-6
    guess[:] = np.nan
    assert np.isnan(procrustes_mpjpe(guess, truth))
    assert np.isnan(mpjpe(guess, truth))


@pytest.mark.parametrize("place", [0.0, 0.1, 70.0])
def test_a_guess_in_one_point_counts_with_the_error_that_is_left(place: float):
    truth = poses(4, 2)
    guess = truth.copy()
    guess[1] = place
    alone = np.linalg.norm(truth[1] - truth[1].mean(0), axis=-1)
    assert procrustes_mpjpe(guess, truth) == pytest.approx(alone.mean() / 2)
    at = truth[1].mean() if place else 0.0  # the best scale moves it along the diagonal
    assert scaled_mpjpe(guess, truth) == pytest.approx(
        np.linalg.norm(truth[1] - at, axis=-1).mean() / 2
    )


def test_a_single_joint_is_aligned_with_anything_and_left_out():
    truth, guess = poses(4, 2), poses(5, 2)
    guess[1, 1:] = np.nan
    for measure in (procrustes_mpjpe, scaled_mpjpe):
        assert measure(guess, truth) == measure(guess[:1], truth[:1])


def test_limits():
    assert LIMITS_MM[[0, 1, -1]].tolist() == [0, 5, 150]
