"""Epochs in steps: each sample once, whole batches, and what a recipe in epochs becomes."""

import math
from dataclasses import replace

import numpy as np
import pytest

from glpose.errors import BadConfig, BadInput
from glpose.systems.person_detector.spec import BoxDataConfig
from glpose.train.change import with_settings
from glpose.train.data.epochs import epoch_order, in_steps, num_steps_of_epoch, sample_rows
from glpose.train.recipe import Optimizer, Recipe

PAPER = Recipe(
    name="paper",
    system="none",
    model=None,
    data=BoxDataConfig(),
    optimizer=Optimizer(decay="steps", epoch_milestones=(6, 12, 18)),
    batch_size=4,
    num_epochs=20,
)


@pytest.mark.parametrize(("num_samples", "steps"), [(8, 2), (9, 3), (3, 1), (1, 1)])
def test_an_epoch_has_every_sample_and_only_its_fill_twice(num_samples: int, steps: int):
    assert num_steps_of_epoch(num_samples, 4) == steps
    for epoch in range(3):
        batches = [sample_rows(epoch * steps + i, 4, num_samples, seed=1) for i in range(steps)]
        assert {len(batch) for batch in batches} == {4}
        rows = np.concatenate(batches)
        assert sorted(rows[:num_samples]) == list(range(num_samples))
        assert (
            rows[num_samples:].tolist()
            == np.resize(rows[:num_samples], len(rows))[num_samples:].tolist()
        )


def test_orders_differ_with_epoch_and_seed_and_come_again():
    first = epoch_order(0, 0, 50)
    assert first.tolist() == epoch_order(0, 0, 50).tolist()
    assert first.tolist() != epoch_order(0, 1, 50).tolist()
    assert first.tolist() != epoch_order(1, 0, 50).tolist()
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0


def test_epochs_become_steps_of_the_data():
    recipe = in_steps(PAPER, 41, has_epochs=True)  # 11 batches of 4
    assert (recipe.num_steps, recipe.validate_every) == (220, 11)
    assert recipe.optimizer.milestones == (66, 132, 198)
    assert in_steps(recipe, 41, has_epochs=True) == recipe
    assert in_steps(replace(PAPER, validate_every=5), 41, has_epochs=True).validate_every == 5


def test_a_number_of_steps_takes_the_place_of_epochs():
    recipe = in_steps(with_settings(PAPER, ["num_steps=3"]), 41, has_epochs=True)
    assert (recipe.num_steps, recipe.validate_every) == (3, 500)
    assert recipe.optimizer.milestones == (66, 132, 198)
    with pytest.raises(BadConfig, match="exclude each other"):
        with_settings(PAPER, ["num_steps=3", "num_epochs=2"])


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(
        BadConfig, match="paper counts in epochs, but its samples are drawn at random"
    ):
        in_steps(PAPER, 41, has_epochs=False)
    with pytest.raises(BadInput, match="training data of paper has no samples"):
        in_steps(PAPER, 0, has_epochs=True)
    cosine = replace(PAPER, optimizer=Optimizer(milestones=(5,)))
    with pytest.raises(BadConfig, match="'cosine', which has no milestones"):
        in_steps(cosine, 41, has_epochs=True)


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [("batch_size", 0, 1), ("accumulate", 0, 1), ("num_steps", 0, 1), ("num_epochs", -1, 0),
     ("validate_every", -1, 0), ("checkpoint_every", 0, 1), ("log_every", 0, 1), ("seed", -1, 0),
     ("ema_decay", -1.0, 0), ("ema_decay", 99.9, 0), ("ema_decay", math.nan, 0)],
)  # fmt: skip
def test_numbers_of_a_recipe_have_limits(name: str, value: float, least: int):
    with pytest.raises(BadConfig, match=f"{name} is {value}; expected {least} to "):
        replace(PAPER, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", math.inf), ("lr", -1.0), ("gamma", 2.0), ("milestones", (5, -5)), ("max_norm", math.nan),
     ("epoch_milestones", (-1,)), ("weight_decay", math.nan), ("warmup_steps", -1)],
)  # fmt: skip
def test_numbers_of_an_optimizer_have_limits(name: str, value: object):
    with pytest.raises(BadConfig, match=rf"optimizer\.{name} is .*; expected 0 to "):
        replace(Optimizer(), **{name: value})


def test_rates_may_freeze_a_part_but_not_turn_it_round():
    assert Optimizer(rates=(("encoder", 0.0),)).rate_of("encoder") == 0
    for rate in (-1.0, math.nan, math.inf):
        with pytest.raises(BadConfig, match=r"optimizer\.rates is .*; expected 0 to 1000"):
            Optimizer(rates=(("encoder", rate),))
