"""Laws of settings: any card and any recipe comes back from JSON as it was."""

import json
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.clip import Border, Pad, Pool, Similarity, SoftmaxOver
from glpose.config import from_plain, to_plain
from glpose.jobs.runs import recorded_recipe
from glpose.recipes import RECIPES, load_recipe
from glpose.runtime.card import Card
from glpose.types import Anchor, Decoding, HeatmapMapping

words = st.text(max_size=8)
# Whole numbers too: JSON written by others has 1 where the type says 1.0.
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9).map(float)
sizes = st.tuples(st.integers(1, 999), st.integers(1, 999))


def one_of(literal: object) -> st.SearchStrategy:
    return st.sampled_from(get_args(literal))


crops = st.fixed_dictionaries(
    {"size_hw": sizes}, optional={"padding": numbers, "anchor": one_of(Anchor)}
)
heatmaps = st.fixed_dictionaries(
    {"size_hw": sizes, "sigma_px": numbers},
    optional={
        "mapping": one_of(HeatmapMapping),
        "decode": one_of(Decoding),
        "rounded": st.booleans(),
    },
)
fusions = st.fixed_dictionaries(
    {},
    optional={
        "offsets": st.lists(st.integers(-9, 9), max_size=4),
        "num_global": st.integers(0, 9),
        "min_score": numbers,
        "similarity": one_of(Similarity),
        "temperature": numbers,
        "softmax_over": one_of(SoftmaxOver),
        "border": one_of(Border),
        "pool": one_of(Pool),
        "pad": one_of(Pad),
    },
)
cards = st.fixed_dictionaries(
    {
        "name": words,
        "version": words,
        "kind": st.sampled_from(["encoder", "fusion", "detector"]),
        "trained_on": st.lists(words, max_size=3),
        "terms": words,
        "licence": words,
        "source": words,
        "made_by": st.dictionaries(words, words, max_size=2),
    },
    optional={
        "skeleton": st.none() | words,
        "crop": st.none() | crops,
        "heatmap": st.none() | heatmaps,
        "fusion": st.none() | fusions,
    },
)


@settings(max_examples=40, deadline=None)
@given(cards)
def test_any_card_comes_back_from_json(plain: dict) -> None:
    card = from_plain(Card, plain)
    again = json.loads(json.dumps(to_plain(card)))
    assert from_plain(Card, again) == card
    assert {key: again[key] for key in ("name", "kind", "trained_on", "made_by")} == {
        key: plain[key] for key in ("name", "kind", "trained_on", "made_by")
    }


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_comes_back_from_its_record(name: str) -> None:
    recipe = load_recipe(name)
    again = recorded_recipe(json.loads(json.dumps(to_plain(recipe))))
    assert again == recipe
    assert type(again.model) is type(recipe.model)
    assert type(again.data) is type(recipe.data)
    assert recipe.name == name
