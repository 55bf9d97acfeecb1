"""`Card`: everything needed to use weights correctly. It travels inside the `.onnx` file."""

from dataclasses import dataclass, field

from glpose.types import ClipSpec, CropSpec, HeatmapSpec

CARD_KEY = "glpose.card"
"""The key of the ONNX metadata that holds the card as JSON."""

CARD_VERSION = 1
"""Cards of another version are refused."""


@dataclass(frozen=True, slots=True)
class FusionCard:
    """How the fusion graph wants its slots.

    `offsets` are the local slots in input order, `local_weight` their weights T(d); of `num_global`
    global slots, the most similar of `num_candidates` drawn crops with box score of at least
    `min_score` are used; their weights are a softmax of dot products over `temperature`.
    """

    offsets: tuple[int, ...]
    local_weight: tuple[float, ...]
    num_global: int
    num_candidates: int
    min_score: float
    temperature: float
    similarity: str
    softmax_over: str
    border: str
    pool: str
    neighbour_box: str


@dataclass(frozen=True, slots=True)
class DetectorCard:
    """How the detector wants its picture: letterboxed to fit `size_hw`, padded to its stride."""

    size_hw: tuple[int, int]
    strides: tuple[int, ...]
    iou_limit: float
    min_score: float
    fill: int = 114


@dataclass(frozen=True, slots=True)
class Card:
    """A screenful about one set of weights.

    `kind` is "encoder", "fusion" (a single-frame head is one without slots) or "detector";
    `partner` is the digest that binds an encoder and a fusion graph exported together.
    """

    name: str
    version: str
    kind: str
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
    clip: ClipSpec | None = None
    fusion: FusionCard | None = None
    detector: DetectorCard | None = None
    partner: str | None = None
