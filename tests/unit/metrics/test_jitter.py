"""Jitter: what shakes and what does not, gaps, sizes, and the error against truth."""

import numpy as np
import pytest

from glpose.metrics.jitter import acceleration_error, jitter
from glpose.types import FramePoses, FrameTruth, People

SIZE_PX = 200.0


def people(tracks: list[int], size_px: float = SIZE_PX) -> People:
    box = np.array([[5, 5, 25, 5 + size_px]], np.float32)
    return People(
        np.repeat(box, len(tracks), 0), np.ones(len(tracks), np.float32), np.array(tracks, np.int64)
    )


def poses(frame: int, joints: dict[int, list[tuple[float, float]]]) -> FramePoses:
    """Joints by track id."""
    xy = np.array(list(joints.values()), np.float32)
    return FramePoses(
        frame, frame / 25, people(list(joints)), xy, np.ones(xy.shape[:2], np.float32)
    )


def truth(frame: int, joints: dict[int, list[tuple[float, float]]]) -> FrameTruth:
    guess = poses(frame, joints)
    return FrameTruth(frame, 0.0, guess.people, guess.xy, np.full(guess.score.shape, 2, np.int8))


def test_a_zigzag_of_two_pixels_is_an_acceleration_of_four() -> None:
    frames = [poses(t, {1: [(2.0 * (t % 2), 7.0), (0.0, 0.0)]}) for t in range(6)]
    found = jitter(frames)
    # 2 -> 0 -> 2: 2 - 0 + 2 = 4 pixels of 200 are 2 percent.
    assert found.per_joint == pytest.approx([2.0, 0.0])
    assert found.pooled == pytest.approx(1.0)
    assert found.per_track == {1: pytest.approx(1.0)}
    assert found.num_triples == 8


def test_an_acceleration_is_as_long_as_its_line_is() -> None:
    """3 pixels across and 4 down are 5 of 200 pixels."""
    frames = [poses(t, {1: [(3.0 * (t == 2), 4.0 * (t == 2))]}) for t in range(3)]
    assert jitter(frames).pooled == pytest.approx(100 * 5 / SIZE_PX)


def test_steady_motion_is_no_jitter() -> None:
    frames = [poses(t, {3: [(3.0 * t, -1.5 * t)]}) for t in range(5)]
    assert jitter(frames).pooled == 0


def test_nothing_reaches_over_a_gap_in_frames_tracks_or_joints() -> None:
    shaky = {t: (50.0 * (t % 2), 0.0) for t in range(6)}
    without_frame = [poses(t, {1: [shaky[t]]}) for t in (0, 1, 3, 4)]
    other_track = [poses(t, {t // 2: [shaky[t]]}) for t in range(6)]
    missing = [poses(t, {1: [(np.nan, np.nan) if t in {1, 4} else shaky[t]]}) for t in range(6)]
    for frames in (without_frame, other_track, missing):
        found = jitter(frames)
        assert found.num_triples == 0
        assert np.isnan(found.pooled)
        assert np.isnan(found.per_joint).all()


def test_people_are_told_apart_by_track_not_by_row() -> None:
    frames = [
        poses(t, {1: [(0.0, 0.0)], 2: [(500.0, 0.0)]} if t % 2 else {2: [(500.0, 0.0)], 1: [(0.0, 0.0)]})
        for t in range(4)
    ]  # fmt: skip
    assert jitter(frames).per_track == {1: 0, 2: 0}


def test_a_person_without_a_box_is_left_out_and_nothing_is_nan() -> None:
    flat = [
        FramePoses(t, 0.0, people([1], 0), np.full((1, 2, 2), t**2, np.float32), np.ones((1, 2), np.float32))
        for t in range(3)
    ]  # fmt: skip
    flat = [
        FramePoses(p.frame, 0.0, People(p.people.xyxy * 0, p.people.score, p.people.track_id), p.xy, p.score)
        for p in flat
    ]  # fmt: skip
    assert np.isnan(jitter(flat).pooled)
    assert np.isnan(jitter([]).pooled)
    assert np.isnan(jitter([FramePoses.empty(0, 0.0, 15)]).pooled)


def test_the_error_is_of_the_difference_to_the_truths_own_acceleration() -> None:
    true = [truth(t, {1: [(2.0 * t * t, 0.0)]}) for t in range(5)]
    same_shifted = [poses(t, {1: [(2.0 * t * t + 30, 9.0)]}) for t in range(5)]
    straight = [poses(t, {1: [(3.0 * t, 0.0)]}) for t in range(5)]
    assert acceleration_error(same_shifted, true).pooled == pytest.approx(0)
    assert acceleration_error(straight, true).pooled == pytest.approx(100 * 4 / SIZE_PX)
    assert jitter(true).pooled == pytest.approx(100 * 4 / SIZE_PX)


def test_only_what_both_have_is_compared() -> None:
    true = [truth(t, {1: [(0.0, 0.0)], 2: [(0.0, 0.0)]}) for t in range(4)]
    guess = [poses(t, {2: [(1.0 * (t % 2), 0.0)]} if t else {}) for t in range(1, 4)]
    found = acceleration_error(guess, true)
    assert list(found.per_track) == [2]
    assert found.num_triples == 1
    assert found.pooled == pytest.approx(1.0)
