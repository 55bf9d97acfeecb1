"""Laws of settings: any card and any recipe comes back from JSON as it was."""

import json
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.clip import Border, Pad, Pool, Similarity, SoftmaxOver
from glpose.config import to_plain
from glpose.errors import BadConfig
from glpose.recipes import RECIPES, load_recipe
from glpose.runtime.card import NeighbourBox, PoseCard, card_from_plain
from glpose.skeleton import SKELETONS
from glpose.types import Anchor, Decoding, HeatmapMapping

words = st.text(max_size=8)
# Whole numbers too: JSON written by others has 1 where the type says 1.0.
scores = st.floats(0, 1) | st.sampled_from([0, 1])
factors = st.floats(0.1, 10) | st.integers(1, 9)
sizes = st.tuples(st.integers(32, 999), st.integers(32, 999))


def one_of(literal: object) -> st.SearchStrategy:
    return st.sampled_from(get_args(literal))


crops = st.fixed_dictionaries(
    {"size_hw": sizes}, optional={"padding": factors, "anchor": one_of(Anchor)}
)
heatmaps = st.fixed_dictionaries(
    {"size_hw": sizes, "sigma_px": factors},
    optional={
        "mapping": one_of(HeatmapMapping),
        "decode": one_of(Decoding),
        "rounded": st.booleans(),
    },
)
similar = {
    "min_score": scores,
    "similarity": one_of(Similarity),
    "temperature": factors,
    "softmax_over": one_of(SoftmaxOver),
    "pool": one_of(Pool),
    "pad": one_of(Pad),
}
offsets = st.lists(st.integers(1, 9) | st.integers(-9, -1), min_size=1, max_size=4)
slots = st.one_of(
    st.fixed_dictionaries({"kind": st.just("key"), "name": st.just("key")}),
    st.fixed_dictionaries(
        {"kind": st.just("neighbours"), "name": st.sampled_from("abc"), "offsets": offsets},
        optional={"border": one_of(Border), "box": one_of(NeighbourBox)},
    ),
    st.fixed_dictionaries(
        {
            "kind": st.just("similar"),
            "name": st.sampled_from("def"),
            "weight": st.sampled_from("ghi"),
            "num": st.integers(1, 9),
        },
        optional=similar,
    ),
)
about = {
    "name": words,
    "version": words,
    "card_version": st.just(2),
    "trained_on": st.lists(words, max_size=3),
    "terms": words,
    "licence": words,
    "source": words,
    "made_by": st.dictionaries(words, words, max_size=2),
}
cards = st.one_of(
    st.fixed_dictionaries(about | {"kind": st.just("encoder"), "crop": crops}),
    st.fixed_dictionaries(
        about
        | {
            "kind": st.just("fusion"),
            "skeleton": st.sampled_from(list(SKELETONS)),
            "crop": crops,
            "codec": st.fixed_dictionaries({"kind": st.just("gaussian"), "heatmap": heatmaps}),
            "slots": st.lists(slots, max_size=4, unique_by=lambda slot: slot["kind"]),
        },
        optional={"order": st.sampled_from(["any", "in_time"])},
    ),
    st.fixed_dictionaries(
        about
        | {
            "kind": st.just("detector"),
            "size_hw": sizes,
            "strides": st.lists(st.integers(1, 64), min_size=1, max_size=3),
            "iou_limit": scores,
            "min_score": scores,
        },
        optional={"fine_size_hw": st.none() | sizes},
    ),
)


@settings(max_examples=40, deadline=None)
@given(cards)
def test_any_card_comes_back_from_json(plain: dict) -> None:
    card = card_from_plain(plain)
    again = json.loads(json.dumps(to_plain(card)))
    assert card_from_plain(again) == card
    assert {key: again[key] for key in ("name", "kind", "trained_on", "made_by")} == {
        key: plain[key] for key in ("name", "kind", "trained_on", "made_by")
    }


first_cards = st.fixed_dictionaries(
    about | {"card_version": st.just(1), "kind": st.sampled_from(["encoder", "fusion"])},
    optional={
        "skeleton": st.none() | st.sampled_from(list(SKELETONS)),
        "crop": st.none() | crops,
        "heatmap": st.none() | heatmaps,
        "partner": st.none() | words,
        "fusion": st.none()
        | st.fixed_dictionaries(
            {},
            optional={
                **similar,
                "offsets": st.just([]) | offsets,
                "num_global": st.integers(0, 9),
                "border": one_of(Border),
                "neighbour_box": one_of(NeighbourBox),
            },
        ),
    },
)


@settings(max_examples=40, deadline=None)
@given(first_cards)
def test_a_card_of_the_first_version_opens_or_says_what_it_lacks(plain: dict) -> None:
    needed = ("crop", "skeleton", "heatmap") if plain["kind"] == "fusion" else ("crop",)
    if any(plain.get(key) is None for key in needed):
        with pytest.raises(BadConfig, match="is missing"):
            card_from_plain(plain)
        return
    card = card_from_plain(plain)
    assert card_from_plain(json.loads(json.dumps(to_plain(card)))) == card
    if isinstance(card, PoseCard):
        fusion = plain.get("fusion") or {}
        assert [slot.offsets for slot in card.neighbours] == [
            tuple(given) for given in [fusion.get("offsets")] if given
        ]
        assert [slot.num for slot in card.similar] == [
            given for given in [fusion.get("num_global")] if given
        ]


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_comes_back_from_its_record(name: str) -> None:
    pytest.importorskip("torch")
    from glpose.jobs.runs import recorded_recipe

    recipe = load_recipe(name)
    again = recorded_recipe(json.loads(json.dumps(to_plain(recipe))))
    assert again == recipe
    assert type(again.model) is type(recipe.model)
    assert type(again.data) is type(recipe.data)
    assert recipe.name == name
