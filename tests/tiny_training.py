"""A system that trains in milliseconds, and the same runs in one process or in several.

As a program, one of several processes: `tiny_training.py workers FOLDER`, with torchrun's
variables set; or a run that is killed and resumed until it is done: `tiny_training.py kill FOLDER`;
or one that goes on and on with two processes that make its data: `tiny_training.py feed FOLDER`.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from glpose.errors import BadInput, GLPoseError
from glpose.train import loop
from glpose.train.data.epochs import sample_rows
from glpose.train.recipe import Optimizer, Recipe
from glpose.train.run import workers as workers_module
from glpose.train.run.workers import ALONE, Workers, join_workers
from glpose.train.system import System, Task


@dataclass(frozen=True)
class TinyConfig:
    """The network: with batch norms or without."""

    norm: bool = True


@dataclass(frozen=True)
class TinySet:
    """The data; `bad_row` of every batch is not a number from step `bad_from` on."""

    num_samples: int = 20
    bad_row: int = -1
    bad_from: int = 0
    unreadable_row: int = -1

    def set_names(self) -> tuple[str, ...]:
        return ("synth",)

    def synth_only(self) -> "TinySet":
        return self


class TinyData:
    """Noise pictures and what is to be found in them, by epochs."""

    has_epochs = True

    def __init__(self, recipe: Recipe) -> None:
        self._recipe, self._how = recipe, recipe.data
        self.num_samples = recipe.data.num_samples
        self.made: list[tuple[int, int]] = []

    def _chosen(self, step: int) -> np.ndarray:
        return sample_rows(step, self._recipe.batch_size, self.num_samples, self._recipe.seed)

    def describe(self, step: int) -> list[str]:
        return [f"tiny clip {row}" for row in self._chosen(step)]

    def rows(self, step: int, numbers: Sequence[int]) -> dict[str, np.ndarray]:
        samples = []
        for i in numbers:
            self.made.append((step, i))
            if i == self._how.unreadable_row and step >= self._how.bad_from:
                raise BadInput(f"clip{i}.mp4: truncated")
            x = np.random.default_rng([7, self._chosen(step)[i]]).normal(size=(3, 8, 8))
            target = np.float32([x.mean() * 9, x[0].max()])
            if i == self._how.bad_row and step >= self._how.bad_from:
                target *= np.nan
            samples.append((x.astype(np.float32), target.astype(np.float32)))
        return {"x": np.stack([s[0] for s in samples]), "y": np.stack([s[1] for s in samples])}


class TinyNet(nn.Module):
    """Two convolutions and a mean."""

    def __init__(self, config: TinyConfig) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 6, 3, bias=False), nn.Conv2d(6, 2, 3)
        self.norm = nn.BatchNorm2d(6) if config.norm else nn.Identity()
        self.spare = nn.Parameter(torch.ones(3))  # has no gradient, and no process may invent one

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.norm(self.one(x)).relu()).mean((-2, -1))


class TinyTask(Task[TinyNet]):
    """The smallest `train.system.Task`."""

    def __init__(self, recipe: Recipe[TinyConfig, TinySet], cache_dir: Path) -> None:
        self.recipe = recipe

    def build(self, *, fresh: bool = False) -> TinyNet:
        return TinyNet(self.recipe.model)

    def sets_seen(self) -> tuple[str, ...]:
        return self.recipe.sets_seen(self.recipe.data.set_names())

    def train_data(self) -> TinyData:
        return TinyData(self.recipe)

    def losses(self, model: TinyNet, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"square": (model(batch["x"]).float() - batch["y"]).square().mean()}

    def score(self, model: TinyNet) -> dict[str, float]:
        with torch.no_grad():
            x = torch.from_numpy(TinyData(self.recipe).rows(0, range(self.recipe.batch_size))["x"])
            return {"score": float(-model(x).square().mean())}

    def pictures(self, model: TinyNet) -> list:
        return [np.full((20, 30, 3), 200, np.uint8)] * 3


TINY_SYSTEM = System(TinyConfig, TinySet, TinyTask)


class PreparedTask(TinyTask):
    """One whose network is prepared with the data, which are put into the cache first."""

    def __init__(self, recipe: Recipe[TinyConfig, TinySet], cache_dir: Path) -> None:
        super().__init__(recipe, cache_dir)
        self._cache_dir = cache_dir

    def build(self, *, fresh: bool = False) -> TinyNet:
        if not self._cache_dir.exists():
            time.sleep(0.2)
            self._cache_dir.mkdir(exist_ok=True)
            (self._cache_dir / f"by {os.environ['RANK']}").touch()
        return super().build(fresh=fresh)


TINY = Recipe(
    name="tiny",
    system="tiny",
    model=TinyConfig(),
    data=TinySet(),
    optimizer=Optimizer(lr=0.02, warmup_steps=2),
    batch_size=8,
    num_steps=6,
    precision="fp32",
    validate_every=3,
    checkpoint_every=2,
    log_every=1,
    ema_decay=0.9,
)

LONG = replace(TINY, num_steps=40, validate_every=8, checkpoint_every=3)
"""Long enough to be killed a few times."""

RUNS = {
    "norm": TINY,
    "plain": replace(TINY, model=TinyConfig(norm=False)),
    "norm in parts": replace(TINY, accumulate=2),
    "plain in parts": replace(TINY, model=TinyConfig(norm=False), accumulate=4),
    "bf16 in parts": replace(TINY, precision="bf16", accumulate=2),
    "epochs": replace(
        TINY,
        num_epochs=2,
        validate_every=0,
        optimizer=Optimizer(decay="steps", epoch_milestones=(1,), warmup_steps=0, lr=0.02),
    ),
}
"""What several processes must do as one does."""

BY_TORCH = ("plain", "plain in parts")
"""Those that torch can share on CPUs too: without norms."""

FAULTS = {
    "uneven": replace(TINY, batch_size=7),
    "unreadable": replace(TINY, data=TinySet(unreadable_row=5, bad_from=3)),
    "not finite": replace(TINY, data=TinySet(bad_row=6, bad_from=4)),
}
"""What must stop them all; rows from 4 on belong to the second of two processes."""


def log_of(folder: Path) -> list[dict]:
    """The log's rows, without times."""
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def train(
    recipe: Recipe, folder: Path, *, workers: Workers = ALONE, resume: bool = False
) -> list[str]:
    """Train silently; the lines that would have been told."""
    told: list[str] = []
    loop.train(
        recipe,
        TINY_SYSTEM,
        folder,
        cache_dir=folder.parent / "cache",
        resume=resume,
        workers=workers,
        report=told.append,
    )
    return told


