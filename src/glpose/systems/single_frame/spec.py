"""Settings of single-frame estimators: an encoder and a head on one crop. No torch."""

from dataclasses import dataclass, field
from typing import Any, Literal

from glpose.codecs.composite import CompositeCodec
from glpose.codecs.gaussian import GaussianCodec
from glpose.config import check_ranges
from glpose.errors import BadConfig
from glpose.nets.spec import (
    EncoderConfig,
    HeadType,
    HourglassConfig,
    HRNetConfig,
    check_crop,
    heatmap_of,
)
from glpose.skeleton import Skeleton, by_name
from glpose.train.data.people import PeopleConfig
from glpose.train.recipe import Recipe
from glpose.types import CropSpec, HeatmapSpec


@dataclass(frozen=True, slots=True)
class SingleFrameConfig:
    """Encoder, joints, head, crops, targets and decoding.

    The defaults of `rounded`, `mapping`, `decode` and the crop's anchor are our exact geometry;
    `as_published` gives the settings of published weights.

    The head "composite" predicts coarse heatmaps with offsets, see `codecs.composite`: `sigma_px`,
    in cells, is that of these, `reach` and `vote` are the codec's, `offset_weight` is the share of
    the offsets in the loss, and `mapping`, `rounded` and `decode` keep their defaults.
    """

    num_joints: int = 15
    skeleton: str = "posetrack15"
    head: HeadType | Literal["composite"] = "conv3x3"
    crop: CropSpec = CropSpec((384, 288))
    sigma_px: float = 3.0
    rounded: bool = False
    mapping: Literal["centre", "origin"] = "centre"
    decode: Literal["argmax", "quarter", "dark"] = "dark"
    backbone: EncoderConfig = field(default_factory=HRNetConfig)
    reach: float = 1.5
    vote: bool = True
    offset_weight: float = 0.05

    def __post_init__(self) -> None:
        expected = len(by_name(self.skeleton).joints)
        if self.num_joints != expected:
            raise BadConfig(
                f"num_joints is {self.num_joints}, but the skeleton {self.skeleton} has "
                f"{expected}; set both"
            )
        check_crop(self.crop, self.backbone.crop_multiple)
        if isinstance(self.backbone, HourglassConfig):
            num_maps = sum(self.codec.channels(self.num_joints).values())
            if self.backbone.num_maps != num_maps:
                raise BadConfig(
                    f"backbone.num_maps is {self.backbone.num_maps}, but the head '{self.head}' "
                    f"makes {num_maps} maps; set both"
                )
        check_ranges(self, reach=(0.5, 100), offset_weight=(0, 1000))
        _ = self.codec  # which checks its own settings
        if self.head == "composite" and (self.mapping != "centre" or self.rounded):
            raise BadConfig(
                "the head is 'composite', whose offsets are exact; expected the mapping 'centre' "
                "and rounded = false"
            )

    @property
    def joints(self) -> Skeleton:
        """The joints, one heatmap each."""
        return by_name(self.skeleton)

    @property
    def heatmap(self) -> HeatmapSpec:
        """Heatmaps at the encoder's stride."""
        return heatmap_of(
            self.crop,
            self.backbone.stride,
            sigma_px=self.sigma_px,
            mapping=self.mapping,
            decode=self.decode,
            rounded=self.rounded,
        )

    @property
    def codec(self) -> GaussianCodec | CompositeCodec:
        """How joints are written as maps."""
        if self.head == "composite":
            return CompositeCodec(self.heatmap.size_hw, self.sigma_px, self.reach, self.vote)
        return GaussianCodec(self.heatmap)


Settings = Recipe[SingleFrameConfig, PeopleConfig]
"""The recipe type of this system."""


def as_published(size_hw: tuple[int, int]) -> dict[str, Any]:
    """Settings of `SingleFrameConfig` that published weights were trained and evaluated with.

    Source: configurations of leoxiaobin/deep-high-resolution-net.pytorch, where sigma is 3 at
    384x288 and 2 at 256x192, and the head is one 1x1 convolution.
    """
    return {
        "head": "conv1x1",
        "crop": CropSpec(size_hw, anchor="msra"),
        "sigma_px": 3.0 if size_hw[0] >= 384 else 2.0,
        "rounded": True,
        "mapping": "origin",
        "decode": "quarter",
    }
