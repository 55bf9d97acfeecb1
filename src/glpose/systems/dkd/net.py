"""An initializer, a cheaper encoder, and kernels that join them.

Axes: B batch, T frames, C channels, J joints, H W. Source: Nie et al., Dynamic Kernel Distillation
for Efficient Pose Estimation in Videos, ICCV 2019; see `nets.kernels`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from glpose.codecs.gaussian import HEATMAPS
from glpose.export.pose import Part, PoseParts, StartParts, with_mean
from glpose.nets.encoders import make_encoder
from glpose.nets.heads import make_head
from glpose.nets.kernels import Balance, ChangeJudge, Distillator, KernelMatcher
from glpose.systems.dkd.spec import KERNELS, KEY, NEXT_KERNELS, DKDConfig


class DKD(nn.Module):
    """`initializer` for a person's first frame, `small` for all others, `static` its head alone."""

    def __init__(self, config: DKDConfig) -> None:
        super().__init__()
        self.config = config
        self.initializer = Initializer(config)
        self.small = FrameEncoder(config)
        channels, joints = config.small.channels, config.num_joints
        self.static = make_head(config.head, channels, joints, hidden=channels)
        self.distil = Distillator(channels, joints, config.codec.size_hw, gate=config.gate)
        self.match = KernelMatcher(channels, joints)
        # Maps are nearly zero nearly everywhere: a gain of 1 would be a hundred times too much.
        nn.init.constant_(self.match.u.get_parameter("1.weight"), 0.1)
        if config.judge_weight:
            self.judge, self.balance = ChangeJudge(joints), Balance()

    def unroll(self, crops_BTHWC: Tensor, first_BJHW: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of frames 1 to T-1 (B, T-1, J, H, W), and those without memory (B, T, J, H, W).

        `first` are the maps of frame 0. Gradients reach each frame from all frames after it.
        """
        shape = crops_BTHWC.shape[:2]
        features = self.small(crops_BTHWC.flatten(0, 1))
        seen = self.match.v(features)
        seen_BTCHW = seen.unflatten(0, shape)
        source_BTCHW = self.source(features, seen).unflatten(0, shape)
        maps_BJHW, found = first_BJHW, []
        for t in range(1, shape[1]):
            kernels_BCHW = self.distil(source_BTCHW[:, t - 1], maps_BJHW)
            maps_BJHW = self.match.find(seen_BTCHW[:, t], kernels_BCHW)
            found.append(maps_BJHW)
        alone = features if self.config.static_teaches else features.detach()
        return torch.stack(found, 1), self.static(alone).unflatten(0, shape)

    def source(self, features: Tensor, seen: Tensor) -> Tensor:
        """What kernels are distilled from: V f as in the paper's follow-up, or f."""
        return seen if self.config.source == "matched" else features

    def start(self, crops_BHWC: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of the initializer, and the kernels for the next frame."""
        maps_BJHW = self.initializer(crops_BHWC)
        return maps_BJHW, self.first_kernels(self.small(crops_BHWC), maps_BJHW)

    def first_kernels(self, features_BCHW: Tensor, maps_BJHW: Tensor) -> Tensor:
        """The kernels after a frame whose maps are the initializer's."""
        source = self.source(features_BCHW, self.match.v(features_BCHW))
        return self.distil(source, maps_BJHW)

    def step(self, features_BCHW: Tensor, kernels_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of a frame from the kernels of the one before, and the kernels for the next."""
        maps_BJHW, seen_BCHW = self.match(features_BCHW, kernels_BCHW)
        return maps_BJHW, self.distil(self.source(features_BCHW, seen_BCHW), maps_BJHW)


class Initializer(nn.Module):
    """A single-frame network, with the names that such networks have."""

    def __init__(self, config: DKDConfig) -> None:
        super().__init__()
        self.encoder = make_encoder(config.backbone)
        channels = self.encoder.channels
        self.head = make_head(config.head, channels, config.num_joints, hidden=channels)

    def forward(self, crops_BHWC: Tensor) -> Tensor:
        """`uint8` RGB crops to heatmaps (B, J, H, W)."""
        return self.head(self.encoder(crops_BHWC))


class FrameEncoder(nn.Module):
    """An encoder on smaller crops, with its features enlarged to the initializer's stride."""

    def __init__(self, config: DKDConfig) -> None:
        super().__init__()
        self.encoder = make_encoder(config.small)
        self.shrink = config.shrink
        self.enlarge = self.encoder.stride * config.shrink // config.backbone.stride

    def forward(self, crops_BHWC: Tensor) -> Tensor:
        """`uint8` RGB crops to features (B, C, H, W)."""
        if self.shrink > 1:
            whole_BCHW = crops_BHWC.permute(0, 3, 1, 2).float()
            crops_BHWC = functional.avg_pool2d(whole_BCHW, self.shrink).permute(0, 2, 3, 1)
        features = self.encoder(crops_BHWC)
        if self.enlarge > 1:
            features = functional.interpolate(
                features, scale_factor=float(self.enlarge), mode="bilinear"
            )
        return features


def three_graphs(net: DKD) -> PoseParts:
    """The frame encoder, which also answers alone, the step, and the start."""
    net.eval()

    def step(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        maps, kernels = net.step(inputs[KEY], inputs[KERNELS])
        return {HEATMAPS: maps, NEXT_KERNELS: kernels}

    def first_kernels(features_BCHW: Tensor, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        return {NEXT_KERNELS: net.first_kernels(features_BCHW, maps[HEATMAPS])}

    return PoseParts(
        Part(lambda crops: with_mean(net.small(crops)), small=net.small),
        Part(step, net=net),
        Part(lambda features: {HEATMAPS: net.static(features)}, static=net.static),
        StartParts(
            Part(lambda crops: {HEATMAPS: net.initializer(crops)}, initializer=net.initializer),
            Part(first_kernels, net=net),
        ),
    )
