"""Stacked hourglasses: down and up again, several times, with a guess of the maps in between.

Axes: B batch, C channels, H W pixels. Source: Newell et al., Stacked Hourglass Networks for Human
Pose Estimation, ECCV 2016. Own code from the paper; the residual blocks are those of `blocks`, with
their batch norms after the convolutions.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from glpose.nets.blocks import Bottleneck, Encoder, conv_bn
from glpose.nets.hrnet import IMAGENET_MEAN, IMAGENET_STD
from glpose.nets.spec import HourglassConfig


class StackedHourglass(Encoder):
    """Crops, with sides multiples of 4 * 2^depth, to the features of the last hourglass.

    Every hourglass before it makes a guess of the maps, which goes into the next one and is
    supervised like the answer: `guesses` are the convolutions, of `num_maps` channels each.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: HourglassConfig) -> None:
        super().__init__(config.channels, config.stride)
        width, inner = config.width, config.width // Bottleneck.expansion
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN)[None, :, None, None])
        self.register_buffer("std", 255 * torch.tensor(IMAGENET_STD)[None, :, None, None])
        self.stem = conv_bn(3, width // 4, 7, 2)
        self.first = Bottleneck(width // 4, width // 8)
        self.second = nn.Sequential(
            Bottleneck(width // 2, width // 8), Bottleneck(width // 2, inner)
        )
        early = range(config.num_stacks - 1)
        self.hourglasses = nn.ModuleList(
            Hourglass(width, config.depth) for _ in range(config.num_stacks)
        )
        self.after = nn.ModuleList(
            nn.Sequential(Bottleneck(width, inner), conv_bn(width, width, 1))
            for _ in range(config.num_stacks)
        )
        self.guesses = nn.ModuleList(nn.Conv2d(width, config.num_maps, 1) for _ in early)
        self.from_guess = nn.ModuleList(
            conv_bn(config.num_maps, width, 1, relu=False) for _ in early
        )
        self.from_features = nn.ModuleList(conv_bn(width, width, 1, relu=False) for _ in early)

    def stages(self, crops_BHWC: Tensor) -> list[Tensor]:
        """The features of each hourglass."""
        return self.with_guesses(crops_BHWC)[0]

    def with_guesses(self, crops_BHWC: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The features of each hourglass, and the guesses (B, num_maps, H, W) of all but the last."""
        x_BCHW = (crops_BHWC.permute(0, 3, 1, 2).float() - self.mean) / self.std
        x_BCHW = self.first(self.stem(x_BCHW))
        x_BCHW = self.second(functional.max_pool2d(x_BCHW, 2))
        features: list[Tensor] = []
        guesses: list[Tensor] = []
        for number, (hourglass, after) in enumerate(zip(self.hourglasses, self.after, strict=True)):
            features.append(after(hourglass(x_BCHW)))
            if number < len(self.guesses):
                guesses.append(self.guesses[number](features[-1]))
                x_BCHW = (
                    x_BCHW
                    + self.from_features[number](features[-1])
                    + self.from_guess[number](guesses[-1])
                )
        return features, guesses


class Hourglass(nn.Module):
    """Residual blocks at the size of the input and, by recursion, at `depth` smaller ones, added."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        inner = width // Bottleneck.expansion
        self.beside = Bottleneck(width, inner)
        self.down = Bottleneck(width, inner)
        self.inside = Hourglass(width, depth - 1) if depth > 1 else Bottleneck(width, inner)
        self.up = Bottleneck(width, inner)

    def forward(self, x: Tensor) -> Tensor:
        low = self.up(self.inside(self.down(functional.max_pool2d(x, 2))))
        return self.beside(x) + functional.interpolate(low, scale_factor=2.0)
