"""The training path: one loop for all systems, in one process or several. Start at `train`.

A run folder holds `recipe.json` (everything needed to repeat it), `last.pt` and `best.pt`
(checkpoints with weights, EMA weights and optimiser), `log.jsonl`, `curves.png` and, if the
system draws them, `samples/`. Resuming is exact: batches are a function of the step, and the
checkpoint holds everything else.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from glpose.errors import BadInput, BadWeights
from glpose.formats.lock import only_writer
from glpose.imaging import write_image
from glpose.train.data.batches import Parts, own_rows, prefetch
from glpose.train.data.epochs import in_steps
from glpose.train.recipe import Recipe
from glpose.train.run.checkpoint import (
    disk_failures,
    is_of_older_version,
    is_whole,
    load_checkpoint,
    save_checkpoint,
)
from glpose.train.run.fault import (
    examine,
    stop_at,
    stop_before_saving,
    stop_if_weights_are_not_finite,
)
from glpose.train.run.log import RunLog
from glpose.train.run.parts import part_losses, without_averaging
from glpose.train.run.record import check_record, recorded_origin, write_record
from glpose.train.run.sheet import contact_sheet
from glpose.train.run.workers import ALONE, Workers
from glpose.train.state import TrainState, average, learning_rate, seed_step, start
from glpose.train.system import System, Task, TrainData

T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """What is constant in training; `asked` is the recipe as given, `recipe` counts in steps."""

    asked: Recipe
    recipe: Recipe
    task: Task
    losses: nn.Module
    data: TrainData
    rows: list[np.ndarray]
    folder: Path
    workers: Workers


def train(
    recipe: Recipe,
    system: System,
    run_dir: Path,
    *,
    cache_dir: Path,
    resume: bool = False,
    workers: Workers = ALONE,
    report: Callable[[str], None] = print,
) -> Path:
    """Train one system as the recipe says; return the path of the best checkpoint.

    `resume` without a run in the folder starts one. With several `workers`, on one machine or with
    shared folders, the first one writes, reports and validates.

    Raises: BadConfig if the folder holds another run, `resume` finds another recipe, or the batch
    cannot be divided; BadInput if nothing can be written or another run writes there; GLPoseError
    if a loss is not finite.
    """
    tell = report if workers.is_first else _silent
    with workers.together():
        rows = own_rows(recipe, workers)
        is_there = workers.is_first and check_record(
            run_dir, recipe, resume=resume, formerly=system.formerly
        )
    if is_there:
        recipe = replace(recipe, pretrained_on=recorded_origin(run_dir))
    task = system.open(recipe, cache_dir)
    last, is_older = run_dir / "last.pt", False
    goes_on, begun_from = resume and last.exists(), _stamp(last)
    # Some networks are prepared with the data.
    state = _in_turn(
        workers, lambda: start(recipe, task, workers, fresh=goes_on), "preparing the network"
    )
    with workers.together():
        if goes_on:
            is_older = is_of_older_version(_restored(state, last))
            task.resumed = state.model
    data = _in_turn(workers, task.train_data, "opening the training data")
    for line in task.notes:
        tell(line)
    # Only now, so that a call with missing data or weights leaves no run behind.
    log = None
    with ExitStack() as held:
        with workers.together(), disk_failures(f"writing to the run folder {run_dir}"):
            # Runs of 0.26 may count in epochs over samples drawn at random: those go on as begun.
            counted = in_steps(recipe, data.num_samples, has_epochs=data.has_epochs or goes_on)
            if workers.is_first:
                run_dir.mkdir(parents=True, exist_ok=True)
                held.enter_context(only_writer(run_dir))
                # Again: another run may have been there while this one prepared its data.
                check_record(run_dir, recipe, resume=resume, formerly=system.formerly)
                if _stamp(last) != begun_from:
                    raise BadInput(
                        f"{last}: another run has written it meanwhile; go on from there with --resume"
                    )
                write_record(run_dir, recipe, counted, data.num_samples, task.drawn_from, workers)
                log = RunLog(run_dir, state.step)
        losses = part_losses(task, state.model, workers)
        run = Run(recipe, counted, task, losses, data, rows, run_dir, workers)
        if goes_on:
            tell(f"resumed at step {state.step} of {counted.num_steps}")
        elif resume:
            tell(f"{run_dir} holds {'no checkpoint' if is_there else 'no run'} yet: starting anew")
        with workers.together(), disk_failures(f"resuming the run {run_dir}"):
            if log is not None:
                for line in _mend_best(run, state, log, is_older=is_older):
                    tell(line)
        return _run(run, state, log, tell)


def _stamp(path: Path) -> tuple[int, int] | None:
    """What differs for another file of that name."""
    return (path.stat().st_mtime_ns, path.stat().st_ino) if path.exists() else None


def _restored(state: TrainState, path: Path) -> dict[str, Any]:
    """The checkpoint to which the state was put back."""
    saved = load_checkpoint(path)
    try:
        state.restore(saved)
    except (KeyError, RuntimeError, TypeError, ValueError) as problem:  # what torch and dicts raise
        raise BadWeights(
            f"{path}: not the checkpoint of this run, its network or its parts are others; put the "
            "run's own one there, or start anew with another --output"
        ) from problem
    return saved


def _silent(line: str) -> None:
    del line


def _in_turn(workers: Workers, opened: Callable[[], T], what: str) -> T:
    """What needs the training data: the first process fills the cache, then the others open it."""
    found: list[T] = []
    for turn in (True, False):
        with workers.together(), disk_failures(what):
            if workers.is_first == turn:
                found.append(opened())
    return found[0]


def _run(run: Run, state: TrainState, log: RunLog | None, report: Callable[[str], None]) -> Path:
    recipe, workers = run.recipe, run.workers
    if _has_ended(run, state):
        if log is not None:  # it may have been stopped before its last pictures
            with disk_failures(f"writing to the run folder {run.folder}"):
                _draw(run, state, log)
        return run.folder / "best.pt"
    if not state.trainable:
        report("nothing of this network is trained: it is scored and saved as it is")
        for line in _write_what_is_due(run, state, log):
            report(line)
        return run.folder / "best.pt"
    steps = range(state.step, recipe.num_steps)
    pin = workers.device.type == "cuda"
    with prefetch(run.data, run.rows, steps, recipe.data_workers, pin=pin) as batches:
        for step in steps:
            began = time.perf_counter()
            with workers.together(), disk_failures("reading the training data"):
                parts = next(batches)
            state.add_losses(_one_step(run, state, step, parts))
            state.step = step + 1
            state.seconds += time.perf_counter() - began
            for line in _write_what_is_due(run, state, log):
                report(line)
    return run.folder / "best.pt"


def _has_ended(run: Run, state: TrainState) -> bool:
    """Without anything to train a run has no steps: it ends once it is scored."""
    return state.step == run.recipe.num_steps or (not state.trainable and bool(state.scores))


def _mend_best(run: Run, state: TrainState, log: RunLog, *, is_older: bool) -> list[str]:
    """Forget the best score if it no longer counts or its checkpoint is lost; lines to report.

    The next validation then writes the best checkpoint. Until it has, each resumption comes here
    again, however often the run is killed.
    """
    best, recipe, lines = run.folder / "best.pt", run.recipe, []
    has_ended = _has_ended(run, state)
    was_valid = has_ended or state.step >= recipe.validate_every
    is_lost, is_outdated = was_valid and not is_whole(best), is_older and not has_ended
    if not (is_lost or is_outdated):
        return []
    state.best_score = -math.inf
    log.best_from(state.step, state.step if has_ended else state.step + 1)
    if is_outdated:
        lines.append(
            f"{run.folder} was trained by an older glpose, whose scores and batches may differ: the "
            "next validation makes the best checkpoint anew"
        )
    if is_lost:
        what = "is missing"
        if best.exists():
            kept = best.replace(best.with_name("best.damaged.pt"))
            what = f"is damaged (it is kept as {kept.name})"
        when = f"with the weights of step {state.step}" if has_ended else "by the next validation"
        lines.append(f"{best} {what}: it is written anew, {when}")
        if has_ended:
            _keep(run, state, is_valid=True)
    return lines


def _one_step(run: Run, state: TrainState, step: int, parts: Parts) -> dict[str, float]:
    """Train on one batch; return the losses, averaged over parts and processes."""
    recipe, workers = run.recipe, run.workers
    for group in state.optimizer.param_groups:
        rate = learning_rate(recipe.optimizer, step, recipe.num_steps)
        group["lr"] = rate * group["rate"]
    seed_step(recipe, step, workers)
    state.set_training(recipe.optimizer)
    state.optimizer.zero_grad(set_to_none=True)
    sums: dict[str, torch.Tensor] = {}
    device, bf16 = workers.device, recipe.precision == "bf16"
    parts = [{k: v.to(device, non_blocking=True) for k, v in part.items()} for part in parts]
    for number, part in enumerate(parts, 1):
        with without_averaging(run.losses, is_last=number == len(parts)):
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                losses = run.losses(part)
            total = torch.stack([loss.float() for loss in losses.values()]).sum()
            (total / len(parts)).backward()
        for name, loss in losses.items():
            own = loss.detach().double()
            sums[name] = sums[name] + own if name in sums else own
    trainable = state.trainable
    workers.average_gradients(trainable)
    norm = nn.utils.clip_grad_norm_(trainable, recipe.optimizer.max_norm or math.inf)
    # Read all at once: each reading waits until the GPU has done all that it was told to do.
    *totals, norm = torch.stack([*sums.values(), norm.double()]).tolist()
    means = torch.tensor(totals, dtype=torch.float64) / len(parts)
    workers.average(means)
    found = dict(zip(sums, means.tolist(), strict=True))
    _stop_unless_finite(run, state, step, parts, "loss", found)
    _stop_unless_finite(run, state, step, parts, "gradient", {"norm": norm})
    state.optimizer.step()
    average(state.ema, state.model, min(recipe.ema_decay, (1 + step) / (10 + step)))
    return found


def _stop_unless_finite(
    run: Run, state: TrainState, step: int, parts: Parts, what: str, found: dict[str, float]
) -> None:
    if all(map(math.isfinite, found.values())):
        return
    stop_if_weights_are_not_finite(step, what, found, state.model, state.ema, run.workers)
    samples = examine(run.task, state.ema, run.recipe, run.data, step, parts, run.rows)
    stop_at(step, what, found, samples, run.folder, run.workers)


def _write_what_is_due(run: Run, state: TrainState, log: RunLog | None) -> list[str]:
    """Write the losses, scores, pictures and checkpoints due at this step; return lines to report.

    Nothing is written if `log` is None. The log is written before the checkpoint: resuming drops
    its lines of later steps.
    """
    recipe, step, workers = run.recipe, state.step, run.workers
    is_valid = step % recipe.validate_every == 0 or step == recipe.num_steps
    is_told = step % recipe.log_every == 0 or is_valid
    is_saved = step % recipe.checkpoint_every == 0 or is_valid
    if is_saved:
        workers.check_equal(state.model)
        stop_before_saving(step, state.model, state.ema, workers)
    if not (is_told or is_saved):
        return []
    means = state.take_losses() if is_told else {}
    lines = []
    with workers.together(), disk_failures(f"writing to the run folder {run.folder}"):
        if log is None:
            return []
        if is_told:
            log.losses(step, means)
            if not is_valid:
                lines.append(log.progress(step, recipe.num_steps, state.seconds))
        if is_valid:
            state.scores = run.task.score(state.ema.eval())
            log.scores(step, state.scores, state.seconds)
            lines.append(log.summary(step, recipe.num_steps, state.seconds, state.scores))
        if is_saved:
            _keep(run, state, is_valid=is_valid)
        if is_valid:  # pictures come last: no work is lost if they fail
            _draw(run, state, log)
    return lines


def _draw(run: Run, state: TrainState, log: RunLog) -> None:
    """Draw the curves, and the predictions as one picture, if the system draws them."""
    log.draw()
    pictures = run.task.pictures(state.ema.eval())
    if pictures:
        folder = run.folder / "samples"
        folder.mkdir(exist_ok=True)
        write_image(folder / f"step_{state.step:06d}.jpg", contact_sheet(pictures))


def _keep(run: Run, state: TrainState, *, is_valid: bool) -> None:
    """Save the state; after a validation also as the best, if it is or if there is no best yet."""
    best = run.folder / "best.pt"
    first = next(iter(state.scores.values()), math.nan) if is_valid else math.nan
    # NaN is never greater, so a score without any samples is never the best.
    is_best = first > state.best_score
    if is_best:
        state.best_score = first
    saved = state.to_dict(run.asked)
    if is_best or (is_valid and not best.exists()):
        save_checkpoint(best, saved)
    save_checkpoint(run.folder / "last.pt", saved)
