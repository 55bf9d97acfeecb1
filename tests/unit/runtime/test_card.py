"""The card of weights: it comes back from JSON as it was, or is refused by name."""

import json
from dataclasses import replace

import pytest

from glpose.config import from_plain, to_plain
from glpose.errors import BadConfig
from glpose.runtime.card import Card, DetectorCard, FusionCard
from glpose.types import CropSpec, HeatmapSpec

POSE = Card(
    name="small",
    version="1",
    kind="fusion",
    trained_on=("synth", "other"),
    terms="none",
    licence="Apache-2.0",
    source="here",
    made_by={"recipe": "r"},
    scores={"pck@0.2": "1"},
    skeleton="posetrack15",
    crop=CropSpec((64, 48), anchor="msra"),
    heatmap=HeatmapSpec((16, 12), 1.5, "origin", "quarter", rounded=True),
    fusion=FusionCard(offsets=(-1, 1), num_global=2, similarity="channel", neighbour_box="exact"),
    partner="abc",
)
DETECTOR = replace(
    POSE,
    kind="detector",
    skeleton=None,
    crop=None,
    heatmap=None,
    fusion=None,
    partner=None,
    detector=DetectorCard((256, 448), (8, 16, 32), 0.6, 0.3),
)


@pytest.mark.parametrize("card", [POSE, DETECTOR], ids=["pose", "detector"])
def test_round_trip_through_json(card: Card) -> None:
    assert from_plain(Card, json.loads(json.dumps(to_plain(card)))) == card


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "lifter"}, "Card.kind: expected 'encoder' or 'fusion' or 'detector'"),
        ({"skelton": "coco17"}, r"unknown setting 'skelton' in Card; did you mean 'skeleton'\?"),
        ({"crop": {"size_hw": [64]}}, r"Card.crop.size_hw: expected 2 values, found \[64\]"),
        ({"fusion": {"offsets": ["a"]}}, r"Card.fusion.offsets\[0\]: expected int, found 'a'"),
        ({"trained_on": "synth"}, "Card.trained_on: expected a list, found 'synth'"),
        ({"made_by": {"steps": 3}}, "Card.made_by.steps: expected str, found 3"),
    ],
)
def test_a_wrong_card_is_refused_by_the_name_of_the_key(change: dict, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        from_plain(Card, to_plain(POSE) | change)


def test_a_card_without_a_licence_is_refused() -> None:
    plain = to_plain(POSE)
    del plain["licence"]
    with pytest.raises(BadConfig, match="Card: the setting 'licence' is missing"):
        from_plain(Card, plain)
