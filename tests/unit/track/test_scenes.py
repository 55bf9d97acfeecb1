"""Where scenes begin, and the pace of a video."""

from collections.abc import Iterable

import numpy as np
import pytest

from glpose.track.scenes import Scenes, pace_of
from glpose.types import Frame

NAN = float("nan")
PICTURE = np.zeros((72, 128, 3), np.uint8)


def begun(times_s: Iterable[float], rate_hz: float = NAN, stall_s: float = 2.0) -> list[int]:
    """The frames that begin a scene."""
    scenes = Scenes(rate_hz, stall_s)
    return [i for i, time_s in enumerate(times_s) if scenes.update(Frame(i, time_s, PICTURE))]


@pytest.mark.parametrize(
    ("rate_hz", "pace"),
    [
        (0.2, 1),
        (25.0, 1),
        (30.3, 1),
        (44.0, 1),
        (50.0, 2),
        (59.94, 2),
        (120.0, 4),
        (240.0, 8),
        (1e9, 32),
    ]
    + [(NAN, 1), (0.0, 1), (float("inf"), 32)],
)
def test_the_pace_is_that_of_30_frames_a_second_or_slower_ones(rate_hz: float, pace: int) -> None:
    assert pace_of(rate_hz) == pace


@pytest.mark.parametrize("known_hz", [120.0, NAN])
def test_the_pace_is_found_from_times_and_a_pause_does_not_change_it(known_hz: float) -> None:
    scenes, paces = Scenes(known_hz), []
    for i in range(40):
        scenes.update(
            Frame(2 * i, 2 * i / 120 + 60 * (i >= 20), PICTURE)
        )  # every other one is lost
        paces.append(scenes.pace)
    assert paces == [1, 1] + [4] * 38


def test_times_that_jitter_about_30_frames_a_second_change_nothing() -> None:
    scenes = Scenes(30.0)
    for i in range(40):
        scenes.update(Frame(i, i / 30 - (i % 2) * 0.016, PICTURE))
        assert scenes.pace == 1


def test_times_that_do_not_go_on_are_none() -> None:
    scenes = Scenes()
    for index in (0, 1, 1):
        assert not scenes.update(Frame(index, 0.0, PICTURE))
    assert scenes.pace == 1


@pytest.mark.parametrize("rate_hz", [25.0, 240.0, NAN])
def test_a_gap_in_time_begins_a_scene(rate_hz: float) -> None:
    step_s = 1 / 25 if np.isnan(rate_hz) else 1 / rate_hz
    times_s = [i * step_s + 2.1 * (i >= 5) + 1.9 * (i >= 8) for i in range(12)]
    assert begun(times_s, rate_hz) == [5]
    assert begun(times_s, rate_hz, stall_s=float("inf")) == []


def test_a_recorder_that_was_started_by_motion_has_a_mean_rate_that_says_nothing() -> None:
    times_s = [i / 15 + 600 * (i // 10) for i in range(30)]
    assert begun(times_s, rate_hz=0.02) == [10, 20]


def test_a_time_lapse_is_one_scene() -> None:
    times_s = [5.0 * i + 100 * (i >= 6) + 200 * (i >= 8) for i in range(12)]
    assert begun(times_s, rate_hz=0.2) == [8]


def test_another_size_begins_a_scene() -> None:
    scenes, small = Scenes(), np.zeros((36, 64, 3), np.uint8)
    pictures = (PICTURE, PICTURE, small, small, PICTURE)
    found = [scenes.update(Frame(i, i / 25, rgb)) for i, rgb in enumerate(pictures)]
    assert found == [False, False, True, False, True]
