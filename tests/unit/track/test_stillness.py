"""For how long nothing has changed beside the people who are followed."""

import numpy as np
import pytest

from glpose.track.cuts import thumbnail
from glpose.track.stillness import Stillness, StillSpec

NOBODY = np.zeros((0, 4), np.float32)


class Watch:
    """Gives stillness pictures as the pipeline does: as thumbnails."""

    def __init__(self, spec: StillSpec | None = None) -> None:
        self._still = Stillness(spec or StillSpec())
        self.saw = self._still.saw

    def looked(self, frame: int, rgb: np.ndarray) -> None:
        self._still.looked(frame, thumbnail(rgb), rgb.shape[:2])

    def still_frames(self, rgb: np.ndarray) -> int:
        return self._still.still_frames(thumbnail(rgb))


def picture(seed: int = 0) -> np.ndarray:
    """Random colours, each 2x2 pixels large, which is a pixel of the thumbnail."""
    small = np.random.default_rng(seed).integers(60, 190, (72, 128, 3)).astype(np.uint8)
    return small.repeat(2, axis=0).repeat(2, axis=1)


def followed(*boxes: tuple[float, float, float, float], **settings: float) -> Watch:
    """After looks at frames 0 and 10, which are alike, with these people in them."""
    still = Watch(StillSpec(**settings))
    for frame in (0, 10):
        still.looked(frame, picture())
        still.saw(np.array(boxes, np.float32).reshape(-1, 4))
    return still


def changed(x1: int, y1: int, x2: int, y2: int, by: tuple[int, ...] = (40, 40, 40)) -> np.ndarray:
    """The picture with a rectangle that is brighter, in pixels of a thumbnail."""
    out = picture()
    out[2 * y1 : 2 * y2, 2 * x1 : 2 * x2] += np.array(by, np.uint8)
    return out


def test_nothing_is_known_before_two_looks() -> None:
    still = Watch()
    assert still.still_frames(picture()) == 0
    still.looked(7, picture())
    assert still.still_frames(picture()) == 0  # where people are is not known
    still.saw(NOBODY)
    assert still.still_frames(picture()) == 0
    still.looked(12, picture())
    still.saw(NOBODY)
    assert still.still_frames(picture()) == 5


def test_a_change_starts_the_time_anew() -> None:
    still = followed()
    assert still.still_frames(picture()) == 10
    assert still.still_frames(picture(1)) == 0
    assert still.still_frames(picture()) == 10  # a flash
    for frame, seed, expected in ((15, 0, 15), (20, 1, 0), (25, 1, 5), (40, 1, 20)):
        still.looked(frame, picture(seed))
        still.saw(NOBODY)
        assert still.still_frames(picture(seed)) == expected


def test_noise_and_exposure_are_no_change_but_a_small_newcomer_is() -> None:
    still = followed()
    noise = np.random.default_rng(1).normal(0, 3, (144, 256, 3))
    assert still.still_frames((picture() + noise).clip(0, 255).astype(np.uint8)) == 10
    assert still.still_frames(picture() + np.array([30, 20, 10], np.uint8)) == 10
    assert still.still_frames(changed(40, 30, 42, 34)) == 0


def test_colours_may_be_coarse_but_red_on_green_is_seen() -> None:
    still = followed()
    assert still.still_frames(changed(40, 30, 48, 38, (20, 0, 10))) == 10
    red = changed(40, 30, 48, 38, (34, 0, 0))
    red[60:76, 80:96, 1] -= 34  # as bright as before
    assert still.still_frames(red) == 0


def test_people_may_move_where_they_were_and_are() -> None:
    was = (100.0, 40.0, 140.0, 120.0)  # in pixels of the picture
    assert followed(was).still_frames(changed(50, 20, 70, 60)) == 10
    still = followed(was)
    still.saw(np.array([[120.0, 40.0, 160.0, 120.0]], np.float32))
    moved = changed(50, 20, 80, 60)
    assert still.still_frames(moved) == 10
    still.saw(NOBODY)
    assert still.still_frames(moved) == 0  # whoever that is, nobody follows
    moved[10:12, 10:12] += 40
    still.saw(np.array([[120.0, 40.0, 160.0, 120.0]], np.float32))
    assert still.still_frames(moved) == 0


def test_of_portrait_pictures_the_right_part_is_people() -> None:
    still, tall = Watch(), np.full((256, 100, 3), 90, np.uint8)
    for frame in (0, 10):
        still.looked(frame, tall)
        still.saw(np.array([[60, 160, 90, 240]], np.float32))
    moved = tall.copy()
    moved[160:240, 60:90] = 200
    assert still.still_frames(moved) == 10
    assert still.still_frames(moved[::-1]) == still.still_frames(moved[:, ::-1]) == 0


def test_who_comes_after_the_look_is_no_excuse_for_what_was_there() -> None:
    still = followed()
    # Followed into the picture, and then on: what is left behind is as it was.
    still.saw(np.array([[0.0, 40.0, 40.0, 120.0]], np.float32))
    assert still.still_frames(changed(0, 20, 20, 60)) == 10
    still.saw(np.array([[80.0, 40.0, 120.0, 120.0]], np.float32))
    assert still.still_frames(changed(0, 20, 20, 60)) == 0


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((-50.0, -50.0, 400.0, 400.0), 0),  # beside people nothing is left that could tell
        ((300.0, 200.0, 400.0, 260.0), 10),
        ((0.0, 0.0, 160.0, 143.0), 0),
        ((0.0, 0.0, 120.0, 143.0), 10),
    ],
)
def test_boxes_may_reach_out_of_the_picture_and_must_leave_a_third_of_it(
    box: tuple[float, float, float, float], expected: int
) -> None:
    assert followed(box).still_frames(picture()) == expected
