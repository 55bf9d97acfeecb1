"""Smoothing of a person's joints: outliers, gaps up to their limit, cuts, and what stays raw."""

from dataclasses import replace

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.motion.doubts import doubts_of
from glpose.motion.filters import FILTERS
from glpose.motion.reliable import unsure_limbs
from glpose.motion.series import Series, series_of
from glpose.motion.smooth import (
    SmoothSpec,
    check_cutoff,
    fillable,
    smooth,
    smooth_person,
    smoothed_frames,
    without_outliers,
)
from glpose.skeleton import BODY19
from walking import NUM, Walk, frame_of, walk

TIMES = np.arange(100) / 25
EACH = np.arange(100.0)  # the numbers of the rows where no frame is missing
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
        np.testing.assert_allclose(out.xy[half], smooth(one[half], SmoothSpec()).xy, atol=1e-9)


@pytest.mark.parametrize("name", FILTERS)
def test_nothing_leaks_across_a_cut_or_a_long_gap(name: str) -> None:
    legs = [KNEE, KNEE + 2]
    cut, gap = series().xy[:, legs], without(slice(45, 60)).xy[:, legs]
    few = series(
        xy=cut,
        found_xy=cut,
        score=series().score[:, legs],
        is_filled=series().is_filled[:, legs],
    )
    for places, cuts, first, second in (
        (cut, [50], slice(0, 50), slice(50, 100)),
        (gap, [], slice(0, 45), slice(60, 100)),
    ):
        one = replace(few, xy=places, cuts=np.array(cuts, np.int64))
        out = smooth(one, SmoothSpec(name)).xy[:, 0]
        changed = places.copy()
        changed[second] = 1500 + 3 * changed[second]
        other = smooth(replace(one, xy=changed), SmoothSpec(name)).xy[:, 0]
        np.testing.assert_array_equal(out[first], other[first])
        assert not np.isclose(out[second], other[second]).any()


@pytest.mark.parametrize("name", FILTERS)
def test_a_shot_is_smoothed_as_if_it_were_alone(name: str) -> None:
    """What an outlier is, and a high speed, goes by the size of the person in the shot."""
    near, far = walk(TIMES, noise_px=3.0), walk(TIMES[:40] + 4, noise_px=5.0)
    frames = near + [
        replace(p, xy=0.2 * p.xy + 1500, people=replace(p.people, xyxy=0.2 * p.people.xyxy))
        for p in far
    ]
    one = series_of(frames)[1]
    out = smooth(one, SmoothSpec(name))
    for shot in (slice(0, 100), slice(100, 140)):
        alone = smooth(one[shot], SmoothSpec(name))
        np.testing.assert_array_equal(out.xy[shot], alone.xy)
        np.testing.assert_array_equal(out.is_outlier[shot], alone.is_outlier)


def unsure_walk(rows: slice) -> Series:
    one = series()
    one.unsure_sides[rows] = True
    return one


@pytest.mark.parametrize("rows", [slice(40, 43), slice(40, 50), slice(0, 12), slice(20, 100)])
def test_limbs_of_unsure_sides_change_nothing_in_other_frames(rows: slice) -> None:
    """Wherever they are: in short gaps they are filled in, else smoothed among themselves."""
    one = unsure_walk(rows)
    limbs = unsure_limbs(one, BODY19)
    moved = replace(one, xy=np.where(limbs[..., None], one.xy[:, ::-1] + 30, one.xy))
    first, other = (smooth_person(each, SmoothSpec(), BODY19) for each in (one, moved))
    np.testing.assert_array_equal(first.xy[~limbs], other.xy[~limbs])
    np.testing.assert_array_equal(first.is_outlier[~limbs], other.is_outlier[~limbs])
    assert np.isfinite(other.xy).all()
    is_short = rows.stop - rows.start <= 3
    np.testing.assert_array_equal(other.is_filled, limbs & is_short)
    expected = one if is_short else moved
    assert np.abs(other.xy - expected.xy).max() < 6
    assert not other.is_raw.any()
    assert other.unsure_sides.tolist() == one.unsure_sides.tolist()


@pytest.mark.parametrize("num", [1, 2, 3, 4, 9])
def test_legs_exchanged_for_a_moment_are_put_right(num: int) -> None:
    """For longer most unsure sides are right, and no curve is as near."""
    true, legs = series().xy, [13, 15, 14, 16]
    for first in range(30, 66, 5):
        one = unsure_walk(slice(first, first + num))
        one.xy[first : first + num, legs] = one.xy[first : first + num, [14, 16, 13, 15]]
        out = smooth_person(one, SmoothSpec(), BODY19)
        expected = true if num <= 3 else one.xy
        assert np.abs(out.xy - expected)[first : first + num].max() < 6
        assert np.abs(out.xy - true)[np.r_[:first, first + num : 100]].max() < 3
        assert np.flatnonzero(out.unsure_sides).tolist() == list(range(first, first + num))


