"""The usual time of a frame."""

import math

import pytest

from glpose.track.steps import Steps


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
