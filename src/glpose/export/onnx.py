"""Export a torch module with its card to one self-describing `.onnx` file, with its digest."""

from __future__ import annotations

import glob
import json
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from glpose.config import to_plain
from glpose.errors import BadInput, GLPoseError, MissingExtra
from glpose.files import file_digest, whole_file, write_whole
from glpose.runtime.card import CARD_KEY, Card
from glpose.runtime.load import name_of

if TYPE_CHECKING:
    import onnx

_OPSET, _SUMS = 17, "SHA256SUMS"
_LARGE = 256  # numbers, from which on float16 saves more than its cast costs


@dataclass(frozen=True, slots=True)
class Graph:
    """A module to export: example inputs by name, output names, and the axes that may vary.

    The first axis of all arrays may, which is not in `others`.
    """

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    others: dict[str, dict[int, str]] = field(default_factory=dict)

    @property
    def dynamic(self) -> dict[str, dict[int, str]]:
        """The axes that may vary, by the names of the arrays."""
        names = (*self.inputs, *self.outputs)
        return {name: {0: "n", **self.others.get(name, {})} for name in names}


def check_no_weights(folder: Path, name: str, *, overwrite: bool) -> None:
    """Raises: BadInput if weights of a name are in a folder already and are not to be replaced."""
    old = sorted(p for p in folder.glob(f"{glob.escape(name)}.*") if name_of(p) == name)
    if old and not overwrite:
        raise BadInput(
            f"{folder}: holds {', '.join(path.name for path in old)} already; use --overwrite to "
            "replace what is there, or choose another --name or --output"
        )


@contextmanager
def kept_if_right(folder: Path) -> Iterator[Path]:
    """Yield an empty folder; its files and digests come into `folder` if the block ends without error.

    Otherwise what `folder` held before stays as it was.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        # On the same disk, so that files are only renamed.
        with TemporaryDirectory(prefix=".export.", dir=folder) as name:
            part = Path(name)
            yield part
            digests = [line.split("  ", 1) for line in _lines(part / _SUMS)]
            for path in part.iterdir():
                if path.name != _SUMS:
                    with whole_file(folder / path.name) as whole:
                        path.replace(whole)
            for digest, file in digests:
                record_digest(folder / file, digest)
    except BaseException:
        if is_new:
            with suppress(OSError):  # somebody else's files may have come
                folder.rmdir()
        raise


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
    dynamic = graph.dynamic
    with whole_file(path) as part:
        with torch.no_grad(), warnings.catch_warnings():
            # How constant padding is written, which is folded below.
            warnings.filterwarnings("ignore", "Constant folding - Only steps=1", UserWarning)
            # Its width goes by the sides of the example.
            said, where = (
                "Converting a tensor to a Python integer",
                r"glpose\.nets\.efficientnet_lite",
            )
            warnings.filterwarnings("ignore", said, module=where)
            # The tracing exporter folds batch norms; no network here has data-dependent branches.
            torch.onnx.export(
                graph.module,
                tuple(graph.inputs.values()),
                str(part),
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_axes=dynamic,
                opset_version=_OPSET,
                dynamo=False,
            )
            made = graph.module(*graph.inputs.values())
        model = onnx.load(str(part))
        fold_padding(model)
        tensors = [made] if isinstance(made, Tensor) else made
        for value, tensor in zip(model.graph.output, tensors, strict=True):
            _say_size(value, tensor, dynamic[value.name])
        entry = model.metadata_props.add()
        entry.key, entry.value = CARD_KEY, json.dumps(to_plain(card))
        onnx.checker.check_model(model)
        onnx.save(model, str(part))
    digest = file_digest(path)
    record_digest(path, digest)
    return digest


def fold_padding(model: onnx.ModelProto) -> None:
    """Let convolutions pad by themselves where zeros are put around their inputs, in place.

    Engines keep maps in a layout of their own between convolutions, and leave it for padding: that
    takes up to a quarter of the time. Padding whose width depends on the inputs stays, and so does
    that of subgraphs.
    """
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    taken = Counter(name for node in graph.node for name in node.input)
    for conv in [node for node in graph.node if node.op_type == "Conv"]:
        pad = makers.get(conv.input[0])
        if pad is None or pad.op_type != "Pad" or taken[conv.input[0]] > 1:
            continue
        mode = next((a.s for a in pad.attribute if a.name == "mode"), b"constant")
        has_value = any(pad.input[2:])  # of another number than zero, maybe
        width = None if has_value else _constant(model, pad.input[1], makers)
        if width is None or mode != b"constant" or (width < 0).any():
            continue
        of_maps, of_sides = np.split(width.reshape(2, -1), [2], axis=1)
        if of_maps.any():
            continue
        pads = next((a.ints for a in conv.attribute if a.name == "pads"), None)
        if pads is None:  # optional; torch always writes it
            continue
        pads[:] = (np.array(pads).reshape(2, -1) + of_sides).ravel().tolist()
        conv.input[0] = pad.input[0]
    _drop_unused(graph)


def _constant(
    model: onnx.ModelProto, name: str, makers: dict[str, onnx.NodeProto]
) -> np.ndarray | None:
    """The value of an array of a graph, or None if it depends on the graph's inputs."""
    from onnx import TensorProto, helper
    from onnx.reference import ReferenceEvaluator

    stored = {weight.name for weight in model.graph.initializer}
    needed, wanted = {""}, [name]
    while wanted:
        one = wanted.pop()
        if one in needed:
            continue
        needed.add(one)
        if one in makers:
            wanted += makers[one].input
        elif one not in stored:
            return None
    nodes = [node for node in model.graph.node if needed.intersection(node.output)]
    weights = [weight for weight in model.graph.initializer if weight.name in needed]
    out = helper.make_tensor_value_info(name, TensorProto.INT64, None)
    part = helper.make_graph(nodes, "constant", [], [out], weights)
    run = ReferenceEvaluator(helper.make_model(part, opset_imports=model.opset_import))
    found = run.run(None, {})
    assert isinstance(found, list)
    return found[0]


