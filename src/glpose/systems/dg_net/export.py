"""Export the network as one graph, `NAME.lift.onnx`, checked against torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from glpose.errors import GLPoseError
from glpose.export.onnx import Graph, write_graph
from glpose.runtime.card import LiftCard
from glpose.runtime.lift import RunLifter
from glpose.runtime.load import open_lifter
from glpose.systems.dg_net.net import CHANNELS, DgNet
from glpose.train.system import ArrayBatch

_MOST = 1e-3
"""Of the unit of the poses: 1.7 mm for statures."""


def export_lifter(model: DgNet, card: LiftCard, folder: Path, example: ArrayBatch) -> Path:
    """Write the graph; the number of windows is free. `example` are windows to compare on.

    Raises: GLPoseError if a joint differs from torch by 0.001 or more.
    """
    path = folder / f"{card.name}.lift.onnx"
    joints = len(card.joints.joints)
    inputs = {
        "joints": torch.zeros(2, card.window, joints, CHANNELS),
        "known": torch.ones(2, card.window, joints),
    }
    write_graph(Graph(model.eval(), inputs, ("xyz",)), card, path)
    moved = _largest_move(model, open_lifter(path).network.run, example)
    if not moved < _MOST:
        raise GLPoseError(
            f"{path.name}: a joint moves by {moved:.4f} {card.unit} between torch and ONNX Runtime, "
            f"expected less than {_MOST}; nothing is exported"
        )
    return path


@torch.inference_mode()
def _largest_move(model: DgNet, run: RunLifter, example: ArrayBatch) -> float:
    joints, known = example["joints"], example["known"]
    expected = model(torch.from_numpy(joints), torch.from_numpy(known)).numpy()
    return float(np.abs(run(joints, known) - expected).max())