def test_a_weak_joint_between_unsure_sides_goes_with_them() -> None:
    """No curve is laid through six frames, as long as the usual limit, for one in their middle."""
    ankle = BODY19.index("left_ankle")
    for first in range(26, 34):
        one = unsure_walk(slice(first, first + 6))
        one.unsure_sides[first + 3], one.score[first + 3, ankle] = False, 0.15
        out = smooth_person(one, SmoothSpec(), BODY19)
        assert np.abs(out.xy - one.xy)[first : first + 6].max() < 4
        assert not out.is_filled[first + 3, ankle]
        assert out.score[first + 3, ankle] == pytest.approx(0.15)


def test_nothing_filled_in_between_unsure_sides_counts_as_sure() -> None:
    one = unsure_walk(slice(40, 50))
    one.unsure_sides[45], one.xy[45, KNEE], one.score[45, KNEE] = False, np.nan, 0
    out = smooth_person(one, SmoothSpec(), BODY19)
    assert np.isnan(out.xy[45, KNEE]).all()
    one.unsure_sides[45] = True
    out = smooth_person(one, SmoothSpec(), BODY19)
    assert np.abs(out.xy - series().xy)[45, KNEE].max() < 6


@pytest.mark.parametrize("weak", [slice(30, 31), slice(30, 34), slice(29, 30), slice(0, 60)])
def test_weak_joints_beside_a_cut_are_not_smeared_across_it(weak: slice) -> None:
    frames = [
        frame_of(i, t, {1: Walk(start_px=1100.0 if i >= 30 else 300.0).joints(t)})
        for i, t in enumerate(TIMES[:60])
    ]
    for poses in frames[weak]:
        poses.score[:] = 0.15
    one = series_of(frames)[1]
    assert np.abs(smooth_person(one, SmoothSpec(), BODY19).xy - one.xy).max() < 6


def test_weak_joints_change_nothing_in_others() -> None:
    """Short ones are filled in between those that are seen; longer ones are smoothed alone."""
    one = series()
    one.score[20:23, KNEE] = one.score[50:65, KNEE] = 0.1
    weak = one.score < 0.2
    moved = replace(one, xy=np.where(weak[..., None], one.xy + [40, 0], one.xy))
    first, other = (smooth_person(each, SmoothSpec(), BODY19) for each in (one, moved))
    np.testing.assert_array_equal(first.xy[~weak], other.xy[~weak])
    np.testing.assert_array_equal(first.xy[20:23], other.xy[20:23])
    np.testing.assert_allclose(other.xy[50:65, KNEE], first.xy[50:65, KNEE] + [40, 0])
    assert np.flatnonzero(other.is_filled[:, KNEE]).tolist() == [20, 21, 22]
    assert other.score[[21, 55], KNEE].tolist() == pytest.approx([0.8, 0.1])


@pytest.mark.parametrize(
    ("unsure", "marked"), [((30, 60), True), ((30, 40), True), ((44, 50), True), ((20, 39), False)]
)
def test_who_is_filled_in_has_the_worse_mark_of_both_ends(
    unsure: tuple[int, int], marked: bool
) -> None:
    frames = [
        replace(poses, unsure_sides=np.full(len(poses.people), unsure[0] <= i < unsure[1]))
        for i, t in enumerate(TIMES)
        for poses in [frame_of(i, t, {} if 40 <= i < 44 else {1: Walk().joints(t)})]
    ]
    one = series_of(frames)[1]
    smoothed = smooth_person(one, SmoothSpec(), BODY19)
    filled = list(smoothed_frames(frames, {1: (one, smoothed)}))[40:44]
    limbs = [BODY19.index(name) for name in ("left_knee", "right_wrist")]
    for poses in filled:
        assert poses.unsure_sides is not None
        assert poses.unsure_sides.tolist() == [marked]
        assert np.isfinite(poses.xy[0, BODY19.index("left_hip")]).all()
        # Between sure ones, or between unsure ones, but never from one to the other.
        is_alike = unsure in ((30, 60), (20, 39))
        assert np.isfinite(poses.xy[0, limbs]).all() == is_alike


