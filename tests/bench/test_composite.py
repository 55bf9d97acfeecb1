"""The acceptance experiment of composite localisation in a short form, and its cost."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from composite import FLOOR, PUBLISHED_GMAC, costs, errors, noisy, train
from cut_pyramid import cut_model, cut_weights
from sticks import JOINTS, LIMBS, stick_clip

from glpose.nets.spec import EfficientNetLiteConfig
from glpose.systems.single_frame.net import SingleFrameNet
from glpose.systems.single_frame.spec import SingleFrameConfig
from glpose.types import CropSpec

pytestmark = pytest.mark.torch


def test_clips_are_functions_of_their_seed_and_flow_follows_the_joints() -> None:
    clip, again = stick_clip(3, 5), stick_clip(3, 5)
    assert clip.pictures.shape == (5, 64, 64, 3)
    np.testing.assert_array_equal(clip.pictures, again.pictures)
    assert (stick_clip(4, 5).pictures != clip.pictures).any()
    num_compared = 0
    for seed in range(5):
        clip = stick_clip(seed, 5)
        flow = clip.flow(2, 4)
        for a, b in LIMBS:
            before, after = clip.xy[[2, 4]][:, [a, b]].mean(1)
            apart = [distance(before, *clip.xy[2, limb]) for limb in LIMBS if limb != (a, b)]
            if min(apart) > 3:  # no other limb is near the middle of this one
                num_compared += 1
                x, y = before.round().astype(int)
                np.testing.assert_allclose(flow[y, x], after - before, atol=0.8)
        assert not flow[0, 0].any()  # the backdrop stays
    assert num_compared > 10
    assert len(JOINTS) == 13


def distance(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    share = np.clip((point - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
    return float(np.linalg.norm(point - start - share * (end - start)))


def test_it_costs_half_of_deconvolutions() -> None:
    """Against 5.4 GMAC of Simple Baselines exactly, and 8.9 as published."""
    found = {name: exact for name, exact, _ in costs()}
    simple, ours = found["Simple Baselines, ResNet-50"], found["CLNet-ResNet-50, stride 16"]
    assert simple == pytest.approx(5.41, abs=0.05)
    assert ours <= 0.80 * simple
    assert ours <= 0.55 * PUBLISHED_GMAC


@pytest.mark.parametrize("noise", [0.0, 0.02, 0.05])
def test_on_noisy_maps_of_stride_16_offsets_beat_the_step_within_a_cell(noise: float) -> None:
    found = noisy(16, noise)
    assert found["vote"] <= found["dark"]
    assert found["cell"] > 0.95 * FLOOR * 16


@pytest.mark.slow
def test_offsets_are_learned() -> None:
    """No decoder that names a cell can be better than the floor, and a wrong sign is worse yet."""
    threads = torch.get_num_threads()
    try:
        model = train(16, 0, steps=300, num=600, offset_weight=0.05)
    finally:
        torch.set_num_threads(threads)
    found = errors(model, 16, 100)
    assert found["vote"] < 0.6 * FLOOR * 16
    assert found["cell"] > 0.95 * FLOOR * 16
    assert found["-dx"] > found["cell"]


@pytest.mark.parametrize("levels", [1, 2])
def test_a_cut_pyramid_gives_the_coarser_maps_of_the_whole_one(levels: int) -> None:
    lite = EfficientNetLiteConfig(width=0.25, pyramid=(12, 10, 8), channels=6)
    config = SingleFrameConfig(backbone=lite, crop=CropSpec((64, 64)), sigma_px=1.5)
    torch.manual_seed(0)
    whole = SingleFrameNet(config).eval()
    model = cut_model(config, levels, "composite")
    assert (model.backbone.stride, model.sigma_px) == {1: (8, 1.5), 2: (16, 1.0)}[levels]
    cut = SingleFrameNet(model).eval()
    cut.load_state_dict(cut_weights(whole.state_dict(), cut, levels))
    crops = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        maps = whole.encoder.pyramid(whole.encoder.body(crops))
        assert torch.allclose(cut.encoder(crops), maps[levels], atol=1e-6)
