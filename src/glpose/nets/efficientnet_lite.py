"""EfficientNet-Lite with a top-down pyramid: crops to features, usually at a quarter of their size.

Sources: Tan and Le, EfficientNet, ICML 2019 (table 1: the stages of B0); the "Lite" variant has no
squeeze-and-excitation, ReLU6 in place of SiLU, and a stem that is not scaled (TensorFlow's model
garden, Apache-2.0); Lin et al., Feature Pyramid Networks, CVPR 2017. Own code from the papers.
"""

import itertools
import math

from torch import Tensor, nn
from torch.nn import functional

from glpose.nets.blocks import Encoder, conv_bn
from glpose.nets.depthwise import depthwise
from glpose.nets.spec import EfficientNetLiteConfig

_STEM_WIDTH = 32
_EPS = 1e-3

# Expansion, channels, blocks, stride and kernel of the stages (the paper's table 1).
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
# The pyramid reads the last stage of each size: strides 4, 8, 16 and 32.
_READ = (1, 2, 4, 6)


class EfficientNetLite(Encoder):
    """The body to stride 32 or 16, then back, usually to stride 4, by upsampling and adding."""

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__(config.channels, config.stride)
        self.body = EfficientNetLiteBody(config.width, config.depth, config.body_stride)
        widths = (config.channels, *reversed(config.pyramid))
        self.pyramid = Pyramid(self.body.channels[-len(widths) :], widths)

    def stages(self, crops_BHWC: Tensor) -> list[Tensor]:
        """Only the features: the pyramid's finest map, never negative."""
        coarsest = self.body(crops_BHWC)[-len(self.pyramid.lateral) :]
        return [self.pyramid(coarsest)[0]]


class EfficientNetLiteBody(nn.Module):
    """Pictures to maps at strides 4, 8, 16 and 32, with `channels` each; at 16 it can end."""

    def __init__(self, width: float, depth: float, last_stride: int = 32) -> None:
        super().__init__()
        self.stem = SameConv(3, _STEM_WIDTH, 3, 2)
        self.stem_norm = nn.BatchNorm2d(_STEM_WIDTH, eps=_EPS)
        blocks: list[MobileBlock] = []
        ends, channels = [], []
        num_in = _STEM_WIDTH
        stages = _STAGES if last_stride == 32 else _STAGES[:5]
        for number, (expansion, stage_width, count, stride, kernel) in enumerate(stages):
            num_out = scaled_width(stage_width, width)
            # Lite variants do not repeat the first and the last stage more often.
            is_end = number in (0, len(_STAGES) - 1)
            for place in range(count if is_end else math.ceil(count * depth)):
                step = stride if place == 0 else 1
                blocks.append(MobileBlock(num_in, num_out, expansion, kernel, step))
                num_in = num_out
            if number in _READ:
                ends.append(len(blocks) - 1)
                channels.append(num_out)
        self.blocks = nn.ModuleList(blocks)
        self._ends = ends
        self.channels = tuple(channels)

    def forward(self, pictures_BHWC: Tensor) -> list[Tensor]:
        """`uint8` RGB pictures (B, H, W, 3) to the maps, finest first."""
        x_BCHW = (pictures_BHWC.permute(0, 3, 1, 2).float() - 127.0) / 128.0
        x_BCHW = functional.relu6(self.stem_norm(self.stem(x_BCHW)))
        maps = []
        for number, block in enumerate(self.blocks):
            x_BCHW = block(x_BCHW)
            if number in self._ends:
                maps.append(x_BCHW)
        return maps


