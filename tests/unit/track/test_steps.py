"""The usual time of a frame."""

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
