"""When a detector looks closely."""

from collections.abc import Callable

import pytest

from glpose.hindsight import HindsightSpec
from glpose.track.close_looks import CloseLooks, CloseLooksSpec


def taken(
    frames: range, small: Callable[[int], bool] = lambda _: False, cuts: tuple[int, ...] = ()
) -> list[int]:
    looks, found = CloseLooks(), []
    for frame in frames:
        if looks.take(frame, opens=frame in cuts):
            found.append(frame)
        looks.saw(small=small(frame))
    return found


def test_it_looks_less_and_less_often_while_nobody_is_small():
    assert taken(range(300)) == [0, 10, 30, 70, 150, 230]


def test_it_looks_often_while_somebody_is_small_if_only_now_and_then():
    assert taken(range(45), lambda frame: frame % 9 == 4) == [0, 10, 20, 30, 40]
    assert taken(range(100), lambda frame: frame == 35) == [0, 10, 30, 40, 50, 70]


def test_after_a_long_wait_it_looks_often_again_from_the_first_small_person_on():
    """Who comes after the first one is not waited for as long as nobody came."""
    assert taken(range(270), lambda frame: frame >= 230) == [
        *(0, 10, 30, 70, 150, 230),
        *range(240, 270, 10),
    ]


@pytest.mark.parametrize("first", [0, 7, 1000])
def test_a_scene_begins_with_a_close_look_and_is_watched_anew(first: int):
    frames = range(first, first + 100)
    cut = first + 50
    assert taken(frames, cuts=(first, cut)) == [
        first,
        first + 10,
        first + 30,
        cut,
        cut + 10,
        cut + 30,
    ]


def test_it_waits_for_looks_that_come_seldom():
    assert taken(range(0, 100, 15)) == [0, 15, 45, 90]


def test_while_somebody_is_tried_it_looks_again_and_keeps_its_rhythm():
    looks = CloseLooks()
    taken = [f for f in range(50) if looks.take(f, opens=False, tries=f in (11, 12, 33, 40))]
    assert taken == [0, 10, 11, 12, 30, 33]


def test_who_is_tried_for_ever_does_not_make_every_look_a_close_one():
    looks = CloseLooks()
    taken = [f for f in range(30) if looks.take(f, opens=False, tries=True)]
    assert taken == [*range(6), *range(10, 16)]


def test_where_small_people_are_they_are_followed_back_from_look_to_look():
    """In pictures of up to 4K; of larger ones fewer frames are held."""
    reach = HindsightSpec(rate_hz=30.0).within_bytes((2160, 3840)).reach
    assert CloseLooksSpec().every <= reach
