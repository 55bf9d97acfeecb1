"""Load the weights of an exported network into it, to start training from a `.onnx`.

Export folds each batch norm into the convolution before it, and writes the convolutions in
execution order. Running the network once gives that order; each convolution then gets its folded
weights, and its batch norm only adds the bias. To train the norms again, `restore_norms` gives them
statistics of pictures.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from glpose.errors import BadWeights, MissingExtra
from glpose.runtime.alone import looks_alone
from glpose.runtime.card import EncoderCard, PoseCard
from glpose.runtime.load import read_card

_CONSTANT = 1e-8


def load_exported(
    network: nn.Module, path: Path, example: Tensor, head: nn.Module | None = None
) -> None:
    """Load the convolutions of an exported graph, in place; `example` is an input of the network.

    Convolutions of the network either have a bias or a batch norm behind them. It must be used in
    evaluation mode until `restore_norms`: the original statistics are lost. `head` (convolutions with
    bias) gets what follows them in a graph that also answers alone, or else in the fusion beside it,
    if that is of one frame; without it, that is left out.

    Raises: BadWeights if the graph cannot be read or is of another network; MissingExtra.
    """
    if any(isinstance(layer, nn.ConvTranspose2d) for layer in network.modules()):
        raise BadWeights(
            f"{path}: transposed convolutions, which this recipe's network has, are not taken from "
            "exported weights; expected the folder of a run, or what glpose weights import wrote"
        )
    folded, answers = _convolutions(path)
    if head is not None and not answers:
        folded += _head_beside(path)
    layers = _in_order(network, example)
    last = [] if head is None else [m for m in head.modules() if isinstance(m, nn.Conv2d)]
    layers += [(conv, None) for conv in last]
    found = [tuple(w.shape) for w, _ in folded]
    wanted = [tuple(conv.weight.shape) for conv, _ in layers]
    if answers and head is None:
        found = found[: len(wanted)]
    if found != wanted:
        differs = next(
            (i for i, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b),
            min(len(found), len(wanted)),
        )
        raise BadWeights(
            f"{path}: number {differs + 1} of its {len(found)} convolutions differs from this "
            f"recipe's, which has {len(wanted)}; expected weights of the same network"
            + (", with its single-frame head" if last and not answers else "")
        )
    with torch.no_grad():
        for (weight, bias), (conv, norm) in zip(folded, layers, strict=False):
            conv.weight.copy_(weight)
            if norm is None:
                assert conv.bias is not None
                conv.bias.copy_(bias)
                continue
            norm.running_mean.zero_()  # type: ignore[union-attr]
            norm.running_var.fill_(1.0)  # type: ignore[union-attr]
            norm.weight.fill_((1.0 + norm.eps) ** 0.5)
            norm.bias.copy_(bias)


@torch.no_grad()
def restore_norms(network: nn.Module, pictures: Tensor) -> None:
    """Give batch norms the statistics of their inputs on pictures, so that they can be trained.

    In evaluation mode the network answers as before. Each channel of a convolution is scaled to a
    variance of one, as in new networks; folded weights differ in size by factors of a hundred, and
    optimisers change all by the same step.
    """
    pairs = [(conv, norm) for conv, norm in _in_order(network, pictures[:1]) if norm is not None]
    inputs: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def measure(norm: nn.Module, given: tuple[Tensor]) -> None:
        variance, mean = torch.var_mean(given[0].double(), (0, 2, 3))
        inputs[norm] = variance.float(), mean.float()

    hooks = [norm.register_forward_pre_hook(measure) for _, norm in pairs]
    _run(network, pictures, hooks)
    for conv, norm in pairs:
        variance, mean = inputs[norm]
        # A channel that is constant on these pictures stays as it is.
        scale = torch.where(variance > _CONSTANT, variance, 1.0).rsqrt()
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()  # type: ignore[operator]
        norm.bias += (mean - norm.running_mean) * gain  # type: ignore[operator]
        conv.weight *= scale[:, None, None, None]
        norm.running_mean.copy_(mean * scale)  # type: ignore[union-attr]
        norm.running_var.copy_(variance * scale.square())  # type: ignore[union-attr]
        norm.weight.copy_(gain * (norm.running_var + norm.eps).sqrt() / scale)  # type: ignore[operator]


def _head_beside(path: Path) -> list[tuple[Tensor, Tensor]]:
    """The head of an estimator of one frame, whose encoder is at `path`; empty if it is none."""
    fusion = path.with_name(path.name.replace(".encoder.", ".fusion."))
    if fusion == path or not fusion.is_file():
        return []
    card, own = read_card(fusion), read_card(path)
    if not (isinstance(card, PoseCard) and isinstance(own, EncoderCard) and looks_alone(card)):
        return []
    return _convolutions(fusion)[0] if card.partner == own.partner else []


def _convolutions(path: Path) -> tuple[list[tuple[Tensor, Tensor]], bool]:
    """Weight and bias of each convolution, in the order of the graph; whether it answers alone."""
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as problem:
        raise MissingExtra("onnx", "export") from problem
    try:
        graph = onnx.load(str(path)).graph
    except Exception as problem:  # protobuf has its own errors for damaged files
        raise BadWeights(f"{path}: cannot be read as ONNX ({problem})") from problem
    values = {i.name: i for i in graph.initializer}
    # Weights that are equal are stored once, and given on under the names of the others; those of
    # 16 bits are cast.
    for node in graph.node:
        if node.op_type in ("Identity", "Cast") and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
    pairs = []
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        if len(node.input) != 3 or any(name not in values for name in node.input[1:]):
            raise BadWeights(
                f"{path}: the convolution '{node.name}' has no folded bias; "
                "expected an encoder written by glpose export"
            )
        weight, bias = (numpy_helper.to_array(values[name]) for name in node.input[1:])
        pairs.append((torch.tensor(weight).float(), torch.tensor(bias).float()))
    return pairs, len(graph.output) > 2


@torch.no_grad()
def _in_order(network: nn.Module, example: Tensor) -> list[tuple[nn.Conv2d, nn.BatchNorm2d | None]]:
    """Convolutions in execution order, each with the batch norm behind it, if there is one."""
    ran: list[tuple[nn.Conv2d, nn.BatchNorm2d | None]] = []

    def note(module: nn.Module, _inputs: object, _output: object) -> None:
        if isinstance(module, nn.Conv2d):
            ran.append((module, None))
        elif isinstance(module, nn.BatchNorm2d):
            ran[-1] = (ran[-1][0], module)

    hooks = [layer.register_forward_hook(note) for layer in network.modules()]
    _run(network, example, hooks)
    return ran


def _run(network: nn.Module, pictures: Tensor, hooks: list[RemovableHandle]) -> None:
    """Run the network once as it is used, with its hooks, which are removed."""
    was_training = network.training
    try:
        network.eval()(pictures)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
