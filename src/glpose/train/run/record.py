"""The record of a run, `recipe.json`: its recipe, where it ran, and when it was resumed.

`jobs.runs` reads its keys `recipe`, `commit` and `versions`.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

import glpose
from glpose.config import to_plain
from glpose.errors import BadConfig, BadInput, BadWeights, reason
from glpose.files import write_whole
from glpose.train.recipe import Recipe, recorded
from glpose.train.run.checkpoint import load_checkpoint
from glpose.train.run.workers import Workers

_RECORD = "recipe.json"
_OF_A_RUN = (_RECORD, "last.pt", "best.pt", "log.jsonl")

# Settings that change only how fast batches are made, and what the first start wrote: the file that
# it was read from may be another by now, or gone.
_MAY_DIFFER = ("data_workers", "picture_cache_mb", "pretrained_on")


def check_record(
    run_dir: Path, recipe: Recipe, *, resume: bool, formerly: tuple[str, ...] = ()
) -> bool:
    """Whether the folder holds a run's record; checks that the run may be resumed with this recipe.

    `formerly` are the names of the recipe's system in older records.

    Raises: BadConfig if it holds another run or `resume` is not set; BadInput if it is not
    writable.
    """
    there = [name for name in _OF_A_RUN if (run_dir / name).exists()]
    if not there:
        _check_writable(run_dir)
        return False
    if not resume:
        raise BadConfig(
            f"{run_dir} holds a run already ({there[0]}); continue it with --resume, "
            "or choose another folder with --output"
        )
    known = _known(run_dir)
    if known.get("system") in formerly:
        known = known | {"system": recipe.system}
    differences = _differences(_completed(recipe, known), to_plain(recipe))
    changed = [name for name in differences if name not in _MAY_DIFFER]
    if changed:
        raise BadConfig(
            f"{run_dir} was started with another recipe (changed: {_few(changed)}); "
            "resume it as it was, or start anew with another --output"
        )
    _check_writable(run_dir)
    return _RECORD in there


def _known(run_dir: Path) -> dict:
    """The recipe of a run by its record or, if somebody has moved that, by its last checkpoint."""
    if (run_dir / _RECORD).exists():
        return _read(run_dir / _RECORD)["recipe"]
    last = run_dir / "last.pt"
    try:
        return dict(json.loads(load_checkpoint(last)["recipe"]))
    except (BadWeights, KeyError, TypeError, ValueError) as problem:
        raise BadInput(
            f"{run_dir}: has files of a run, but neither its {_RECORD} nor a last.pt to go on from; "
            "start anew with another --output"
        ) from problem


def recorded_origin(run_dir: Path) -> tuple[str, ...]:
    """The sets that a run has started from."""
    return tuple(_read(run_dir / _RECORD)["recipe"].get("pretrained_on", ()))


def check_data(run_dir: Path, drawn_from: Mapping[str, str]) -> None:
    """Check that a run in the folder had this data, see `Task.drawn_from`; older records do not tell.

    Raises: BadConfig, naming what has changed.
    """
    path = run_dir / _RECORD
    known = _read(path).get("drawn_from", {}) if path.exists() else {}
    if not known or known == drawn_from:
        return
    names = {
        "added": [name for name in drawn_from if name not in known],
        "gone": [name for name in known if name not in drawn_from],
        "changed": [name for name in known if drawn_from.get(name, known[name]) != known[name]],
    }
    changes = "; ".join(f"{what}: {_few(which)}" for what, which in names.items() if which)
    raise BadConfig(
        f"{run_dir} was started with other data ({changes}); resume it with the data it had, or "
        "start anew with another --output"
    )


def write_record(
    run_dir: Path,
    recipe: Recipe,
    in_steps: Recipe,
    num_samples: int | None,
    drawn_from: Mapping[str, str],
    workers: Workers,
) -> None:
    """Write the record of a new run atomically into its folder, or add an entry to a resumed run's.

    `in_steps` is the recipe with its epochs in steps. Raises: BadConfig if the data of a resumed
    run is other data, or has changed in size, which would change its epochs.
    """
    path = run_dir / _RECORD
    check_data(run_dir, drawn_from)
    counts = {
        "num_samples": num_samples,
        "num_steps": in_steps.num_steps,
        "milestones": list(in_steps.optimizer.milestones),
        "validate_every": in_steps.validate_every,
    }
    if path.exists():
        record = _read(path)
        changed = _differences(record.get("in_steps", counts), counts)
        if changed:
            name = changed[0]
            raise BadConfig(
                f"{run_dir} was started with data of another size ({name} was "
                f"{record['in_steps'][name]}, is {counts[name]}); resume it with the data it had"
            )
        record["drawn_from"] = dict(drawn_from)
        record["resumed"] = [*record.get("resumed", []), _circumstances(workers)]
    else:
        record = {
            "recipe": to_plain(recipe),
            "in_steps": counts,
            "drawn_from": dict(drawn_from),
            "seed": recipe.seed,
            **_circumstances(workers),
            "resumed": [],
        }
    write_whole(path, json.dumps(record, indent=1))


def _circumstances(workers: Workers) -> dict[str, object]:
    """Where, when and with what the process runs, without names of the machine or its user."""
    return {
        "commit": _commit(),
        "versions": {
            "glpose": glpose.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "command": _command(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "processes": workers.count,
        "threads": torch.get_num_threads(),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cpus": os.cpu_count(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
            "torch_build": _torch_build(),
        },
    }


def _command() -> list[str]:
    program = Path(sys.argv[0])
    is_module = program.name == "__main__.py"
    return [f"-m glpose.{program.parent.name}" if is_module else program.name, *sys.argv[1:]]


def _torch_build() -> list[str]:
    """The libraries that torch is built with, without compiler options."""
    lines = [line.strip("- \n") for line in torch.__config__.show().splitlines()]
    return [line for line in lines if not line.startswith("Build settings")]


def _read(path: Path) -> dict:
    try:
        record = json.loads(path.read_text("utf-8"))
        assert isinstance(record["recipe"], dict)
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as problem:
        raise BadInput(
            f"{path}: cannot be read as the record of a run; start anew with another --output"
        ) from problem
    return record


def _completed(recipe: Recipe, known: dict) -> dict:
    """A recorded recipe, completed with the defaults of settings newer than it."""
    try:
        types = type(recipe.model), type(recipe.data)
        return to_plain(recorded(known, str(known["system"]), *types))
    except (BadConfig, KeyError, TypeError):
        # It is of another system or has an old setting name: compare it as it is.
        return known


def _few(names: list[str]) -> str:
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more} more" if more > 0 else "")


def _differences(a: object, b: object, name: str = "") -> list[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        return [d for k in {**a, **b} for d in _differences(a.get(k), b.get(k), f"{name}.{k}")]
    return [] if a == b else [name.lstrip(".")]


def _check_writable(run_dir: Path) -> None:
    """Try to write, and leave nothing behind."""
    made = [folder for folder in (run_dir, *run_dir.parents) if not folder.exists()]
    probe = run_dir / ".probe"
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
        for folder in made:
            folder.rmdir()
    except OSError as problem:
        raise BadInput(
            f"{run_dir}: nothing can be written there ({reason(problem)}); "
            "choose another folder with --output"
        ) from problem


def _commit() -> str:
    """The commit of the source tree, with "-dirty" if it has changes; "unknown" without git."""
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
