"""Networks in training as an `Estimator`, so that they are evaluated like exported weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from glpose.errors import BadConfig
from glpose.export.pose import PoseParts
from glpose.runtime.card import PoseCard
from glpose.runtime.engine import Device
from glpose.runtime.estimator import OnnxEstimator, RunGraph


def as_estimator(
    parts: PoseParts, card: PoseCard, device: Device = "auto", threads: int | None = None
) -> OnnxEstimator:
    """The parts of a network as an estimator run by torch.

    They are moved to `device` and put in evaluation mode; "auto" uses a GPU if there is one.
    `threads` are torch's on the CPU while the parts run, None leaves them as they are.

    Raises: BadConfig for the device "cuda" where torch finds none.
    """
    card = parts.told_by(card)
    where = torch_device(device)
    encode, solve = parts.encoder.to(where).eval(), parts.solver.to(where).eval()
    tell = parts.answer.to(where).eval() if parts.answer is not None else None

    def run_encoder(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        features, embedding = encode(inputs["crops"])
        found = {"features": features, "embedding": embedding}
        return found if tell is None else found | tell(features)

    start = None
    if (starter := parts.starter) is not None:
        begin = starter.to(where).eval()
        start = _graph(lambda inputs: begin(inputs["crops"]), where, threads)
    summarise = None
    if parts.summary is not None:
        tell_all = parts.summary.to(where).eval()

        def run_summary(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
            maps = {name: inputs[name] for name in card.maps}
            return tell_all(inputs["features"], maps)

        summarise = _graph(run_summary, where, threads)
    return OnnxEstimator(
        _graph(run_encoder, where, threads),
        _graph(solve, where, threads),
        card,
        start=start,
        summarise=summarise,
    )


def torch_device(device: Device) -> torch.device:
    """What runs a network in torch: "auto" is a GPU if there is one.

    Raises: BadConfig for "cuda" where torch finds none.
    """
    has_gpu = torch.cuda.is_available()
    if device == "cuda" and not has_gpu:
        raise BadConfig(
            f"the engine's device is '{device}', but torch finds no GPU; use the device 'cpu'"
        )
    return torch.device("cuda" if has_gpu and device != "cpu" else "cpu")


@contextmanager
def torch_threads(num: int | None) -> Iterator[None]:
    """Torch's threads for a while; whoever called has the old number again afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(num or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _graph(
    call: Callable[[dict[str, Tensor]], dict[str, Tensor]],
    where: torch.device,
    threads: int | None,
) -> RunGraph:
    """Turn a function on named tensors into one on named arrays."""

    @torch.inference_mode()
    def run(arrays: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        given = {
            name: torch.from_numpy(np.ascontiguousarray(array)).to(where)
            for name, array in arrays.items()
        }
        with torch_threads(threads):
            found = call(given)
        return [found[name].float().cpu().numpy() for name in outputs]

    return run
