"""Weights in files that hold tensors and nothing that runs."""

from __future__ import annotations

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
