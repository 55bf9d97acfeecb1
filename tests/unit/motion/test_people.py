"""Motion of people: what is blanked, and that what is wrong does not reach the frames around it."""

from dataclasses import replace

import numpy as np
import pytest

from glpose.motion.people import motions_of
from glpose.motion.series import pieces, series_of
from glpose.motion.smooth import SmoothSpec, smooth_person, smoothed_frames
from glpose.skeleton import BODY19
from glpose.types import FramePoses
from walking import NUM, Walk, frame_of, walk

TIMES = np.arange(60) / 25
LEGS = [BODY19.index(f"{side}_{part}") for side in ("left", "right") for part in ("knee", "ankle")]


def test_exchanged_legs_are_blanked_and_do_not_bend_those_around() -> None:
    frames = walk(TIMES)
    for i in range(30, 36):
        xy = frames[i].xy.copy()
        xy[0, LEGS] = xy[0, LEGS[2:] + LEGS[:2]]
        frames[i] = replace(frames[i], xy=xy, unsure_sides=np.array([True]))
    one = motions_of(frames, BODY19, SmoothSpec())[1]
    assert np.flatnonzero(one.is_unsure).tolist() == list(range(30, 36))
    for values in (one.raw, one.filtered):
        knee = values["left_knee_flexion"]
        assert np.flatnonzero(np.isnan(knee)).tolist() == list(range(30, 36))
        assert np.isfinite(values["trunk_segment"]).all()
        true = np.array([Walk().flexion("knee", "left", t) for t in TIMES])
        assert np.nanmax(np.abs(knee - true)) < 4


def test_raw_angles_are_noisier_than_filtered_ones() -> None:
    people = {
        1: walk(TIMES, noise_px=2.0),
        2: walk(TIMES, Walk(facing=-1, start_px=1500), noise_px=2.0),
    }
    frames = [
        frame_of(i, t, {number: one[i].xy[0] for number, one in people.items()})
        for i, t in enumerate(TIMES)
    ]
    motions = motions_of(frames, BODY19, SmoothSpec(cutoff_hz=4.0))
    assert list(motions) == [1, 2]
    true = np.array([Walk().flexion("knee", "left", t) for t in TIMES])
    for one in motions.values():
        raw, filtered = (v["left_knee_flexion"] - true for v in (one.raw, one.filtered))
        assert filtered.std() < 0.7 * raw.std()
        assert one.facing[0] == (1 if one is motions[1] else -1)


def spoiled(seed: int) -> list[FramePoses]:
    """A walk of ten seconds: joints missing, weak and exchanged, and moments without the person."""
    random, frames = np.random.default_rng(seed), walk(np.arange(300) / 30, noise_px=1.0)
    unsure, exchanged = np.zeros(300, bool), [*LEGS[2:], *LEGS[:2]]
    for first, num in zip(random.integers(0, 300, 4), random.integers(1, 20, 4), strict=True):
        unsure[first : first + num] = True
    for i, poses in enumerate(frames):
        xy, score = poses.xy.copy(), poses.score.copy()
        if unsure[i]:
            xy[0, LEGS] = xy[0, exchanged]
        gone, weak = random.random((2, 1, NUM)) < 0.005
        xy[gone] = np.nan
        score = np.where(gone, 0, np.where(weak, 0.1, score)).astype(np.float32)
        frames[i] = replace(poses, xy=xy, score=score, unsure_sides=unsure[[i]])
    for first in random.integers(1, 290, 2):
        frames[first : first + 5] = [
            FramePoses.empty(i, frames[i].time_s, NUM) for i in range(first, first + 5)
        ]
    return frames


def turning(seed: int) -> list[FramePoses]:
    """The same, turning the head to the camera and away for a moment, and then all the way round."""
    frames, random = spoiled(seed), np.random.default_rng(seed)
    nose = BODY19.index("nose")
    for i, poses in enumerate(frames):
        if len(poses.people):
            poses.xy[0, nose, 0] += 8 * np.cos(i / 20) - 6 + random.normal(0, 2)
            poses.xy[0, nose, 0] -= 30 * (i > 240)
    return frames


@pytest.mark.parametrize("seed", range(4))
def test_smoothed_results_face_the_side_of_the_raw_ones(seed: int) -> None:
    frames, how = turning(seed), SmoothSpec()
    people = {n: (one, smooth_person(one, how, BODY19)) for n, one in series_of(frames).items()}
    raw = motions_of(frames, BODY19, how)[1]
    done = motions_of(list(smoothed_frames(frames, people)), BODY19, None)[1]
    assert 0 < np.isnan(raw.facing).sum() < 200
    assert {1.0, -1.0} <= set(raw.facing.tolist())
    np.testing.assert_array_equal(done.facing, raw.facing)
    assert (raw.gait is None) == (done.gait is None)
    for name, values in raw.filtered.items():
        np.testing.assert_allclose(values, done.filtered[name], atol=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_smoothed_results_give_the_angles_and_the_gait_of_the_raw_ones(seed: int) -> None:
    frames, how = spoiled(seed), SmoothSpec()
    people = {n: (one, smooth_person(one, how, BODY19)) for n, one in series_of(frames).items()}
    raw, done = (
        motions_of(given, BODY19, spec)[1]
        for given, spec in ((frames, how), (list(smoothed_frames(frames, people)), None))
    )
    assert raw.is_unsure.tolist() == done.is_unsure.tolist()
    for name, values in raw.filtered.items():
        np.testing.assert_allclose(values, done.filtered[name], atol=1e-3)
    assert raw.gait is not None
    assert done.gait is not None
    assert done.gait.events_s == raw.gait.events_s
    assert done.gait.stride_s == pytest.approx(1.2, rel=0.02)
    for one, other in ((raw.gait.left, done.gait.left), (raw.gait.right, done.gait.right)):
        assert one.knee_range_deg == pytest.approx(other.knee_range_deg, abs=1e-3)


@pytest.mark.parametrize("shots_s", [(3.0, 0.4, 3.0), (1.0, 2.0), (0.2, 0.2, 0.2, 2.0)])
def test_angles_on_either_side_of_a_cut_are_those_of_each_shot_alone(
    shots_s: tuple[float, ...],
) -> None:
    """Nearer and farther away, and facing the other way."""
    frames: list[FramePoses] = []
    for number, shot_s in enumerate(shots_s):
        how = Walk(facing=-1 if number % 2 else 1, start_px=2000.0 if number % 2 else 300.0)
        for _ in range(round(shot_s * 30)):
            i = len(frames)
            xy = how.joints(i / 30) * (1.6 if number % 2 else 1.0)
            frames.append(frame_of(i, i / 30, {1: xy}))
    whole, starts = motions_of(frames, BODY19, SmoothSpec())[1], pieces(series_of(frames)[1])
    assert len(starts) == len(shots_s)
    for shot in starts:
        alone = motions_of(frames[shot], BODY19, SmoothSpec())[1]
        np.testing.assert_array_equal(alone.facing, whole.facing[shot])
        for name, values in alone.filtered.items():
            np.testing.assert_array_equal(values, whole.filtered[name][shot])