class MobileBlock(nn.Module):
    """An inverted residual: 1x1 to more channels, depthwise convolution, 1x1 back without ReLU."""

    def __init__(self, num_in: int, num_out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = num_in * expansion
        self.expand = None
        if expansion != 1:
            self.expand = nn.Conv2d(num_in, wide, 1, bias=False)
            self.expand_norm = nn.BatchNorm2d(wide, eps=_EPS)
        self.depthwise = SameConv(wide, wide, kernel, stride, groups=wide)
        self.depthwise_norm = nn.BatchNorm2d(wide, eps=_EPS)
        self.project = nn.Conv2d(wide, num_out, 1, bias=False)
        self.project_norm = nn.BatchNorm2d(num_out, eps=_EPS)
        self._is_residual = stride == 1 and num_in == num_out

    def forward(self, x: Tensor) -> Tensor:
        out = x
        if self.expand is not None:
            out = functional.relu6(self.expand_norm(self.expand(out)))
        out = functional.relu6(self.depthwise_norm(self.depthwise(out)))
        out = self.project_norm(self.project(out))
        return out + x if self._is_residual else out


class SameConv(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's SAME.

    The stride is 1 or 2, the kernel odd, and the output has ceil(size / stride) pixels. At stride 2
    an even size is padded by one pixel less at its beginning than at its end; an exported graph
    keeps to what the example's sides are, even or odd.
    """

    def __init__(
        self, num_in: int, num_out: int, kernel: int, stride: int, *, groups: int = 1
    ) -> None:
        super().__init__(num_in, num_out, kernel, stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        stride, kernel = self.stride[0], self.kernel_size[0]
        if stride == 1:
            return self._convolve(input, kernel // 2)
        after = kernel // 2
        # Whole numbers in exported graphs, so that the engine can pad while it convolves.
        before_y, before_x = (after - 1 + int(side) % 2 for side in input.shape[-2:])
        return self._convolve(functional.pad(input, (before_x, after, before_y, after)), 0)

    def _convolve(self, x: Tensor, padding: int) -> Tensor:
        stride = self.stride[0]
        if self.training and self.groups == self.in_channels == self.out_channels:
            return depthwise(x, self.weight, stride, padding)
        return functional.conv2d(x, self.weight, None, stride, padding, 1, self.groups)


class Pyramid(nn.Module):
    """Top-down: each map is a 1x1 of the body's map plus the enlarged coarser one, then a 3x3."""

    def __init__(self, num_in: tuple[int, ...], widths: tuple[int, ...]) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(
            conv_bn(i, w, 1, relu=False) for i, w in zip(num_in, widths, strict=True)
        )
        self.down = nn.ModuleList(
            conv_bn(coarse, fine, 1, relu=False) for fine, coarse in itertools.pairwise(widths)
        )
        self.smooth = nn.ModuleList(conv_bn(w, w, 3) for w in widths)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """The body's maps, finest first, to the pyramid's."""
        coarse = None
        out: list[Tensor] = []
        for number in reversed(range(len(maps))):
            merged = self.lateral[number](maps[number])
            if coarse is not None:
                # The 1x1 before enlarging: a quarter of the work, the same result.
                down = self.down[number](coarse)
                merged = merged + functional.interpolate(down, size=merged.shape[-2:])
            coarse = self.smooth[number](functional.relu(merged))
            out.insert(0, coarse)
        return out


def scaled_width(channels: int, factor: float) -> int:
    """Channels times a factor, to the next multiple of 8 that loses at most 10 %."""
    if factor == 1.0:
        return channels
    wanted = channels * factor
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


_BLOCK = {
    "_expand_conv": "expand",
    "_bn0": "expand_norm",
    "_depthwise_conv": "depthwise",
    "_bn1": "depthwise_norm",
    "_project_conv": "project",
    "_bn2": "project_norm",
}


def from_published(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the body by our names, from the names of published PyTorch files.

    The last convolution and the classifier, which the body lacks, are left out.
    """
    found: dict[str, Tensor] = {}
    for name, value in weights.items():
        first, _, rest = name.partition(".")
        if first == "_blocks":
            number, part, leaf = rest.split(".", 2)
            found[f"blocks.{number}.{_BLOCK[part]}.{leaf}"] = value
        elif first in ("_conv_stem", "_bn0"):
            found[f"{'stem' if first == '_conv_stem' else 'stem_norm'}.{rest}"] = value
    return found
