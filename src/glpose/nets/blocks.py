"""Residual blocks, small convolution helpers, and the base class of encoders.

Convolutions before a batch norm have no bias.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch import Tensor, nn


def conv_bn(
    num_in: int, num_out: int, kernel: int = 3, stride: int = 1, *, relu: bool = True
) -> nn.Sequential:
    """Convolution with same padding, batch norm and, optionally, ReLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(num_in, num_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(num_out),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al., CVPR 2016); 1x1 + BN where sizes differ.

    The stride is in the first one.
    """

    expansion = 1

    def __init__(self, num_in: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(num_in, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        is_changed = num_in != width or stride != 1
        self.downsample = conv_bn(num_in, width, 1, stride, relu=False) if is_changed else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a shortcut; the output is 4 times as wide.

    The stride is in the 3x3 convolution, as in the published ResNets, not in the first one.
    """

    expansion = 4

    def __init__(self, num_in: int, width: int, stride: int = 1) -> None:
        super().__init__()
        num_out = width * self.expansion
        self.conv1 = nn.Conv2d(num_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, num_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(num_out)
        is_changed = num_in != num_out or stride != 1
        self.downsample = conv_bn(num_in, num_out, 1, stride, relu=False) if is_changed else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


def chain(
    block: Callable[[int, int], BasicBlock | Bottleneck], num_in: int, width: int, depth: int
) -> nn.Sequential:
    """`depth` residual blocks in a row; the first one changes the number of channels."""
    blocks: list[BasicBlock | Bottleneck] = []
    for _ in range(depth):
        blocks.append(block(num_in, width))
        num_in = width * blocks[-1].expansion
    return nn.Sequential(*blocks)


class Encoder(nn.Module, ABC):
    """Crops to features: the backbone of pose estimators; see `encoders.make_encoder`.

    `channels` is the number of feature channels, `stride` the crop pixels per feature pixel.
    """

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.channels, self.stride = channels, stride

    def forward(self, crops_BHWC: Tensor) -> Tensor:
        """`uint8` RGB crops (B, H, W, 3) to features (B, C, H/stride, W/stride)."""
        return self.stages(crops_BHWC)[-1]

    @abstractmethod
    def stages(self, crops_BHWC: Tensor) -> list[Tensor]:
        """Maps of earlier stages at this stride, if the network has any, then the features."""


def num_parameters(module: nn.Module) -> int:
    """Number of trainable values in a module."""
    return sum(p.numel() for p in module.parameters())
