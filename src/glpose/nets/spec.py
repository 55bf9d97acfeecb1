"""Sizes of reusable networks, without torch, so that recipes and cards can name them."""

from dataclasses import dataclass
from typing import Any, Literal

from glpose.errors import BadConfig
from glpose.skeleton import by_name
from glpose.types import CropSpec, HeatmapSpec


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


@dataclass(frozen=True, slots=True)
class ResNetConfig:
    """Sizes of a ResNet of bottlenecks and of the deconvolutions after it; the default is ResNet-50.

    `num_blocks` are those of layer1 to layer4, whose width doubles each time; each of `num_deconv`
    deconvolutions doubles the size of the features.
    """

    num_blocks: tuple[int, int, int, int] = (3, 4, 6, 3)
    width: int = 64
    num_deconv: int = 3
    deconv_width: int = 256


HeadType = Literal["conv1x1", "conv3x3", "conv5x5", "mlp"]
"""The three heads of the paper's ablation, and the one of published single-frame networks."""


def check_crop(crop: CropSpec) -> None:
    """Raises: BadConfig if a crop has no heatmaps of a quarter of its size."""
    if any(side < 4 or side % 4 for side in crop.size_hw):
        raise BadConfig(
            f"crop.size_hw is {list(crop.size_hw)}; expected a height and a width that are "
            "multiples of 4, of 32 for most networks, e.g. [384,288]"
        )


@dataclass(frozen=True, slots=True)
class SingleFrameConfig:
    """What single-frame estimators have in common: joints, head, crops, targets and decoding.

    The defaults of `rounded`, `mapping`, `decode` and of the crop's anchor are our exact ones;
    `as_published` gives those of published weights.
    """

    num_joints: int = 15
    skeleton: str = "posetrack15"
    head: HeadType = "conv3x3"
    crop: CropSpec = CropSpec((384, 288))
    sigma_px: float = 3.0
    rounded: bool = False
    mapping: Literal["centre", "origin"] = "centre"
    decode: Literal["argmax", "quarter", "dark"] = "dark"

    def __post_init__(self) -> None:
        expected = len(by_name(self.skeleton).joints)
        if self.num_joints != expected:
            raise BadConfig(
                f"num_joints is {self.num_joints}, but the skeleton {self.skeleton} has "
                f"{expected}; set both"
            )
        check_crop(self.crop)

    @property
    def heatmap(self) -> HeatmapSpec:
        """Heatmaps at a quarter of the crop's size."""
        height, width = self.crop.size_hw
        return HeatmapSpec(
            (height // 4, width // 4), self.sigma_px, self.mapping, self.decode, self.rounded
        )


def as_published(size_hw: tuple[int, int]) -> dict[str, Any]:
    """Settings of `SingleFrameConfig` that published weights were trained and measured with.

    Source: configurations of leoxiaobin/deep-high-resolution-net.pytorch, where sigma is 3 at
    384x288 and 2 at 256x192.
    """
    return {
        "head": "conv1x1",
        "crop": CropSpec(size_hw, anchor="msra"),
        "sigma_px": 3.0 if size_hw[0] >= 384 else 2.0,
        "rounded": True,
        "mapping": "origin",
        "decode": "quarter",
    }
