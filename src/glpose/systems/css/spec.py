"""Settings of features that are learned from videos without labels. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from glpose.config import check_length, check_ranges
from glpose.errors import BadConfig
from glpose.nets.spec import CHANNELS, CoarseResNetConfig, EncoderConfig, check_crop
from glpose.train.data.augment import Augmentation
from glpose.train.data.crops import ROUNDED_S, CropsConfig
from glpose.train.recipe import Recipe
from glpose.types import CropSpec


@dataclass(frozen=True, slots=True)
class CSSConfig:
    """The encoder, the two halves of its vector, the decoder, and what is learned.

    `invariant` and `variant` are the sizes of the halves, which are read from the means of the
    features in a `grid` of cells, (1, 1) being global pooling; `dropout` and `widths` are those of
    `nets.split`. Each part of the method can be left out:

    * `contrast`: near frames against those away, on the "variant" half, on "both" (plain
      contrast, without a split), or "none".
    * `gradual`: frames between are between: by a "hinge" on both orders, by a "decay" of the
      cosine over time, or "none".
    * `reconstruct`: the anchor's picture from its variant half and the invariant half of another
      frame ("swapped"), or of its own ("same"), or "none".
    * `background`: the decoder is given the background and paints the person onto it.
    """

    backbone: EncoderConfig = field(default_factory=lambda: CoarseResNetConfig(num_up=0))
    crop: CropSpec = CropSpec((128, 128))
    grid: tuple[int, int] = (1, 1)
    invariant: int = 128
    variant: int = 600
    dropout: float = 0.3
    widths: tuple[int, ...] = (256, 128, 64, 32)
    contrast: Literal["variant", "both", "none"] = "variant"
    gradual: Literal["hinge", "decay", "none"] = "hinge"
    reconstruct: Literal["swapped", "same", "none"] = "swapped"
    background: bool = True

    def __post_init__(self) -> None:
        check_ranges(self, grid=(1, 4096), variant=(1, 2**16), dropout=(0, 0.9), widths=CHANNELS)
        check_length("widths", self.widths, 8)
        check_crop(self.crop, self.backbone.crop_multiple)
        check_crop(self.crop, 2 ** (len(self.widths) - 1))
        if not 0 < self.invariant < self.widths[0]:
            raise BadConfig(
                f"invariant is {self.invariant}; expected 1 to {self.widths[0] - 1}: it is a part of "
                f"the {self.widths[0]} channels that the decoder starts from (widths)"
            )
        if self.contrast == self.reconstruct == "none":
            raise BadConfig("contrast and reconstruct are both 'none'; nothing would be learned")
        if self.gradual != "none" and self.contrast == "none":
            raise BadConfig(
                f"gradual is '{self.gradual}', but contrast is 'none'; set gradual=none, too"
            )


@dataclass(frozen=True, slots=True)
class LossWeights:
    """Weights of the losses, see `step.split_losses`; the values worked in a prototype.

    `pixels`: pictures are compared by squared or absolute errors, see `nets.contrast.picture_loss`.
    """

    reconstruct: float = 10.0
    contrast: float = 0.03
    gradual: float = 0.015
    constant: float = 0.0
    temperature: float = 0.1
    margin: float = 0.1
    fade_s: float = 1.0
    pixels: Literal["square", "absolute"] = "square"
    edges: float = 0.1

    def __post_init__(self) -> None:
        weight = (0, 1e6)
        check_ranges(self, "loss.", reconstruct=weight, contrast=weight, gradual=weight)
        check_ranges(self, "loss.", constant=weight, edges=weight)
        check_ranges(self, "loss.", temperature=(1e-3, 1e3), margin=(0, 2), fade_s=(1e-3, 3600))


@dataclass(frozen=True, slots=True)
class MomentsConfig:
    """Training samples: some moments of one clip of a person.

    A sample is a frame, another at most `near_s` seconds from it, one further away, and `num_away`
    at least `away_s` away. All are turned, shifted and coloured alike. `sources` are "videos" (a
    user's own, in which people are found) or labelled sets, whose labels are not read but for the
    boxes. Every `held_out`-th clip is kept for validation.
    """

    sources: tuple[str, ...] = ("videos",)
    crops: CropsConfig = field(default_factory=CropsConfig)
    near_s: float = 0.1
    away_s: float = 0.4
    num_away: int = 1
    augmentation: Augmentation = Augmentation(half_body_share=0.0)
    loss: LossWeights = LossWeights()
    held_out: int = 10

    def __post_init__(self) -> None:
        check_length("sources", self.sources, 1000)
        if not 0 < self.near_s < self.away_s:
            raise BadConfig(
                f"near_s is {self.near_s} and away_s {self.away_s}; expected 0 < near_s < away_s"
            )
        check_ranges(self, near_s=(0, 3600), away_s=(0, 3600))
        if 1 / self.crops.rate_hz > self.near_s + ROUNDED_S:
            raise BadConfig(
                f"crops.rate_hz is {self.crops.rate_hz:g} and near_s {self.near_s:g}; expected near_s "
                f"of at least 1 / rate_hz, {1 / self.crops.rate_hz:.3g} s, or no crops are near"
            )
        check_ranges(self, num_away=(1, 1000), held_out=(2, 10**6))
        self.augmentation.refuse(
            ("half_body_share", "damage_share", "neighbour_share", "glare_share"),
            "crops that are kept are turned, shifted and coloured alone",
        )

    def set_names(self) -> tuple[str, ...]:
        """The sets that are learned from."""
        return self.sources

    def synth_only(self) -> MomentsConfig:
        """The same on rendered people."""
        return replace(self, sources=("synth",))


Settings = Recipe[CSSConfig, MomentsConfig]
"""The recipe type of this system."""
