"""HRNet and Simple Baselines compute what the published networks compute, name by name."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import official_hrnet  # noqa: E402
import official_simple_baseline  # noqa: E402

from glpose.nets.hrnet import IMAGENET_MEAN, IMAGENET_STD  # noqa: E402
from glpose.nets.spec import HRNetConfig, ResNetConfig  # noqa: E402
from glpose.systems.single_frame.net import SingleFrameNet  # noqa: E402
from glpose.systems.single_frame.spec import SingleFrameConfig  # noqa: E402

pytestmark = pytest.mark.torch

CROPS = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8))
PICTURES = CROPS.permute(0, 3, 1, 2) / 255


def in_ours(weights: dict, head: str = "final_layer.") -> dict:
    """Names of `encoder` and `head`, by nothing but their prefix."""
    return {
        f"head.{n.removeprefix(head)}" if n.startswith(head) else f"encoder.{n}": v
        for n, v in weights.items()
    }


def test_every_stage_of_a_narrow_hrnet_is_the_published_one() -> None:
    weights = official_hrnet.random_weights(official_hrnet.pose_shapes(8))
    backbone = HRNetConfig(width=8, num_modules=(1, 4, 3))
    config = SingleFrameConfig(backbone=backbone, num_joints=17, skeleton="coco17", head="conv1x1")
    model = SingleFrameNet(config).eval()
    # Strict: no name is missing, none is too many.
    model.load_state_dict(in_ours(weights))
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    picture = (PICTURES - mean[:, None, None]) / std[:, None, None]
    official = official_hrnet.Network(weights)
    with torch.inference_mode():
        for found, expected in zip(
            model.encoder.stages(CROPS), official.stages(picture), strict=True
        ):
            assert found.std() > 0.1
            torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
        found, expected = model(CROPS)["heatmaps"], official.heatmaps(picture)
    assert found.shape == (2, 17, 16, 24)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_simple_baseline_on_blue_first_pictures_is_the_published_one() -> None:
    weights = official_hrnet.random_weights(official_simple_baseline.pose_shapes(50))
    config = SingleFrameConfig(
        backbone=ResNetConfig(), num_joints=17, skeleton="coco17", head="conv1x1"
    )
    model = SingleFrameNet(config).eval()
    ours = in_ours(weights)
    ours["encoder.conv1.weight"] = ours["encoder.conv1.weight"].flip(1)
    ours["encoder.mean"] = model.encoder.mean.flip(1)
    ours["encoder.std"] = model.encoder.std.flip(1)
    model.load_state_dict(ours)
    with torch.inference_mode():
        found, expected = (
            model(CROPS)["heatmaps"],
            official_simple_baseline.heatmaps(weights, PICTURES),
        )
    assert found.shape == (2, 17, 16, 24)
    assert found.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
