"""A frozen network of one frame, and the layer that merges its aligned heatmaps.

Axes: B batch, T frames, J joints, H W. Source: Pfister et al., Flowing ConvNets for Human Pose
Estimation in Videos, ICCV 2015; see `nets.flow_pool`.
"""

import torch
from torch import Tensor, nn

from glpose.codecs.gaussian import HEATMAPS
from glpose.export.pose import PoseParts
from glpose.nets.encoders import make_encoder
from glpose.nets.flow_pool import FlowPool, align
from glpose.nets.heads import make_head
from glpose.systems.flowing.spec import GONE, KEY, NEIGHBOURS, FlowingConfig


class Flowing(nn.Module):
    """`encode` crops to heatmaps; `merge` those of a key with those of its neighbours."""

    def __init__(self, config: FlowingConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = make_encoder(config.backbone)
        channels = self.encoder.channels
        self.head = make_head(config.head, channels, config.num_joints, hidden=channels)
        self.pool = FlowPool(config.num_joints, 1 + len(config.offsets), config.pooling)
        for part in (self.encoder, self.head):
            part.requires_grad_(requires_grad=False).eval()

    def train(self, mode: bool = True) -> "Flowing":  # noqa: FBT001, FBT002 - torch's signature
        """The single-frame network stays as it is, its batch norms too."""
        super().train(mode)
        self.encoder.eval()
        self.head.eval()
        return self

    def encode(self, crops_BHWC: Tensor) -> Tensor:
        """`uint8` RGB crops to heatmaps (B, J, H, W)."""
        return self.head(self.encoder(crops_BHWC))

    def merge(self, key_BJHW: Tensor, others_BTJHW: Tensor, gone_BT2HW: Tensor | None) -> Tensor:
        """Heatmaps (B, J, H, W); `gone` is the flow from the key to each other frame, in map pixels."""
        if gone_BT2HW is not None:
            others_BTJHW = align(others_BTJHW, gone_BT2HW)
        return self.pool(torch.cat([key_BJHW[:, None], others_BTJHW], 1))


class EncoderGraph(nn.Module):
    """The single-frame network: its heatmaps are the features; their mean is not used."""

    def __init__(self, net: Flowing) -> None:
        super().__init__()
        self.encoder, self.head = net.encoder, net.head

    def forward(self, crops_BHWC: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.head(self.encoder(crops_BHWC))
        return maps, maps.mean((-2, -1))


class Alone(nn.Module):
    """The answer from one crop: its own heatmaps."""

    def forward(self, features_BJHW: Tensor) -> dict[str, Tensor]:
        return {HEATMAPS: features_BJHW + 0.0}


class Solver(nn.Module):
    """`Flowing.merge` with named inputs."""

    def __init__(self, net: Flowing) -> None:
        super().__init__()
        self.pool, self.config = net.pool, net.config

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        others = inputs[NEIGHBOURS]
        if GONE in inputs:
            others = align(others, inputs[GONE])
        return {HEATMAPS: self.pool(torch.cat([inputs[KEY][:, None], others], 1))}


def two_graphs(net: Flowing) -> PoseParts:
    """The single-frame network, and the merging as a solver; the former also answers alone."""
    return PoseParts(EncoderGraph(net.eval()), Solver(net), Alone())
