"""Heatmaps: where their pixels lie, targets against the formula, decoding of known maps."""

from typing import get_args

import numpy as np
import pytest

from glpose.codecs import gaussian
from glpose.codecs.gaussian import GaussianCodec, crop_from_heatmap, decode, encode, peaks
from glpose.errors import BadConfig, BadInput
from glpose.types import CropSpec, Decoding, HeatmapSpec

CROP = CropSpec((64, 48))
SPEC = HeatmapSpec((16, 12), 1.5)


@pytest.mark.parametrize(
    ("mapping", "first", "last"),
    [
        # Stride 4: a heatmap pixel covers 4 crop pixels, 0..3, whose centre is 1.5.
        ("centre", (1.5, 1.5), (45.5, 61.5)),
        ("origin", (0.0, 0.0), (44.0, 60.0)),
        ("corners", (0.0, 0.0), (47.0, 63.0)),
    ],
)
def test_where_heatmap_pixels_lie(mapping: str, first: tuple, last: tuple) -> None:
    spec = HeatmapSpec((16, 12), 1.5, mapping=mapping)  # type: ignore[arg-type]
    to_crop = crop_from_heatmap(CROP, spec)
    assert to_crop.apply(np.array([[0.0, 0.0], [11.0, 15.0]])) == pytest.approx(
        np.array([first, last])
    )


def test_corners_of_a_single_row_are_refused() -> None:
    for size_hw in ((1, 12), (16, 1)):
        with pytest.raises(BadConfig, match="size_hw"):
            HeatmapSpec(size_hw, 1.5, mapping="corners")
        HeatmapSpec(size_hw, 1.5)


@pytest.mark.parametrize("kind", get_args(Decoding))
@pytest.mark.parametrize("size_hw", [(1, 1), (1, 5), (2, 2), (4, 1)])
def test_maps_of_few_pixels_are_decoded_to_their_pixels(
    size_hw: tuple[int, int], kind: Decoding
) -> None:
    maps = np.full((1, 1, *size_hw), 0.1, np.float32)
    maps[0, 0, -1, -1] = 0.8
    xy, score = decode(maps, HeatmapSpec(size_hw, 1.5, decode=kind))
    assert xy[0, 0].tolist() == [size_hw[1] - 1, size_hw[0] - 1]
    assert score[0, 0] == pytest.approx(0.8)


def test_exact_targets_are_the_gaussian() -> None:
    target = encode(np.array([[4.25, 7.5]]), np.array([True]), SPEC)
    y, x = np.mgrid[:16, :12]
    expected = np.exp(-((x - 4.25) ** 2 + (y - 7.5) ** 2) / (2 * 1.5**2))
    assert target.dtype == np.float32
    assert target[0] == pytest.approx(expected, abs=1e-6)


def test_rounded_targets_are_the_formula_of_the_hrnet_family() -> None:
    """Centre int(x + 0.5), a square support of 3 sigma, cut off at the border."""
    spec = HeatmapSpec((24, 18), 2.0, rounded=True)
    points = np.array([[4.49, 7.5], [0.2, 23.0], [16.8, 0.0]])
    found = encode(points, np.ones(3, bool), spec)
    for (px, py), target in zip(points, found, strict=True):
        mu_x, mu_y, reach = int(px + 0.5), int(py + 0.5), 6
        expected = np.zeros((24, 18))
        for y in range(max(0, mu_y - reach), min(24, mu_y + reach + 1)):
            for x in range(max(0, mu_x - reach), min(18, mu_x + reach + 1)):
                expected[y, x] = np.exp(-((x - mu_x) ** 2 + (y - mu_y) ** 2) / (2 * 2.0**2))
        assert target == pytest.approx(expected, abs=1e-6)
        assert target.max() == 1


def test_invalid_joints_have_empty_targets_even_with_nan() -> None:
    points = np.array([[np.nan, np.nan], [3.0, 3.0]])
    target = encode(points, np.array([False, True]), SPEC)
    assert target[0].max() == 0
    assert target[1].max() == pytest.approx(1)


def a_map(*peaks: tuple[int, int, float], h: int = 16, w: int = 12) -> np.ndarray:
    out = np.zeros((1, 1, h, w), np.float32)
    for x, y, value in peaks:
        out[0, 0, y, x] = value
    return out


def test_quarter_step_goes_towards_the_higher_neighbour() -> None:
    spec = HeatmapSpec((16, 12), 1.5, decode="quarter")
    xy, score = decode(a_map((5, 6, 0.8), (6, 6, 0.3), (4, 6, 0.2), (5, 5, 0.1)), spec)
    assert xy[0, 0].tolist() == [5.25, 5.75]
    assert score[0, 0] == np.float32(0.8)


