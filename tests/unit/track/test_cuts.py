"""Scene cuts: found where the scene changes, and nowhere else."""

import numpy as np

from glpose.imaging import resize
from glpose.track.cuts import CutDetector


def scene(seed: int, tint: tuple[float, float, float]) -> np.ndarray:
    """A large smooth picture, to be looked at through a window."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (12, 20, 3)).astype(np.float64) * np.array(tint)
    return resize(coarse.astype(np.uint8), (480, 800))


ONE, OTHER = scene(1, (1.0, 0.8, 0.6)), scene(2, (0.5, 0.8, 1.0))


def cuts(pictures: list[np.ndarray]) -> list[int]:
    detector = CutDetector()
    return [i for i, rgb in enumerate(pictures) if detector.update(rgb)]


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


def test_any_size_even_one_pixel_or_changing() -> None:
    dot = np.full((1, 1, 3), 90, np.uint8)
    assert cuts([dot, dot, dot]) == []
    assert cuts([window(ONE, 0), resize(window(ONE, 0), (121, 163))]) == []
