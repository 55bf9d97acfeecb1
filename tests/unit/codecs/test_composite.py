"""Coarse heatmaps with offsets: exact round trips, where offsets are defined, noise, bad maps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.codecs.composite import DX, DY, HEAT, CompositeCodec
from glpose.codecs.gaussian import HEATMAPS, GaussianCodec
from glpose.errors import BadConfig, BadInput
from glpose.types import CropSpec, HeatmapSpec

CROP = CropSpec((128, 96))
CODECS = [
    CompositeCodec((128 // stride, 96 // stride), sigma, vote=vote)
    for stride, sigma in ((8, 1.5), (16, 1.0), (32, 1.0))
    for vote in (True, False)
]
ONE = np.ones((1, 1), bool)


def encoded(codec: CompositeCodec, x: float, y: float) -> dict[str, np.ndarray]:
    at = codec.crop_from_map(CROP).inverse().apply(np.array([[[x, y]]]))
    return codec.encode(at, ONE)


@pytest.mark.parametrize("codec", CODECS, ids=str)
@settings(max_examples=40, deadline=None)
@given(st.floats(-0.5, 95.5), st.floats(-0.5, 127.5))
def test_joints_anywhere_in_the_crop_are_found_exactly(
    codec: CompositeCodec, x: float, y: float
) -> None:
    """Also in the half of a cell at the border, where no centre of a cell lies beyond the joint."""
    xy, score = codec.decode(encoded(codec, x, y))
    found = codec.crop_from_map(CROP).apply(xy.astype(np.float64))
    assert np.abs(found[0, 0] - [x, y]).max() < 1e-4
    assert 0 < score[0, 0] <= 1


def test_maps_are_what_the_formula_says() -> None:
    codec = CompositeCodec((4, 5), 1.0, reach=1.5)
    maps = codec.encode(np.array([[[2.25, 1.5]]]), ONE)
    # The cell (3, 1): 0.75 cells right of the joint and 0.5 above it.
    assert maps[HEAT][0, 0, 1, 3] == pytest.approx(np.exp(-(0.75**2 + 0.5**2) / 2))
    assert maps[DX][0, 0, 1, 3] == pytest.approx(-0.75)
    assert maps[DY][0, 0, 1, 3] == pytest.approx(0.5)
    # Columns 1 to 3 and rows 0 to 3 are at most 1.5 cells away; the last row just so.
    near = np.zeros((4, 5), bool)
    near[0:4, 1:4] = True
    np.testing.assert_array_equal(np.isfinite(maps[DX][0, 0]), near)
    np.testing.assert_array_equal(np.isfinite(maps[DY][0, 0]), near)


def test_absent_joints_have_no_heat_and_no_offsets() -> None:
    maps = CompositeCodec((4, 5), 1.0).encode(np.full((1, 2, 2), 1.0), np.array([[True, False]]))
    assert maps[HEAT][0, 1].max() == 0
    assert np.isnan(maps[DX][0, 1]).all()
    assert np.isfinite(maps[DX][0, 0]).any()
    xy, score = CompositeCodec((4, 5), 1.0).decode(maps)
    assert np.isnan(xy[0, 1]).all()
    assert score[0, 1] == 0


def test_votes_are_weighted_by_their_heat() -> None:
    codec = CompositeCodec((3, 5), 1.0)
    heat = np.zeros((1, 1, 3, 5), np.float32)
    heat[0, 0, 1, 1:4] = [0.5, 1.0, -1.0]  # what is below zero has no vote
    dx, dy = np.zeros_like(heat), np.zeros_like(heat)
    dx[0, 0, 1, 1:4], dy[0, 0, 1, 1:4] = [1.3, 0.0, 9.0], [0.3, 0.0, 9.0]
    xy, score = codec.decode({HEAT: heat, DX: dx, DY: dy})
    np.testing.assert_allclose(xy[0, 0], [(0.5 * 2.3 + 2) / 1.5, 1 + 0.5 * 0.3 / 1.5], rtol=1e-6)
    assert score[0, 0] == 1
    alone, _ = replace(codec, vote=False).decode({HEAT: heat, DX: dx, DY: dy})
    np.testing.assert_allclose(alone[0, 0], [2, 1])


def test_scores_are_those_of_the_map_also_above_1() -> None:
    codec = CompositeCodec((4, 5), 1.0)
    maps = codec.encode(np.array([[[2.25, 1.5]]]), ONE)
    (as_encoded,) = codec.decode(maps)[1].ravel()
    maps[HEAT] *= 2
    assert codec.decode(maps)[1].ravel() == 2 * as_encoded > 1


def test_no_heat_is_no_joint() -> None:
    zero = np.zeros((2, 3, 4, 5), np.float32)
    xy, score = CompositeCodec((4, 5), 1.0).decode({HEAT: zero - 1, DX: zero, DY: zero})
    assert np.isnan(xy).all()
    assert not score.any()


def test_on_noisy_coarse_maps_offsets_are_no_worse_than_heat_alone() -> None:
    """At stride 16, where the idea should pay: exact maps, and noise on all of them."""
    rng = np.random.default_rng(0)
    codec, crop = CompositeCodec((16, 12), 1.0), CropSpec((256, 192))
    dark = GaussianCodec(HeatmapSpec((16, 12), 1.0, decode="dark"))
    xy = rng.uniform(16, [176, 240], (40, 13, 2))
    exact = codec.encode(codec.crop_from_map(crop).inverse().apply(xy), np.ones(xy.shape[:2], bool))
    for noise in (0.0, 0.02, 0.05):
        maps = {
            name: (np.nan_to_num(m) + rng.normal(0, noise, m.shape)).astype(np.float32)
            for name, m in exact.items()
        }
        found = [codec.decode(maps)[0], dark.decode({HEATMAPS: maps[HEAT]})[0]]
        ours, usual = (
            np.linalg.norm(codec.crop_from_map(crop).apply(f) - xy, axis=-1).mean() for f in found
        )
        assert ours <= usual


def test_maps_of_another_size_and_other_decodings_are_refused() -> None:
    codec, zero = CompositeCodec((4, 5), 1.0), np.zeros((1, 1, 4, 5), np.float32)
    with pytest.raises(BadInput, match=r"dy \(1, 1, 4, 4\); expected 4x5"):
        codec.decode({HEAT: zero, DX: zero, DY: zero[..., :4]})
    with pytest.raises(BadConfig, match="decoded in one way"):
        codec.with_decoding("dark")
    with pytest.raises(BadConfig, match=r"codec\.reach"):
        CompositeCodec((4, 5), 1.0, reach=0.1)
