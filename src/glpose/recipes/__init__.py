"""Named, complete training runs: `RECIPES` says where each function lives, `load_recipe` calls it."""

import difflib
from importlib import import_module

from glpose.errors import BadConfig
from glpose.train.recipe import Recipe

RECIPES = {
    "person_small": "glpose.recipes.detect",
    "warmup_small": "glpose.recipes.pretrain",
    "pretrain_small": "glpose.recipes.pretrain",
    "glpose_small": "glpose.recipes.fuse",
    "glpose_small_k0": "glpose.recipes.fuse",
    "glpose_small_n0": "glpose.recipes.fuse",
    "glpose_small_one": "glpose.recipes.fuse",
    "glpose_w48": "glpose.recipes.fuse",
    "jhmdb_complete": "glpose.recipes.jhmdb",
    "jhmdb_k0": "glpose.recipes.jhmdb",
    "jhmdb_n0": "glpose.recipes.jhmdb",
    "jhmdb_one": "glpose.recipes.jhmdb",
    "jhmdb_no_enhancement": "glpose.recipes.jhmdb",
    "jhmdb_mlp": "glpose.recipes.jhmdb",
    "jhmdb_conv5x5": "glpose.recipes.jhmdb",
    "jhmdb_paper_start": "glpose.recipes.jhmdb",
    "jhmdb_undamaged": "glpose.recipes.jhmdb",
    "jhmdb_stride3": "glpose.recipes.jhmdb",
}


def load_recipe(name: str) -> Recipe:
    """The recipe of that name. Raises BadConfig, suggesting the nearest name."""
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(RECIPES)}"
        raise BadConfig(f"unknown recipe '{name}'; {hint}")
    return getattr(import_module(RECIPES[name]), name)()
