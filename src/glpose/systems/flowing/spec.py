"""Settings of Flowing ConvNets on any single-frame estimator of heatmaps. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from glpose.codecs.gaussian import GaussianCodec
from glpose.config import check_length, check_ranges
from glpose.errors import BadConfig
from glpose.nets.spec import EncoderConfig, HeadType, HRNetConfig, check_crop, heatmap_of
from glpose.runtime.card import KeySlot, NeighbourSlot, Slot
from glpose.skeleton import Skeleton, by_name
from glpose.train.recipe import Recipe
from glpose.types import CropSpec, HeatmapSpec

KEY, NEIGHBOURS, GONE = "key", "neighbours", "gone"
"""The inputs of the solver: maps of the key, maps of its neighbours, the flow that leads to them."""


@dataclass(frozen=True, slots=True)
class FlowingConfig:
    """The single-frame network (`backbone`, `head`), and how its heatmaps are merged.

    `k` frames on each side of the key are aligned with it (`align` "none": taken as they are) and
    merged by `pooling`, see `nets.flow_pool`.
    """

    num_joints: int = 15
    skeleton: str = "posetrack15"
    head: HeadType = "conv3x3"
    crop: CropSpec = CropSpec((384, 288))
    sigma_px: float = 3.0
    backbone: EncoderConfig = field(default_factory=HRNetConfig)
    k: int = 2
    align: Literal["flow", "none"] = "flow"
    pooling: Literal["learned", "mean", "max"] = "learned"

    def __post_init__(self) -> None:
        expected = len(by_name(self.skeleton).joints)
        if self.num_joints != expected:
            raise BadConfig(
                f"num_joints is {self.num_joints}, but the skeleton {self.skeleton} has "
                f"{expected}; set both"
            )
        check_ranges(self, k=(1, 7))
        check_crop(self.crop, self.backbone.crop_multiple)
        _ = self.heatmap  # which checks its own settings

    @property
    def joints(self) -> Skeleton:
        """The joints, one heatmap each."""
        return by_name(self.skeleton)

    @property
    def offsets(self) -> tuple[int, ...]:
        """The neighbours, in frames from the key."""
        return (*range(-self.k, 0), *range(1, self.k + 1))

    @property
    def heatmap(self) -> HeatmapSpec:
        """Heatmaps at the encoder's stride."""
        return heatmap_of(self.crop, self.backbone.stride, sigma_px=self.sigma_px)

    @property
    def codec(self) -> GaussianCodec:
        """How joints are written as heatmaps."""
        return GaussianCodec(self.heatmap)

    @property
    def neighbours(self) -> NeighbourSlot:
        """Maps of the neighbours, each cropped with the person's own box there."""
        flow = GONE if self.align == "flow" else ""
        return NeighbourSlot(NEIGHBOURS, self.offsets, flow=flow)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """How the runtime fills the inputs of the solver."""
        return KeySlot(KEY), self.neighbours


@dataclass(frozen=True, slots=True)
class AlignedConfig:
    """Training samples: `num_keys` frames of the sets, evenly chosen, with their neighbours.

    Their heatmaps and the flow between their pictures are computed once. A share `damage_share` of
    the key crops is blurred, noised, shrunk or covered. Boxes are shifted by `box_noise` of their
    sides in each frame. Joints that a set does not label keep the maps of the undamaged key.
    `validation` is the set to score on; if empty, jhmdb-val or else synth-val.
    """

    sources: tuple[str, ...] = ("jhmdb",)
    num_keys: int = 1500
    damage_share: float = 0.5
    box_noise: float = 0.02
    validation: str = ""
    num_synth_scenes: int = 400

    def __post_init__(self) -> None:
        check_length("sources", self.sources, 1000)
        check_ranges(self, num_keys=(1, 10**6), damage_share=(0, 1), box_noise=(0, 1))
        check_ranges(self, num_synth_scenes=(1, 10**6))

    def set_names(self) -> tuple[str, ...]:
        """The sets used for training and validation."""
        return (*self.sources, *filter(None, [self.validation]))

    def synth_only(self) -> AlignedConfig:
        """The same without real data and with few scenes and keys, for trying things out."""
        return replace(
            self, sources=("synth",), validation="synth-val", num_synth_scenes=12, num_keys=100
        )


Settings = Recipe[FlowingConfig, AlignedConfig]
"""The recipe type of this system."""
