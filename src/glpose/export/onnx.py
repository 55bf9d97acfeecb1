"""Export a torch module with its card to one self-describing `.onnx` file, with its digest."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from glpose.config import to_plain
from glpose.errors import MissingExtra
from glpose.files import file_digest, whole_file, write_whole
from glpose.runtime.card import CARD_KEY, Card

_OPSET = 17


@dataclass(frozen=True, slots=True)
class Graph:
    """A module to export: example inputs by name, output names, and the axes that may vary."""

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, str]]


def write_graph(graph: Graph, card: Card, path: Path) -> str:
    """Write the graph with its card inside; returns the SHA-256 of the file.

    Raises: MissingExtra without the packages of the `export` extra.
    """
    try:
        import onnx
    except ImportError as problem:
        raise MissingExtra("onnx", "export") from problem
    path.parent.mkdir(parents=True, exist_ok=True)
    graph.module.eval()
    with whole_file(path) as part:
        with torch.no_grad(), warnings.catch_warnings():
            # How constant padding is written; the engine folds it.
            warnings.filterwarnings("ignore", "Constant folding - Only steps=1", UserWarning)
            # The tracing exporter folds batch norms; no network here has data-dependent branches.
            torch.onnx.export(
                graph.module,
                tuple(graph.inputs.values()),
                str(part),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_axes=graph.dynamic,
                opset_version=_OPSET,
                dynamo=False,
            )
        model = onnx.load(str(part))
        entry = model.metadata_props.add()
        entry.key, entry.value = CARD_KEY, json.dumps(to_plain(card))
        onnx.checker.check_model(model)
        onnx.save(model, str(part))
    digest = file_digest(path)
    record_digest(path, digest)
    return digest


def record_digest(path: Path, digest: str) -> None:
    """Keep `SHA256SUMS` in the folder up to date (the format of the tool sha256sum)."""
    sums = path.parent / "SHA256SUMS"
    lines = sums.read_text("utf-8").splitlines() if sums.exists() else []
    kept = [line for line in lines if line.split("  ", 1)[-1] != path.name]
    write_whole(sums, "".join(f"{line}\n" for line in sorted([*kept, f"{digest}  {path.name}"])))
