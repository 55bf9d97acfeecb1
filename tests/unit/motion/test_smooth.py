"""Smoothing of a person's joints: outliers, gaps up to their limit, cuts, and what stays raw."""

from dataclasses import replace

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.motion.filters import FILTERS
from glpose.motion.series import Series, series_of
from glpose.motion.smooth import (
    SmoothSpec,
    check_cutoff,
    fillable,
    smooth,
    smoothed_frames,
    without_outliers,
)
from walking import NUM, Walk, frame_of, walk

TIMES = np.arange(100) / 25
KNEE = 13


def series(**changes: np.ndarray) -> Series:
    return replace(series_of(walk(TIMES))[1], **changes)


def without(rows: slice, joint: int = KNEE) -> Series:
    """The walk with a joint missing in some frames."""
    xy = series().xy
    xy[rows, joint] = np.nan
    return series(xy=xy)


@pytest.mark.parametrize("name", sorted(set(FILTERS) - {"one-euro"}))
def test_noise_goes_and_the_walk_stays(name: str) -> None:
    true = series_of(walk(TIMES))[1].xy
    noisy = series_of(walk(TIMES, noise_px=3.0))[1]
    out = smooth(noisy, SmoothSpec(name, 4.0))
    before, after = (np.sqrt(np.nanmean((xy - true) ** 2)) for xy in (noisy.xy, out.xy))
    assert before == pytest.approx(3, rel=0.1)
    assert after < 2.2
    assert not out.is_filled.any()


def test_a_gap_is_filled_up_to_the_limit_and_marked() -> None:
    """From the last sample before to the first behind it, 6 missing frames are 0.28 s."""
    gap = slice(40, 46)
    out = smooth(without(gap), SmoothSpec(fill_s=0.29))
    assert np.flatnonzero(out.is_filled[:, KNEE]).tolist() == list(range(40, 46))
    assert out.is_filled.sum() == 6
    assert np.abs(out.xy - series().xy).max() < 6  # the knee turns back in the gap
    out = smooth(without(gap), SmoothSpec(fill_s=0.27))
    assert np.isnan(out.xy[gap, KNEE]).all()
    assert np.isnan(out.xy).sum() == 6 * 2
    assert not out.is_filled.any()


def test_a_filled_joint_has_the_lower_score_of_both_ends() -> None:
    one = without(slice(40, 42))
    one.score[39, KNEE], one.score[42, KNEE] = 0.7, 0.4
    assert smooth(one, SmoothSpec()).score[40:42, KNEE].tolist() == pytest.approx([0.4, 0.4])


def test_what_is_missing_at_the_ends_is_never_filled() -> None:
    for rows in (slice(0, 3), slice(97, 100)):
        assert np.isnan(smooth(without(rows), SmoothSpec()).xy[rows, KNEE]).all()


def test_time_without_any_frame_is_a_gap_too() -> None:
    """Nothing leaks over the seconds in which a camera had stopped."""
    late = np.where(np.arange(100) < 50, TIMES, TIMES + 5)
    out = smooth(series(time_s=late), SmoothSpec())
    one = series(time_s=late)
    for half in (slice(0, 50), slice(50, 100)):
        names = [name for name in Series.__slots__ if name != "back"]
        alone = Series(*(getattr(one, name)[half] for name in names), back=one.back)
        np.testing.assert_allclose(out.xy[half], smooth(alone, SmoothSpec()).xy, atol=1e-9)


@pytest.mark.parametrize("name", FILTERS)
def test_nothing_leaks_across_a_cut_or_a_long_gap(name: str) -> None:
    legs = [KNEE, KNEE + 2]
    cut, gap = series().xy[:, legs], without(slice(45, 60)).xy[:, legs]
    few = series(xy=cut, score=series().score[:, legs])
    cut[50:] += 1000
    for places, first, second in (
        (cut, slice(0, 50), slice(50, 100)),
        (gap, slice(0, 45), slice(60, 100)),
    ):
        out = smooth(replace(few, xy=places), SmoothSpec(name)).xy[:, 0]
        changed = places.copy()
        changed[second] = 1500 + 3 * changed[second]
        other = smooth(replace(few, xy=changed), SmoothSpec(name)).xy[:, 0]
        np.testing.assert_array_equal(out[first], other[first])
        assert not np.isclose(out[second], other[second]).any()


def test_outliers_are_replaced_and_marked() -> None:
    one = series()
    one.xy[30, KNEE] += [60, -40]
    one.xy[70, 0] += 80
    out = smooth(one, SmoothSpec())
    assert sorted(map(tuple, np.argwhere(out.is_outlier).tolist())) == [(30, KNEE), (70, 0)]
    assert np.abs(out.xy - series().xy).max() < 6
    assert not out.is_filled.any()


def test_an_outlier_of_a_moving_joint_is_told_by_its_motion() -> None:
    """A knee that takes the place of the other one for a frame, while both walk on."""
    line = np.stack([12.0 * np.arange(20), np.zeros(20)], 1)[:, None]
    xy = line.copy()
    xy[10, 0, 0] += 70
    moved, outlier = without_outliers(xy, TIMES[:20], 400.0)
    assert np.flatnonzero(outlier).tolist() == [10]
    np.testing.assert_allclose(moved, line, atol=1e-9)