def be_one_of_several(folder: Path) -> None:
    ends: dict[str, object] = {}
    emas: list[list] = []
    average = loop.average

    def spy(ema: nn.Module, model: nn.Module, decay: float) -> None:
        average(ema, model, decay)
        emas.append([value.tolist() for value in ema.state_dict().values()])

    loop.average = spy
    with join_workers() as workers:
        for name, recipe in RUNS.items():
            emas.clear()
            told = train(recipe, folder / name, workers=workers)
            ends[name] = {"ema": emas[-1], "told": told}
        own, workers_module.sharing = workers_module.sharing, lambda *_: "torch"
        for name in BY_TORCH:
            emas.clear()
            told = train(RUNS[name], folder / f"{name} by torch", workers=workers)
            ends[f"{name} by torch"] = {"ema": emas[-1], "told": told}
        workers_module.sharing = own
        system, cache = System(TinyConfig, TinySet, PreparedTask), folder / "cache of one"
        loop.train(TINY, system, folder / "prepared", cache_dir=cache, workers=workers)
        for name, recipe in FAULTS.items():
            try:
                train(recipe, folder / name, workers=workers)
            except GLPoseError as problem:
                ends[name] = f"{type(problem).__name__}: {problem}"
            except SystemExit as stop:
                ends[name] = stop.code
    (folder / f"rank{workers.rank}.json").write_text(json.dumps(ends))


def be_killed(folder: Path) -> None:
    """Train in child processes, each of which is killed a few steps further on; print how many."""
    rng, kills, log = random.Random(), 0, folder / "run" / "log.jsonl"
    while True:
        at_start = size(log)
        child = os.fork()
        if child == 0:
            train(LONG, folder / "run", resume=True)
            os._exit(0)
        # Further than to the next checkpoint, so that the run gets on.
        limit, status = at_start + 60 * rng.randint(5, 12), 0
        while size(log) < limit and not status:
            ended, code = os.waitpid(child, os.WNOHANG)
            status = ended and 1 + code
            time.sleep(0.001)
        if not status:
            time.sleep(rng.uniform(0, 0.02))
            os.kill(child, signal.SIGKILL)
            status = 1 + os.waitpid(child, 0)[1]
        if status == 1:
            print(kills)
            return
        assert status == 1 + signal.SIGKILL, status
        kills += 1


def be_fed(folder: Path) -> None:
    """Print the ids of the processes that make the data, and train until somebody ends it."""
    endless = replace(TINY, num_steps=10**6, validate_every=10**6, data_workers=2)
    loop.train(
        endless,
        TINY_SYSTEM,
        folder / "run",
        cache_dir=folder / "cache",
        report=lambda line: print(*(p.pid for p in active_children()), flush=True),
    )


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


if __name__ == "__main__":
    torch.set_num_threads(1)
    loop.RunLog.draw = lambda self: None
    kinds = {"workers": be_one_of_several, "kill": be_killed, "feed": be_fed}
    kinds[sys.argv[1]](Path(sys.argv[2]))
    sys.stdout.flush()
    # As in glpose.train.__main__.
    os._exit(0)
