"""A latent vector in two halves, and a decoder that paints a picture from both.

Axes: B batch, C channels, I and V the invariant and the variant half, H W.

Source: Honari et al., Temporal Representation Learning on Monocular Videos, TPAMI 2023 (the halves;
only its abstract was at hand); Rhodin et al., Unsupervised Geometry-Aware Representation for 3D
Human Pose Estimation, ECCV 2018 (the layers; its published code was read).
"""

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from glpose.nets.blocks import conv_bn


class Halves(NamedTuple):
    """What stays of a person (clothes, body), and what changes (pose)."""

    invariant: Tensor
    variant: Tensor

    @property
    def both(self) -> Tensor:
        """One vector (B, I + V)."""
        return torch.cat(self, -1)


class SplitLatent(nn.Module):
    """Features to the two halves: a mean in each cell of a grid, then one linear layer.

    Features have `size_hw` pixels, cells `cell_hw`, which divides it. In training, values of the
    variant half are dropped with probability `dropout`.
    """

    def __init__(
        self,
        channels: int,
        size_hw: tuple[int, int],
        cell_hw: tuple[int, int],
        invariant: int,
        variant: int,
        dropout: float,
    ) -> None:
        super().__init__()
        self._cell_hw, self._sizes = cell_hw, (invariant, variant)
        num_cells = (size_hw[0] // cell_hw[0]) * (size_hw[1] // cell_hw[1])
        self.linear = nn.Linear(channels * num_cells, invariant + variant)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features_BCHW: Tensor) -> Halves:
        # Not adaptive pooling, which cannot be exported where the size of the features is traced.
        cells = functional.avg_pool2d(features_BCHW, self._cell_hw).flatten(1)
        invariant_BI, variant_BV = self.linear(cells).split(self._sizes, 1)
        return Halves(invariant_BI, self.dropout(variant_BV))


class SwapDecoder(nn.Module):
    """Both halves to a picture with values in [0, 1]; they may come from different frames.

    The variant half becomes a map of `widths[0]` channels less those of the invariant half, which
    is copied to every cell. Each further width doubles the size: bilinear, two 3x3 convolutions.
    With a background, one channel more says where the person covers it.
    """

    def __init__(
        self,
        invariant: int,
        variant: int,
        size_hw: tuple[int, int],
        widths: tuple[int, ...],
        *,
        background: bool,
    ) -> None:
        super().__init__()
        shrink = 2 ** (len(widths) - 1)
        self._start = (widths[0] - invariant, size_hw[0] // shrink, size_hw[1] // shrink)
        channels, height, width = self._start
        self.start = nn.Linear(variant, channels * height * width)
        self.stages = nn.ModuleList(
            nn.Sequential(conv_bn(before, after), conv_bn(after, after))
            for before, after in pairwise(widths)
        )
        self.paint = nn.Conv2d(widths[-1], 4 if background else 3, 1)

    def forward(self, halves: Halves, background_BCHW: Tensor | None) -> Tensor:
        """Pictures (B, 3, H, W); the background, if the decoder takes one, is in [0, 1]."""
        map_BCHW = self.start(halves.variant).unflatten(1, self._start)
        copies = halves.invariant[..., None, None].expand(-1, -1, *map_BCHW.shape[-2:])
        x_BCHW = torch.cat([map_BCHW, copies], 1)
        for stage in self.stages:
            x_BCHW = stage(functional.interpolate(x_BCHW, scale_factor=2, mode="bilinear"))
        painted = self.paint(x_BCHW).float().sigmoid()
        if background_BCHW is None:
            return painted
        cover = painted[:, 3:]
        return cover * painted[:, :3] + (1 - cover) * background_BCHW
