"""Settings of GLPose, including all that the paper leaves open. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from glpose.clip import (
    Border,
    LocalWeight,
    Pad,
    Pool,
    Similarity,
    SoftmaxOver,
    local_offsets,
)
from glpose.codecs.gaussian import GaussianCodec
from glpose.config import check_length, check_ranges
from glpose.errors import BadConfig
from glpose.nets.spec import (
    BLOCKS,
    CHANNELS,
    EncoderConfig,
    HeadType,
    HRNetConfig,
    LossConfig,
    check_crop,
    heatmap_of,
)
from glpose.runtime.card import KeySlot, NeighbourBox, NeighbourSlot, SimilarSlot, Slot
from glpose.skeleton import Skeleton, by_name
from glpose.train.data.augment import Augmentation
from glpose.train.data.people import Order
from glpose.train.recipe import Recipe
from glpose.types import CropSpec, HeatmapSpec

SLOT_NAMES = KEY, LOCAL, GLOBAL, GLOBAL_WEIGHT = "key", "local", "global", "global_weight"
"""The inputs of the fusion, in the order of `Fusion.forward`."""


@dataclass(frozen=True, slots=True)
class LocalConfig:
    """Neighbouring frames t-k..t+k (eq. 2). `box`: the box they are cut with.

    `stride` (ours) takes every n-th frame: the same number of slots over a longer time span.
    """

    k: int = 4
    stride: int = 1
    weight: LocalWeight = "linear"
    border: Border = "clamp"
    box: NeighbourBox = "exact"

    def __post_init__(self) -> None:
        check_ranges(self, "local.", k=(0, 1000), stride=(1, 1000))


@dataclass(frozen=True, slots=True)
class GlobalConfig:
    """Similar crops of the video (eq. 3). `n` of `num_candidates` are used.

    Candidates are ranked by the averaged finest branch of stage `rank_stage`: 3 are the encoder's
    own features, 2 is an HRNet's stage 2. `min_score` applies to detected boxes only; `augment`
    is the augmentation of candidates in training, colours included.
    """

    n: int = 6
    num_candidates: int = 20
    similarity: Similarity = "dot"
    softmax_over: SoftmaxOver = "kept"
    rank_stage: Literal[2, 3] = 3
    temperature: float = 1.0
    pool: Pool = "other_frames"
    min_score: float = 0.6
    pad: Pad = "repeat"
    augment: Literal["none", "own", "same"] = "none"

    def __post_init__(self) -> None:
        check_ranges(self, "global_.", num_candidates=(0, 1000), n=(0, 1000))
        check_ranges(self, "global_.", temperature=(1e-6, 1e6), min_score=(0, 1))


@dataclass(frozen=True, slots=True)
class AggregateConfig:
    """Basic blocks over all slots (eq. 4). `channels` 0: as many as the encoder."""

    channels: int = 0
    num_blocks: int = 3

    def __post_init__(self) -> None:
        check_ranges(self, "aggregate.", channels=(0, CHANNELS[1]), num_blocks=BLOCKS)


@dataclass(frozen=True, slots=True)
class EnhanceConfig:
    """Feature enhancement (eq. 5). `mask` is per pixel and channel, or per pixel."""

    enabled: bool = True
    encoder: Literal["conv3x3", "conv1x1", "block"] = "conv3x3"
    mask: Literal["channels", "one"] = "channels"
    aggregate: Literal["block", "conv", "add"] = "block"


@dataclass(frozen=True, slots=True)
class QueriesConfig:
    """Joint queries in place of the paper's fusion, see `queries`: sizes of their transformer."""

    channels: int = 64
    num_blocks: int = 2
    num_heads: int = 4

    def __post_init__(self) -> None:
        check_ranges(self, "queries.", channels=CHANNELS, num_heads=CHANNELS, num_blocks=BLOCKS)
        if self.channels % self.num_heads:
            raise BadConfig(
                f"queries.channels is {self.channels}; expected a multiple of the "
                f"{self.num_heads} of queries.num_heads"
            )


HeadInput = Literal["enhanced", "aggregated"]
"""F of equation 5, or S of equation 4."""


