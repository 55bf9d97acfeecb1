"""Settings of Simple Baselines. No torch."""

from dataclasses import dataclass, field

from glpose.nets.spec import HeadType, ResNetConfig, SingleFrameConfig

NUM_BLOCKS: dict[int, tuple[int, int, int, int]] = {
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Residual blocks of layer1 to layer4 by the number of layers (He et al., table 1)."""


@dataclass(frozen=True, slots=True)
class SimpleBaselineConfig(SingleFrameConfig):
    """A ResNet with deconvolutions and, as published, a head of one 1x1 convolution."""

    head: HeadType = "conv1x1"
    backbone: ResNetConfig = field(default_factory=ResNetConfig)
