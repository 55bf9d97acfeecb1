"""The flip test: what is mirrored, swapped, shifted and averaged."""

from dataclasses import replace

import numpy as np
import pytest

import tiny_onnx
from fake_estimator import FakeEstimator, maps, run, same, video
from glpose.codecs.gaussian import GaussianCodec
from glpose.runtime.flip import Mirrored
from glpose.runtime.options import PoseOptions
from glpose.runtime.views import with_views
from glpose.skeleton import POSETRACK15

ALONE = tiny_onnx.slots()
WITHOUT_SIDES = slice(6, 15)  # joint 0 of the fake estimator differs from its partner, joint 5
LEFT, RIGHT = POSETRACK15.index("left_wrist"), POSETRACK15.index("right_wrist")


class Sided(FakeEstimator):
    """Joint j is the brightness, times 1 for right joints, 2 for the others: sides can be told."""

    def solve(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        one = super().solve(inputs)["heatmaps"][:, :1]
        right = [joint.startswith("right") for joint in POSETRACK15.joints]
        return {"heatmaps": (one * np.where(right, 1, 2)[:, None, None]).astype(np.float32)}


def crops(num: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (num, *tiny_onnx.CROP_HW, 3), np.uint8)


def test_a_mirrored_crop_gives_mirrored_maps_with_sides_swapped() -> None:
    estimate = Mirrored(Sided(ALONE))
    plain, mirrored = maps(estimate, crops()), maps(estimate, crops()[:, :, ::-1].copy())
    np.testing.assert_allclose(plain[..., ::-1][:, list(POSETRACK15.mirror)], mirrored, rtol=1e-6)
    # Not so without the flip test: this network always believes its own sides.
    once = maps(Sided(ALONE), crops())
    assert np.allclose(2 * once[:, RIGHT], once[:, LEFT])
    assert np.allclose(plain[:, RIGHT], plain[:, LEFT])
    np.testing.assert_allclose(plain[:, LEFT], 1.5 * once[:, RIGHT], rtol=1e-6)


def test_a_network_without_sides_is_not_changed_by_the_flip_test() -> None:
    alike = FakeEstimator(tiny_onnx.SLOTS)
    once, twice = maps(alike, crops()), maps(Mirrored(alike), crops())
    np.testing.assert_allclose(twice[:, WITHOUT_SIDES], once[:, WITHOUT_SIDES], rtol=1e-5)


def test_all_slots_are_mirrored_with_the_key() -> None:
    estimate = FakeEstimator(tiny_onnx.SLOTS)
    twice = Mirrored(estimate)
    half = maps(twice, crops())
    # The mirrored half alone, by hand: mirror all crops, fuse, mirror back.
    back = maps(estimate, crops()[:, :, ::-1].copy())[..., ::-1][:, list(POSETRACK15.mirror)]
    np.testing.assert_allclose(2 * half - maps(estimate, crops()), back, rtol=1e-4, atol=1e-6)
    assert estimate.encoded[:2] == [3, 3]


def test_the_mirrored_maps_are_shifted_where_the_mapping_needs_it() -> None:
    inner = FakeEstimator(ALONE)
    once = maps(inner, crops())[:, WITHOUT_SIDES]
    shifted = (once + np.concatenate([once[..., :1], once[..., :-1]], -1)) / 2
    codec = tiny_onnx.pose_card().codec
    assert isinstance(codec, GaussianCodec)
    for mapping, shift, expected in (
        ("centre", None, once),
        ("centre", True, shifted),
        ("origin", None, shifted),
        ("origin", False, once),
    ):
        heatmap = replace(codec.heatmap, mapping=mapping)
        inner.card = replace(inner.card, codec=GaussianCodec(heatmap))
        found = maps(Mirrored(inner, shift=shift), crops())[:, WITHOUT_SIDES]
        np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=f"{mapping} {shift}")


@pytest.mark.parametrize("mapping", ["origin", "centre", "corners"])
def test_with_the_right_shift_a_joint_stays_nearly_where_it_is(mapping: str) -> None:
    """What the shift is for: a peak that the network places by the mapping, seen in a mirror."""
    codec = tiny_onnx.pose_card().codec
    assert isinstance(codec, GaussianCodec)
    heatmap = replace(codec.heatmap, mapping=mapping)
    width, crop_width = heatmap.size_hw[1], tiny_onnx.CROP_HW[1]
    zoom = (crop_width - 1) / (width - 1) if mapping == "corners" else crop_width / width
    first = zoom / 2 - 0.5 if mapping == "centre" else 0.0
    crop_x = 21.0
    straight = (crop_x - first) / zoom
    in_mirror = (crop_width - 1 - crop_x - first) / zoom
    back = width - 1 - in_mirror + (mapping == "origin")
    assert back == pytest.approx(straight, abs=0.26)
    assert (back == pytest.approx(straight)) == (mapping != "origin")


def test_the_pipeline_flips_only_if_it_is_told() -> None:
    estimate = Sided(tiny_onnx.SLOTS)
    assert with_views(estimate, PoseOptions()) is estimate
    plain = run(video(6), estimate)
    flipped = run(video(6), estimate, options=PoseOptions(flip=True))
    assert any(not np.allclose(a.score, b.score) for a, b in zip(plain, flipped, strict=True))
    same(flipped, run(video(6), estimate, options=PoseOptions(flip=True), block_frames=2))
