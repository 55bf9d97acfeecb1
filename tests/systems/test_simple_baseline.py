"""Simple Baselines: published parameter counts and names; its parity is tested in tests/parity."""

import pytest

torch = pytest.importorskip("torch")

from glpose.nets.blocks import num_parameters  # noqa: E402
from glpose.nets.spec import ResNetConfig  # noqa: E402
from glpose.systems.simple_baseline.net import SimpleBaseline  # noqa: E402
from glpose.systems.simple_baseline.spec import NUM_BLOCKS, SimpleBaselineConfig  # noqa: E402
from glpose.systems.simple_baseline.system import SYSTEM  # noqa: E402
from glpose.train.single_frame import heatmap_loss  # noqa: E402
from glpose.types import CropSpec  # noqa: E402

pytestmark = pytest.mark.torch

TINY = ResNetConfig(num_blocks=(1, 1, 1, 1), width=8, deconv_width=8)


@pytest.mark.parametrize(
    ("layers", "count"), [(50, 33_999_697), (101, 52_991_825), (152, 68_635_473)]
)
def test_parameter_counts_are_the_published_ones(layers: int, count: int) -> None:
    # HRNet's README prints 34.0M, 53.0M and 68.6M; the last digits are those that osmr/imgclsmob
    # asserts for its own simple_pose_resnet50_v1b, 101 and 152.
    backbone = ResNetConfig(NUM_BLOCKS[layers])
    with torch.device("meta"):
        config = SimpleBaselineConfig(backbone=backbone, num_joints=17, skeleton="coco17")
        model = SimpleBaseline(config)
    assert num_parameters(model) == count
    assert str(layers) in SYSTEM.paper(config)
    names = set(model.state_dict())
    assert {
        "encoder.conv1.weight",
        "encoder.layer1.0.downsample.1.running_var",
        "encoder.layer4.2.conv3.weight",
        "encoder.deconv_layers.0.weight",
        "encoder.deconv_layers.7.bias",
        "head.bias",
    } <= names


def test_every_parameter_gets_a_gradient() -> None:
    config = SimpleBaselineConfig(backbone=TINY, crop=CropSpec((64, 64)))
    model = SimpleBaseline(config)
    heatmaps = model(torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8))
    assert heatmaps.shape == (2, 15, *config.heatmap.size_hw)
    heatmap_loss(heatmaps, torch.rand_like(heatmaps), torch.ones(2, 15)).backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []
