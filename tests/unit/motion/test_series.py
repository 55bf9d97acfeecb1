"""People over time: which rows they have, times that stand still, and where a track is cut."""

from dataclasses import replace

import numpy as np
import pytest

from glpose.motion import series
from glpose.motion.series import pieces, rising, series_of, usual_step_s
from glpose.types import BeforeSmoothing
from walking import NUM, Walk, frame_of, walk

TIMES = np.arange(40) / 25


def test_a_person_has_a_row_for_each_frame_between_the_first_and_the_last() -> None:
    one, two = Walk().joints(0.0), Walk().joints(0.5)
    frames = [
        frame_of(0, 0.0, {}),
        frame_of(1, 0.1, {4: one}),
        frame_of(2, 0.2, {9: two, 4: one}),
        frame_of(3, 0.3, {9: two}),
        frame_of(4, 0.4, {4: two}),
    ]
    frames[2] = replace(frames[2], unsure_sides=np.array([True, False]))
    people = series_of(frames)
    assert list(people) == [4, 9]
    four = people[4]
    assert four.rows.tolist() == [1, 2, 3, 4]
    assert four.is_present.tolist() == [True, True, False, True]
    assert four.time_s.tolist() == [0.1, 0.2, 0.3, 0.4]
    assert np.isnan(four.xy[2]).all()
    assert four.score[2].tolist() == [0.0] * NUM
    np.testing.assert_allclose(four.xy[3], two, atol=1e-3)
    assert four.unsure_sides.tolist() == [False, False, False, False]
    assert people[9].unsure_sides.tolist() == [True, False]
    box = four.box_xyxy[0]
    assert four.size_px == pytest.approx(max(box[2] - box[0], box[3] - box[1]), rel=0.1)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0, 1, 2], [0, 1, 2]),
        ([0, 1, 1, 3], [0, 1, 2, 3]),
        ([0, 1, 1, 1], [0, 1, 1 + 1 / 3, 1 + 2 / 3]),
        ([0, 0, 0, 3, 4], [0, 1, 2, 3, 4]),
    ],
)
def test_frames_that_share_a_time_are_spread(times: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(rising(np.array(times, np.float64)), expected)


def num_missing(times_s: np.ndarray, numbers: np.ndarray | None = None) -> np.ndarray:
    """Of frames that are numbered one by one, unless said."""
    return series.num_missing(times_s, np.arange(len(times_s)) if numbers is None else numbers)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], []),
        ([3], []),
        ([0, 0.02, 0.04, 0.44, 0.46], [0, 0, 19, 0]),
        ([0, 0.01, 0.02, 0.12, 0.13], [0, 0, 0, 0]),  # short
        ([0, 1, 2, 4, 5], [0, 0, 0, 0]),  # one frame
        ([0, 1, 2, 5, 6, 7, 8, 9, 1e12], [0, 0, 2, 0, 0, 0, 0, 1e12 - 10]),
    ],
)
def test_frames_are_missing_where_times_have_a_hole(
    times: list[float], expected: list[float]
) -> None:
    assert num_missing(np.array(times, np.float64)).tolist() == expected


@pytest.mark.parametrize(
    "steps_s",
    [
        [1 / 60] * 60 + [1 / 5] * 40,  # it gets dark
        [1 / 240] * 300 + [1 / 7.5] * 3,
        *(([0.001] * (n - 1) + [n / 30]) * 20 for n in range(2, 11)),  # stamped when bursts arrive
    ],
)
def test_steps_that_others_around_are_as_long_as_are_no_holes(steps_s: list[float]) -> None:
    assert not num_missing(np.cumsum([0, *steps_s])).any()
    at = len(steps_s) // 2
    missing = num_missing(np.cumsum([0, *steps_s[:at], 3.0, *steps_s[at:]]))
    assert np.flatnonzero(missing).tolist() == [at]


@pytest.mark.parametrize(("present", "gone"), [(12, 8), (9, 3), (6, 30)])
def test_holes_over_which_numbers_jump_count_however_many_there_are(
    present: int, gone: int
) -> None:
    numbers = np.flatnonzero(np.arange(400) % (present + gone) < present)
    expected = np.diff(numbers) - 1
    assert (num_missing(numbers / 25, numbers) == expected).all()


def test_a_jump_of_the_numbers_is_a_hole_unless_all_jump() -> None:
    numbers = np.flatnonzero(np.arange(300) % 7 < 3)  # no five in a row
    found = num_missing(numbers / 25, numbers)
    assert (found == np.diff(numbers) - 1).all()
    slow = np.cumsum([2, 3, 3, 4] * 30)  # a live stream of which most is left out
    assert not num_missing(slow / 25, slow).any()
    slow[60:] += 30
    assert np.flatnonzero(num_missing(slow / 25, slow)).tolist() == [59]
    assert not num_missing(np.arange(60) / 25, np.arange(60) * 40).any()  # numbered at will


@pytest.mark.parametrize(
    ("steps_s", "expected"),
    [
        ([], np.nan),
        ([0.04] * 99, 0.04),
        ([0.033, 0.033, 0.034] * 40, 1 / 30),
        (([0.001] * 4 + [0.163]) * 20, 0.0334),  # stamped when bursts arrive
        (([0.002] + [0.0646]) * 50, 0.0333),
        ([0.25] * 20 + [9.0] + [0.25] * 20, 0.25),
        ([1 / 60] * 100 + [1 / 15] * 60, 1 / 60),
    ],
)
def test_how_long_a_frame_usually_takes(steps_s: list[float], expected: float) -> None:
    found = usual_step_s(np.cumsum([0.0, *steps_s]))
    assert found == pytest.approx(expected, rel=0.005, nan_ok=True)


