"""The map from a box to a crop against hand-computed cases, and the pixels it cuts."""

import numpy as np
import pytest

from glpose.crop import (
    crop_from_image,
    cut,
    shows_upside_down,
    view_from_crop,
    weight_of_box,
)
from glpose.types import CropSpec

BOX = np.array([10.0, 20.0, 40.0, 100.0])  # centre (25, 60), 30 x 80
SIZE = (64, 48)


@pytest.mark.parametrize(("anchor", "centre"), [("centre", (23.5, 31.5)), ("msra", (24.0, 32.0))])
def test_the_box_centre_lands_on_the_anchor(anchor: str, centre: tuple[float, float]) -> None:
    spec = CropSpec(SIZE, anchor=anchor)  # type: ignore[arg-type]
    for rotation, mirror in ((0.0, False), (30.0, False), (0.0, True), (-20.0, True)):
        to_crop = crop_from_image(BOX, spec, rotation_deg=rotation, mirror=mirror)
        assert to_crop.apply(np.array([25.0, 60.0])) == pytest.approx(centre)


def test_a_turned_crop_is_what_a_turned_cut_shows() -> None:
    spec = CropSpec(SIZE)
    for degrees in (-20.0, 10.0, 90.0):
        turned = view_from_crop(spec, degrees) @ crop_from_image(BOX, spec)
        at_once = crop_from_image(BOX, spec, rotation_deg=degrees)
        assert turned.matrix == pytest.approx(at_once.matrix)
        smaller = view_from_crop(spec, degrees, 1.25) @ crop_from_image(BOX, spec)
        at_once = crop_from_image(BOX, spec, scale=1.25, rotation_deg=degrees)
        assert smaller.matrix == pytest.approx(at_once.matrix)


def test_a_crop_that_is_turned_by_more_than_a_quarter_shows_people_upside_down() -> None:
    spec = CropSpec(SIZE)
    for degrees, expected in ((0.0, False), (-80.0, False), (80.0, False), (100.0, True)):
        assert shows_upside_down(crop_from_image(BOX, spec, rotation_deg=degrees)) == expected


def test_a_tall_box_is_widened_to_the_aspect_then_padded() -> None:
    # 80 high needs 60 of width at 64x48; with a padding of 1.25 the crop shows 75 x 100 pixels.
    to_crop = crop_from_image(BOX, CropSpec(SIZE))
    assert to_crop.matrix[:, :2] == pytest.approx(np.eye(2) * 48 / 75)


def test_a_wide_box_is_heightened() -> None:
    to_crop = crop_from_image(np.array([0.0, 0.0, 96.0, 10.0]), CropSpec(SIZE, padding=1.0))
    assert to_crop.matrix == pytest.approx(np.array([[0.5, 0, -0.5], [0, 0.5, 29.0]]))


def test_the_edges_of_the_shown_area_are_the_edges_of_the_crop() -> None:
    # "centre" aligns areas: pixel edges lie at -0.5 and size - 0.5, box edges where the box says.
    to_crop = crop_from_image(np.array([0.0, 0.0, 48.0, 64.0]), CropSpec(SIZE, padding=1.0))
    assert to_crop.apply(np.array([[0.0, 0.0], [48.0, 64.0]])) == pytest.approx(
        np.array([[-0.5, -0.5], [47.5, 63.5]])
    )


def test_msra_is_the_formula_of_the_hrnet_family() -> None:
    # p' = s R(-rot) (p - centre) + (W/2, H/2), here with rot = 30 degrees and s = 48 / (75 * 1.2).
    to_crop = crop_from_image(BOX, CropSpec(SIZE, anchor="msra"), scale=1.2, rotation_deg=30.0)
    point, s = np.array([30.0, 40.0]), 48 / 90
    cos, sin = np.cos(np.pi / 6), np.sin(np.pi / 6)
    turned = np.array([[cos, sin], [-sin, cos]]) @ (point - [25, 60])
    assert to_crop.apply(point) == pytest.approx(s * turned + [24, 32])


def test_a_positive_rotation_turns_anticlockwise_as_seen() -> None:
    spec = CropSpec(SIZE)
    right_of_centre = np.array([35.0, 60.0])
    x, y = crop_from_image(BOX, spec, rotation_deg=90.0).apply(right_of_centre)
    assert x == pytest.approx(23.5)
    assert y < 31.5  # up


def test_a_larger_scale_shows_more() -> None:
    near = crop_from_image(BOX, CropSpec(SIZE)).matrix[0, 0]
    far = crop_from_image(BOX, CropSpec(SIZE), scale=2.0).matrix[0, 0]
    assert far == pytest.approx(near / 2)


@pytest.mark.parametrize("box", [(5, 5, 5, 5), (5, 5, 2, 2), (5, 5, 5, 50)])
def test_an_empty_box_still_gives_a_map_that_can_be_inverted(box: tuple[int, ...]) -> None:
    to_crop = crop_from_image(np.array(box, np.float64), CropSpec(SIZE))
    assert np.isfinite(to_crop.inverse().matrix).all()


def test_an_empty_box_counts_as_a_pixel() -> None:
    # The crop is 4 high and 3 wide: a pixel of height needs 3/4 of width, so the width decides.
    to_crop = crop_from_image(np.array([5.0, 5.0, 5.0, 5.0]), CropSpec(SIZE, padding=1.0))
    assert to_crop.matrix[:, :2] == pytest.approx(48 * np.eye(2))


def test_cut_takes_the_pixels_and_black_outside() -> None:
    rgb = np.full((20, 20, 3), 200, np.uint8)
    rgb[5, 7] = (1, 2, 3)
    spec = CropSpec((16, 16), padding=1.0, anchor="msra")
    # A box of 16x16 centred on (8, 8) with "msra": whole pixels, shifted by nothing.
    crop = cut(rgb, crop_from_image(np.array([0.0, 0.0, 16.0, 16.0]), spec), spec)
    assert (crop == rgb[:16, :16]).all()
    outside = cut(rgb, crop_from_image(np.array([-16.0, -16.0, 0.0, 0.0]), spec), spec)
    assert (outside == 0).all()


def test_mirror_reverses_the_pixels_of_the_crop() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
    box, spec = np.array([3.0, 4.0, 51.0, 36.0]), CropSpec((32, 48), padding=1.0)
    plain = cut(rgb, crop_from_image(box, spec), spec)
    mirrored = cut(rgb, crop_from_image(box, spec, mirror=True), spec)
    # Resampling rounds to 1/32 of a pixel: neighbours may differ by a few grey levels.
    assert np.abs(plain[:, ::-1].astype(int) - mirrored).max() <= 8


def test_a_place_counts_less_the_further_it_is_from_the_box() -> None:
    box = np.array([30.0, 20.0, 40.0, 70.0])  # the longer side is 50, a tenth of it 5
    off = {(35, 45): 0, (30, 20): 0, (25, 45): 5, (35, 75): 5, (44, 73): 5, (300, 45): 260}
    weight = weight_of_box(box, np.array([[*off]], np.float64))
    assert weight.shape == (1, 6)
    expected = [0.1 + 0.9 * np.exp(-((d / 5) ** 2)) for d in off.values()]
    np.testing.assert_allclose(weight[0], expected)
    assert np.isnan(weight_of_box(box, np.full((2, 2), np.nan))).all()
    assert weight_of_box(np.full(4, 5.0), np.array([[5.0, 9.0]])) == pytest.approx(0.1, abs=1e-6)
