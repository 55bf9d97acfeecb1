"""Networks in training as an `Estimator`, so that they are evaluated like exported weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from glpose.runtime.card import PoseCard
from glpose.runtime.estimator import OnnxEstimator, RunGraph


def as_estimator(
    encoder: nn.Module,
    solver: nn.Module,
    card: PoseCard,
    device: str | None = None,
    chunk: int = 8,
) -> OnnxEstimator:
    """The parts of a network (see `export.pose.PoseParts`) as an estimator run by torch.

    The parts are moved to `device` and put in evaluation mode; None uses a GPU if there is one.
    """
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    encode, solve = encoder.to(where).eval(), solver.to(where).eval()

    def run_encoder(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return dict(zip(("features", "embedding"), encode(inputs["crops"]), strict=True))

    return OnnxEstimator(_graph(run_encoder, where), _graph(solve, where), card, chunk)


def _graph(call: Callable[[dict[str, Tensor]], dict[str, Tensor]], where: torch.device) -> RunGraph:
    """Turn a function on named tensors into one on named arrays."""

    @torch.inference_mode()
    def run(arrays: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        given = {
            name: torch.from_numpy(np.ascontiguousarray(array)).to(where)
            for name, array in arrays.items()
        }
        found = call(given)
        return [found[name].float().cpu().numpy() for name in outputs]

    return run
