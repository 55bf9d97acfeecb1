"""Checkpoints: written atomically, read without running code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import torch

from glpose.errors import BadInput, BadWeights


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write beside `path`, then rename: a killed run leaves the old file or the new one."""
    _replace(path, lambda file: torch.save(state, file))


def write_whole(path: Path, text: str) -> None:
    """A text file, all of it or nothing; as `save_checkpoint`."""
    _replace(path, lambda file: file.write(text.encode("utf-8")))


def _replace(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    partial = path.with_name(path.name + ".part")
    with partial.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    # The name is part of the folder, which has to reach the disk too.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def disk_failures(what: str) -> Iterator[None]:
    """A disk that is full, read-only or gone is no bug. Raises: BadInput in place of OSError."""
    try:
        yield
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        raise BadInput(
            f"{where}{problem.strerror or problem}, while {what}; make room or mend access, "
            "what was written before is whole"
        ) from problem


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint, tensors and plain data only. Raises BadWeights."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as problem:
        raise BadWeights(f"{path}: not found; expected a checkpoint of a training run") from problem
    except Exception as problem:
        # What torch says is about its own settings, and long.
        what = "a folder" if path.is_dir() else "damaged, or of another program"
        raise BadWeights(
            f"{path}: not a checkpoint of a training run ({what}); expected last.pt or best.pt of "
            "a run"
        ) from problem