def _say_size(value: onnx.ValueInfoProto, tensor: Tensor, dynamic: dict[int, str]) -> None:
    """Say of an output what its axes have that may not vary, which tracing does not always find."""
    dims = value.type.tensor_type.shape.dim
    for axis, (dim, size) in enumerate(zip(dims, tensor.shape, strict=True)):
        if axis not in dynamic:
            dim.dim_value = size


def _drop_unused(graph: onnx.GraphProto) -> None:
    """Remove nodes and weights that no output needs."""
    used = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if used.intersection(node.output):
            kept.append(node)
            used.update(node.input)
    weights = [weight for weight in graph.initializer if weight.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(weights)


def store_half(path: Path) -> None:
    """Keep a file's large weights as float16, for half the size; they are used as float32.

    Raises: GLPoseError if one is too large for that (above 65,504).
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model, casts = onnx.load(str(path)), []
    for weight in model.graph.initializer:
        if weight.data_type == TensorProto.FLOAT and prod(weight.dims) >= _LARGE:
            name, values = weight.name, numpy_helper.to_array(weight)
            if np.abs(values).max() > np.finfo(np.float16).max:
                raise GLPoseError(
                    f"{path.name}: '{name}' has values that 16 bits cannot hold; export again without "
                    "--half"
                )
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
    lines = _lines(sums := path.parent / _SUMS)
    kept = [line for line in lines if line.split("  ", 1)[-1] != path.name]
    write_whole(sums, "".join(f"{line}\n" for line in sorted([*kept, f"{digest}  {path.name}"])))


def _lines(sums: Path) -> list[str]:
    return sums.read_text("utf-8").splitlines() if sums.exists() else []
