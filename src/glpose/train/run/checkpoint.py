"""Checkpoints, written atomically and read without running code."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile, ZipFile, is_zipfile

import torch

from glpose.errors import BadInput, BadWeights, reason
from glpose.files import open_regular, whole_file


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
    """Read a checkpoint, tensors and plain data only.

    Raises: BadWeights if it is missing, damaged or none; BadInput if it cannot be read now.
    """
    try:
        with _readable(path), open_regular(path) as file:
            if is_zipfile(file) and not _is_whole(file):
                raise BadZipFile  # noqa: TRY301 - as torch raises what it finds
            file.seek(0)
            saved = torch.load(file, map_location="cpu", weights_only=True)
    except BadInput:
        raise
    except FileNotFoundError as problem:
        raise BadWeights(f"{path}: not found; expected a checkpoint of a training run") from problem
    except Exception as problem:
        # torch's message is long and about its own settings.
        what = "a folder" if path.is_dir() else "damaged, or of another program"
        raise BadWeights(
            f"{path}: not a checkpoint of a training run ({what}); expected last.pt or best.pt of "
            "a run"
        ) from problem
    if not isinstance(saved, dict):
        raise BadWeights(
            f"{path}: not a checkpoint of a training run (a {type(saved).__name__}); "
            "expected last.pt or best.pt of a run"
        )
    return saved


def is_whole(path: Path) -> bool:
    """Whether a checkpoint is there and undamaged. Raises: BadInput if it cannot be read now."""
    try:
        with _readable(path), open_regular(path) as file:
            return _is_whole(file)
    except IsADirectoryError as problem:
        raise BadInput(f"{path}: is a folder; expected a checkpoint; move it away") from problem
    except (FileNotFoundError, BadZipFile):
        return False


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Raises: BadInput for what is no fault of the file: its disk, its rights, too little memory."""
    try:
        yield
    except (FileNotFoundError, IsADirectoryError):
        raise
    except (OSError, MemoryError, RuntimeError) as problem:
        if getattr(problem, "errno", None) == errno.EINVAL:
            # A damaged table of contents, or none, leads to places before the file.
            raise BadZipFile from problem
        is_of_memory = isinstance(problem, MemoryError) or "allocate memory" in str(problem)
        if isinstance(problem, RuntimeError) and not is_of_memory:
            raise
        why = "not enough memory" if is_of_memory else reason(problem)
        raise BadInput(
            f"{path}: cannot be read now ({why}); mend access or free memory, and try again"
        ) from problem


def _is_whole(file: BinaryIO) -> bool:
    """Whether a file is an archive whose checksums, at which torch does not look, are right."""
    try:
        with ZipFile(file) as archive:
            return archive.testzip() is None
    except Exception as problem:  # noqa: BLE001
        # zipfile raises many kinds for what is no archive, and says so when the disk fails.
        cause = (problem.__context__ or problem) if isinstance(problem, BadZipFile) else problem
        if isinstance(cause, OSError | MemoryError):
            raise cause from None
        return False
