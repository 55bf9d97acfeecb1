"""Sizes of reusable networks, without torch, so that recipes and cards can name them."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class HRNetConfig:
    """Sizes of an HRNet; the defaults are W48 up to stage 3.

    `width` is the finest branch's channels, each coarser branch has twice as many. `num_modules`
    and `num_blocks` are per stage from stage 2 on. `first` is layer1's kind of block: four
    bottlenecks in the paper, cheaper basic blocks in our small network.
    """

    width: int = 48
    stem_width: int = 64
    first: Literal["bottleneck", "basic"] = "bottleneck"
    first_width: int = 64
    first_blocks: int = 4
    num_modules: tuple[int, ...] = (1, 4)
    num_blocks: int = 4


HeadType = Literal["conv3x3", "conv5x5", "mlp"]
"""The three heads of the paper's ablation."""
