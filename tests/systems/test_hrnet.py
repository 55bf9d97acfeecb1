"""HRNet: published parameter counts and names; its parity is tested in tests/parity."""

import pytest

torch = pytest.importorskip("torch")

from glpose.nets.blocks import num_parameters  # noqa: E402
from glpose.nets.heads import make_head  # noqa: E402
from glpose.nets.hrnet import HRNet  # noqa: E402
from glpose.nets.spec import HRNetConfig  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from glpose.systems.hrnet.net import HRNetPose  # noqa: E402
from glpose.systems.hrnet.spec import HRNetPoseConfig  # noqa: E402
from glpose.train.single_frame import heatmap_loss  # noqa: E402
from glpose.types import CropSpec  # noqa: E402

TINY = HRNetConfig(
    width=8,
    stem_width=8,
    first="basic",
    first_width=8,
    first_blocks=1,
    num_modules=(1, 1),
    num_blocks=1,
)


def test_published_names_and_the_count_of_the_extractor() -> None:
    with torch.device("meta"):
        model = HRNet(HRNetConfig())
    assert num_parameters(model) == 16_705_824
    names = set(model.state_dict())
    assert {
        "conv1.weight",
        "bn1.running_mean",
        "layer1.0.downsample.0.weight",
        "layer1.3.conv3.weight",
        "transition1.0.0.weight",
        "transition1.1.0.0.weight",
        "stage2.0.branches.1.3.conv2.weight",
        "stage2.0.fuse_layers.0.1.0.weight",
        "stage2.0.fuse_layers.1.0.0.0.weight",
        "transition2.2.0.0.weight",
        "stage3.0.fuse_layers.2.0.1.0.weight",
        "stage3.3.branches.2.0.bn1.weight",
        "stage3.3.fuse_layers.0.2.0.weight",
    } <= names
    assert not any(name.startswith(("stage3.3.fuse_layers.1", "stage3.4")) for name in names)
    assert not any(name.startswith(("mean", "std", "transition3", "stage4")) for name in names)


@pytest.mark.parametrize(("width", "count"), [(32, 28_536_113), (48, 63_595_745)])
def test_four_stages_have_the_published_count(width: int, count: int) -> None:
    # HRNet's README prints 28.5M and 63.6M; the last digits follow from the published
    # configurations (tests/parity/official_hrnet.py).
    backbone = HRNetConfig(width=width, num_modules=(1, 4, 3))
    config = HRNetPoseConfig(backbone=backbone, num_joints=17, skeleton="coco17", head="conv1x1")
    with torch.device("meta"):
        model = HRNetPose(config)
    assert num_parameters(model) == count
    names = set(model.encoder.state_dict())
    assert {"transition3.3.0.0.weight", "stage4.2.fuse_layers.0.3.0.weight"} <= names
    assert not any(name.startswith(("stage4.2.fuse_layers.1", "stage4.3")) for name in names)
    assert "stage3.3.fuse_layers.2.0.1.0.weight" in names


def test_counts_of_the_heads_and_of_the_cheap_stage() -> None:
    assert num_parameters(make_head("conv1x1", 48, 17, 48)) == 833
    assert num_parameters(make_head("conv3x3", 48, 15, 48)) == 6_495
    assert num_parameters(make_head("conv5x5", 48, 15, 48)) == 18_015
    assert num_parameters(make_head("mlp", 48, 15, 48)) == 48 * 48 + 48 + 48 * 15 + 15
    with torch.device("meta"):
        # Its last fusion has one output instead of two: conv3x3 48->96 with its norm is left out.
        to_stage_2 = num_parameters(HRNet(HRNetConfig(num_modules=(1,))))
    assert to_stage_2 == 1_535_232 - (48 * 96 * 9 + 2 * 96)


def test_finest_branches_of_all_stages_have_the_same_size_and_no_negative_values() -> None:
    model = HRNet(TINY).eval()
    crops = torch.randint(0, 256, (1, 64, 48, 3), dtype=torch.uint8)
    with torch.inference_mode():
        stages = model.stages(crops)
    assert [tuple(s.shape) for s in stages] == [(1, 8, 16, 12)] * 2
    assert all((s >= 0).all() for s in stages)


@pytest.mark.parametrize("head", ["conv1x1", "conv3x3", "conv5x5", "mlp"])
def test_every_parameter_of_the_single_frame_network_gets_a_gradient(head: str) -> None:
    config = HRNetPoseConfig(backbone=TINY, crop=CropSpec((64, 48)), head=head)  # type: ignore[arg-type]
    model = HRNetPose(config)
    heatmaps = model(torch.randint(0, 256, (2, 64, 48, 3), dtype=torch.uint8))
    assert heatmaps.shape == (2, 15, *config.heatmap.size_hw)
    heatmap_loss(heatmaps, torch.rand_like(heatmaps), torch.ones(2, 15)).backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_the_loss_is_the_weighted_mean_worked_out_by_hand() -> None:
    heatmaps, target = torch.zeros(2, 2, 2, 2), torch.zeros(2, 2, 2, 2)
    target[0, 0, 0, 0] = 2.0  # mean of squares 1
    target[1, 1] = 1.0  # mean of squares 1, weight 0.5
    weight = torch.tensor([[1.0, 1.0], [0.0, 0.5]])
    expected = 1000 * ((1 + 0) / 2 + (0 + 0.5) / 2) / 2
    assert float(heatmap_loss(heatmaps, target, weight)) == pytest.approx(expected)


def test_the_small_backbone_is_small() -> None:
    with torch.device("meta"):
        assert num_parameters(HRNet(load_recipe("pretrain_small").model.backbone)) < 4.1e6
