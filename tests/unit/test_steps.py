"""The usual time of a frame."""

import math

import numpy as np
import pytest

from glpose.steps import Steps, usual_steps


def usual(*times_s: float, every: int = 1) -> float | None:
    steps = Steps()
    for number, time_s in enumerate(times_s):
        steps.add(every * number, time_s)
    return steps.usual_s


def test_it_is_known_from_the_third_frame_on() -> None:
    assert usual(0.0) is None
    assert usual(0.0, 0.5) is None
    assert usual(0.0, 0.5, 1.0) == 0.5
    assert usual(0.0, 0.5, 1.0, every=2) == 0.25


def test_pauses_and_times_that_stand_still_are_not_usual() -> None:
    assert usual(0.0, 0.5, 1.0, 1.5, 2.0, 60.0, 60.5, 60.5, 60.25, 60.75) == 0.5


@pytest.mark.parametrize("frames", [1, 2, 3, 10, 30])
def test_frames_that_share_a_time_are_spread(frames: int) -> None:
    """Clocks of tenths or whole seconds, and pictures that come twice."""
    for count in (70, 72, 79):
        times_s = [frames * (i // frames) / 30 for i in range(count)]
        assert usual(*times_s) == pytest.approx(1 / 30)
    assert usual(*[1.0] * 70) is None


@pytest.mark.parametrize("frames", [2, 3, 4, 5, 6, 10])
def test_frames_that_come_in_bursts_take_as_long_as_those_that_come_evenly(frames: int) -> None:
    steps_s = np.tile([0.001] * (frames - 1) + [frames / 30 - 0.001 * (frames - 1)], 20)
    times_s = np.cumsum(steps_s).tolist()
    for count in range(31, 31 + frames):
        assert usual(*times_s[:count]) == pytest.approx(1 / 30, rel=0.25)
    around, _ = usual_steps(steps_s)
    np.testing.assert_allclose(around, 1 / 30, rtol=0.25)


def test_a_clock_that_is_set_back_begins_anew() -> None:
    assert usual(*(100 + 0.5 * i for i in range(40)), *(0.25 * i for i in range(40))) == 0.25


def test_the_steps_around_each_one_count() -> None:
    steps_s = np.r_[np.full(60, 0.25), 9.0, 20.0, np.full(60, 0.5)]
    around, longest = usual_steps(steps_s)
    assert around[:40].tolist() == longest[:40].tolist() == [0.25] * 40
    assert around[-40:].tolist() == longest[-40:].tolist() == [0.5] * 40
    assert 0.25 < around[61] < longest[61] == 0.5
    for few in (np.zeros(0), np.array([0.25]), np.array([0.25, 0.75])):
        np.testing.assert_array_equal(
            usual_steps(few)[0], [few.mean()] * len(few) if few.size else few
        )
    assert usual_steps(np.array([0.25, 0.25, 7.0, 0.25]))[0].tolist() == [0.25] * 4


def test_the_last_steps_count() -> None:
    assert usual(*(0.5 * i for i in range(40)), *(20 + 0.25 * i for i in range(40))) == 0.25


@pytest.mark.parametrize(
    ("told_hz", "expected"),
    [(30.0, 30.0), (26.0, 26.0), (36.0, 36.0), (5.0, 32.0), (1000.0, 32.0), (math.nan, 32.0), (math.inf, 32.0),
     (0.0, 32.0)],
)  # fmt: skip
def test_a_rate_that_is_told_counts_where_times_do_not_contradict(
    told_hz: float, expected: float
) -> None:
    steps = Steps()
    assert steps.rate_hz(told_hz) == pytest.approx(told_hz, nan_ok=True)
    for number in range(9):
        steps.add(number, number / 32)
    assert steps.rate_hz(told_hz) == expected
