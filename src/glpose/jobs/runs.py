"""A run folder to weights: rebuild the network as recorded, load its best weights, export."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glpose.config import replace_at
from glpose.errors import BadInput, BadWeights, GLPoseError
from glpose.files import file_digest
from glpose.recipes import load_recipe
from glpose.runtime.protocols import Estimator
from glpose.systems import load_system
from glpose.train.bridge import as_estimator
from glpose.train.change import with_settings
from glpose.train.recipe import Recipe
from glpose.train.run.checkpoint import load_checkpoint

if TYPE_CHECKING:
    from torch import nn

BEST = "best.pt"
"""The checkpoint of a run that is used."""


def export_run(
    run_dir: Path,
    folder: Path,
    name: str | None,
    scores: dict[str, str],
    changes: list[str],
) -> list[Path]:
    """Write the best checkpoint of a run; returns the files.

    `changes` (NAME=VALUE) are settings of use, such as limits of scores, not of the network.
    Raises: BadInput, BadConfig or BadWeights.
    """
    system, model, recipe, made_by = _rebuild(run_dir, changes)
    return system.export(
        model, recipe, folder, name=name or recipe.name, made_by=made_by, scores=scores
    )


def estimator_of_run(run_dir: Path) -> tuple[Estimator, dict[str, object]]:
    """The best checkpoint of a run as an estimator that torch runs, and what results say about it.

    Raises: BadInput, BadConfig or BadWeights, the latter for a run that estimates no poses.
    """
    system, model, recipe, made_by = _rebuild(run_dir, [])
    if not hasattr(system, "parts"):
        raise BadWeights(
            f"{run_dir}: a run of '{recipe.name}', whose system {recipe.system} estimates no "
            "poses; expected the run of a pose estimator"
        )
    parts, card = system.parts(model, recipe, made_by=made_by)
    digest = file_digest(run_dir / BEST)
    record = {"name": recipe.name, "made_by": made_by, "sha256": {BEST: digest}}
    return as_estimator(parts.encoder, parts.solver, card), record


def _rebuild(run_dir: Path, changes: list[str]) -> tuple[Any, nn.Module, Recipe, dict[str, str]]:
    """System, network with its best weights, recipe, and what the card says of the run."""
    path = run_dir / "recipe.json"
    try:
        record = json.loads(path.read_text("utf-8"))
        recorded = recorded_recipe(record["recipe"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        if isinstance(problem, GLPoseError):
            raise
        raise BadInput(
            f"{path}: cannot be read as the record of a run; expected the folder of a run of "
            "glpose train"
        ) from problem
    recipe = with_settings(recorded, changes)
    saved = load_checkpoint(run_dir / BEST)
    system = load_system(recipe.system)
    model = system.build(replace(recipe, init_from=""))
    try:
        model.load_state_dict(saved["ema"])
        made_by = {
            "recipe": recipe.name,
            "steps": f"{saved['step']} of {_num_steps(record, recipe)}",
            "minutes": f"{saved['seconds'] / 60:.0f}",
            "commit": record["commit"],
            **{key: str(value) for key, value in record["versions"].items()},
        }
    except (KeyError, RuntimeError, TypeError) as problem:  # as dicts and torch say it
        raise BadWeights(
            f"{run_dir / BEST}: not the checkpoint of this run, its network or its parts are "
            "others; put the run's own one there, or train it anew"
        ) from problem
    return system, model, recipe, made_by


def _num_steps(record: dict, recipe: Recipe) -> int:
    """Steps of the run, which a recipe in epochs does not know by itself."""
    return record.get("in_steps", {}).get("num_steps", recipe.num_steps)


def recorded_recipe(plain: dict) -> Recipe:
    """The recipe of a record: the named one, with everything that was recorded put back.

    Each table is rebuilt as a whole, since its settings may only be right together.
    """
    recipe = load_recipe(plain["name"])
    for name, value in plain.items():
        recipe = replace_at(recipe, name, value)
    return recipe
