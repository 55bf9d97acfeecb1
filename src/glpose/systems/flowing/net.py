"""A frozen network of one frame, and the layer that merges its aligned heatmaps.

Axes: B batch, T frames, J joints, H W. Source: Pfister et al., Flowing ConvNets for Human Pose
Estimation in Videos, ICCV 2015; see `nets.flow_pool`.
"""

import torch
from torch import Tensor, nn

from glpose.codecs.gaussian import HEATMAPS
from glpose.export.pose import Part, PoseParts, with_mean
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


def two_graphs(net: Flowing) -> PoseParts:
    """The single-frame network, whose heatmaps are the features and its answer; and the merging."""
    net.eval()

    def merge(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {HEATMAPS: net.merge(inputs[KEY], inputs[NEIGHBOURS], inputs.get(GONE))}

    return PoseParts(
        Part(lambda crops: with_mean(net.encode(crops)), encoder=net.encoder, head=net.head),
        Part(merge, pool=net.pool),
        Part(lambda maps: {HEATMAPS: maps + 0.0}),  # an output of its own
    )