def test_walking_and_a_gap_are_no_cut() -> None:
    frames = walk(TIMES, noise_px=2.0)
    frames[10:18] = [frame_of(i, TIMES[i], {}) for i in range(10, 18)]
    assert pieces(series_of(frames)[1]) == [slice(0, 40)]
    far = walk(np.arange(90) / 25)
    far[10:75] = [frame_of(i, i / 25, {}) for i in range(10, 75)]
    assert pieces(series_of(far)[1]) == [slice(0, 90)]


def test_a_slow_camera_is_no_cut() -> None:
    times = np.arange(20) * 2.0
    assert len(pieces(series_of(walk(times))[1])) == 1


def test_who_is_back_after_frames_of_others_alone_was_in_another_scene() -> None:
    """A scene that is back has its people; nothing of them belongs into the shot between."""
    places = dict(zip((1, 2, 3), (Walk().joints(t) for t in (0.0, 0.1, 0.2)), strict=True))
    shown = [{1}, {1}, {2}, set(), {2}, {1}, {1, 3}, {3}, {2, 3}, {1, 3}, set(), {1, 3}]
    frames = [
        frame_of(i, i / 25, {number: places[number] for number in numbers})
        for i, numbers in enumerate(shown)
    ]
    one = series_of(frames)[1]
    assert one.cuts.tolist() == [5]  # where 3 goes on, or nobody is seen, it is the same scene
    assert [piece.start for piece in pieces(one)] == [0, 5]
    assert series_of(frames[:5])[2].cuts.tolist() == []


def test_a_jump_of_the_whole_person_is_a_cut() -> None:
    frames = walk(TIMES[:20]) + [
        frame_of(20 + i, TIMES[20 + i], {1: Walk(start_px=900).joints(TIMES[20 + i])})
        for i in range(20)
    ]
    assert pieces(series_of(frames)[1]) == [slice(0, 20), slice(20, 40)]
    frames[20:23] = [frame_of(i, TIMES[i], {}) for i in range(20, 23)]
    assert pieces(series_of(frames)[1]) == [slice(0, 23), slice(23, 40)]


@pytest.mark.parametrize(
    ("rows", "joints"),
    [(slice(19, 20), slice(None)), (slice(20, 22), slice(None)), (slice(19, 21), slice(None)),
     (slice(19, 20), slice(1, None)), (slice(20, 21), slice(0, 18))],
)  # fmt: skip
def test_joints_not_found_beside_a_jump_do_not_hide_it(rows: slice, joints: slice) -> None:
    """Frames are compared with the last one that has some of their joints."""
    frames = [
        frame_of(i, t, {1: Walk(start_px=900.0 if i >= 20 else 300.0).joints(t)})
        for i, t in enumerate(TIMES)
    ]
    for poses in frames[rows]:
        poses.xy[:, joints] = np.nan
    if joints == slice(1, None):  # no joint is in both frames beside the cut
        frames[20].xy[:, 0] = np.nan
    first = 22 if rows == slice(20, 22) else 21 if rows == slice(19, 21) else 20
    assert [piece.start for piece in pieces(series_of(frames)[1])] == [0, first]
    still = walk(TIMES)
    for poses in still[rows]:
        poses.xy[:, joints] = np.nan
    assert pieces(series_of(still)[1]) == [slice(0, 40)]


def test_cuts_are_those_of_the_joints_as_found() -> None:
    """Whatever a filter has made of them."""
    frames = walk(TIMES[:20]) + [
        frame_of(i, TIMES[i], {1: Walk(start_px=900).joints(TIMES[i])}) for i in range(20, 40)
    ]
    none = np.zeros((1, NUM), bool)
    smoothed = [
        replace(poses, xy=even.xy, before=BeforeSmoothing(poses.xy, none, none))
        for poses, even in zip(frames, walk(TIMES), strict=True)
    ]
    assert pieces(series_of(smoothed)[1]) == [slice(0, 20), slice(20, 40)]


def test_a_joint_that_jumps_is_no_cut() -> None:
    people = [Walk().joints(t) for t in TIMES]
    for joints in people[20:]:
        joints[9:13] += 400
    frames = [frame_of(i, t, {1: xy}) for i, (t, xy) in enumerate(zip(TIMES, people, strict=True))]
    assert pieces(series_of(frames)[1]) == [slice(0, 40)]


def test_rows_of_a_series() -> None:
    frames = walk(TIMES)
    frames[3:6] = [frame_of(i, TIMES[i], {2: Walk().joints(0.0)}) for i in range(3, 6)]
    one = series_of(frames)[1]
    some = one[6:20]
    assert some.rows.tolist() == list(range(6, 20))
    assert some.cuts.tolist() == []
    assert one[2:20].cuts.tolist() == [4]
    np.testing.assert_array_equal(some.xy, one.xy[6:20])
    assert some.score.shape == (14, NUM)


def test_a_hole_as_long_as_the_limit_is_none_wherever_it_is() -> None:
    for step_s, hole_s in ((0.01, 0.13), (0.1, 0.25)):
        for first_s in np.arange(0, 40, 0.37):
            times = first_s + np.cumsum([0, *[step_s] * 20, hole_s, *[step_s] * 20])
            assert not num_missing(np.round(times, 6)).any()