@dataclass(frozen=True, slots=True)
class GLPoseConfig:
    """The network of the paper; the defaults are the paper's, W48 at 384x288.

    `start` "paper" draws all new weights from normal(0, 0.001). "single" (ours) starts as the
    single-frame network: the fused features are added to the key's through a 1x1 convolution
    initialised to zero, so that the first outputs equal the single-frame network's.

    `single_head` (ours) keeps the head of the single-frame run that training starts from, frozen
    like the encoder, beside the fusion: it says what one frame alone shows. `queries`, which need
    it, replace the fusion (aggregate, enhance, head, start) by joint queries.
    """

    backbone: EncoderConfig = field(default_factory=HRNetConfig)
    crop: CropSpec = CropSpec((384, 288), anchor="msra")
    sigma_px: float = 3.0
    rounded: bool = True
    mapping: Literal["centre", "origin"] = "origin"
    decode: Literal["quarter", "dark"] = "quarter"
    skeleton: Literal["posetrack15", "posetrack17", "jhmdb15", "body19"] = "posetrack15"
    local: LocalConfig = LocalConfig()
    global_: GlobalConfig = GlobalConfig()
    aggregate: AggregateConfig = AggregateConfig()
    enhance: EnhanceConfig = EnhanceConfig()
    head: HeadType = "conv3x3"
    head_input: HeadInput = "enhanced"
    loss: LossConfig = LossConfig()
    start: Literal["paper", "single"] = "paper"
    freeze: bool = True
    bn_eval: bool = True
    single_head: HeadType | None = None
    queries: QueriesConfig | None = None

    def __post_init__(self) -> None:
        check_crop(self.crop, self.backbone.crop_multiple)
        if self.global_.n > self.global_.num_candidates:
            raise BadConfig(
                f"global_.n is {self.global_.n}, but only {self.global_.num_candidates} "
                "candidates are drawn; expected 0 <= n <= num_candidates"
            )
        _ = self.slots, self.heatmap  # which check their own settings
        if self.global_.rank_stage == 2 and not isinstance(self.backbone, HRNetConfig):
            raise BadConfig(
                "global_.rank_stage is 2, a stage of an HRNet, but the backbone is another network; "
                "expected 3, its features themselves"
            )
        self._check_single_head()
        width = self.backbone.channels
        if self.start == "single" and self.channels != width:
            raise BadConfig(
                f"start 'single' adds features of {self.channels} channels to the key's "
                f"{width}; leave aggregate.channels at 0"
            )
        is_enhanced = self.enhance.enabled and self.head_input == "enhanced"
        if is_enhanced and self.enhance.aggregate == "add" and self.channels != width:
            raise BadConfig(
                f"enhance.aggregate 'add' adds features of {self.channels} channels to the key's "
                f"{width}; leave aggregate.channels at 0"
            )

    def _check_single_head(self) -> None:
        if self.single_head and not self.freeze:
            raise BadConfig(
                "single_head is the head of a frozen encoder, but freeze is False; expected "
                "freeze=True, or single_head=None"
            )
        if self.queries and not (self.single_head and self.offsets and self.global_.n == 0):
            raise BadConfig(
                "queries read the single-frame head's maps of the key and its neighbours; expected "
                f"a single_head, local.k of at least 1 and global_.n=0, found {self.single_head}, "
                f"{self.local.k} and {self.global_.n}"
            )

    @property
    def offsets(self) -> tuple[int, ...]:
        return local_offsets(self.local.k, self.local.stride)

    @property
    def joints(self) -> Skeleton:
        """The joints, one heatmap each."""
        return by_name(self.skeleton)

    @property
    def num_joints(self) -> int:
        """Number of joints."""
        return len(self.joints.joints)

    @property
    def channels(self) -> int:
        """Channels of the aggregated features."""
        return self.aggregate.channels or self.backbone.channels

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
    def codec(self) -> GaussianCodec:
        """How joints are written as heatmaps."""
        return GaussianCodec(self.heatmap)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """How the runtime fills the inputs of the fusion."""
        slots: list[Slot] = [KeySlot(KEY)]
        if self.offsets:
            slots.append(NeighbourSlot(LOCAL, self.offsets, self.local.border, self.local.box))
        g = self.global_
        if g.n:
            slots.append(
                SimilarSlot(
                    GLOBAL,
                    GLOBAL_WEIGHT,
                    g.n,
                    num_candidates=g.num_candidates,
                    min_score=g.min_score,
                    similarity=g.similarity,
                    temperature=g.temperature,
                    softmax_over=g.softmax_over,
                    pool=g.pool,
                    pad=g.pad,
                )
            )
        return tuple(slots)


