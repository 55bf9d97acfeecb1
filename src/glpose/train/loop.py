"""The training path: one loop for all systems, on one machine. Start at `train`.

A run folder holds `recipe.json` (everything needed to repeat it), `last.pt` and `best.pt`
(checkpoints with weights, EMA weights and optimiser), `log.jsonl` and `curves.png`. Resuming is
exact: batches are a function of the step, and the checkpoint holds everything else.
"""

from __future__ import annotations

import json
import math
import platform
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import glpose
from glpose.config import to_plain
from glpose.errors import BadConfig, GLPoseError
from glpose.train.checkpoint import load_checkpoint, save_checkpoint
from glpose.train.epochs import in_steps
from glpose.train.log import RunLog
from glpose.train.recipe import Optimizer, Recipe
from glpose.train.system import System, TrainData

# Enough to hide the work on a batch, few enough to keep memory small.
_PREFETCH = 6

_RECORD = "recipe.json"


@dataclass
class TrainState:
    """What changes while training; `ema` are the averaged weights that are validated and kept."""

    model: nn.Module
    ema: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    best_score: float = -math.inf
    seconds: float = 0.0
    losses: dict[str, list[float]] = field(default_factory=dict)

    def to_dict(self, recipe: Recipe) -> dict[str, object]:
        """A checkpoint: all that a run needs to go on exactly."""
        return {
            "recipe": json.dumps(to_plain(recipe)),
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "best_score": self.best_score,
            "seconds": self.seconds,
            "torch_rng": torch.get_rng_state(),
        }

    def restore(self, saved: dict) -> None:
        """Go back to a checkpoint's state."""
        self.model.load_state_dict(saved["model"])
        self.ema.load_state_dict(saved["ema"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.best_score = saved["step"], saved["best_score"]
        self.seconds = saved["seconds"]
        torch.set_rng_state(saved["torch_rng"])


def train(
    recipe: Recipe,
    system: System,
    run_dir: Path,
    *,
    cache_dir: Path,
    resume: bool = False,
    report: Callable[[str], None] = print,
) -> Path:
    """Train one system as the recipe says; return the path of the best checkpoint.

    Raises: BadConfig if the folder holds another run, or `resume` finds another recipe;
    GLPoseError if the loss is not finite, naming the step and the losses.
    """
    check_record(run_dir, recipe, resume=resume)
    torch.manual_seed(recipe.seed)
    state = _start(recipe, system)
    if resume and (run_dir / "last.pt").exists():
        state.restore(load_checkpoint(run_dir / "last.pt"))
        report(f"resumed at step {state.step} of {recipe.num_steps}")
    data = system.train_data(recipe, cache_dir)
    asked, recipe = recipe, in_steps(recipe, getattr(data, "num_samples", None))
    # Not earlier: a call without its data or its weights leaves no run behind.
    write_record(run_dir, asked, num_steps=recipe.num_steps)
    log = RunLog(run_dir, state.step)
    began = time.perf_counter()
    for step, batch in prefetch(data, state.step, recipe.num_steps):
        losses = _one_step(state, system, recipe, step, batch)
        state.step = step + 1
        if log.add(step, losses):
            spent = state.seconds + time.perf_counter() - began
            report(log.progress(state.step, recipe.num_steps, spent))
        if state.step % recipe.validate_every == 0 or state.step == recipe.num_steps:
            state.seconds += time.perf_counter() - began
            scores = system.validate(state.ema.eval(), recipe, cache_dir)
            _keep(state, asked, run_dir, scores)
            report(log.line(state.step, recipe.num_steps, state.seconds, scores))
            began = time.perf_counter()
    log.draw()
    return run_dir / "best.pt"


def _start(recipe: Recipe, system: System) -> TrainState:
    # torch leaves `memory_format` out of the types of `Module.to`.
    model = system.build(recipe).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    ema = system.build(recipe).requires_grad_(False)
    ema.load_state_dict(model.state_dict())
    ema = ema.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TrainState(model, ema, make_optimizer(model, recipe.optimizer))


def _one_step(
    state: TrainState, system: System, recipe: Recipe, step: int, batch: dict[str, Tensor]
) -> dict[str, float]:
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(recipe.optimizer, step, recipe.num_steps)
    state.model.train()
    with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bf16"):
        losses = system.losses(state.model, batch)
    total = torch.stack([loss.float() for loss in losses.values()]).sum()
    values = {name: float(loss.detach()) for name, loss in losses.items()}
    if not math.isfinite(sum(values.values())):
        raise GLPoseError(
            f"the loss of step {step} is not finite ({values}); the last checkpoint is whole: "
            "resume from it with a lower learning rate, or with --set precision=fp32"
        )
    state.optimizer.zero_grad(set_to_none=True)
    total.backward()
    trainable = [p for p in state.model.parameters() if p.requires_grad]
    nn.utils.clip_grad_norm_(trainable, recipe.optimizer.max_norm or math.inf)
    state.optimizer.step()
    _average(state.ema, state.model, min(recipe.ema_decay, (1 + step) / (10 + step)))
    return values


@torch.no_grad()
def _average(ema: nn.Module, model: nn.Module, decay: float) -> None:
    """Move the averaged weights towards the model's; running statistics too, counters as they are."""
    for kept, new in zip(ema.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)


def make_optimizer(model: nn.Module, how: Optimizer) -> torch.optim.Optimizer:
    """Adam or AdamW over what is trainable; biases and norms have no weight decay."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim > 1], "weight_decay": how.weight_decay},
        {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
    ]
    kind = torch.optim.AdamW if how.kind == "adamw" else torch.optim.Adam
    return kind(groups, lr=how.lr)


def learning_rate(how: Optimizer, step: int, num_steps: int) -> float:
    """Linear warm-up, then a half cosine to zero or a factor at each milestone."""
    if step < how.warmup_steps:
        return how.lr * (step + 1) / how.warmup_steps
    if how.decay == "cosine":
        done = (step - how.warmup_steps) / max(1, num_steps - how.warmup_steps)
        return how.lr * 0.5 * (1 + math.cos(math.pi * done))
    return how.lr * how.gamma ** sum(step >= m for m in how.milestones)


def prefetch(
    data: TrainData, start: int, stop: int, num_threads: int = 2
) -> Iterator[tuple[int, dict[str, Tensor]]]:
    """Batches in order, made ahead by threads (OpenCV and NumPy release the interpreter lock)."""

    def make(step: int) -> dict[str, Tensor]:
        return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in data.batch(step).items()}

    with ThreadPoolExecutor(num_threads) as pool:
        ahead: dict[int, Future] = {}
        try:
            for step in range(start, stop):
                for s in range(step, min(step + _PREFETCH, stop)):
                    if s not in ahead:
                        ahead[s] = pool.submit(make, s)
                yield step, ahead.pop(step).result()
        finally:
            for future in ahead.values():
                future.cancel()


def _keep(state: TrainState, recipe: Recipe, run_dir: Path, scores: dict[str, float]) -> None:
    """Save the state; it is the best so far by its first score, or if there is none yet."""
    first = next(iter(scores.values()))
    saved = {**state.to_dict(recipe), "scores": scores}
    best = run_dir / "best.pt"
    # NaN is never greater: nothing to count is no better than the lowest score.
    if first > state.best_score or not best.exists():
        if not math.isnan(first):
            state.best_score = saved["best_score"] = first
        save_checkpoint(best, saved)
    save_checkpoint(run_dir / "last.pt", saved)


def check_record(run_dir: Path, recipe: Recipe, *, resume: bool) -> None:
    """Refuse a folder with a run, unless that very run is to be resumed. Raises BadConfig."""
    path = run_dir / _RECORD
    if not path.exists():
        return
    if not resume:
        raise BadConfig(
            f"{run_dir} holds a run already; continue it with --resume, "
            "or choose another folder with --out"
        )
    known, plain = json.loads(path.read_text("utf-8"))["recipe"], to_plain(recipe)
    if known != plain:
        changed = _differences(known, plain)
        raise BadConfig(
            f"{run_dir} was started with another recipe (changed: {', '.join(changed)}); "
            "resume it as it was, or start anew with another --out"
        )


def write_record(run_dir: Path, recipe: Recipe, *, num_steps: int) -> None:
    """Write what the run is made of, all of it or nothing, unless it stands there already."""
    path = run_dir / _RECORD
    if path.exists():
        return
    run_dir.mkdir(parents=True, exist_ok=True)
    record = {
        "recipe": to_plain(recipe),
        "num_steps": num_steps,
        "commit": _commit(),
        "versions": {
            "glpose": glpose.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(record, indent=1), "utf-8")
    partial.replace(path)


def _differences(a: object, b: object, name: str = "") -> list[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        return [d for k in {**a, **b} for d in _differences(a.get(k), b.get(k), f"{name}.{k}")]
    return [] if a == b else [name.lstrip(".")]


def _commit() -> str:
    """The commit of the source tree, with "-dirty" if it has changes; "unknown" elsewhere."""
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607 - git is where it is
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
