"""Published weights of Simple Baselines to ours: the same names, below `encoder` and `head`."""

from functools import partial

import torch
from torch import Tensor

from glpose.export.published.files import HEAD
from glpose.export.published.port import Port
from glpose.nets.hrnet import IMAGENET_MEAN, IMAGENET_STD
from glpose.nets.spec import ResNetConfig, as_published
from glpose.skeleton import Skeleton
from glpose.systems.simple_baseline.net import SimpleBaseline
from glpose.systems.simple_baseline.spec import NUM_BLOCKS, SimpleBaselineConfig


def rename(name: str) -> str:
    """Our name of a published one."""
    if name.startswith(HEAD):
        return f"head.{name.removeprefix(HEAD)}"
    return f"encoder.{name}"


def colours(blue_first: bool) -> dict[str, Tensor]:  # noqa: FBT001 - the port's one argument
    """What our RGB pictures are normalised with.

    The published weights are given BGR, but ImageNet's numbers in their usual order: blue is
    normalised as if it were red.
    """
    order = -1 if blue_first else 1
    return {
        f"encoder.{name}": 255 * torch.tensor(values[::order])[None, :, None, None]
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD))
    }


def _make(layers: int, joints: Skeleton, size_hw: tuple[int, int]) -> SimpleBaseline:
    config = SimpleBaselineConfig(
        backbone=ResNetConfig(NUM_BLOCKS[layers]),
        num_joints=len(joints.joints),
        skeleton=joints.name,
        **as_published(size_hw),
    )
    return SimpleBaseline(config)


PORTS = {
    f"simple_baseline_r{layers}": Port(
        f"simple_baseline_r{layers}",
        f"ResNet-{layers}",
        "Simple Baselines (Xiao et al., ECCV 2018)",
        partial(_make, layers),
        rename,
        settings=colours,
    )
    for layers in NUM_BLOCKS
}