@dataclass(frozen=True, slots=True)
class ClipConfig:
    """How training samples are made.

    A share `damage_share` of the key crops is blurred, noised, shrunk or covered, so that the other
    frames have something to add; `neighbour_damage_share` is the same for local slots, since real
    damage lasts; `damage_run` damages up to that many frames in a row, the key among them.

    `features` "cached" encodes `num_variants` differently augmented copies of every track, with
    every `damaged_stride`-th crop also damaged; they are seeded by `feature_seed`, not by the run's
    seed, so that runs with different seeds share them. Damaged keys are drawn among those crops,
    but a neighbour without a damaged copy stays whole: only one in `damaged_stride` of the share is
    damaged, and `damage_run` needs a stride of 1. "online" cuts and encodes crops for every sample.

    `order` "epochs" (online only) takes every labelled person once per epoch; "random" draws all
    sets equally often (cached: in proportion to their size). `clip_boxes` clips boxes to the
    picture as the HRNet family does. `unlabelled_weight` is the weight of joints that a set does
    not label: there the clean key's maps of `single_head` are the targets.

    Boxes: `box_noise` shifts each edge in each frame, `box_drift` is a shift and a scale that
    changes slowly along a track, so that it is almost the same in a window (both: standard
    deviations as shares of the box's sides), and `box_lag` takes the box of the frame before. The
    last two are what a tracker does to boxes; only cached features have them, as `damage_run` and
    `unlabelled_weight`. `validation` is the set to score on; if empty, jhmdb-val or else synth-val.
    """

    sources: tuple[str, ...] = ("jhmdb", "synth")
    features: Literal["online", "cached"] = "online"
    num_variants: int = 2
    damaged_stride: int = 2
    feature_seed: int = 0
    order: Order = "random"
    augmentation: Augmentation = Augmentation()
    damage_share: float = 0.0
    neighbour_damage_share: float = 0.0
    damage_run: int = 1
    box_noise: float = 0.0
    box_drift: float = 0.0
    box_lag: bool = False
    unlabelled_weight: float = 0.0
    clip_boxes: bool = False
    validation: str = ""
    num_synth_scenes: int = 400
    absent_weight: float = 0.5

    def __post_init__(self) -> None:
        check_length("sources", self.sources, 1000)
        share, weight, count = (0, 1), (0, 1000), (1, 1000)
        check_ranges(self, num_variants=count, damaged_stride=count, damage_run=count)
        check_ranges(self, damage_share=share, neighbour_damage_share=share)
        check_ranges(self, box_noise=share, box_drift=share, feature_seed=(0, 2**63 - 1))
        check_ranges(self, unlabelled_weight=weight, absent_weight=weight)
        check_ranges(self, num_synth_scenes=(1, 10**6))

    def set_names(self) -> tuple[str, ...]:
        """The sets used for training and validation."""
        return (*self.sources, *filter(None, [self.validation]))

    def synth_only(self) -> ClipConfig:
        """The same without real data and with few scenes, for trying things out."""
        return replace(self, sources=("synth",), validation="synth-val", num_synth_scenes=12)


Settings = Recipe[GLPoseConfig, ClipConfig]
"""The recipe type of this system."""


def with_sources(
    config: GLPoseConfig, *, k: int | None = None, n: int | None = None
) -> GLPoseConfig:
    """The same network with other numbers of local and global slots, for ablations."""
    local = config.local if k is None else replace(config.local, k=k)
    global_ = config.global_ if n is None else replace(config.global_, n=n)
    return replace(config, local=local, global_=global_)