def test_quarter_step_stays_put_between_equal_neighbours() -> None:
    spec = HeatmapSpec((16, 12), 1.5, decode="quarter")
    assert decode(a_map((5, 6, 0.8)), spec)[0][0, 0].tolist() == [5, 6]


@pytest.mark.parametrize("decoding", ["quarter", "dark"])
@pytest.mark.parametrize("x", [0, 1, 11])
def test_no_step_at_the_border(decoding: str, x: int) -> None:
    spec = HeatmapSpec((16, 12), 1.5, decode=decoding)  # type: ignore[arg-type]
    beside = x + 1 if x < 11 else x - 1
    xy, _ = decode(a_map((x, 6, 0.8), (beside, 6, 0.5)), spec)
    assert xy[0, 0].tolist() == [x, 6]
    turned = HeatmapSpec((12, 16), 1.5, decode=decoding)  # type: ignore[arg-type]
    xy, _ = decode(a_map((6, x, 0.8), (6, beside, 0.5), h=12, w=16), turned)
    assert xy[0, 0].tolist() == [6, x]


@pytest.mark.parametrize(("sigma_px", "kernel_px"), [(1.5, 7), (2.0, 9), (3.0, 13)])
def test_the_kernel_of_dark_grows_with_the_peak(
    sigma_px: float, kernel_px: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the least odd number above 11/3 sigma."""
    seen = []
    monkeypatch.setattr(gaussian, "blur_maps", lambda maps, size: seen.append(size) or maps)
    spec = HeatmapSpec((32, 24), sigma_px, decode="dark")
    decode(encode(np.array([[[10.2, 12.7]]]), np.ones((1, 1), bool), spec), spec)
    assert seen == [kernel_px]


@pytest.mark.parametrize(
    ("mapping", "low", "high"),
    [("centre", -0.5, (11.5, 15.5)), ("corners", 0, (11, 15)), ("origin", 0, (12, 16))],
)
def test_borders_are_inside_and_what_lies_beyond_is_not(
    mapping: str, low: float, high: tuple[float, float]
) -> None:
    codec = GaussianCodec(HeatmapSpec((16, 12), 1.5, mapping=mapping))  # type: ignore[arg-type]
    (right, bottom), e = high, 1e-3
    inside = np.array([[low, low], [right, bottom], [low, bottom], [right, low]], np.float64)
    assert codec.inside(inside).all()
    outside = [[low - e, 5], [5, low - e], [right + e, 5], [5, bottom + e]]
    assert not codec.inside(np.array(outside)).any()


def test_mirrored_maps_change_sides_and_move_by_a_pixel_where_pixels_are_multiples() -> None:
    """A joint at x in a crop's map is at 11 - x in its mirror, and at 12 - x with "origin"."""
    maps = {"heatmaps": np.concatenate([a_map((2, 5, 1.0)), a_map((8, 6, 1.0))], 1)}
    for mapping, width in (("centre", 11), ("corners", 11), ("origin", 12)):
        spec = HeatmapSpec((16, 12), 1.5, mapping=mapping)  # type: ignore[arg-type]
        codec = GaussianCodec(spec)
        expected = {True: 12, False: 11, None: width}
        for shift, sum_x in expected.items():
            back = codec.mirror(maps, (1, 0), shift=shift)["heatmaps"]
            assert np.argwhere(back[0, 0] == 1).tolist() == [[6, sum_x - 8]]
            assert np.argwhere(back[0, 1] == 1).tolist() == [[5, sum_x - 2]]


def test_another_decoding_changes_nothing_else() -> None:
    codec = GaussianCodec(HeatmapSpec((16, 12), 1.5, decode="quarter")).with_decoding("argmax")
    assert codec == GaussianCodec(HeatmapSpec((16, 12), 1.5, decode="argmax"))


@pytest.mark.parametrize("decoding", ["argmax", "quarter", "dark"])
@pytest.mark.parametrize("value", [0.0, -0.3])
def test_a_map_without_a_positive_value_is_nan_with_score_0(decoding: str, value: float) -> None:
    spec = HeatmapSpec((16, 12), 1.5, decode=decoding)  # type: ignore[arg-type]
    xy, score = decode(np.full((1, 2, 16, 12), value, np.float32), spec)
    assert np.isnan(xy).all()
    assert (score == 0).all()


def test_scores_are_those_of_the_map_also_above_1() -> None:
    assert decode(a_map((5, 6, 1.7)), SPEC)[1][0, 0] == np.float32(1.7)


@pytest.mark.parametrize("shape", [(0, 15, 16, 12), (2, 0, 16, 12)])
def test_no_people_or_no_joints_decode_to_nothing(shape: tuple[int, ...]) -> None:
    xy, score = decode(np.zeros(shape, np.float32), SPEC)
    assert xy.shape == (*shape[:2], 2)
    assert score.shape == shape[:2]


def test_maps_of_another_size_are_refused() -> None:
    with pytest.raises(BadInput, match=r"16x16, expected \(16, 12\)"):
        decode(np.zeros((1, 1, 16, 16), np.float32), SPEC)


def test_sides_are_clear_where_each_map_is_high_at_its_own_joint_only() -> None:
    codec = GaussianCodec(HeatmapSpec((16, 12), 1.5))
    partners = (1, 0, 2)
    xy = np.array([[[2, 5], [9, 5], [6, 12]]], np.float32)
    sure = codec.encode(xy, np.ones((1, 3), bool))
    np.testing.assert_allclose(codec.side_evidence(sure, xy, partners), [[2, 2, 0]], atol=1e-3)
    both = sure["heatmaps"][:, [0]] / 2 + sure["heatmaps"][:, [1]] / 2
    torn = {"heatmaps": np.concatenate([both, both, sure["heatmaps"][:, 2:]], 1)}
    np.testing.assert_allclose(codec.side_evidence(torn, xy, partners), 0, atol=1e-6)
    nowhere = np.full((1, 3, 2), np.nan, np.float32)
    assert np.isfinite(codec.side_evidence(sure, nowhere, partners)).all()


def test_sides_of_joints_beyond_the_map_are_read_at_its_border() -> None:
    codec = GaussianCodec(HeatmapSpec((16, 12), 1.5))
    corners = [a_map((0, 0, 0.9)), a_map((11, 15, 0.7))]
    maps = {"heatmaps": np.concatenate(corners, 1)}
    for xy in ([[0, 0], [11, 15]], [[-3, -2], [12, 16]], [[-1, -1], [99, 99]]):
        found = codec.side_evidence(maps, np.array([xy], np.float32), (1, 0))
        np.testing.assert_allclose(found, [[1.6, 1.6]], rtol=1e-6)


def test_peaks_are_found_best_first_and_between_pixels() -> None:
    spec = HeatmapSpec((32, 24), 1.5)
    places = np.array([[5.3, 6.2], [17.6, 20.4], [6.0, 25.0]])
    heights = np.array([0.4, 0.9, 0.2])
    each = encode(places, np.ones(3, bool), spec) * heights[:, None, None]
    maps = each.sum(0)[None, None].astype(np.float32)
    xy, score = peaks(maps, 4)
    np.testing.assert_allclose(xy[0, 0, :3], places[[1, 0, 2]], atol=0.05)
    np.testing.assert_allclose(score[0, 0, :3], heights[[1, 0, 2]], atol=0.1)
    assert np.isnan(xy[0, 0, 3]).all()
    assert score[0, 0, 3] == 0
    first, _ = decode(maps, spec)
    assert np.abs(xy[:, :, 0] - first).max() < 0.1
    np.testing.assert_array_equal(peaks(maps, 1)[0], xy[:, :, :1])


def test_peaks_of_several_maps_are_kept_apart_and_borders_are_peaks_too() -> None:
    maps = np.concatenate([a_map((0, 0, 0.9), (7, 9, 0.5)), a_map(), a_map((11, 15, 2.0))], 1)
    xy, score = peaks(np.concatenate([maps, maps[:, ::-1]]), 2)
    np.testing.assert_allclose(xy[0, 0], [[0, 0], [7, 9]])
    np.testing.assert_allclose(score[0], [[0.9, 0.5], [0, 0], [1, 0]])
    np.testing.assert_allclose(xy[0, 2, 0], [11, 15])
    np.testing.assert_array_equal(xy[1], xy[0, ::-1])
    np.testing.assert_array_equal(score[1], score[0, ::-1])


@pytest.mark.parametrize("shape", [(0, 15, 16, 12), (2, 0, 16, 12), (1, 2, 16, 12)])
def test_maps_without_anything_have_no_peaks(shape: tuple[int, ...]) -> None:
    xy, score = peaks(np.zeros(shape, np.float32), 3)
    assert xy.shape == (*shape[:2], 3, 2)
    assert np.isnan(xy).all()
    assert not score.any()
