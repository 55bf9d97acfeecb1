"""Scene cuts: found where the scene changes, and nowhere else."""

import numpy as np
import pytest

from glpose.imaging import resize
from glpose.track.cuts import CutDetector, CutSpec, thumbnail


def scene(seed: int, tint: tuple[float, float, float]) -> np.ndarray:
    """A large smooth picture, to be looked at through a window."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (12, 20, 3)).astype(np.float64) * np.array(tint)
    return resize(coarse.astype(np.uint8), (480, 800))


ONE, OTHER = scene(1, (1.0, 0.8, 0.6)), scene(2, (0.5, 0.8, 1.0))
THIRD = scene(3, (0.9, 0.4, 0.9))


def cuts(pictures: list[np.ndarray], spec: CutSpec | None = None, *, pace: int = 1) -> list[int]:
    detector = CutDetector(spec or CutSpec())
    return [i for i, rgb in enumerate(pictures) if detector.update(rgb, pace=pace)]


def scenes(pictures: list[np.ndarray]) -> list[int]:
    """The scene of each picture."""
    detector = CutDetector()
    return [detector.scene for rgb in pictures if detector.update(rgb) in (False, True)]


def window(picture: np.ndarray, x: int, y: int = 0) -> np.ndarray:
    return picture[y : y + 240, x : x + 320]


def test_a_pan_with_one_cut() -> None:
    pictures = [window(ONE, 8 * i) for i in range(20)]
    pictures += [window(OTHER, 8 * i) for i in range(20)]
    assert cuts(pictures) == [20]


def test_each_of_several_cuts_is_found() -> None:
    pictures = [window((ONE, OTHER)[i // 5 % 2], 3 * i) for i in range(20)]
    assert cuts(pictures) == [5, 10, 15]


def test_a_shaking_camera_and_people_passing_cut_nothing() -> None:
    rng = np.random.default_rng(0)
    pictures = []
    for i in range(40):
        x, y = rng.integers(0, 24, 2)
        rgb = window(ONE, 100 + x, 100 + y).copy()
        rgb[40:240, 7 * i : 7 * i + 90] = (200, 30, 30)
        pictures.append(rgb)
    assert cuts(pictures) == []


def test_a_flash_and_a_fade_out_cut_nothing() -> None:
    flash = np.clip(window(ONE, 0).astype(np.int64) * 3 // 2 + 40, 0, 255).astype(np.uint8)
    assert cuts([window(ONE, 0)] * 5 + [flash] + [window(ONE, 0)] * 5) == []
    fade = [(window(ONE, 0) * (1 - i / 30)).astype(np.uint8) for i in range(31)]
    assert cuts(fade) == []


def test_black_pictures_do_not_cut_each_other() -> None:
    black = np.zeros((90, 160, 3), np.uint8)
    assert cuts([black] * 4) == []
    assert cuts([black] * 4 + [window(ONE, 0)] * 4) == [4]


def test_other_colours_in_the_same_places_are_no_cut() -> None:
    """As where the light or the white balance changes."""
    one = window(ONE, 0)
    other = (one * np.array([1.0, 0.5, 0.5])).astype(np.uint8)
    assert cuts([one] * 5 + [other] * 5) == []
    assert cuts([one] * 5 + [other] * 5, CutSpec(min_structure=0.05)) == [5]


def test_the_same_colours_in_other_places_are_no_cut() -> None:
    """As where the camera is knocked, or something large moves."""
    one, other = window(ONE, 0), window(ONE, 50)
    assert cuts([one] * 5 + [other] * 5) == []
    assert cuts([one] * 5 + [other] * 5, CutSpec(min_colour=0.05)) == [5]


# From side to side, further each time: at last each picture differs from the one before as after a cut.
SHAKING = [window(ONE, 240 + (-1) ** i * (10 + 3 * i)) for i in range(60)]


def test_a_shaking_camera_causes_no_cuts() -> None:
    assert cuts(SHAKING) == []
    assert len(cuts(SHAKING, CutSpec(min_ratio=0.0))) > 3


def test_only_the_last_pictures_say_what_change_is_usual() -> None:
    other, still = window(OTHER, 0), [SHAKING[-1]] * 20
    assert cuts([*SHAKING, *still, window(ONE, 420)]) == [80]
    assert cuts([*SHAKING, window(ONE, 420)]) == []
    assert cuts([*SHAKING, SHAKING[-1], SHAKING[-2]]) == []  # one calm picture is not enough
    assert cuts([*SHAKING, *still, other]) == [80]


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("num", [1, 3])
def test_pictures_without_structure_neither_end_a_scene_nor_hide_a_cut(grey: int, num: int) -> None:
    rgb = np.full((240, 320, 3), grey, np.uint8)
    rgb[:100] ^= 3  # hardly any structure
    one, flat = [window(ONE, 0)] * 5, [rgb] * num
    assert cuts(one + flat + one) == []
    assert cuts(one + flat + [window(OTHER, 0)]) == [5 + num]


def test_a_scene_that_is_back_goes_on() -> None:
    one, noise = window(ONE, 0), np.random.default_rng(0).integers(0, 256, (72, 128, 3), np.uint8)
    assert scenes([one] * 5 + [noise] + [one] * 5) == [0] * 5 + [1] + [0] * 5
    hand = one.copy()
    hand[:, 60:] = 0
    assert scenes([one] * 5 + [hand] * 3 + [one] * 5) == [0] * 5 + [1] * 3 + [0] * 5
    # It may have moved a little, and other scenes may have been between; each cut is told.
    moved = window(ONE, 6)
    pictures = [one, one, window(OTHER, 0), window(THIRD, 0), moved, moved, window(OTHER, 0)]
    assert scenes(pictures) == [0, 0, 1, 2, 0, 0, 1]
    assert cuts(pictures) == [2, 3, 4, 6]


@pytest.mark.parametrize("num", [12, 16, 18, 20, 22, 26])
def test_what_leaves_the_lens_gradually_is_one_scene_with_what_it_hid(num: int) -> None:
    """Both the scene before and the last picture are like the next one then, which ended nothing."""
    one, other = window(ONE, 0), window(OTHER, 0)
    wiped = []
    for i in range(1, num + 1):
        wiped.append(one.copy())
        wiped[-1][:, : round(320 * (1 - i / num))] = other[:, : round(320 * (1 - i / num))]
    pictures = [one] * 40 + [other] * 3 + wiped + [one] * 40
    assert len(cuts(pictures)) <= 2
    assert scenes(pictures)[-30:] == [0] * 30


def test_a_scene_is_not_waited_for_for_long() -> None:
    one, other = window(ONE, 0), window(OTHER, 0)
    for num, number in ((30, 0), (31, 2)):
        assert scenes([one] * 5 + [other] * num + [one] * 2)[-2:] == [number] * 2
    detector = CutDetector()  # at 120 frames a second for as many more
    for rgb in [one] * 5 + [other] * 60 + [one]:
        detector.update(rgb, pace=4)
    assert detector.scene == 0


def test_what_is_only_like_a_scene_before_is_a_scene_of_its_own() -> None:
    one, other = window(ONE, 0), window(OTHER, 0)
    near, far = (window(ONE, x) for x in (6, 50))
    assert scenes([one, other, near]) == [0, 1, 0]
    assert scenes([one, other, far]) == [0, 1, 2]
    assert cuts([one, far]) == []  # though a picture that follows may differ so much


def dissolve(one: list[np.ndarray], other: list[np.ndarray], num: int) -> list[np.ndarray]:
    """Two shots of 20 pictures and `num` between, in which the first becomes the second."""
    mixed = []
    for i in range(num):
        share = (i + 1) / (num + 1)
        mixed.append((one[20 + i] * (1 - share) + other[i] * share).astype(np.uint8))
    return [*one[:20], *mixed, *other[num : num + 20]]


def pan(picture: np.ndarray, step: int = 2) -> list[np.ndarray]:
    return [window(picture, step * i) for i in range(80)]


@pytest.mark.parametrize("num", [8, 15, 30])
@pytest.mark.parametrize("step", [0, 2])
def test_a_scene_that_dissolves_into_another_ends(num: int, step: int) -> None:
    """At the latest some pictures behind; and it is not taken for one that is back."""
    pictures = dissolve(pan(ONE, step), pan(OTHER, step), num)
    found = scenes(pictures)
    assert found[:20] == [0] * 20
    assert 0 not in found[20 + num + 4 :]
    assert found == sorted(found)
    assert cuts(pictures, CutSpec(min_mix=1.1)) == []


@pytest.mark.parametrize("pace", [2, 4])
def test_a_dissolve_takes_as_long_at_a_higher_rate(pace: int) -> None:
    pictures = dissolve(pan(ONE, 0), pan(OTHER, 0), 30)
    many = [rgb for rgb in pictures for _ in range(pace)]
    assert cuts(many, pace=pace) == [pace * i for i in cuts(pictures)]


@pytest.mark.parametrize("step", [4, 8, 16])
def test_a_pan_is_no_dissolve(step: int) -> None:
    """Though the picture differs from that of some tenths of a second ago as after a cut."""
    pictures = [window(ONE, step * i) for i in range(480 // step)]
    assert cuts(pictures) == []
    assert len(cuts(pictures, CutSpec(min_mix=-9.0))) > 0


def test_somebody_who_passes_is_no_dissolve() -> None:
    pictures = []
    for i in range(40):
        rgb = window(ONE, 0).copy()
        rgb[:, max(0, 16 * i - 250) : 16 * i] = (20, 30, 160)
        pictures.append(rgb)
    assert cuts(pictures) == []


@pytest.mark.parametrize("grey", [0, 255])
@pytest.mark.parametrize("num", [6, 12])
def test_a_scene_that_fades_away_ends_where_another_appears(num: int, grey: int) -> None:
    # Of much contrast, so that they are almost black, or white, before there is no structure.
    one, other = (np.where(window(x, 0) > 90, 230, 20).astype(np.uint8) for x in (ONE, OTHER))
    away = [(one + (grey - one.astype(np.float64)) * (i + 1) / num) for i in range(num)]
    back = [(other + (grey - other.astype(np.float64)) * (1 - i / num)) for i in range(num)]
    again = [(one + (grey - one.astype(np.float64)) * (1 - i / num)) for i in range(num)]
    faded = [rgb.astype(np.uint8) for rgb in away]
    found = scenes([*[one] * 20, *faded, *(rgb.astype(np.uint8) for rgb in back), *[other] * 20])
    assert found[:20] == [0] * 20
    assert set(found[20 + num + 4 :]) == {1}
    assert set(scenes([one] * 20 + faded + [rgb.astype(np.uint8) for rgb in again])) == {0}


def test_thumbnails_will_do() -> None:
    pictures = [window((ONE, OTHER)[i // 5 % 2], 3 * i) for i in range(20)]
    assert cuts([thumbnail(rgb) for rgb in pictures]) == cuts(pictures)


def test_any_size_even_one_pixel_or_changing() -> None:
    dot = np.full((1, 1, 3), 90, np.uint8)
    assert cuts([dot, dot, dot]) == []
    assert cuts([window(ONE, 0), resize(window(ONE, 0), (121, 163))]) == []
