"""Networks in training as an `Estimator`, so that they are evaluated as exported weights are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import nn

from glpose.runtime.card import Card, FusionCard
from glpose.runtime.estimator import OnnxEstimator, RunGraph

_FUSION_INPUTS = ("key", "local", "global", "global_weight")


def as_estimator(
    encoder: nn.Module,
    fusion: nn.Module,
    slots: FusionCard,
    card: Card,
    device: str | None = None,
    chunk: int = 8,
) -> OnnxEstimator:
    """The parts of a network with the interface of exported ones; torch in place of ONNX Runtime.

    The parts are moved to `device` and put into evaluation mode; None takes a GPU if there is one.
    """
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return OnnxEstimator(
        _graph(encoder, ("crops",), where),
        _graph(fusion, _FUSION_INPUTS, where),
        replace(card, kind="fusion", fusion=slots),
        chunk,
    )


def _graph(module: nn.Module, inputs: tuple[str, ...], where: torch.device) -> RunGraph:
    """A module as a function of named arrays; inputs that are not given are None."""
    module = module.to(where).eval()

    @torch.inference_mode()
    def run(arrays: dict[str, np.ndarray], _outputs: list[str]) -> list[np.ndarray]:
        given = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}
        found = module(*(given[name].to(where) if name in given else None for name in inputs))
        return [x.float().cpu().numpy() for x in (found if isinstance(found, tuple) else (found,))]

    return run
