"""Pose heads: features to one heatmap per joint, or to coarse heatmaps with offsets."""

import torch
from torch import Tensor, nn

from glpose.codecs.composite import DX, DY, HEAT
from glpose.nets.spec import HeadType
from glpose.skeleton import Skeleton, joint_map


def make_head(kind: HeadType, num_in: int, num_joints: int, hidden: int) -> nn.Module:
    """A 1x1, 3x3 or 5x5 convolution, or a per-pixel perceptron ("mlp") with `hidden` channels."""
    if kind == "mlp":
        return nn.Sequential(
            nn.Conv2d(num_in, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, num_joints, 1)
        )
    size = {"conv1x1": 1, "conv3x3": 3, "conv5x5": 5}[kind]
    return nn.Conv2d(num_in, num_joints, size, padding=size // 2)


class CompositeHead(nn.Module):
    """Features to the maps of `codecs.composite`: sibling 1x1 convolutions."""

    def __init__(self, num_in: int, num_joints: int) -> None:
        super().__init__()
        self.maps = nn.ModuleDict({n: nn.Conv2d(num_in, num_joints, 1) for n in (HEAT, DX, DY)})

    def forward(self, features_BCHW: Tensor) -> dict[str, Tensor]:
        return {name: layer(features_BCHW) for name, layer in self.maps.items()}


def init_head(head: nn.Module) -> None:
    """Normal(0, 0.001) for the layers that give maps; a perceptron's hidden one gets He initialisation.

    No batch norm after the hidden one makes up for tiny weights, with which it learns little for
    hundreds of steps and channels die. Biases are zero.
    """
    layers = [layer for layer in head.modules() if isinstance(layer, nn.Conv2d)]
    hidden = layers[:-1] if isinstance(head, nn.Sequential) else []
    for layer in layers:
        if layer in hidden:
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        else:
            nn.init.normal_(layer.weight, std=0.001)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def head_of_joints(old: Tensor, source: Skeleton, target: Skeleton) -> Tensor:
    """Weights or biases of a head, one row per joint, mapped to other joints by joint name.

    Joints that `source` lacks are initialised: normal(0, 0.001), deterministic, and zero bias.
    """
    index = torch.from_numpy(joint_map(source, target))
    new = old[index.clamp(min=0)].clone()
    shape = new[index < 0].shape
    generator = torch.Generator().manual_seed(0)
    fresh = 0.001 * torch.randn(shape, generator=generator) if old.ndim > 1 else torch.zeros(shape)
    new[index < 0] = fresh.to(new.dtype)
    return new
