"""Checkpoints, written atomically and read without running code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from glpose.errors import BadInput, BadWeights, reason
from glpose.files import whole_file


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; a killed run leaves the old file or the new one. Raises OSError."""
    with whole_file(path) as part, part.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as problem:
            # torch's writer fails again as it closes, which hides what the disk has said.
            if isinstance(problem.__context__, OSError):
                raise problem.__context__ from None
            raise


def is_of_older_version(saved: dict[str, Any]) -> bool:
    """Whether a checkpoint is one of a version before 0.24, whose batches and scores were others.

    Version 0.24, the first that is named in checkpoints, draws the people of a batch by numbers of
    their own, keeps the damage of a key in all slots that the key fills, and scores lifting on the
    same windows for all seeds.
    """
    return "glpose" not in saved


@contextmanager
def disk_failures(what: str) -> Iterator[None]:
    """Turn disk failures into user errors. Raises: BadInput in place of OSError."""
    try:
        yield
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        raise BadInput(
            f"{where}{reason(problem)}, while {what}; make room or mend access, "
            "what was written before is whole"
        ) from problem


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint, tensors and plain data only. Raises BadWeights."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as problem:
        raise BadWeights(f"{path}: not found; expected a checkpoint of a training run") from problem
    except Exception as problem:
        # torch's message is long and about its own settings.
        what = "a folder" if path.is_dir() else "damaged, or of another program"
        raise BadWeights(
            f"{path}: not a checkpoint of a training run ({what}); expected last.pt or best.pt of "
            "a run"
        ) from problem
