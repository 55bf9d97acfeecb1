"""Cards: everything needed to use weights correctly, stored inside each `.onnx` file.

A `Card` is an `EncoderCard`, `PoseCard`, `StarterCard`, `DetectorCard`, `EmbeddingCard` or `LiftCard`,
distinguished by `kind`. The slots of a `PoseCard` name the inputs of its graph and say what fills
each of them.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from glpose.clip import Border, Pad, Pool, Similarity, SoftmaxOver
from glpose.codecs.codec import Codec
from glpose.codecs.known import codec_from_plain
from glpose.config import check_range, from_plain
from glpose.errors import BadConfig
from glpose.skeleton import Skeleton, by_name
from glpose.types import CropSpec

NeighbourBox = Literal["exact", "own"]

# Bounds of what a card may say; a damaged one would else ask for all memory.
_FAR, _MANY, _MOST_VALUES = 10_000, 1000, 2**24

CARD_KEY = "glpose.card"
"""The key of the ONNX metadata that holds the card as JSON."""

CARD_VERSION = 2
"""The version that is written; version 1 (glpose 0.1 and 0.2) can be read, too."""


@dataclass(frozen=True, slots=True)
class KeySlot:
    """The features of the key crop: (n, channels, h, w)."""

    name: str = "key"
    kind: Literal["key"] = "key"


@dataclass(frozen=True, slots=True)
class NeighbourSlot:
    """Features of the person in other frames: (n, len(offsets), channels, h, w).

    `offsets` are in frames relative to the key, in input order. `border` says what fills an offset
    where the person is absent (`clip.local_frames`); `box` which box crops the neighbours: that of
    the key frame ("exact") or the person's own in each frame ("own", so that features are reused).
    `flow`, if not empty, names a second input: how far each pixel of the key's maps has moved in the
    maps of each neighbour, in pixels of the maps, x first: (n, len(offsets), 2, h, w).
    """

    name: str
    offsets: tuple[int, ...]
    border: Border = "clamp"
    box: NeighbourBox = "own"
    flow: str = ""
    kind: Literal["neighbours"] = "neighbours"

    def __post_init__(self) -> None:
        if not self.offsets or 0 in self.offsets:
            raise BadConfig(
                f"slot '{self.name}' has offsets {list(self.offsets)}; expected at least one, none "
                "of them 0"
            )
        check_range(f"slot '{self.name}': offsets", self.offsets, -_FAR, _FAR)


@dataclass(frozen=True, slots=True)
class SimilarSlot:
    """Features of the most similar crops of the video: (n, num, channels, h, w).

    The `num` best of `num_candidates` crops sampled from the video, from people with a box score
    above `min_score`; the other settings are passed to the functions of `clip`. `weight` names a
    second input, the weights of the crops: (n, num, 1), or (n, num, channels) if per channel.
    """

    name: str
    weight: str
    num: int
    num_candidates: int = 20
    min_score: float = 0.6
    similarity: Similarity = "dot"
    temperature: float = 1.0
    softmax_over: SoftmaxOver = "kept"
    pool: Pool = "other_frames"
    pad: Pad = "repeat"
    kind: Literal["similar"] = "similar"

    def __post_init__(self) -> None:
        slot = f"slot '{self.name}'"
        if self.num < 1:
            raise BadConfig(f"{slot} takes {self.num} crops; expected 1 or more")
        check_range(f"{slot}: num", self.num, 1, _MANY)
        check_range(f"{slot}: num_candidates", self.num_candidates, 1, _MANY)
        check_range(f"{slot}: min_score", self.min_score, 0, 1)
        check_range(f"{slot}: temperature", self.temperature, 1e-6, 1e6)


@dataclass(frozen=True, slots=True)
class StateSlot:
    """The graph's last `output` for the same person: (n, *shape), float32.

    Zeros for a new person, or one last seen more than `max_gap` frames ago; with a `Starter` such
    people are not given to this graph.
    """

    name: str
    output: str
    shape: tuple[int, ...]
    max_gap: int = 1
    kind: Literal["state"] = "state"

    def __post_init__(self) -> None:
        check_range(f"slot '{self.name}': shape", self.shape, 1, 2**16)
        check_range(f"slot '{self.name}': max_gap", self.max_gap, 1, _FAR)
        if math.prod(self.shape) > _MOST_VALUES:
            raise BadConfig(
                f"slot '{self.name}' holds {math.prod(self.shape)} numbers for each person; "
                f"expected at most {_MOST_VALUES}"
            )


Slot = KeySlot | NeighbourSlot | SimilarSlot | StateSlot


@dataclass(frozen=True, slots=True)
class Starter:
    """A graph is there for people without states: crops to maps and to every state's output.

    A person's states are dropped after a frame in which the mean score of the joints, as decoded,
    is below `min_score`, and after `every` frames, counted from the start, if that is not 0.
    """

    min_score: float = 0.2
    every: int = 0

    def __post_init__(self) -> None:
        check_range("starter.min_score", self.min_score, 0, 1)
        check_range("starter.every", self.every, 0, _FAR)


@dataclass(frozen=True, slots=True)
class Shared:
    """The encoder of another model in place of a graph of one's own.

    `file` is its name, in the same folder or among the shipped weights, `sha256` its digest,
    `features` the output that the solver sees.
    """

    file: str
    sha256: str
    features: str = "features"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w-][\w.-]*\.onnx", self.file):
            raise BadConfig(f"the shared file is '{self.file}'; expected the name of an .onnx file")
        if not re.fullmatch("[0-9a-f]{64}", self.sha256):
            raise BadConfig(
                f"the digest of {self.file} is '{self.sha256}'; expected 64 hexadecimal digits"
            )


def _inputs_of(slot: Slot) -> tuple[str, ...]:
    """The names of the graph's inputs that a slot fills."""
    if isinstance(slot, SimilarSlot):
        return slot.name, slot.weight
    if isinstance(slot, NeighbourSlot) and slot.flow:
        return slot.name, slot.flow
    return (slot.name,)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Metadata of all kinds of weights."""

    name: str
    version: str
    trained_on: tuple[str, ...]
    terms: str
    licence: str
    source: str
    made_by: dict[str, str]
    scores: dict[str, str] = field(default_factory=dict)
    card_version: int = CARD_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderCard(About):
    """Crops to features. `partner` is a digest shared by graphs that were exported together."""

    kind: Literal["encoder"] = "encoder"
    crop: CropSpec
    partner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseCard(About):
    """Slots of features to joint maps, which `codec` decodes.

    With `order` "in_time" the graph gets the keys of a person in temporal order, at most one per
    call, as `StateSlot`s require; with "any" keys of several frames may share a call.

    `calibration` are points (score, share of correct joints) of a rising, piecewise linear
    function that turns the codec's scores into probabilities, see `metrics.calibration`; without
    points they stay as they are.

    `answers`: the encoder's graph also outputs the codec's maps of each crop alone. `encoder`: it
    is that of another model. `starter`: there is a graph for people without states. `summarises`:
    slots of neighbours hold summaries in place of features, which another graph makes of each
    crop's features and answer, see `SummaryCard`.
    """

    kind: Literal["fusion"] = "fusion"
    skeleton: str
    crop: CropSpec
    codec: Codec
    slots: tuple[Slot, ...] = (KeySlot(),)
    order: Literal["any", "in_time"] = "any"
    answers: bool = False
    summarises: bool = False
    encoder: Shared | None = None
    starter: Starter | None = None
    calibration: tuple[tuple[float, float], ...] = ()
    partner: str = ""

    def __post_init__(self) -> None:
        names = self.inputs
        if len(set(names)) < len(names):
            raise BadConfig(f"the slots {', '.join(names)} have a name twice; expected each once")
        for point in self.calibration:
            if not (0 < point[0] <= 1 and 0 <= point[1] <= 1):
                raise BadConfig(
                    f"calibration has the point {list(point)}; expected a score above 0 and at "
                    "most 1, and a probability from 0 to 1"
                )
        for knots in zip(self.calibration, self.calibration[1:], strict=False):
            if not (knots[0][0] < knots[1][0] and knots[0][1] <= knots[1][1]):
                raise BadConfig(
                    f"calibration goes from {list(knots[0])} to {list(knots[1])}; expected scores "
                    "and probabilities that rise"
                )
        if self.states and self.order != "in_time":
            raise BadConfig(
                f"slot '{self.states[0].name}' keeps a state, but the order is '{self.order}'; "
                "expected 'in_time'"
            )
        if self.summarises and not (self.answers and self.neighbours):
            raise BadConfig(
                "the card says that crops are summarised for slots of neighbours; expected such a "
                "slot, and an encoder that answers"
            )
        if self.starter is not None and not self.states:
            raise BadConfig(
                "the card has a starter, but no slot that keeps a state; expected both or neither"
            )

    @property
    def joints(self) -> Skeleton:
        """The joints of the poses."""
        return by_name(self.skeleton)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the graph's inputs, in the order of the slots."""
        return tuple(name for slot in self.slots for name in _inputs_of(slot))

    @property
    def features(self) -> str:
        """The name of the encoder's output that the solver sees."""
        return "features" if self.encoder is None else self.encoder.features

    @property
    def maps(self) -> tuple[str, ...]:
        """The names of the codec's maps."""
        return tuple(self.codec.channels(len(self.joints.joints)))

    @property
    def neighbours(self) -> tuple[NeighbourSlot, ...]:
        """The slots of neighbours in time."""
        return tuple(slot for slot in self.slots if isinstance(slot, NeighbourSlot))

    @property
    def similar(self) -> tuple[SimilarSlot, ...]:
        """The slots of similar crops."""
        return tuple(slot for slot in self.slots if isinstance(slot, SimilarSlot))

    @property
    def states(self) -> tuple[StateSlot, ...]:
        """The slots of recurrent states."""
        return tuple(slot for slot in self.slots if isinstance(slot, StateSlot))

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the graph's outputs: the codec's maps, then the states."""
        return (*self.maps, *(slot.output for slot in self.states))


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterCard(About):
    """Crops to the maps and states of a `PoseCard` with the same `partner`.

    With an `initializer`, which then gives the maps, the graph makes the states of these maps and
    the encoder's `features`.
    """

    kind: Literal["starter"] = "starter"
    crop: CropSpec
    partner: str = ""
    initializer: Shared | None = None


SUMMARY = "summary"
"""The output of a graph that summarises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryCard(About):
    """Features and maps of each crop alone to a `SUMMARY` (n, channels, h, w) of any size.

    For a `PoseCard` with the same `partner`. A summary depends on its crop alone: what all keys
    need of a neighbour is made once.
    """

    kind: Literal["summary"] = "summary"
    partner: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorCard(About):
    """The detector's input: the picture's aspect ratio, with about the area of `size_hw`.

    Where a picture is searched closely, the detector runs a second time on a larger input, of about
    the area of `fine_size_hw`, or of the picture if that is less, and adds people whose longer box
    side would be below `fine_side_px` in the former, see `BoxDetector.small_people`. `fill` is the grey
    of the padding.
    """

    kind: Literal["detector"] = "detector"
    size_hw: tuple[int, int]
    strides: tuple[int, ...]
    iou_limit: float
    min_score: float
    fill: int = 114
    fine_size_hw: tuple[int, int] | None = None
    fine_side_px: float = 0.0

    def __post_init__(self) -> None:
        check_range("size_hw", self.size_hw, 32, 8192)
        if not self.strides:
            raise BadConfig("strides is empty; expected at least one stride in pixels")
        check_range("strides", self.strides, 1, 1024)
        check_range("iou_limit", self.iou_limit, 0, 1)
        check_range("min_score", self.min_score, 0, 1)
        check_range("fill", self.fill, 0, 255)
        check_range("fine_side_px", self.fine_side_px, 0, 8192)
        if self.fine_size_hw is not None:
            check_range("fine_size_hw", self.fine_size_hw, 32, 8192)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingCard(About):
    """Crops to two vectors with so many values: appearance stays, pose changes from frame to frame."""

    kind: Literal["embedding"] = "embedding"
    crop: CropSpec
    appearance: int
    pose: int

    def __post_init__(self) -> None:
        check_range("appearance", self.appearance, 1, 2**16)
        check_range("pose", self.pose, 1, 2**16)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftCard(About):
    """Tracks of joints in the picture to a pose in space, see `runtime.lift`.

    `window` is the odd number of samples of a track that make one pose, the middle one's;
    `rate_hz` the samples in a second that it was trained on. Poses are relative to the mean of the
    joints `root`, in metres or in statures of the person.

    `frame` "person": joints are given relative to the person's middle and size, poses are in the
    frame of a camera turned to the person. "camera": joints are given relative to the middle and
    the width of the picture, poses are in the camera's own frame; such weights are for the cameras
    that they were trained on.
    """

    kind: Literal["lift"] = "lift"
    skeleton: str
    window: int
    rate_hz: float
    root: tuple[str, ...]
    unit: Literal["metres", "statures"] = "statures"
    frame: Literal["person", "camera"] = "person"

    def __post_init__(self) -> None:
        check_range("window", self.window, 1, _MANY)
        if self.window % 2 == 0:
            raise BadConfig(f"window is {self.window}; expected an odd number of samples")
        check_range("rate_hz", self.rate_hz, 1, _MANY)
        if not self.root:
            raise BadConfig("root is empty; expected at least one joint")

    @property
    def joints(self) -> Skeleton:
        """The joints of the tracks and of the poses."""
        return by_name(self.skeleton)


