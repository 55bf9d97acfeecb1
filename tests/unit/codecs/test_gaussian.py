"""Heatmaps: where their pixels lie, targets against the formula, decoding of known maps."""

import numpy as np
import pytest

from glpose.codecs.gaussian import GaussianCodec, crop_from_heatmap, decode, encode
from glpose.errors import BadInput
from glpose.types import CropSpec, HeatmapSpec

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


@pytest.mark.parametrize("decoding", ["argmax", "quarter", "dark"])
@pytest.mark.parametrize("value", [0.0, -0.3])
def test_a_map_without_a_positive_value_is_nan_with_score_0(decoding: str, value: float) -> None:
    spec = HeatmapSpec((16, 12), 1.5, decode=decoding)  # type: ignore[arg-type]
    xy, score = decode(np.full((1, 2, 16, 12), value, np.float32), spec)
    assert np.isnan(xy).all()
    assert (score == 0).all()


def test_scores_are_clipped_to_1() -> None:
    assert decode(a_map((5, 6, 1.7)), SPEC)[1][0, 0] == 1


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
