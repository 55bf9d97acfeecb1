"""Settings of the person detector and its card. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from glpose.config import check_length, check_pairs, check_range, check_ranges
from glpose.errors import BadConfig
from glpose.export.terms import about
from glpose.nets.spec import CHANNELS, LiteBodyConfig
from glpose.runtime.card import DetectorCard
from glpose.train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class AssignmentConfig:
    """Task-aligned assignment, and the weights of the losses.

    A person gets its `num_points` best points, ranked by score^`score_power` * IoU^`iou_power`.

    Source: Feng et al., TOOD, ICCV 2021, section 3.3: 13 points, powers 1 and 6. We take a power
    of 0.5 because scores are all alike when training starts.
    """

    num_points: int = 10
    score_power: float = 0.5
    iou_power: float = 6.0
    score_weight: float = 1.0
    box_weight: float = 2.5

    def __post_init__(self) -> None:
        check_ranges(self, "assignment.", num_points=(1, 1000))
        check_ranges(self, "assignment.", score_power=(0, 100), iou_power=(0, 100))
        check_ranges(self, "assignment.", score_weight=(0, 1e6), box_weight=(0, 1e6))


@dataclass(frozen=True, slots=True)
class PersonDetectorConfig:
    """Sizes of the network and how to run it.

    `neck_width` are the channels of the pyramid and the heads at strides 8, 16 and 32. `size_hw`
    sets the input area at run time: other aspect ratios get a shape of about the same area.
    `assignment` is used in training only. All numbers are ours, chosen for two CPU cores.
    """

    backbone: LiteBodyConfig = field(default_factory=LiteBodyConfig)
    neck_width: int = 64
    size_hw: tuple[int, int] = (320, 512)
    iou_limit: float = 0.5
    min_score: float = 0.1
    assignment: AssignmentConfig = AssignmentConfig()

    def __post_init__(self) -> None:
        check_ranges(self, neck_width=CHANNELS, size_hw=(32, 8192))
        check_ranges(self, iou_limit=(0, 1), min_score=(0, 1))

    @property
    def strides(self) -> tuple[int, int, int]:
        """Pixels between the points of each level; fixed by the architecture."""
        return (8, 16, 32)


@dataclass(frozen=True, slots=True)
class BoxDataConfig:
    """The mixture of training sets and the augmentation; sizes in pixels, all numbers ours.

    A sample is one picture or, with probability `mosaic_share`, four pictures around a random
    centre (Bochkovskiy et al., YOLOv4, 2020). A set without a folder is left out.

    `*_share`: relative weight of each set; `*_stride`: take every n-th picture or frame.
    `synth_frames`: pictures per synthetic scene. `store_side_px`: short side of cached pictures.
    `sizes_hw`: input shapes, one per batch. `zoom`: size of a picture relative to one that just
    fits; `mosaic_zoom`: the same in mosaics. `min_side_px`: smaller people are ignored in training.
    `stretch`: width over height of a picture relative to its own; `restretch`: the same for sets
    whose pictures were stretched. `turned_share`: pictures turned by one to three quarters, for
    people upside down or lying and videos on their side. `glare_share`: samples into which a light
    shines (`glpose.glare`), mostly beside or before somebody. `coco_labelled`: people less tall than this
    share of the short side have no box in COCO's joint labels. `coco_doubt`, `crowd_doubt`: a point
    outside all boxes with this score may see a person without a box, in COCO's pictures and in
    those of more than `crowd_size` people where crowds are incomplete. `keypoint_extend`: growth of
    boxes around joints to cover the whole body. `trusted_extend`: where only one person is labelled,
    background counts only within that person's box scaled by this.
    """

    person_boxes_share: float = 0.15
    person_boxes_2_share: float = 0.40
    coco_share: float = 0.25
    lspet_share: float = 0.06
    lsp_share: float = 0.02
    jhmdb_share: float = 0.06
    synth_share: float = 0.06
    lspet_stride: int = 4
    jhmdb_stride: int = 10
    num_synth_scenes: int = 120
    synth_frames: int = 6
    store_side_px: int = 416
    sizes_hw: tuple[tuple[int, int], ...] = (
        (320, 320),
        (256, 416),
        (416, 256),
        (320, 320),
        (256, 416),
        (416, 256),
        (416, 416),
    )
    zoom: tuple[float, float] = (0.7, 2.4)
    mosaic_zoom: tuple[float, float] = (0.35, 1.2)
    mosaic_share: float = 0.5
    stretch: tuple[float, float] = (0.85, 1.18)
    restretch: tuple[float, float] = (0.6, 1.7)
    turned_share: float = 0.0
    colour: float = 0.3
    blur_share: float = 0.15
    glare_share: float = 0.0
    min_side_px: float = 7.0
    coco_labelled: float = 0.13
    coco_doubt: float = 0.3
    crowd_doubt: float = 0.5
    crowd_size: int = 10
    keypoint_extend: float = 0.15
    trusted_extend: float = 1.3

    def __post_init__(self) -> None:
        check_range("the shares of sets", list(self.shares().values()), 0, 1e6)
        if not self.set_names():
            raise BadConfig("the shares of all sets are 0; expected at least one above 0")
        share, count = (0, 1), (1, 10**6)
        check_ranges(self, lspet_stride=count, jhmdb_stride=count, num_synth_scenes=count)
        check_ranges(self, synth_frames=count, store_side_px=(32, 8192))
        check_length("sizes_hw", self.sizes_hw, 1000)
        for size_hw in self.sizes_hw:
            check_range("sizes_hw", size_hw, 32, 8192)
            if any(side % 32 for side in size_hw):
                raise BadConfig(f"sizes_hw has {list(size_hw)}; expected multiples of 32")
        check_pairs(self, zoom=(0.01, 100), mosaic_zoom=(0.01, 100))
        check_pairs(self, stretch=(0.1, 10), restretch=(0.1, 10))
        check_ranges(self, mosaic_share=share, turned_share=share, blur_share=share, colour=share)
        check_ranges(self, min_side_px=(0, 8192), coco_labelled=share, crowd_size=(0, 10**6))
        check_ranges(self, glare_share=share)
        # A doubt above 1 is never reached.
        check_ranges(self, coco_doubt=(0, 2), crowd_doubt=(0, 2))
        check_ranges(self, keypoint_extend=(0, 10), trusted_extend=(0.1, 100))

    def shares(self) -> dict[str, float]:
        """The share of each set; batches are drawn in this order."""
        return {
            "person_boxes": self.person_boxes_share,
            "person_boxes_2": self.person_boxes_2_share,
            "coco": self.coco_share,
            "lspet": self.lspet_share,
            "lsp": self.lsp_share,
            "jhmdb": self.jhmdb_share,
            "synth": self.synth_share,
        }

    def set_names(self) -> tuple[str, ...]:
        """The sets that have a share."""
        return tuple(name for name, share in self.shares().items() if share > 0)

    def synth_only(self) -> BoxDataConfig:
        """The same with few scenes, for trying things out; sets without a folder are left out."""
        return replace(self, num_synth_scenes=12)


Settings = Recipe[PersonDetectorConfig, BoxDataConfig]
"""The recipe type of this system."""


_FINE_SIDE_PX = 128.0
"""Of people in the larger input, chosen among 80, 128 and 192 on pictures of `person_boxes_2` side by side."""
PAPER = "anchor-free one-stage detector after FCOS (ICCV 2019) and TOOD (ICCV 2021)"


def card(
    config: PersonDetectorConfig,
    name: str,
    sources: tuple[str, ...] = (),
    made_by: Mapping[str, str] = MappingProxyType({}),
    scores: Mapping[str, str] = MappingProxyType({}),
) -> DetectorCard:
    """The card of a network with this configuration, trained on the named sets."""
    return DetectorCard(
        **about(name, sources, f"{PAPER}, on {config.backbone.family}", made_by, scores),
        size_hw=config.size_hw,
        strides=config.strides,
        iou_limit=config.iou_limit,
        min_score=config.min_score,
        fine_size_hw=(2 * config.size_hw[0], 2 * config.size_hw[1]),
        fine_side_px=_FINE_SIDE_PX,
    )