Card = EncoderCard | PoseCard | StarterCard | SummaryCard | DetectorCard | EmbeddingCard | LiftCard

KINDS: dict[str, type[Card]] = {
    "encoder": EncoderCard,
    "fusion": PoseCard,
    "starter": StarterCard,
    "summary": SummaryCard,
    "detector": DetectorCard,
    "embedding": EmbeddingCard,
    "lift": LiftCard,
}
"""The types of cards by their kind."""


def card_from_plain(data: Mapping[str, Any]) -> Card:
    """A card from plain data of version 1 or 2. Raises: BadConfig naming the key that is wrong."""
    version = data.get("card_version")
    if version not in (1, CARD_VERSION):
        raise BadConfig(f"it has version {version}, expected {CARD_VERSION} or 1")
    if version == 1:
        data = _from_version_1(data)
    kind = data.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadConfig(f"Card.kind: expected {' or '.join(map(repr, KINDS))}, found {kind!r}")
    if data.get("codec") is not None:
        data = {**data, "codec": codec_from_plain(data["codec"], "Card.codec")}
    return from_plain(KINDS[kind], data, "Card")


def _from_version_1(old: Mapping[str, Any]) -> dict[str, Any]:
    """Convert cards of glpose 0.1 and 0.2, which had one type for all kinds and fixed slot names."""
    tables = ("skeleton", "crop", "heatmap", "fusion", "detector", "partner")
    data = {key: value for key, value in old.items() if key not in tables}
    data["card_version"] = CARD_VERSION
    kind = old.get("kind")
    if kind == "detector":
        return {**data, **_table(old, "detector")}
    given = {key: old.get(key) for key in ("crop", "partner") if old.get(key) is not None}
    if kind == "encoder":
        return {**data, **given}
    fusion = _table(old, "fusion") if old.get("fusion") is not None else {}
    slots: list[dict[str, Any]] = [{"kind": "key"}]
    if fusion.get("offsets"):
        slots.append({"kind": "neighbours", "name": "local", "offsets": fusion["offsets"]})
        renamed = {"border": "border", "neighbour_box": "box"}
        slots[-1] |= {new: fusion[key] for key, new in renamed.items() if key in fusion}
    if fusion.get("num_global"):
        slots.append(
            {"kind": "similar", "name": "global", "weight": "global_weight"}
            | {"num": fusion["num_global"]}
        )
        known = ("num_candidates", "min_score", "similarity", "temperature")
        slots[-1] |= {k: fusion[k] for k in (*known, "softmax_over", "pool", "pad") if k in fusion}
    if old.get("heatmap") is not None:
        data["codec"] = {"kind": "gaussian", "heatmap": old["heatmap"]}
    if old.get("skeleton") is not None:
        data["skeleton"] = old["skeleton"]
    return {**data, **given, "slots": slots}


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    if not isinstance(found, Mapping):
        raise BadConfig(f"Card.{name}: expected a table, found {found!r}")
    return found
