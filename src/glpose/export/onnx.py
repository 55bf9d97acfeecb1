"""Export a torch module with its card to one self-describing `.onnx` file, with its digest."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from glpose.config import to_plain
from glpose.errors import MissingExtra
from glpose.files import file_digest, whole_file, write_whole
from glpose.runtime.card import CARD_KEY, Card

_OPSET = 17
_LARGE = 256  # numbers, from which on float16 saves more than its cast costs


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


def store_half(path: Path) -> None:
    """Keep a file's large weights as float16, for half the size; they are used as float32."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model, casts = onnx.load(str(path)), []
    for weight in model.graph.initializer:
        if weight.data_type == TensorProto.FLOAT and prod(weight.dims) >= _LARGE:
            name, values = weight.name, numpy_helper.to_array(weight)
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            # The engine folds the cast when it opens the file.
            casts.append(helper.make_node("Cast", [weight.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    with whole_file(path) as part:
        onnx.save(model, str(part))
    record_digest(path, file_digest(path))


def record_digest(path: Path, digest: str) -> None:
    """Keep `SHA256SUMS` in the folder up to date (the format of the tool sha256sum)."""
    sums = path.parent / "SHA256SUMS"
    lines = sums.read_text("utf-8").splitlines() if sums.exists() else []
    kept = [line for line in lines if line.split("  ", 1)[-1] != path.name]
    write_whole(sums, "".join(f"{line}\n" for line in sorted([*kept, f"{digest}  {path.name}"])))
