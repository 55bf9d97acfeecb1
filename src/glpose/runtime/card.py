"""`Card`: everything needed to use weights correctly. It travels inside the `.onnx` file."""

from dataclasses import dataclass, field
from typing import Literal

from glpose.clip import Border, Pad, Pool, Similarity, SoftmaxOver
from glpose.types import CropSpec, HeatmapSpec

NeighbourBox = Literal["exact", "own"]

CARD_KEY = "glpose.card"
"""The key of the ONNX metadata that holds the card as JSON."""

CARD_VERSION = 1
"""Cards of another version are refused."""


@dataclass(frozen=True, slots=True)
class FusionCard:
    """How the fusion graph wants its slots; the functions of `clip` take these settings.

    `offsets` are the local slots in input order (their weights are inside the graph). Of
    `num_candidates` crops drawn from the video, with a box score of at least `min_score`, the
    `num_global` most similar ones are used. `neighbour_box` says whose box cuts the neighbours:
    the key frame's ("exact") or the person's own in each frame ("own", features are reused).
    """

    offsets: tuple[int, ...] = ()
    num_global: int = 0
    num_candidates: int = 20
    min_score: float = 0.6
    similarity: Similarity = "dot"
    temperature: float = 1.0
    softmax_over: SoftmaxOver = "kept"
    border: Border = "clamp"
    pool: Pool = "other_frames"
    pad: Pad = "repeat"
    neighbour_box: NeighbourBox = "own"


@dataclass(frozen=True, slots=True)
class DetectorCard:
    """How the detector wants its picture: its own aspect, about the area of `size_hw`.

    With `fine_size_hw` the picture is looked at twice: people whose box's longer side is below
    `fine_side_px` in that larger input are taken from there too. `fill` is the grey around.
    """

    size_hw: tuple[int, int]
    strides: tuple[int, ...]
    iou_limit: float
    min_score: float
    fill: int = 114
    fine_size_hw: tuple[int, int] | None = None
    fine_side_px: float = 0.0


@dataclass(frozen=True, slots=True)
class Card:
    """A screenful about one set of weights.

    `kind` is "encoder", "fusion" (a single-frame head is one without slots) or "detector";
    `partner` is the digest that binds an encoder and a fusion graph exported together.
    """

    name: str
    version: str
    kind: Literal["encoder", "fusion", "detector"]
    trained_on: tuple[str, ...]
    terms: str
    licence: str
    source: str
    made_by: dict[str, str]
    scores: dict[str, str] = field(default_factory=dict)
    card_version: int = CARD_VERSION
    skeleton: str | None = None
    crop: CropSpec | None = None
    heatmap: HeatmapSpec | None = None
    fusion: FusionCard | None = None
    detector: DetectorCard | None = None
    partner: str | None = None
