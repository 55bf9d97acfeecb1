"""Runs of `glpose train` in a place where weights or videos are expected, known without torch."""

import json
from pathlib import Path
from typing import Any

from glpose.errors import pasted
from glpose.files import open_regular, read_regular

RECORD = "recipe.json"
_BESIDE = ("best.pt", "last.pt", "log.jsonl")

_SUFFIXES = (".pt", ".pth", ".ckpt")
_STARTS = (b"PK\3\4", b"\x80\2")  # what torch writes: an archive, or (long ago) a pickle


def training_run(path: Path) -> Path | None:
    """The folder of the run that a path is, or that it is a checkpoint of; None if it is neither."""
    if path.is_dir():
        return path if _is_run(path) else None
    return path.parent if is_checkpoint(path) and (path.parent / RECORD).is_file() else None


def _is_run(folder: Path) -> bool:
    """Whether a folder has a record, and it is that of a run: also other tools write `recipe.json`."""
    if any((folder / name).is_file() for name in _BESIDE):
        return (folder / RECORD).is_file()  # which may be damaged
    try:
        record = json.loads(read_regular(folder / RECORD))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and isinstance(record.get("recipe"), dict)


def is_checkpoint(path: Path) -> bool:
    """Whether a file is one of torch's, by its name and how it begins."""
    if path.suffix.lower() not in _SUFFIXES:
        return False
    try:
        with open_regular(path) as file:
            return file.read(4).startswith(_STARTS)
    except OSError:
        return False


def how_to_export(path: Path) -> str | None:
    """One line about a run or a checkpoint: what it is, and what makes weights of it; else None."""
    if run := training_run(path):
        what = "a run of glpose train" if path.is_dir() else "a checkpoint of a run of glpose train"
        return f"{path}: {what}; make weights of it with: glpose export {pasted(run)} -o FOLDER"
    if is_checkpoint(path):
        return (
            f"{path}: a checkpoint of torch, without its run; if glpose train has made it, glpose "
            f"export makes weights of the folder of the run, where {RECORD} lies beside best.pt"
        )
    return None


def rows_of_log(path: Path) -> list[dict[str, Any]]:
    """The rows of a `log.jsonl`, without the half line that a killed run leaves, and others' lines.

    Raises: OSError if it cannot be read.
    """
    rows = []
    for line in path.read_bytes().splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if _is_row(row):
            rows.append(row)
    return rows


def _is_row(row: Any) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("step"), int):
        return False
    named = [row.get(key, {}) for key in ("losses", "scores")]
    return isinstance(row.get("best_from", 0), int) and all(
        isinstance(values, dict)
        and all(isinstance(value, int | float | None) for value in values.values())
        for values in named
    )
