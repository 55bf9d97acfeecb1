"""ResNet followed by deconvolutions, the encoder of Simple Baselines, or by a light way back.

Axes: B batch, C channels, H W pixels. Source: He et al., Deep Residual Learning for Image
Recognition, CVPR 2016; Xiao et al., Simple Baselines for Human Pose Estimation and Tracking, ECCV
2018. Names follow the published checkpoints (read: microsoft/human-pose-estimation.pytorch and
leoxiaobin/deep-high-resolution-net.pytorch, MIT licence), so that these load by name.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from glpose.nets.blocks import BasicBlock, Bottleneck, Encoder, conv_bn
from glpose.nets.hrnet import IMAGENET_MEAN, IMAGENET_STD
from glpose.nets.spec import CoarseResNetConfig, ResNetConfig


class ResNet(Encoder):
    """The ResNet without its classifier; subclasses go on from its maps.

    `mean` and `std` are saved with the weights: published weights may be trained on BGR pictures,
    with other values.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        config: ResNetConfig | CoarseResNetConfig,
        block: type[BasicBlock] | type[Bottleneck] = Bottleneck,
    ) -> None:
        super().__init__(config.channels, config.stride)
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN)[None, :, None, None])
        self.register_buffer("std", 255 * torch.tensor(IMAGENET_STD)[None, :, None, None])
        self.conv1 = nn.Conv2d(3, config.width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(config.width)
        self.widths: list[int] = []
        num_channels = config.width
        for number, depth in enumerate(config.num_blocks):
            width = config.width * 2**number
            stride = 1 if number == 0 else 2
            layer = _layer(block, num_channels, width, depth, stride)
            self.add_module(f"layer{number + 1}", layer)
            num_channels = width * block.expansion
            self.widths.append(num_channels)

    def trunk(self, crops_BHWC: Tensor) -> list[Tensor]:
        """The maps of layer1 to layer4, at strides 4, 8, 16 and 32."""
        x_BCHW = (crops_BHWC.permute(0, 3, 1, 2).float() - self.mean) / self.std
        x_BCHW = functional.relu(self.bn1(self.conv1(x_BCHW)))
        x_BCHW = functional.max_pool2d(x_BCHW, 3, 2, 1)
        maps = []
        for number in range(1, 5):
            x_BCHW = self.get_submodule(f"layer{number}")(x_BCHW)
            maps.append(x_BCHW)
        return maps


class DeconvResNet(ResNet):
    """Crops, with sides multiples of 32, to features of `deconv_width` channels, never negative."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(config, BasicBlock if config.block == "basic" else Bottleneck)
        self.deconv_layers = _deconvolutions(
            self.widths[-1], config.deconv_width, config.num_deconv
        )

    def stages(self, crops_BHWC: Tensor) -> list[Tensor]:
        """Only the features: earlier maps of a ResNet have other strides."""
        return [self.deconv_layers(self.trunk(crops_BHWC)[-1])]


class CoarseResNet(ResNet):
    """Crops, with sides multiples of 32, to coarse features, never negative."""

    def __init__(self, config: CoarseResNetConfig) -> None:
        super().__init__(config)
        channels = config.channels
        self.neck = conv_bn(self.widths[-1], channels, 1) if config.neck else nn.Identity()
        self.smooth = nn.ModuleList(conv_bn(channels, channels) for _ in range(config.num_up))
        finer = self.widths[-2 : -2 - config.num_up : -1] if config.lateral else []
        self.lateral = nn.ModuleList(conv_bn(w, channels, 1, relu=False) for w in finer)

    def stages(self, crops_BHWC: Tensor) -> list[Tensor]:
        """Only the features."""
        maps = self.trunk(crops_BHWC)
        x_BCHW = self.neck(maps[-1])
        for number, smooth in enumerate(self.smooth):
            x_BCHW = functional.interpolate(x_BCHW, scale_factor=2, mode="bilinear")
            if len(self.lateral):
                x_BCHW = x_BCHW + self.lateral[number](maps[-2 - number])
            x_BCHW = smooth(x_BCHW)
        return [x_BCHW]


def _layer(
    block: type[BasicBlock] | type[Bottleneck], num_in: int, width: int, depth: int, stride: int
) -> nn.Sequential:
    rest = (block(width * block.expansion, width) for _ in range(depth - 1))
    return nn.Sequential(block(num_in, width, stride), *rest)


def _deconvolutions(num_in: int, width: int, count: int) -> nn.Sequential:
    """Flat, not nested: the published names count every layer (`deconv_layers.4` is a norm)."""
    layers: list[nn.Module] = []
    for i in range(count):
        first = nn.ConvTranspose2d(num_in if i == 0 else width, width, 4, 2, 1, bias=False)
        layers += [first, nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)
