"""Which sets the weights that training starts from have seen, for the cards of what is trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from glpose.errors import BadConfig, BadWeights
from glpose.export.terms import describe, sets_of
from glpose.jobs.runs import recorded_recipe
from glpose.runtime.load import read_card
from glpose.systems import load_system
from glpose.train.imagenet import IMAGENET
from glpose.train.recipe import Recipe
from glpose.train.run.checkpoint import load_checkpoint


def with_origin(recipe: Recipe, *, named: bool = False) -> Recipe:
    """The recipe with the sets that its `init_from` has seen, as the file itself says.

    `pretrained_on` counts where the file says nothing, and beside it if the user has `named` it.
    Raises: BadConfig for a set that is not known, since only the export would refuse it.
    """
    found = sets_seen_by(recipe.init_from) if recipe.init_from else None
    if found is not None:
        own = recipe.pretrained_on if named else ()
        recipe = replace(recipe, pretrained_on=tuple(dict.fromkeys((*found, *own))))
    describe(recipe.pretrained_on)
    return recipe


def sets_seen_by(init_from: str) -> tuple[str, ...] | None:
    """The sets by a card or by the recipe in a checkpoint; None if the file does not say.

    A file that is missing or of something else says nothing here: the system refuses it.
    """
    path = Path(init_from)
    if init_from == IMAGENET:
        return (IMAGENET,)
    if path.suffix == ".onnx":
        return sets_of(read_card(path).trained_on) if path.is_file() else None
    if path.suffix == ".safetensors":
        return None  # what a published file has seen is not written in it
    try:
        saved = load_checkpoint(path / "best.pt" if path.is_dir() else path)
        recipe = recorded_recipe(json.loads(saved["recipe"]))
        return load_system(recipe.system).open(recipe, path.parent).sets_seen()
    except (BadConfig, BadWeights, KeyError, TypeError, ValueError, AssertionError):
        return None
