"""HRNet: published parameter counts, and an independent statement of the architecture."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

from glpose.nets.blocks import num_parameters  # noqa: E402
from glpose.nets.heads import make_head  # noqa: E402
from glpose.nets.hrnet import IMAGENET_MEAN, IMAGENET_STD, HRNet  # noqa: E402
from glpose.nets.spec import HRNetConfig  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from glpose.systems.hrnet.net import HRNetPose, heatmap_loss  # noqa: E402
from glpose.systems.hrnet.spec import HRNetPoseConfig  # noqa: E402
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


class Plain:
    """HRNet to stage 3 as functions of a state dictionary with the published names."""

    def __init__(self, weights: dict[str, Tensor], num_modules: int, num_blocks: int) -> None:
        self.w, self.num_modules, self.num_blocks = weights, num_modules, num_blocks

    def conv(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = self.w[f"{name}.weight"]
        return functional.conv2d(x, weight, None, stride, weight.shape[-1] // 2)

    def bn(self, x: Tensor, name: str) -> Tensor:
        mean, var, gain, shift = (
            self.w[f"{name}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(var + 1e-5) * gain + shift

    def shortcut(self, x: Tensor, name: str) -> Tensor:
        if f"{name}.downsample.0.weight" not in self.w:
            return x
        return self.bn(self.conv(x, f"{name}.downsample.0"), f"{name}.downsample.1")

    def bottleneck(self, x: Tensor, name: str) -> Tensor:
        out = self.bn(self.conv(x, f"{name}.conv1"), f"{name}.bn1").relu()
        out = self.bn(self.conv(out, f"{name}.conv2"), f"{name}.bn2").relu()
        out = self.bn(self.conv(out, f"{name}.conv3"), f"{name}.bn3")
        return (out + self.shortcut(x, name)).relu()

    def basic(self, x: Tensor, name: str) -> Tensor:
        out = self.bn(self.conv(x, f"{name}.conv1"), f"{name}.bn1").relu()
        out = self.bn(self.conv(out, f"{name}.conv2"), f"{name}.bn2")
        return (out + self.shortcut(x, name)).relu()

    def module(self, branches: list[Tensor], name: str, outputs: int) -> list[Tensor]:
        done = []
        for b, branch in enumerate(branches):
            x = branch
            for block in range(self.num_blocks):
                x = self.basic(x, f"{name}.branches.{b}.{block}")
            done.append(x)
        fused = []
        for i in range(outputs):
            total = torch.zeros(())
            for j, x in enumerate(done):
                part, y = f"{name}.fuse_layers.{i}.{j}", x
                if j > i:
                    y = self.bn(self.conv(y, f"{part}.0"), f"{part}.1")
                    y = y.repeat_interleave(2 ** (j - i), 2).repeat_interleave(2 ** (j - i), 3)
                for step in range(i - j):
                    y = self.bn(self.conv(y, f"{part}.{step}.0", 2), f"{part}.{step}.1")
                    y = y.relu() if step < i - j - 1 else y
                total = total + y
            fused.append(total.relu())
        return fused

    def __call__(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x, "conv1", 2), "bn1").relu()
        x = self.bn(self.conv(x, "conv2", 2), "bn2").relu()
        for block in range(4):
            x = self.bottleneck(x, f"layer1.{block}")
        fine = self.bn(self.conv(x, "transition1.0.0"), "transition1.0.1").relu()
        coarse = self.bn(self.conv(x, "transition1.1.0.0", 2), "transition1.1.0.1").relu()
        branches = self.module([fine, coarse], "stage2.0", 2)
        x = self.bn(self.conv(branches[1], "transition2.2.0.0", 2), "transition2.2.0.1").relu()
        branches = [*branches, x]
        for m in range(self.num_modules):
            # Only the finest output of the last module is read, so the others do not exist.
            outputs = 1 if m == self.num_modules - 1 else 3
            branches = self.module(branches, f"stage3.{m}", outputs)
        return branches[0]


def randomise(model: torch.nn.Module) -> None:
    """Weights and statistics that leave no part without effect."""
    generator = torch.Generator().manual_seed(0)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            noise = torch.rand(value.shape, generator=generator)
            if value.ndim == 4:
                fan_in = value[0].numel()
                value.copy_((noise - 0.5) * (12 / fan_in) ** 0.5)
            else:
                value.copy_(noise + 0.5 if name.endswith(("var", "weight")) else noise - 0.5)


def test_the_network_is_the_published_one() -> None:
    config = HRNetConfig(width=8, stem_width=16, first_width=4, num_modules=(1, 2), num_blocks=2)
    model = HRNet(config).eval()
    randomise(model)
    weights = model.state_dict()
    crops = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 64, 48, 3)))
    picture = crops.permute(0, 3, 1, 2) / 255
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    picture = (picture - mean[:, None, None]) / std[:, None, None]
    with torch.inference_mode():
        expected = Plain(weights, num_modules=2, num_blocks=2)(picture)
        found = model(crops.to(torch.uint8))
    assert found.shape == (2, 8, 16, 12)
    assert found.std() > 0.1
    assert torch.allclose(found, expected, atol=1e-4, rtol=1e-4)


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


@pytest.mark.parametrize("head", ["conv3x3", "conv5x5", "mlp"])
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
