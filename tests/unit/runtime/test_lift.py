"""Windows of tracks: gaps, ends, the person's frame, and what counts as missing."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tiny_onnx
from glpose.errors import BadConfig
from glpose.runtime.lift import (
    LEAST_SCORE,
    MOST_GAP,
    Lifter,
    bridged,
    network_inputs,
    person_frame,
    runs,
)

CARD = tiny_onnx.lift_card()
NUM = len(CARD.joints.joints)


def middle(joints: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The middle sample as it is."""
    assert joints.shape[1:] == (CARD.window, NUM, 3)
    assert known.shape == joints.shape[:3]
    return joints[:, CARD.window // 2]


def first_minus_last(joints: np.ndarray, known: np.ndarray) -> np.ndarray:
    return joints[:, 0] - joints[:, -1]


def track(num: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 100, (1, NUM, 2)) + np.arange(num)[:, None, None] * [2.0, 0.0]
    return xy.astype(np.float32), np.full((num, NUM), 0.9, np.float32)


def lifter(run: Callable = middle) -> Lifter:
    return Lifter(run, CARD)


def test_gaps_are_bridged_by_straight_lines_and_longer_ones_stay():
    xy = np.full((30, 1, 2), np.nan, np.float32)
    xy[0], xy[4], xy[20] = 0, 8, 1
    filled = bridged(xy, 10)
    np.testing.assert_allclose(filled[:5, 0, 0], [0, 2, 4, 6, 8])
    assert np.isnan(filled[5:20]).all()
    assert np.isnan(filled[21:]).all()
    assert np.isfinite(bridged(xy, 15)[:21]).all()


def test_a_gap_of_exactly_the_limit_is_bridged_and_one_more_is_not():
    xy = np.zeros((MOST_GAP + 3, 1, 2))
    xy[1:-1] = np.nan
    assert np.isnan(bridged(xy, MOST_GAP)[1:-1]).all()
    assert np.isfinite(bridged(np.delete(xy, 1, 0), MOST_GAP)).all()


@given(st.integers(0, 10_000), st.floats(0.01, 50), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_moving_and_scaling_the_picture_changes_nothing(
    seed: int, scale: float, x: float, y: float
):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 100, (2, 5, NUM, 2))
    xy[0, 1:3, :4] = np.nan
    moved = person_frame(xy * scale + np.array([x, y]))
    np.testing.assert_allclose(moved, person_frame(xy), atol=1e-5)


def test_the_frame_of_a_person_has_y_up_the_size_one_and_the_middle_in_the_middle():
    xy = np.zeros((1, 3, 4, 2))
    xy[0, :] = [[0, 0], [0, 40], [10, 0], [10, 40]]
    found = person_frame(xy)[0, 1]
    np.testing.assert_allclose(found, [[-0.125, 0.5], [-0.125, -0.5], [0.125, 0.5], [0.125, -0.5]])


def test_what_is_unknown_is_zero_and_confidence_tells_found_from_bridged():
    xy, _ = track(5)
    xy = xy[None].copy()
    xy[0, 2, 3] = np.nan
    found = np.ones((1, 5, NUM), bool)
    found[0, 2, 3:5] = False
    joints, known = network_inputs(xy, found)
    assert known[0, 2, 3] == 0
    assert known.sum() == known.size - 1
    np.testing.assert_array_equal(joints[0, 2, 3], [0, 0, 0])
    assert joints[0, 2, 4, 2] == 0
    assert joints[0, 2, 4, :2].any()
    assert joints[..., 2].sum() == known.size - 2


def test_every_frame_of_a_long_track_is_lifted_and_its_ends_are_marked():
    found = lifter()(*track(20), 25.0)
    assert np.isfinite(found.xyz).all()
    assert found.padded.tolist() == [i < 2 or i > 17 for i in range(20)]
    assert not found.bridged.any()


def test_beyond_the_ends_the_last_sample_is_repeated():
    xy, score = track(20)
    turns = lifter(first_minus_last)(xy, score, 25.0).xyz[:, 0, 0]
    inside, at_end, beside = turns[8], turns[0], turns[1]
    np.testing.assert_allclose([at_end / inside, beside / inside], [0.5, 0.75], atol=1e-5)


@pytest.mark.parametrize("rate_hz", [5.0, 12.0, 20.0, 25.0, 29.97, 37.5, 50.0, 60.0])
def test_samples_are_as_far_apart_in_time_as_in_training(rate_hz: float):
    """Somebody who moves evenly is seen alike at all rates."""
    xy, score = track(20)
    one = Lifter(first_minus_last, CARD)(xy, score, 25.0).xyz[10, 0, 0]
    here = lifter(first_minus_last)(xy, score, rate_hz).xyz[10, 0, 0]
    np.testing.assert_allclose(here, rate_hz / 25 * one, rtol=1e-4)


def test_samples_are_taken_by_time_where_frames_are_not_evenly_apart():
    """Somebody who moves evenly is seen alike; what a frame shows counts where one was taken."""
    at = np.r_[0:20, 20:60:4, 59].astype(float)
    xy, score = track(60)
    even = lifter(first_minus_last)(xy, score, 60.0)
    found = lifter(first_minus_last)(xy[at.astype(int)], score[: len(at)], 60.0, at=at)
    np.testing.assert_allclose(found.xyz, even.xyz[at.astype(int)], rtol=1e-4, atol=1e-6)
    assert found.padded.tolist() == even.padded[at.astype(int)].tolist()
    np.testing.assert_array_equal(
        lifter()(xy, score, 40.0).xyz, lifter()(xy, score, 40.0, at=np.arange(60.0)).xyz
    )


def test_a_pause_as_long_as_a_gap_ends_a_run():
    xy, score = track(20)
    for pause, ends in ((MOST_GAP + 1, False), (MOST_GAP + 2, True)):
        at = np.arange(20.0) + (pause - 1) * (np.arange(20) >= 9)
        found = lifter()(xy, score, 25.0, at=at)
        assert np.isfinite(found.xyz).all()
        assert found.padded.tolist() == [
            i < 2 or i > 17 or (ends and 7 <= i < 11) for i in range(20)
        ]
        assert found.longest == (11 if ends else 19 + pause)


def test_gaps_are_bridged_if_they_are_short_in_time():
    xy = np.zeros((4, 1, 2))
    xy[1:3], xy[3] = np.nan, 10
    filled = bridged(xy, 10, np.array([0.0, 1.0, 9.0, 10.0]))
    np.testing.assert_allclose(filled[:, 0, 0], [0, 1, 9, 10])
    assert np.isnan(bridged(xy, 10, np.array([0.0, 1.0, 9.0, 12.0]))[1:3]).all()


@pytest.mark.parametrize(
    ("rate_hz", "least"),
    [(25.0, 3), (50.0, 5), (49.95, 5), (50.0001, 5), (60.0, 6), (12.0, 2), (0.1, 2)],
)
def test_half_a_window_of_time_is_lifted_and_less_is_not(rate_hz: float, least: int):
    assert lifter().least_frames(rate_hz) == least
    assert np.isfinite(lifter()(*track(least), rate_hz).xyz).all()
    assert np.isnan(lifter()(*track(least - 1), rate_hz).xyz).all()


def sampled(xy: np.ndarray, score: np.ndarray, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """What the network is shown, frame by frame."""
    shown = []

    def look(joints: np.ndarray, known: np.ndarray) -> np.ndarray:
        shown.append((joints, known))
        return joints[:, 0]

    Lifter(look, CARD)(xy, score, rate_hz)
    joints, known = (np.concatenate([pair[k][: len(xy)] for pair in shown]) for k in (0, 1))
    return joints, known


def test_multiples_of_the_rate_take_the_frames_as_they_are():
    rng = np.random.default_rng(8)
    xy = rng.uniform(0, 100, (20, NUM, 2)).astype(np.float32)
    joints, known = sampled(xy, np.ones((20, NUM), np.float32), 75.0)
    places = np.clip(np.arange(20)[:, None] + 3 * np.arange(-2, 3), 0, 19)
    expected, all_known = network_inputs(person_frame(xy[places]), np.ones((20, 5, NUM), bool))
    np.testing.assert_array_equal(joints, expected)
    np.testing.assert_array_equal(known, all_known)


def test_samples_between_frames_need_both():
    """At 12.5 frames a second the samples of a key are at -1, -1/2, 0, 1/2 and 1 frames."""
    xy, score = track(20)
    score[:10, 4] = 0  # is not seen before the frame 10
    score[14, 5] = 0  # is bridged
    joints, known = sampled(xy, score, 12.5)
    assert known[10, :, 4].tolist() == [0, 0, 1, 1, 1]
    assert known[9, :, 4].tolist() == [0, 0, 0, 0, 1]
    assert known[:, :, 5].all()
    assert joints[14, :, 5, 2].tolist() == [1, 0, 0, 0, 1]


def test_short_runs_are_left_out():
    assert np.isnan(lifter()(*track(2), 25.0).xyz).all()
    assert np.isfinite(lifter()(*track(3), 25.0).xyz).all()
    assert np.isnan(lifter()(*track(1), 25.0).xyz).all()


def test_a_long_absence_ends_a_run_and_a_short_one_is_bridged_and_marked():
    xy, score = track(40)
    xy[10 : 10 + MOST_GAP] = np.nan
    found = lifter()(xy, score, 25.0)
    assert np.isfinite(found.xyz).all()
    assert found.bridged.tolist() == [10 <= i < 10 + MOST_GAP for i in range(40)]
    xy[10 : 11 + MOST_GAP] = np.nan
    found = lifter()(xy, score, 25.0)
    assert np.isnan(found.xyz[10 : 11 + MOST_GAP]).all()
    assert np.isfinite(found.xyz[:10]).all()
    assert found.padded[[8, 9, 11 + MOST_GAP]].all()


def test_a_joint_that_is_never_seen_is_nan_and_others_are_lifted():
    xy, score = track(20)
    score[:, 4] = LEAST_SCORE / 2
    xy[:, 5] = np.inf
    found = lifter()(xy, score, 25.0)
    assert np.isnan(found.xyz[:, 4:6]).all()
    assert np.isfinite(np.delete(found.xyz, [4, 5], 1)).all()
    assert not found.bridged.any()


def test_people_with_too_few_joints_are_left_out():
    xy, score = track(20)
    score[:, 2:] = 0
    assert np.isnan(lifter()(xy, score, 25.0).xyz).all()


def test_the_mirror_image_is_lifted_too_and_both_are_averaged():
    def lopsided(joints: np.ndarray, known: np.ndarray) -> np.ndarray:
        return joints[:, CARD.window // 2] + np.array([1.0, 2.0, 3.0], np.float32)

    xy, score = track(20)
    plain, moved = (Lifter(run, CARD)(xy, score, 25.0).xyz for run in (middle, lopsided))
    np.testing.assert_allclose(moved - plain, np.broadcast_to([0, 2, 3], plain.shape), atol=1e-5)


def test_a_person_and_the_mirror_image_are_lifted_alike():
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(CARD.window * NUM * 3, NUM * 3)).astype(np.float32)

    def some_net(joints: np.ndarray, known: np.ndarray) -> np.ndarray:
        return (joints.reshape(len(joints), -1) @ weight).reshape(-1, NUM, 3)

    xy, score = track(9)
    mirrored = xy[:, list(CARD.joints.mirror)] * np.float32([-1, 1])
    one = Lifter(some_net, CARD)(xy, score, 25.0).xyz
    other = Lifter(some_net, CARD)(mirrored, score, 25.0).xyz
    np.testing.assert_allclose(
        other[:, list(CARD.joints.mirror)] * [-1, 1, 1], one, atol=1e-4, rtol=1e-4
    )


@given(st.lists(st.booleans(), max_size=30))
def test_runs_are_where_it_is_true(usable: list[bool]):
    again = np.zeros(len(usable), bool)
    for first, end in runs(np.array(usable, bool)):
        assert not again[max(first - 1, 0) : end].any()
        again[first:end] = True
    assert again.tolist() == usable


def test_a_card_says_what_cannot_be():
    with pytest.raises(BadConfig, match="window is 4; expected an odd number"):
        tiny_onnx.lift_card(window=4)
    with pytest.raises(BadConfig, match="root is empty"):
        tiny_onnx.lift_card(root=())
