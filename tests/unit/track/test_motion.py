"""The box filter: agrees with the textbook matrices, composes in time, survives jumps."""

import numpy as np
import pytest

from glpose.track import motion

BOX = np.array([100.0, 50.0, 140.0, 150.0])
FIELDS = ("mean", "speed", "variance", "covariance", "speed_variance")


def moved(box: np.ndarray, x: float, y: float = 0.0) -> np.ndarray:
    return box + np.array([x, y, x, y])


def test_a_box_survives_start_and_return() -> None:
    np.testing.assert_allclose(motion.to_xyxy(motion.start(BOX)), BOX)


def test_two_steps_of_one_frame_are_one_step_of_two() -> None:
    state = motion.correct(motion.predict(motion.start(BOX), 1.0), moved(BOX, 3, 1))
    twice = motion.predict(motion.predict(state, 1.0), 1.0)
    once = motion.predict(state, 2.0)
    for name in ("mean", "speed", "speed_variance", "covariance", "variance"):
        np.testing.assert_allclose(getattr(twice, name), getattr(once, name), rtol=1e-3)


def test_it_is_the_kalman_filter_of_the_textbook() -> None:
    state = motion.predict(motion.start(BOX), 1.0)
    measured = motion.centre_size(moved(BOX, 4))
    after = motion.correct(state, moved(BOX, 4))
    observe = np.array([[1.0, 0.0]])
    noise = (motion.MEASURED * 100) ** 2
    for i in range(4):
        belief = np.array(
            [
                [state.variance[i], state.covariance[i]],
                [state.covariance[i], state.speed_variance[i]],
            ]
        )
        gain = belief @ observe.T / (observe @ belief @ observe.T + noise)
        mean = np.array([state.mean[i], state.speed[i]]) + gain[:, 0] * (
            measured[i] - state.mean[i]
        )
        belief = (np.eye(2) - gain @ observe) @ belief
        np.testing.assert_allclose([after.mean[i], after.speed[i]], mean)
        found = [after.variance[i], after.covariance[i], after.speed_variance[i]]
        np.testing.assert_allclose(found, [belief[0, 0], belief[0, 1], belief[1, 1]])


def test_many_boxes_at_once_are_each_box_alone() -> None:
    boxes = np.stack([BOX, moved(BOX, 30, 9) * 1.3])
    many = motion.correct(motion.predict(motion.start(boxes), 2.0), boxes + 2.0, 2.0)
    for i, box in enumerate(boxes):
        one = motion.correct(motion.predict(motion.start(box), 2.0), box + 2.0, 2.0)
        for name in FIELDS:
            np.testing.assert_allclose(getattr(many, name)[i], getattr(one, name))


def test_a_steady_walk_is_followed_without_lag_and_through_a_gap() -> None:
    state = motion.start(BOX)
    for frame in range(1, 40):
        state = motion.correct(motion.predict(state, 1.0), moved(BOX, 3.0 * frame))
    np.testing.assert_allclose(motion.to_xyxy(state), moved(BOX, 3.0 * 39), atol=0.3)
    ahead = motion.to_xyxy(motion.predict(state, 10.0))
    np.testing.assert_allclose(ahead, moved(BOX, 3.0 * 49), atol=1.0)


def test_a_person_half_covered_at_once_is_believed_and_does_not_drift() -> None:
    state = motion.start(BOX)
    for frame in range(1, 30):
        state = motion.correct(motion.predict(state, 1.0), moved(BOX, 2.0 * frame))
    for frame in range(30, 33):
        half = moved(BOX, 2.0 * frame) - np.array([0, 0, 0, 50.0])
        state = motion.correct(motion.predict(state, 1.0), half)
        np.testing.assert_allclose(motion.to_xyxy(state), half, atol=1.5)
    np.testing.assert_allclose(state.speed[:2], [2.0, 0.0], atol=0.5)


def test_a_camera_that_starts_to_pan_is_learnt_within_three_frames() -> None:
    state = motion.start(BOX)
    for _ in range(30):
        state = motion.correct(motion.predict(state, 1.0), BOX)
    for frame in range(1, 4):
        state = motion.correct(motion.predict(state, 1.0), moved(BOX, 40.0 * frame))
    np.testing.assert_allclose(state.speed[0], 40.0, rtol=0.15)


def test_the_size_holds_out_of_sight_and_never_turns_inside_out() -> None:
    state = motion.start(BOX)
    for shrink in (5.0, 10.0, 15.0):
        smaller = BOX + np.array([shrink, shrink, -shrink, -shrink])
        state = motion.correct(motion.predict(state, 1.0), smaller)
    assert (state.speed[2:] < 0).all()
    far = motion.to_xyxy(motion.predict(state, 50.0))
    assert (far[2:] > far[:2]).all()
    held = motion.predict(motion.hold_size(state), 50.0)
    np.testing.assert_allclose(held.mean[2:], state.mean[2:])


@pytest.mark.slow
def test_variances_stay_positive_over_a_long_video() -> None:
    rng = np.random.default_rng(0)
    state = motion.start(BOX)
    for step in rng.integers(1, 4, 1000):
        noisy = BOX + rng.normal(0, 3, 4)
        state = motion.correct(motion.predict(state, float(step)), noisy, float(step))
        assert (state.variance > 0).all()
        assert (state.speed_variance > 0).all()
        assert (state.covariance**2 <= state.variance * state.speed_variance).all()
