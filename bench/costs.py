"""What networks cost: multiplications, counted in their exported graphs, and how often they run.

A multiplication is one of a convolution, a matrix product or an Einstein sum, with the shapes that
a run of the graph has. Left out, as usual, are sums, norms, activations and what takes values from
between pixels. Needs the export extra.
"""

from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from jaxtyping import UInt8

from glpose.codecs.codec import Maps
from glpose.runtime.card import PoseCard, StarterCard
from glpose.runtime.engine import EngineSpec
from glpose.runtime.engines.open import open_graph
from glpose.runtime.load import find_shared, find_weights, read_card
from glpose.runtime.protocols import Encoded, Estimator, Inputs, Starting

Shapes = dict[str, tuple[int, ...]]

_DTYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}
_COUNTED = ("Conv", "ConvTranspose", "MatMul", "Gemm", "Einsum")


class Macs(NamedTuple):
    """Multiplications: encoder and summary for a crop, solver for a key, starter for a first one."""

    encode: int
    solve: int = 0
    start: int = 0
    summarise: int = 0


def pose_macs(name_or_path: str | Path) -> Macs:
    """Multiplications of pose weights."""
    weights = find_weights(name_or_path, "pose")
    encoder, fusion, starter, summary = (
        weights.part(kind) for kind in ("encoder", "fusion", "starter", "summary")
    )
    assert fusion is not None
    card = read_card(fusion)
    assert isinstance(card, PoseCard)
    if card.encoder is not None:
        encoder = find_shared(card.encoder, fusion.parent)
    assert encoder is not None
    found = Macs(macs(encoder), macs(fusion), summarise=macs(summary) if summary else 0)
    if starter is None:
        return found
    begins, start = read_card(starter), macs(starter)
    if isinstance(begins, StarterCard) and begins.initializer is not None:
        shared = find_shared(begins.initializer, starter.parent)
        assert shared is not None
        start += macs(shared) + found.encode
    return found._replace(start=start)


def macs(path: Path) -> int:
    """Multiplications of a graph whose inputs have one row."""
    model = onnx.load(str(path))
    nodes = [node for node in model.graph.node if node.op_type in _COUNTED]
    shapes: Shapes = {weight.name: tuple(weight.dims) for weight in model.graph.initializer}
    known = {*shapes, *(array.name for array in (*model.graph.input, *model.graph.output))}
    between = {name for node in nodes for name in (*node.input, *node.output)} - known
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(between))
    graph = open_graph(path, model.SerializeToString(), EngineSpec(threads=1))
    given = {
        name: np.zeros([s if isinstance(s, int) else 1 for s in a.shape], _DTYPES[a.dtype])
        for name, a in graph.inputs.items()
    }
    found = given | dict(zip(graph.outputs, graph.run(given, list(graph.outputs)), strict=True))
    shapes |= {name: array.shape for name, array in found.items()}
    return sum(_macs_of(node, shapes) for node in nodes)


def _macs_of(node: onnx.NodeProto, shapes: Shapes) -> int:
    given = [shapes[name] for name in node.input if name]
    out = shapes[node.output[0]]
    if node.op_type == "Conv":
        return prod(out) * prod(given[1][1:])
    if node.op_type == "ConvTranspose":
        return prod(given[0]) * prod(given[1][1:])
    if node.op_type == "Einsum":
        (equation,) = (a.s.decode() for a in node.attribute if a.name == "equation")
        letters = equation.replace(" ", "").partition("->")[0].split(",")
        sizes = {
            a: n
            for word, s in zip(letters, given, strict=True)
            for a, n in zip(word, s, strict=True)
        }
        return prod(sizes.values())
    is_product = node.op_type == "MatMul"
    inner = given[0][-1] if is_product else prod(given[0]) // out[0]
    return prod(out) * inner


class Counting:
    """An estimator that counts the crops it encodes, and the keys it solves for or starts with."""

    def __init__(self, estimate: Estimator) -> None:
        self.card, self._estimate = estimate.card, estimate
        self.num_encoded = self.num_solved = self.num_started = 0

    def macs(self, each: Macs) -> int:
        """Multiplications so far."""
        done = self.num_encoded, self.num_solved, self.num_started, self.num_encoded
        return sum(num * one for num, one in zip(done, each, strict=True))

    def encode(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Encoded:
        """As the estimator."""
        self.num_encoded += len(crops)
        return self._estimate.encode(crops)

    def solve(self, inputs: Inputs) -> Maps:
        """As the estimator."""
        self.num_solved += len(next(iter(inputs.values())))
        return self._estimate.solve(inputs)

    def start(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Maps:
        """As the estimator, which has to have a starter."""
        assert isinstance(self._estimate, Starting)
        self.num_started += len(crops)
        return self._estimate.start(crops)
