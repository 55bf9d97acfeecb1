"""Checkpoints: written atomically, read without running code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from glpose.errors import BadWeights


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write beside `path`, then rename: a killed run leaves the old file or the new one."""
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint, tensors and plain data only. Raises BadWeights."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as problem:
        raise BadWeights(f"{path}: not found; expected a checkpoint of a training run") from problem
    except Exception as problem:
        reason = (str(problem) or type(problem).__name__).splitlines()[0]
        raise BadWeights(f"{path}: not a checkpoint of a training run ({reason})") from problem
