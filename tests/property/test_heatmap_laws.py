"""Laws of heatmaps: what was encoded is found again, as exactly as each decoding can."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.codecs.gaussian import crop_from_heatmap, decode, encode
from glpose.types import CropSpec, Decoding, HeatmapSpec

H, W = 48, 36
ONE = np.ones(1, bool)


def found(x: float, y: float, sigma: float, decoding: Decoding, height: float = 1.0) -> np.ndarray:
    spec = HeatmapSpec((H, W), sigma, decode=decoding)
    maps = encode(np.array([[x, y]]), ONE, spec)[None] * np.float32(height)
    return decode(maps, spec)[0][0, 0]


inside_x, inside_y = st.floats(8, W - 9), st.floats(8, H - 9)
sigmas = st.sampled_from([1.0, 1.5, 2.0, 3.0])


@settings(max_examples=60, deadline=None)
@given(inside_x, inside_y, sigmas, st.floats(0.1, 1))
def test_dark_finds_exact_targets_within_a_tenth_of_a_cell(
    x: float, y: float, sigma: float, height: float
) -> None:
    assert np.abs(found(x, y, sigma, "dark", height) - [x, y]).max() < 0.1


@settings(max_examples=60, deadline=None)
@given(st.floats(0, W - 1), st.floats(0, H - 1), sigmas)
def test_argmax_is_within_half_a_cell_everywhere(x: float, y: float, sigma: float) -> None:
    assert np.abs(found(x, y, sigma, "argmax") - [x, y]).max() <= 0.5 + 1e-4


@settings(max_examples=60, deadline=None)
@given(inside_x, inside_y, sigmas)
def test_quarter_step_is_within_a_quarter_of_a_cell(x: float, y: float, sigma: float) -> None:
    assert np.abs(found(x, y, sigma, "quarter") - [x, y]).max() <= 0.25 + 1e-4


@settings(max_examples=60, deadline=None)
@given(st.floats(-0.5, W - 0.5), st.floats(-0.5, H - 0.5), sigmas)
def test_dark_is_never_further_off_than_a_cell(x: float, y: float, sigma: float) -> None:
    """Also at the borders, where its derivatives are not to be had."""
    assert np.abs(found(x, y, sigma, "dark") - [x, y]).max() <= 1


@pytest.mark.parametrize("decoding", ["argmax", "quarter", "dark"])
def test_noise_never_gives_points_outside_or_scores_below_0(decoding: Decoding) -> None:
    spec = HeatmapSpec((H, W), 1.5, decode=decoding)
    maps = np.random.default_rng(0).standard_normal((8, 15, H, W)).astype(np.float32)
    xy, score = decode(maps, spec)
    assert (xy >= -0.5).all()
    assert (xy <= [W - 0.5, H - 0.5]).all()
    assert (score >= 0).all()


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["centre", "origin", "corners"]),
    st.tuples(st.integers(4, 96), st.integers(4, 96)),
    st.sampled_from([2, 4, 8]),
)
def test_heatmap_mapping_can_be_undone(mapping: str, size_hw: tuple, stride: int) -> None:
    crop = CropSpec((size_hw[0] * stride, size_hw[1] * stride))
    to_crop = crop_from_heatmap(crop, HeatmapSpec(size_hw, 2.0, mapping=mapping))  # type: ignore[arg-type]
    points = np.array([[0.0, 0.0], [3.25, 1.5]])
    assert np.allclose(to_crop.inverse().apply(to_crop.apply(points)), points)