@pytest.mark.parametrize(("rate_hz", "missing"), [(30, 8), (25, 4), (60, 17), (50, 9), (10, 2)])
def test_gaps_as_long_as_the_limit_are_filled_wherever_they_are(rate_hz: int, missing: int) -> None:
    times = np.round(np.arange(60 * rate_hz) / rate_hz, 6)
    known = np.arange(len(times)) % (3 * missing) < 2 * missing
    known[-1] = True
    num = int((np.diff(np.flatnonzero(known)) == missing + 1).sum())
    limit_s = (missing + 1) / rate_hz
    for fill_s, expected in ((limit_s, num), (limit_s - 1e-3, 0)):
        found = fillable(known, times, fill_s)
        assert sum(gap.stop - gap.start == missing for gap in found) == expected


@pytest.mark.parametrize("rate_hz", [24, 25, 30, 60])
@pytest.mark.parametrize("hole_s", [0.2, 0.4, 0.7, 1.5])
def test_frames_that_are_gone_are_frames_without_the_person(rate_hz: int, hole_s: float) -> None:
    """Right joints beside a hole in the times are no outliers, and are smoothed as beside a gap."""
    times = np.arange(6 * rate_hz) / rate_hz
    for start_s in (2.5, 2.8, 3.1):
        is_gone = (times > start_s) & (times < start_s + hole_s)
        everywhere = walk(times, Walk(period_s=1.1))
        both = zip(everywhere, is_gone, strict=True)
        absent = [frame_of(p.frame, p.time_s, {}) if gone else p for p, gone in both]
        gone = [p for p, is_away in zip(everywhere, is_gone, strict=True) if not is_away]
        expected, out = (smooth(series_of(f)[1], SmoothSpec()) for f in (absent, gone))
        assert not out.is_outlier.any()
        if hole_s > SmoothSpec().fill_s:
            np.testing.assert_allclose(out.xy, expected.xy[~is_gone], atol=1e-6)


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
    moved, outlier = without_outliers(xy, TIMES[:20], EACH[:20], 400.0)
    assert np.flatnonzero(outlier).tolist() == [10]
    np.testing.assert_allclose(moved, line, atol=1e-9)


def test_fast_and_noisy_motion_has_no_outliers() -> None:
    running = Walk(period_s=0.7, speed_px_s=500)
    frames = [frame_of(i, t, {1: running.joints(t)}) for i, t in enumerate(TIMES)]
    one = series_of(frames)[1]
    assert not without_outliers(one.xy, TIMES, EACH, one.size_px)[1].any()
    noise = np.random.default_rng(0).normal(0, 0.01 * one.size_px, one.xy.shape)
    assert without_outliers(one.xy + noise, TIMES, EACH, one.size_px)[1].mean() < 0.01


def test_two_samples_have_no_median_that_tells_anything() -> None:
    xy = np.full((20, 1, 2), np.nan)
    xy[[3, 4, 16], 0] = [[0, 0], [500, 0], [0, 0]]
    assert not without_outliers(xy, TIMES[:20], EACH[:20], 100.0)[1].any()


@pytest.mark.parametrize("known", [[3, 4, 5, 6], [6, 7, 8, 9], [4, 6, 7, 9]])
def test_a_line_on_one_side_or_through_few_others_tells_no_outlier(known: list[int]) -> None:
    """It may turn there, where its neighbours are not known."""
    xy = np.full((12, 1, 2), np.nan)
    xy[known, 0] = [[10.0 * row, 60.0 * (row == 6)] for row in known]
    assert not without_outliers(xy, TIMES[:12], EACH[:12], 400.0)[1].any()


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


def test_another_scene_is_one_whoever_is_filled_in() -> None:
    """Person 1 is away while 2 alone is seen, who is missed at both ends of that and filled in there."""
    ways = {1: Walk(), 2: Walk(start_px=600)}
    away = {1: range(40, 47), 2: (39, 47)}
    frames = [
        frame_of(i, t, {n: way.joints(t) for n, way in ways.items() if i not in away[n]})
        for i, t in enumerate(TIMES)
    ]
    people = series_of(frames)
    made = {n: (one, smooth_person(one, SmoothSpec(), BODY19)) for n, one in people.items()}
    smoothed = list(smoothed_frames(frames, made))
    assert smoothed[39].people.track_id.tolist() == [1, 2]
    raw_doubts, doubts = (
        [d for d in doubts_of(some, series_of(some)) if d.kind in ("jump", "numbers change")]
        for some in (frames, smoothed)
    )
    assert doubts == raw_doubts
    assert {n: one.cuts.tolist() for n, one in series_of(smoothed).items()} == {1: [47], 2: []}
    assert not len(series_of(smoothed[39:40])[2].cuts)  # nobody but one who was put there
