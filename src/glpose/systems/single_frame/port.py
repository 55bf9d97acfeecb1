"""Import published single-frame weights: the same names, under `encoder` and `head`."""

from functools import partial

import torch
from torch import Tensor, nn

from glpose.export.published.files import HEAD
from glpose.export.published.port import Graphs, Port
from glpose.nets.hrnet import IMAGENET_MEAN, IMAGENET_STD
from glpose.nets.spec import RESNET_BLOCKS, EncoderConfig, HRNetConfig, ResNetConfig
from glpose.skeleton import Skeleton
from glpose.systems.single_frame.net import SingleFrameNet, two_graphs
from glpose.systems.single_frame.spec import SingleFrameConfig, as_published

# An HRNet trained for classification also fuses into the coarser branches at the end.
_UNREAD = (r"stage4\.2\.fuse_layers\.[123]\.", "only the finest branch is read")


def rename(name: str) -> str:
    """Our name for a published weight."""
    if name.startswith(HEAD):
        return f"head.{name.removeprefix(HEAD)}"
    return f"encoder.{name}"


def colours(blue_first: bool) -> dict[str, Tensor]:  # noqa: FBT001 - the port's one argument
    """Mean and standard deviation to normalise our RGB pictures with, for Simple Baselines.

    The published weights expect BGR, but with ImageNet's values in RGB order: blue is normalised
    with red's values.
    """
    order = -1 if blue_first else 1
    return {
        f"encoder.{name}": 255 * torch.tensor(values[::order])[None, :, None, None]
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD))
    }


def make(backbone: EncoderConfig, joints: Skeleton, size_hw: tuple[int, int]) -> SingleFrameNet:
    """The network with this encoder and the settings of published weights."""
    config = SingleFrameConfig(
        backbone=backbone,
        num_joints=len(joints.joints),
        skeleton=joints.name,
        **as_published(size_hw),
    )
    return SingleFrameNet(config)


def graphs(net: nn.Module) -> Graphs:
    """The network as its exported graphs."""
    assert isinstance(net, SingleFrameNet)
    return Graphs(two_graphs(net), net.config.crop, net.config.codec)


PORTS = {
    **{
        f"hrnet_w{width}": Port(
            f"hrnet_w{width}",
            f"HRNet-W{width}",
            "HRNet (Sun et al., CVPR 2019)",
            partial(make, HRNetConfig(width=width, num_modules=(1, 4, 3))),
            rename,
            (_UNREAD,),
            graphs=graphs,
        )
        for width in (32, 48)
    },
    **{
        f"simple_baseline_r{layers}": Port(
            f"simple_baseline_r{layers}",
            f"ResNet-{layers}",
            "Simple Baselines (Xiao et al., ECCV 2018)",
            partial(make, ResNetConfig(blocks)),
            rename,
            settings=colours,
            graphs=graphs,
        )
        for layers, blocks in RESNET_BLOCKS.items()
    },
}
