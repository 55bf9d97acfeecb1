"""What changes in training: weights, their average (EMA), the optimiser and the step."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

import glpose
from glpose.config import to_plain
from glpose.errors import BadConfig
from glpose.nets.synced_norm import with_synced_norms
from glpose.train.recipe import Optimizer, Recipe
from glpose.train.run.workers import Workers
from glpose.train.system import Task


@dataclass
class TrainState:
    """`ema` are the averaged weights that are validated and exported; `scores` their last scores.

    `loss_sums` are the summed losses of `num_summed` steps that are not logged yet.
    """

    model: nn.Module
    ema: nn.Module
    optimizer: torch.optim.Optimizer
    step: int = 0
    best_score: float = -math.inf
    seconds: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)
    loss_sums: dict[str, float] = field(default_factory=dict)
    num_summed: int = 0

    @property
    def trainable(self) -> list[nn.Parameter]:
        """The parameters that require gradients."""
        return [p for p in self.model.parameters() if p.requires_grad]

    def set_training(self, how: Optimizer) -> None:
        """Put the model in training mode, but frozen parts in evaluation mode."""
        self.model.train()
        for name, module in self.model.named_modules():
            if how.rate_of(name) == 0:
                module.eval()

    def to_dict(self, recipe: Recipe) -> dict[str, object]:
        """A checkpoint: all that a run needs to resume exactly."""
        return {
            "glpose": glpose.__version__,
            "recipe": json.dumps(to_plain(recipe)),
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "best_score": self.best_score,
            "seconds": self.seconds,
            "scores": self.scores,
            "loss_sums": self.loss_sums,
            "num_summed": self.num_summed,
        }

    def restore(self, saved: dict) -> None:
        """Go back to a checkpoint's state."""
        self.model.load_state_dict(saved["model"])
        self.ema.load_state_dict(saved["ema"])
        self.optimizer.load_state_dict(saved["optimizer"])
        for group in self.optimizer.param_groups:
            group.setdefault("rate", 1.0)  # versions before 0.4 had one rate for all parts
        self.step, self.best_score = saved["step"], saved["best_score"]
        self.seconds, self.scores = saved["seconds"], saved.get("scores", {})
        self.loss_sums, self.num_summed = saved.get("loss_sums", {}), saved.get("num_summed", 0)

    def add_losses(self, losses: dict[str, float]) -> None:
        """Add the losses of a step."""
        for name, value in losses.items():
            self.loss_sums[name] = self.loss_sums.get(name, 0.0) + value
        self.num_summed += 1

    def take_losses(self) -> dict[str, float]:
        """The mean losses since the last call."""
        means = {name: total / self.num_summed for name, total in self.loss_sums.items()}
        self.loss_sums, self.num_summed = {}, 0
        return means


def start(recipe: Recipe, task: Task, workers: Workers, *, fresh: bool = False) -> TrainState:
    """Networks initialised with the recipe's seed and a new optimiser; equal in all processes.

    `fresh` ignores the recipe's `init_from`, for a state whose weights are loaded next.

    Raises: BadConfig if `optimizer.rates` names a part that is not there.
    """
    torch.manual_seed(recipe.seed)
    where = {"device": workers.device, "memory_format": torch.channels_last}
    # torch's type hints of `Module.to` lack `memory_format`.
    model = task.build(fresh=fresh).to(**where)  # type: ignore[call-overload]
    ema = task.build(fresh=True).requires_grad_(False)
    ema.load_state_dict(model.state_dict())
    ema = ema.to(**where)  # type: ignore[call-overload]
    if workers.sharing == "own":
        model = with_synced_norms(model)
    elif workers.sharing == "torch":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return TrainState(model, ema, make_optimizer(model, recipe.optimizer))


def seed_step(recipe: Recipe, step: int, workers: Workers) -> None:
    """Seed random layers by seed, step and process (batches depend on seed and step)."""
    words = np.random.SeedSequence([recipe.seed, step, workers.rank]).generate_state(1)
    torch.manual_seed(int(words[0]))


def make_optimizer(model: nn.Module, how: Optimizer) -> torch.optim.Optimizer:
    """Adam or AdamW over the trainable parameters; no weight decay on biases and norms.

    Weights of frozen parts no longer require gradients. The groups' `rate` is the factor of the
    learning rate. Raises: BadConfig if `how.rates` names a part that the model lacks.
    """
    modules = {name for name, _ in model.named_modules()}
    for part, _ in how.rates:
        if part not in modules:
            raise BadConfig(f"optimizer.rates names '{part}'; the network has no such part")
    parts: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, weight in model.named_parameters():
        rate = how.rate_of(name)
        if rate == 0:
            weight.requires_grad_(False)
        if weight.requires_grad:
            parts.setdefault((rate, weight.ndim > 1), []).append(weight)
    groups = [
        {"params": weights, "weight_decay": how.weight_decay * decays, "rate": rate}
        for (rate, decays), weights in parts.items()
    ]
    kind = torch.optim.AdamW if how.kind == "adamw" else torch.optim.Adam
    return kind(groups or [{"params": []}], lr=how.lr)  # torch refuses no groups, but no weights


def learning_rate(how: Optimizer, step: int, num_steps: int) -> float:
    """Linear warm-up, then half-cosine decay to zero or a factor `gamma` at each milestone."""
    if step < how.warmup_steps:
        return how.lr * (step + 1) / how.warmup_steps
    if how.decay == "cosine":
        done = (step - how.warmup_steps) / max(1, num_steps - how.warmup_steps)
        return how.lr * 0.5 * (1 + math.cos(math.pi * done))
    return how.lr * how.gamma ** sum(step >= m for m in how.milestones)


@torch.no_grad()
def average(ema: nn.Module, model: nn.Module, decay: float) -> None:
    """Update the averaged weights and running statistics; integer counters are copied."""
    pairs = list(zip(ema.state_dict().values(), model.state_dict().values(), strict=True))
    floats = [pair for pair in pairs if pair[0].is_floating_point()]
    # All at once: on a GPU, hundreds of small updates would take longer to start than to run.
    update = get_ema_multi_avg_fn(decay)
    update([kept for kept, _ in floats], [new for _, new in floats], None)
    for kept, new in pairs:
        if not kept.is_floating_point():
            kept.copy_(new)
