"""Stop a run whose loss or gradient is not finite, and record the step and its batch."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from glpose.errors import GLPoseError
from glpose.files import write_whole
from glpose.train.data.batches import Parts
from glpose.train.recipe import Recipe
from glpose.train.run.workers import Workers
from glpose.train.system import Task, TrainData

BAD_BATCH = "bad_batch.json"

# The message names so many at most, the file all of them.
_NAMED = 3


def stop_if_weights_are_not_finite(
    step: int,
    what: str,
    found: dict[str, float],
    model: nn.Module,
    ema: nn.Module,
    workers: Workers,
) -> None:
    """Stop the run if no batch is at fault, because its weights are not finite themselves.

    Raises: GLPoseError.
    """
    if _are_finite(model, ema):
        return
    weights = "the weights" if step else "the weights that it starts from"
    with workers.together():
        if workers.is_first:
            raise GLPoseError(
                f"the {what} of step {step} is not finite ({_list(found)}), since {weights} are not "
                "finite themselves; start anew with others, a lower optimizer.lr or precision=fp32"
            )


def stop_before_saving(step: int, model: nn.Module, ema: nn.Module, workers: Workers) -> None:
    """Stop the run if an update has made its weights infinite: a checkpoint of them is worth nothing.

    Raises: GLPoseError.
    """
    if _are_finite(model, ema):
        return
    with workers.together():
        if workers.is_first:
            raise GLPoseError(
                f"the weights are not finite after step {step - 1}, and are not saved; start anew with a "
                "lower optimizer.lr or precision=fp32"
            )


def _are_finite(model: nn.Module, ema: nn.Module) -> bool:
    # Running statistics of the model have seen the last batch, those of the average have not.
    kept = [*model.parameters(), *ema.state_dict().values()]
    return all(bool(torch.isfinite(values).all()) for values in kept)


def stop_at(
    step: int,
    what: str,
    found: dict[str, float],
    samples: list[dict],
    run_dir: Path,
    workers: Workers,
) -> None:
    """Record the batch of a step and stop the run. `samples` are those of this process.

    Raises: GLPoseError naming the step, the value that is not finite and, where known, the samples
    at fault.
    """
    everyone = [sample for part in workers.gather(samples) for sample in part]
    with workers.together():
        if not workers.is_first:
            return
        everyone.sort(key=lambda sample: sample["row"])
        values = {name: str(value) for name, value in found.items()}
        record = {"step": step, "not_finite": what, "found": values, "samples": everyone}
        write_whole(run_dir / BAD_BATCH, json.dumps(record, indent=1))
        kept = "the last checkpoint is whole" if (run_dir / "last.pt").exists() else "not saved yet"
        raise GLPoseError(
            f"the {what} of step {step} is not finite ({_list(found)}); {_blame(everyone)}, see "
            f"{run_dir / BAD_BATCH}; {kept}: mend the data and --resume, or start anew with a lower "
            "optimizer.lr or with precision=fp32"
        )


def _list(found: dict[str, float]) -> str:
    return ", ".join(f"{name} {value}" for name, value in found.items())


def _blame(samples: list[dict]) -> str:
    guilty = [s for s in samples if s["not_finite_in"] or s["loss_alone"] == "not finite"]
    if not guilty:
        return f"no sample of its batch of {len(samples)} does so alone"
    if len(guilty) == len(samples):
        return f"each of the {len(samples)} samples of its batch does so alone"
    names = [s.get("name") or f"row {s['row']}" for s in guilty[:_NAMED]]
    more = f" and {len(guilty) - _NAMED} more" if len(guilty) > _NAMED else ""
    return f"samples of its batch at fault: {', '.join(names)}{more}"


def examine(
    task: Task,
    model: nn.Module,
    recipe: Recipe,
    data: TrainData,
    step: int,
    parts: Parts,
    rows: list[np.ndarray],
) -> list[dict]:
    """Describe each sample: its name, its arrays that are not finite, its loss alone.

    `model` should not have seen the batch in training, which updates running statistics.
    """
    names = data.describe(step)
    was_training = model.training
    model.eval()
    samples = []
    for part, numbers in zip(parts, rows, strict=True):
        bad = {
            key: ~torch.isfinite(value).reshape(len(value), -1).all(1)
            for key, value in part.items()
        }
        # Offsets have no target, NaN, far from joints: what is so in every row is meant so.
        odd = {
            key: rows_of for key, rows_of in bad.items() if not rows_of.all() or len(numbers) == 1
        }
        for i, row in enumerate(numbers.tolist()):
            one = {key: value[i : i + 1] for key, value in part.items()}
            sample = {
                "row": row,
                "not_finite_in": [key for key, rows_of in odd.items() if rows_of[i]],
                "loss_alone": _loss_alone(task, model, recipe, one),
            }
            if names is not None:
                sample["name"] = names[row]
            samples.append(sample)
    model.train(was_training)
    return samples


@torch.no_grad()
def _loss_alone(
    task: Task, model: nn.Module, recipe: Recipe, one: dict[str, Tensor]
) -> float | str:
    device = next(model.parameters()).device
    with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
        losses = task.losses(model, one)
    total = sum(float(loss) for loss in losses.values())
    return total if math.isfinite(total) else "not finite"
