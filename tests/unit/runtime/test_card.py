"""The cards of weights: each comes back from JSON as it was, or is refused by name."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from glpose.codecs.gaussian import GaussianCodec
from glpose.config import to_plain
from glpose.errors import BadConfig
from glpose.runtime.card import (
    Card,
    DetectorCard,
    EncoderCard,
    KeySlot,
    NeighbourSlot,
    PoseCard,
    Shared,
    SimilarSlot,
    Starter,
    StarterCard,
    StateSlot,
    SummaryCard,
    card_from_plain,
)
from glpose.types import CropSpec, HeatmapSpec

ABOUT = {
    "name": "small",
    "version": "1",
    "trained_on": ("synth", "other"),
    "terms": "none",
    "licence": "Apache-2.0",
    "source": "here",
    "made_by": {"recipe": "r"},
    "scores": {"pck@0.2": "1"},
}
CROP = CropSpec((64, 48), anchor="msra")
CODEC = GaussianCodec(HeatmapSpec((16, 12), 1.5, "origin", "quarter", rounded=True))
SLOTS = (
    KeySlot(),
    NeighbourSlot("local", (-1, 1), box="exact"),
    SimilarSlot("global", "global_weight", 2, similarity="channel"),
)
POSE = PoseCard(**ABOUT, skeleton="posetrack15", crop=CROP, codec=CODEC, slots=SLOTS, partner="abc")
RECURRENT = PoseCard(
    **ABOUT,
    skeleton="coco17",
    crop=CROP,
    codec=CODEC,
    slots=(KeySlot(), StateSlot("before", "after", (17, 16, 12), max_gap=5)),
    order="in_time",
    starter=Starter(0.3, 25),
)
OTHERS = Shared("big-1.encoder.onnx", "0f" * 32, "heatmaps")
BORROWED = replace(POSE, encoder=OTHERS)
STARTER = StarterCard(**ABOUT, crop=CROP, partner="abc", initializer=OTHERS)
SUMMARY = SummaryCard(**ABOUT, partner="abc")
ENCODER = EncoderCard(**ABOUT, crop=CROP, partner="abc")
DETECTOR = DetectorCard(
    **ABOUT, size_hw=(256, 448), strides=(8, 16, 32), iou_limit=0.6, min_score=0.3
)


@pytest.mark.parametrize("card", [POSE, BORROWED, RECURRENT, ENCODER, STARTER, SUMMARY, DETECTOR])
def test_round_trip_through_json(card: Card) -> None:
    assert card_from_plain(json.loads(json.dumps(to_plain(card)))) == card


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"kind": "lifter"},
            "Card.kind: expected 'encoder' or 'fusion' or 'starter' or 'summary' or 'detector'",
        ),
        ({"card_version": 9}, "it has version 9, expected 2 or 1"),
        ({"skelton": "coco17"}, r"unknown setting 'skelton' in Card; did you mean 'skeleton'\?"),
        ({"crop": {"size_hw": [64]}}, r"Card.crop.size_hw: expected 2 values, found \[64\]"),
        ({"trained_on": "synth"}, "Card.trained_on: expected a list, found 'synth'"),
        ({"made_by": {"steps": 3}}, "Card.made_by.steps: expected str, found 3"),
        ({"codec": {"kind": "wavelets"}}, "Card.codec.kind: expected 'composite' or 'gaussian'"),
        (
            {"codec": {"kind": []}},
            r"Card.codec.kind: expected 'composite' or 'gaussian', found \[\]",
        ),
        ({"codec": 3}, "Card.codec.kind: expected 'composite' or 'gaussian', found None"),
        ({"kind": []}, r"Card.kind: expected .*, found \[\]"),
        ({"slots": [{"kind": []}]}, r"Card.slots\[0\].kind: expected .*, found \[\]"),
        (
            {"slots": [{"kind": "neighbours", "name": "local", "offsets": ["a"]}]},
            r"Card.slots\[0\].offsets\[0\]: expected int, found 'a'",
        ),
        (
            {"slots": [{"kind": "oracle"}]},
            r"Card.slots\[0\].kind: expected 'key' or 'neighbours' or 'similar' or 'state'",
        ),
        (
            {"slots": [{"kind": "neighbours", "name": "local", "offsets": [0]}]},
            r"slot 'local' has offsets \[0\]",
        ),
        ({"slots": [{"kind": "key"}, {"kind": "key"}]}, "have a name twice"),
        (
            {"calibration": [[0.0, 0.1]]},
            r"calibration has the point \[0.0, 0.1\]; expected a score",
        ),
        ({"calibration": [[0.5, 0.1], [1.2, 0.9]]}, r"calibration has the point \[1.2, 0.9\]"),
        ({"calibration": [[0.5, 1.1]]}, r"calibration has the point \[0.5, 1.1\]"),
        ({"calibration": [[0.5, 0.1], [0.5, 0.2]]}, r"goes from \[0.5, 0.1\] to \[0.5, 0.2\]"),
        (
            {"slots": [{"kind": "state", "name": "s", "output": "t", "shape": [1]}]},
            "keeps a state, but the order is 'any'",
        ),
        ({"starter": {}}, "has a starter, but no slot that keeps a state"),
        ({"summarises": True}, "summarised for slots of neighbours; expected such a slot, and an"),
        (
            {"summarises": True, "answers": True, "slots": [{"kind": "key"}]},
            "summarised for slots of neighbours",
        ),
        ({"starter": {"min_scores": 1}}, "unknown setting 'min_scores' in Card.starter"),
    ],
)
def test_a_wrong_card_is_refused_by_the_name_of_the_key(change: dict, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        card_from_plain(to_plain(POSE) | change)


def test_a_card_written_before_there_were_starters_has_none() -> None:
    plain = to_plain(POSE)
    del plain["starter"]
    assert card_from_plain(plain) == POSE


def test_a_card_without_a_licence_is_refused() -> None:
    plain = to_plain(POSE)
    del plain["licence"]
    with pytest.raises(BadConfig, match="Card: the setting 'licence' is missing"):
        card_from_plain(plain)


FIRST = {
    **to_plain(ABOUT),
    "card_version": 1,
    "skeleton": None,
    "crop": None,
    "heatmap": None,
    "fusion": None,
    "detector": None,
    "partner": None,
}
"""A card as glpose 0.1 and 0.2 wrote it, without anything that only some kinds have."""

FIRST_POSE = FIRST | {
    "skeleton": "posetrack15",
    "crop": to_plain(CROP),
    "heatmap": to_plain(CODEC.heatmap),
    "fusion": {
        "offsets": [-1, 1],
        "num_global": 2,
        "num_candidates": 20,
        "min_score": 0.6,
        "similarity": "channel",
        "temperature": 1.0,
        "softmax_over": "kept",
        "border": "clamp",
        "pool": "other_frames",
        "pad": "repeat",
        "neighbour_box": "exact",
    },
    "partner": "abc",
}


def test_cards_of_the_first_version_open_as_those_of_the_second() -> None:
    assert card_from_plain(FIRST_POSE | {"kind": "fusion"}) == POSE
    assert card_from_plain(FIRST_POSE | {"kind": "encoder"}) == ENCODER
    detector = {
        "size_hw": [256, 448],
        "strides": [8, 16, 32],
        "iou_limit": 0.6,
        "min_score": 0.3,
        "fill": 114,
        "fine_size_hw": None,
        "fine_side_px": 0.0,
    }
    assert card_from_plain(FIRST | {"kind": "detector", "detector": detector}) == DETECTOR


def test_a_single_frame_card_of_the_first_version_has_the_key_alone() -> None:
    alone = {"offsets": [], "num_global": 0}
    card = card_from_plain(FIRST_POSE | {"kind": "fusion", "fusion": alone})
    assert isinstance(card, PoseCard)
    assert card.slots == (KeySlot(),)
    assert card.inputs == ("key",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "fusion", "heatmap": None}, "the setting 'codec' is missing"),
        ({"kind": "fusion", "crop": None}, "the setting 'crop' is missing"),
        ({"kind": "fusion", "fusion": {"offsets": ["a"]}}, "expected int, found 'a'"),
        ({"kind": "detector"}, "Card.detector: expected a table, found None"),
    ],
)
def test_a_wrong_card_of_the_first_version_is_refused(change: dict, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        card_from_plain(FIRST_POSE | change)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CropSpec((0, 48)), "crop.size_hw is"),
        (lambda: CropSpec((10**6, 48)), "expected 1 to 4096"),
        (lambda: CropSpec((64, 48), padding=float("nan")), "crop.padding is nan"),
        (lambda: HeatmapSpec((16, 12), 0.0), "heatmap.sigma_px is 0.0"),
        (lambda: SimilarSlot("a", "b", 2, temperature=0.0), "temperature is 0.0"),
        (lambda: SimilarSlot("a", "b", 2, num_candidates=10**9), "num_candidates is 1000000000"),
        (lambda: NeighbourSlot("a", (10**9,)), "offsets is"),
        (lambda: StateSlot("a", "b", (60000, 60000)), "numbers for each person"),
        (
            lambda: Shared("../x.onnx", "0" * 64),
            "the shared file is '../x.onnx'; expected the name",
        ),
        (lambda: Shared("x.onnx", "12"), "the digest of x.onnx is '12'; expected 64 hexadecimal"),
        (lambda: Starter(min_score=1.5), "starter.min_score is 1.5; expected 0 to 1"),
        (lambda: Starter(every=-1), "starter.every is -1"),
        (lambda: replace(DETECTOR, strides=()), "strides is empty"),
        (lambda: replace(DETECTOR, fill=999), "fill is 999; expected 0 to 255"),
        (lambda: replace(DETECTOR, size_hw=(10**6, 448)), "size_hw is"),
        (lambda: replace(DETECTOR, iou_limit=-1.0), "iou_limit is -1.0"),
    ],
)
def test_every_number_has_bounds(make: Callable[[], object], words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        make()
