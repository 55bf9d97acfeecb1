"""Settings of dynamic kernel distillation (DKD). No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from glpose.codecs.gaussian import GaussianCodec
from glpose.config import check_length, check_range, check_ranges
from glpose.errors import BadConfig
from glpose.nets.spec import (
    BASIC_BLOCKS,
    EfficientNetLiteConfig,
    EncoderConfig,
    HeadType,
    ResNetConfig,
    check_crop,
    heatmap_of,
)
from glpose.runtime.card import KeySlot, Slot, Starter, StateSlot
from glpose.skeleton import Skeleton, by_name
from glpose.train.data.augment import Augmentation
from glpose.train.recipe import Recipe
from glpose.types import CropSpec, HeatmapSpec

KEY, KERNELS, NEXT_KERNELS = "key", "kernels", "next_kernels"
"""The inputs of the solver, and the kernels that it distils for the frame after."""


@dataclass(frozen=True, slots=True)
class DKDConfig:
    """The initializer (`backbone`, `head`), the frame encoder `small`, and what joins them.

    The frame encoder sees crops made `shrink` times smaller, and its features are enlarged again to
    the initializer's stride. Kernels have as many channels as its features. They are distilled from
    what is matched, V f, or from the `raw` features (`source`); `gate` (ours) see `nets.kernels`.
    In use a person starts anew after a frame with a mean score below `min_score`, and, if `every`
    is not 0, after so many frames. `judge_weight` is the share of the judge of changes in the loss.
    Without `static_teaches` no gradient of the head without memory, which the paper does not have,
    reaches the frame encoder.

    The frame encoder and its head start from the single-frame run `small_from`; if that is empty,
    from the initializer's weights if it is the same network, or the same without its last stages.
    """

    num_joints: int = 15
    skeleton: str = "jhmdb15"
    head: HeadType = "conv1x1"
    crop: CropSpec = CropSpec((256, 256))
    sigma_px: float = 2.0
    backbone: EncoderConfig = field(default_factory=ResNetConfig)
    small: EncoderConfig = field(
        default_factory=lambda: ResNetConfig(BASIC_BLOCKS[18], deconv_width=64, block="basic")
    )
    shrink: int = 1
    gate: bool = True
    source: Literal["matched", "raw"] = "matched"
    min_score: float = 0.2
    every: int = 0
    judge_weight: float = 0.0
    static_teaches: bool = True
    small_from: str = ""

    def __post_init__(self) -> None:
        expected = len(by_name(self.skeleton).joints)
        if self.num_joints != expected:
            raise BadConfig(
                f"num_joints is {self.num_joints}, but the skeleton {self.skeleton} has "
                f"{expected}; set both"
            )
        check_ranges(self, shrink=(1, 8), judge_weight=(0, 100))
        _ = self.starter  # which checks its own settings
        if min(self.heatmap.size_hw) < 6:
            raise BadConfig(
                f"the maps have {list(self.heatmap.size_hw)} pixels; expected 6 or more on each "
                "side, to distil kernels from: enlarge crop.size_hw"
            )
        check_crop(self.crop, self.backbone.crop_multiple)
        check_crop(self.crop, self.small.crop_multiple * self.shrink)
        if self.small.stride * self.shrink % self.backbone.stride:
            raise BadConfig(
                f"the frame encoder's features are at stride {self.small.stride * self.shrink}, "
                f"the initializer's at {self.backbone.stride}; expected a multiple of it"
            )

    @property
    def joints(self) -> Skeleton:
        """The joints, one heatmap each."""
        return by_name(self.skeleton)

    @property
    def small_is_part(self) -> bool:
        """Whether all weights of the frame encoder are found in the initializer's by their names."""
        small, whole = self.small, self.backbone
        lite = EfficientNetLiteConfig
        if isinstance(small, lite) and isinstance(whole, lite) and small.stride == whole.stride:
            pyramid = whole.pyramid[-len(small.pyramid) :]
            whole = replace(whole, pyramid=pyramid, body_stride=small.body_stride)
        return small == whole

    @property
    def heatmap(self) -> HeatmapSpec:
        """Heatmaps at the initializer's stride."""
        return heatmap_of(self.crop, self.backbone.stride, sigma_px=self.sigma_px)

    @property
    def codec(self) -> GaussianCodec:
        """How joints are written as heatmaps."""
        return GaussianCodec(self.heatmap)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """How the runtime fills the inputs of the solver.

        The state is the kernels and not, as in the paper, the features and maps that they are
        distilled from: the same at a fraction of the memory.
        """
        # They are not moved when the person's crop moves: both frames are seen in crops of their
        # own, and a correlation answers the same wherever in the crop the pattern is.
        return KeySlot(KEY), StateSlot(KERNELS, NEXT_KERNELS, (self.small.channels, 7, 7))

    @property
    def starter(self) -> Starter:
        """When a person starts anew."""
        return Starter(self.min_score, self.every)


@dataclass(frozen=True, slots=True)
class StretchConfig:
    """Training samples: stretches of `num_frames` frames of one person, from random frames on.

    A sample has one random transform and one change of colours. `curriculum` has pairs (step,
    frames): before that step stretches are so long; those of two frames are single transitions,
    from the true maps of the first frame with normal noise of `noise`. A share of `beside_share` of
    the samples are `data.beside`: only the frame before tells who is meant. Joints that a set does not
    label are taught by the initializer with `unlabelled_weight`; for the others its maps have
    `taught_share` in what is learned, the labels the rest. `validation` is the set to score on; if
    empty, jhmdb-val or else synth-val.
    """

    sources: tuple[str, ...] = ("jhmdb",)
    augmentation: Augmentation = Augmentation(half_body_share=0.0)
    num_frames: int = 5
    curriculum: tuple[tuple[int, int], ...] = ()
    noise: float = 0.05
    absent_weight: float = 0.5
    unlabelled_weight: float = 0.0
    taught_share: float = 0.0
    beside_share: float = 0.0
    validation: str = ""
    num_synth_scenes: int = 400

    def __post_init__(self) -> None:
        check_length("sources", self.sources, 1000)
        check_ranges(self, num_frames=(2, 64), taught_share=(0, 1), beside_share=(0, 1))
        check_ranges(self, noise=(0, 10), absent_weight=(0, 1000), unlabelled_weight=(0, 1000))
        check_ranges(self, num_synth_scenes=(1, 10**6))
        check_range("curriculum", [until for until, _ in self.curriculum], 0, 10**9)
        check_range("curriculum", [frames for _, frames in self.curriculum], 2, self.num_frames)
        self.augmentation.refuse(
            ("half_body_share", "damage_share", "neighbour_share", "glare_share"),
            "a stretch of frames is augmented as a whole",
        )

    def frames_at(self, step: int) -> int:
        """How many frames the stretches of a step have."""
        early = (frames for until, frames in self.curriculum if step < until)
        return next(early, self.num_frames)

    def set_names(self) -> tuple[str, ...]:
        """The sets used for training and validation."""
        return (*self.sources, *filter(None, [self.validation]))

    def synth_only(self) -> StretchConfig:
        """The same without real data and with few scenes, for trying things out."""
        return replace(self, sources=("synth",), validation="synth-val", num_synth_scenes=12)


Settings = Recipe[DKDConfig, StretchConfig]
"""The recipe type of this system."""
