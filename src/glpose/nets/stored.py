"""Weights in files that hold tensors and nothing that runs."""

from __future__ import annotations

import json
from pathlib import Path

from torch import Tensor

from glpose.errors import BadWeights, MissingExtra


def load_safetensors(path: Path, expected: str, remedy: str) -> dict[str, Tensor]:
    """All weights of a `.safetensors` file by name.

    Raises: BadWeights if there is no such file (`expected` was) or it is none (`remedy` mends it);
    MissingExtra.
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
    """The text that a `.safetensors` file carries beside its weights; empty if it carries none."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return header.get("__metadata__", {})
