"""Turn a run folder into weights: rebuild the recorded network, load its best weights, export.

The run's record names the system and holds all settings, since the recipe that it was started
from may have changed or been removed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from glpose.errors import BadConfig, BadInput, BadWeights, GLPoseError
from glpose.export.bridge import as_estimator, torch_device, torch_threads
from glpose.export.onnx import check_no_weights, kept_if_right, store_half
from glpose.export.pose import export_pose
from glpose.files import file_digest
from glpose.runtime.engine import EngineSpec
from glpose.runtime.lift import Lifter
from glpose.runtime.load import find_weights
from glpose.runtime.protocols import Estimator
from glpose.systems import FORMERLY, load_system, settings_of
from glpose.train.change import with_settings
from glpose.train.recipe import Recipe, recorded
from glpose.train.run.checkpoint import load_checkpoint
from glpose.train.system import ExportTask, LiftTask, PoseTask, Task

if TYPE_CHECKING:
    from torch import nn

BEST = "best.pt"
"""The checkpoint that is used."""


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run's recipe and task, its network with the best weights, and its entries for cards."""

    recipe: Recipe
    task: Task
    model: nn.Module
    made_by: dict[str, str]


def export_run(
    run_dir: Path,
    folder: Path,
    name: str | None,
    scores: dict[str, str],
    changes: list[str],
    *,
    share: str | None = None,
    half: bool = False,
    overwrite: bool = False,
) -> list[Path]:
    """Write the best checkpoint of a run; returns the files.

    Weights of that name are only replaced with `overwrite`.
    `changes` (NAME=VALUE) set inference options such as score thresholds, not the network. `share`
    (weights by name or path) see `export_pose`, `half` `store_half`; a pose estimator's maps are
    compared with those of the whole numbers.
    Raises: BadInput, BadConfig or BadWeights.
    """
    run = open_run(run_dir, changes)
    name = name or run.recipe.name
    check_no_weights(folder, name, overwrite=overwrite)
    about = {"name": name, "made_by": run.made_by, "scores": scores}
    if isinstance(run.task, PoseTask):
        encoder = None if share is None else find_weights(share, "pose").part("encoder")
        if share is not None and encoder is None:
            raise BadWeights(f"--share {share}: has no encoder of its own; expected one that has")
        parts, card = run.task.parts(run.model)
        card = replace(card, **about)
        return list(export_pose(parts, card, folder, share=encoder, half=half))
    if share is not None:
        raise BadConfig(
            f"{run_dir}: a run of '{run.recipe.name}', which estimates no poses; --share is for pose "
            "estimators, leave it out"
        )
    assert isinstance(run.task, ExportTask)
    with kept_if_right(folder) as part:
        paths = run.task.export(run.model, part, **about)
        for path in paths if half else []:
            if path.suffix != ".onnx":
                raise BadConfig(f"{path.name}: is no ONNX file, which --half is for; leave it out")
            store_half(path)
    return [folder / path.name for path in paths]


def estimator_of_run(
    run_dir: Path, engine: EngineSpec = EngineSpec()
) -> tuple[Estimator, dict[str, object]]:
    """The best checkpoint of a run as a torch estimator, and its record for results.

    Of `engine` the device and the threads are used.
    Raises: BadInput, BadConfig or BadWeights, the last for a run that does not estimate poses.
    """
    run = open_run(run_dir)
    name = run.recipe.name
    if not isinstance(run.task, PoseTask):
        raise BadWeights(
            f"{run_dir}: a run of '{name}', whose system {run.recipe.system} estimates no "
            "poses; expected the run of a pose estimator"
        )
    parts, card = run.task.parts(run.model)
    card = replace(card, name=name, made_by=run.made_by)
    digest = file_digest(run_dir / BEST)
    record = {"name": name, "made_by": run.made_by, "sha256": {BEST: digest}}
    return as_estimator(parts, card, engine.device, engine.threads), record


def lifter_of_run(
    run_dir: Path, engine: EngineSpec = EngineSpec()
) -> tuple[Lifter, dict[str, object]]:
    """The best checkpoint of a run that lifts, run by torch, and its record for results.

    Of `engine` the device and the threads are used.
    Raises: BadInput, BadConfig or BadWeights, the last for a run that does not lift.
    """
    run = open_run(run_dir)
    name = run.recipe.name
    if not isinstance(run.task, LiftTask):
        raise BadWeights(
            f"{run_dir}: a run of '{name}', whose system {run.recipe.system} lifts no joints; "
            "expected the run of a lifter"
        )
    record = {"name": name, "made_by": run.made_by, "sha256": {BEST: file_digest(run_dir / BEST)}}
    model = run.model.to(torch_device(engine.device))
    lifter = run.task.lifter(model, name=name, made_by=run.made_by)

    def lift(joints: np.ndarray, known: np.ndarray) -> np.ndarray:
        with torch_threads(engine.threads):
            return lifter.run(joints, known)

    return Lifter(lift, lifter.card), record


def open_run(run_dir: Path, changes: list[str] | None = None) -> FinishedRun:
    """Open a run with its best weights, after applying `changes` (NAME=VALUE) to its recipe.

    Raises: BadInput, BadConfig or BadWeights.
    """
    path, best = run_dir / "recipe.json", run_dir / BEST
    try:
        record = json.loads(path.read_text("utf-8"))
        saved_recipe = recorded_recipe(record["recipe"])
        # A recipe given in epochs does not contain its steps.
        num_steps = record.get("in_steps", {}).get("num_steps", saved_recipe.num_steps)
        made_with = {"commit": record["commit"], **record["versions"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        if isinstance(problem, GLPoseError):
            raise
        raise BadInput(
            f"{path}: cannot be read as the record of a run; expected the folder of a run of "
            "glpose train"
        ) from problem
    recipe = with_settings(saved_recipe, changes or [])
    if not best.exists():
        raise BadWeights(
            f"{run_dir}: has no {BEST}, which the first validation of a run writes; go on with glpose "
            f"train --resume, or copy last.pt to {BEST}"
        )
    saved = load_checkpoint(best)
    # No data is opened here, so the cache is neither read nor written.
    task = load_system(recipe.system).open(recipe, cache_dir=run_dir)
    model = task.build(fresh=True)
    try:
        model.load_state_dict(saved["ema"])
        if "average" in saved:  # of runs (bench/average.py), which has no steps of its own
            trained = {"average": saved["average"]}
        else:
            trained = {
                "steps": f"{saved['step']} of {num_steps}",
                "minutes": f"{saved['seconds'] / 60:.0f}",
            }
    except (KeyError, RuntimeError, TypeError) as problem:  # raised by dicts and torch
        lacks = isinstance(problem, KeyError)
        what = f"it has no {problem}" if lacks else "its network or its parts are others"
        raise BadWeights(
            f"{best}: not the checkpoint of this run ({what}); put the run's own one there, or "
            "train it anew"
        ) from problem
    made_by = {"recipe": recipe.name, **trained, **made_with}
    return FinishedRun(recipe, task, model, {key: str(value) for key, value in made_by.items()})


def recorded_recipe(plain: dict) -> Recipe:
    """The recipe of a record; settings newer than the record get their defaults.

    Old system names are translated. Raises: BadConfig for an unknown system or an invalid
    setting; KeyError if a part is missing.
    """
    name = str(plain["system"])
    name = FORMERLY.get(name, name)
    model, data = settings_of(name)
    return recorded(plain, name, model, data)