def test_fast_and_noisy_motion_has_no_outliers() -> None:
    running = Walk(period_s=0.7, speed_px_s=500)
    frames = [frame_of(i, t, {1: running.joints(t)}) for i, t in enumerate(TIMES)]
    one = series_of(frames)[1]
    assert not without_outliers(one.xy, TIMES, one.size_px)[1].any()
    noise = np.random.default_rng(0).normal(0, 0.01 * one.size_px, one.xy.shape)
    assert without_outliers(one.xy + noise, TIMES, one.size_px)[1].mean() < 0.01


def test_two_samples_have_no_median_that_tells_anything() -> None:
    xy = np.full((20, 1, 2), np.nan)
    xy[[3, 4, 16], 0] = [[0, 0], [500, 0], [0, 0]]
    assert not without_outliers(xy, TIMES[:20], 100.0)[1].any()


def test_short_pieces_are_kept_as_they_are() -> None:
    xy = series().xy
    xy[:, KNEE] = np.nan
    xy[10:14, KNEE] = [[1, 1], [5, 2], [1, 3], [5, 4]]
    out = smooth(series(xy=xy), SmoothSpec())
    np.testing.assert_array_equal(out.xy[10:14, KNEE], xy[10:14, KNEE])
    assert np.argwhere(out.is_raw).tolist() == [[row, KNEE] for row in range(10, 14)]


@pytest.mark.parametrize("name", FILTERS)
def test_a_person_seen_at_a_rate_too_low_for_the_cutoff_is_kept(name: str) -> None:
    """The video as a whole is fast enough, as `check_cutoff` asks."""
    slow = np.arange(20) / 10
    (one,) = series_of(walk(slow.tolist(), noise_px=3.0)).values()
    out = smooth(one, SmoothSpec(name, 6.0))
    assert out.is_raw[~out.is_outlier].all()
    np.testing.assert_array_equal(out.xy[~out.is_outlier], one.xy[~out.is_outlier])
    assert not smooth(one, SmoothSpec(name, 4.9)).is_raw.any()


def test_gaps_are_measured_from_sample_to_sample() -> None:
    known = np.array([0, 1, 0, 0, 1, 1, 0, 1, 0], bool)
    times = np.array([0, 1, 2, 3, 4, 5, 6, 9, 10], np.float64)
    assert fillable(known, times, 3.0) == [slice(2, 4)]
    assert fillable(known, times, 4.0) == [slice(2, 4), slice(6, 7)]
    assert fillable(known, times, 0.0) == []


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"filter": "butter"}, "no filter 'butter'; did you mean 'butterworth'"),
        ({"cutoff_hz": 0.0}, "the cut-off is 0.0 Hz"),
        ({"cutoff_hz": float("nan")}, "the cut-off is nan Hz"),
        ({"fill_s": -1.0}, "gaps up to -1.0 s"),
        ({"fill_s": float("inf")}, "gaps up to inf s"),
    ],
)
def test_bad_settings(how: dict, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        SmoothSpec(**how)


def test_the_cutoff_is_below_half_the_rate() -> None:
    check_cutoff(SmoothSpec(cutoff_hz=12.4), TIMES)
    check_cutoff(SmoothSpec(cutoff_hz=12.4), np.repeat(TIMES, 2)[:99] * 2)
    with pytest.raises(BadInput, match=r"12.5 Hz; expected less than 12.5 Hz"):
        check_cutoff(SmoothSpec(cutoff_hz=12.5), TIMES)


def test_a_person_missed_for_a_moment_appears_marked() -> None:
    frames = [
        frame_of(i, t, {2: Walk(start_px=800).joints(t)} | ({} if i in (20, 21) else {1: xy}))
        for i, t in enumerate(TIMES)
        for xy in [Walk().joints(t)]
    ]
    people = series_of(frames)
    out = list(
        smoothed_frames(frames, {n: (one, smooth(one, SmoothSpec())) for n, one in people.items()})
    )
    assert [poses.people.track_id.tolist() for poses in out] == [
        [2] + [1] * (i not in (20, 21)) + [1] * (i in (20, 21)) for i in range(100)
    ]
    for i, poses in enumerate(out):
        assert poses.before is not None
        assert poses.propagated is not None
        is_new = i in (20, 21)
        assert poses.propagated.tolist() == [False, is_new]
        assert poses.before.is_filled.tolist() == [[False] * NUM, [is_new] * NUM]
        assert np.isnan(poses.before.xy[1]).all() == is_new
        assert np.abs(poses.xy[1] - Walk().joints(TIMES[i])).max() < 5
    box = [out[i].people.xyxy[1] for i in (19, 20, 21, 22)]
    np.testing.assert_allclose(np.diff(box, axis=0), (box[3] - box[0])[None] / 3 + np.zeros((3, 1)), atol=0.01)  # fmt: skip
