"""Where nothing has changed beside the people who are followed."""

import numpy as np
import pytest

from glpose.track.stillness import Stillness

SIZE_HW = (144, 256)
NOBODY = np.zeros((0, 4), np.float32)


def thumbnail(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(60, 190, (72, 128, 3)).astype(np.uint8)


def looked(*boxes: tuple[float, float, float, float]) -> Stillness:
    """After a look at the thumbnail 0, in which there were these people."""
    still = Stillness()
    still.remember(thumbnail())
    still.follow(np.array(boxes, np.float32).reshape(-1, 4), SIZE_HW)
    return still


def changed(x1: int, y1: int, x2: int, y2: int, by: int = 40) -> np.ndarray:
    """The thumbnail with a rectangle of pixels that are brighter."""
    out = thumbnail()
    out[y1:y2, x1:x2] += np.uint8(by)
    return out


def test_nothing_is_known_before_the_first_look() -> None:
    still = Stillness()
    assert not still.holds(thumbnail())
    still.remember(thumbnail())
    assert not still.holds(thumbnail())


def test_noise_and_exposure_are_no_change_but_a_small_newcomer_is() -> None:
    still = looked()
    assert still.holds(thumbnail())
    noise = np.random.default_rng(1).normal(0, 3, (72, 128, 3))
    assert still.holds((thumbnail() + noise).clip(0, 255).astype(np.uint8))
    assert still.holds(thumbnail() + np.uint8(30))
    assert not still.holds(changed(40, 30, 42, 34))
    assert not still.holds(thumbnail(1))


def test_people_may_move_where_they_were_and_are() -> None:
    was = (100.0, 40.0, 140.0, 120.0)  # in pixels of the picture, twice those of the thumbnail
    assert looked(was).holds(changed(50, 20, 70, 60))
    still = looked(was)
    still.follow(np.array([[120.0, 40.0, 160.0, 120.0]], np.float32), SIZE_HW)
    moved = changed(50, 20, 80, 60)
    assert still.holds(moved)
    still.follow(NOBODY, SIZE_HW)
    assert not still.holds(moved)  # whoever that is, nobody follows
    moved[5, 5] += 40
    still.follow(np.array([[120.0, 40.0, 160.0, 120.0]], np.float32), SIZE_HW)
    assert not still.holds(moved)


def test_who_comes_after_the_look_is_no_excuse_for_what_was_there() -> None:
    still = looked()
    # Followed into the picture, and then on: what is left behind is as it was.
    still.follow(np.array([[0.0, 40.0, 40.0, 120.0]], np.float32), SIZE_HW)
    assert still.holds(changed(0, 20, 20, 60))
    still.follow(np.array([[80.0, 40.0, 120.0, 120.0]], np.float32), SIZE_HW)
    assert not still.holds(changed(0, 20, 20, 60))


@pytest.mark.parametrize("box", [(-50.0, -50.0, 400.0, 400.0), (300.0, 200.0, 400.0, 260.0)])
def test_boxes_may_reach_out_of_the_picture(box: tuple[float, float, float, float]) -> None:
    still = looked(box)
    covers_all = box[0] < 0
    assert still.holds(thumbnail(1)) == covers_all
