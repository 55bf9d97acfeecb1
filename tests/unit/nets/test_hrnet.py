"""HRNet: parameter counts, names and stages; its parity is tested in tests/parity."""

import pytest

torch = pytest.importorskip("torch")

from glpose.nets.blocks import num_parameters  # noqa: E402
from glpose.nets.encoders import make_encoder  # noqa: E402
from glpose.nets.heads import make_head  # noqa: E402
from glpose.nets.hrnet import HRNet  # noqa: E402
from glpose.nets.spec import HRNetConfig  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from tiny_hrnet import tiny_hrnet  # noqa: E402

TINY = tiny_hrnet()


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


def test_the_small_backbone_is_small() -> None:
    with torch.device("meta"):
        assert num_parameters(make_encoder(load_recipe("pretrain_small").model.backbone)) < 3.4e6
