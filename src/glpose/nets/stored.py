"""Weights in files that hold only tensors, no code."""

from __future__ import annotations

import json
from pathlib import Path

from torch import Tensor

from glpose.errors import BadWeights, MissingExtra


def load_safetensors(path: Path, expected: str, remedy: str) -> dict[str, Tensor]:
    """All weights of a `.safetensors` file by name.

    Raises: BadWeights if the file is missing (naming what was `expected`) or damaged (with the
    `remedy`); MissingExtra.
    """
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as problem:
        raise MissingExtra("safetensors", "train") from problem
    try:
        return load_file(path)
    except FileNotFoundError as problem:
        raise BadWeights(f"{path}: not found; expected {expected}") from problem
    except (SafetensorError, OSError) as problem:
        reason = str(problem).splitlines()[0]
        raise BadWeights(f"{path}: cannot be read as safetensors ({reason}); {remedy}") from problem


def safetensors_notes(path: Path) -> dict[str, str]:
    """The text metadata of a `.safetensors` file; empty if it has none."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return header.get("__metadata__", {})
