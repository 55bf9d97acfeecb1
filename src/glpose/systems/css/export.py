"""Export the encoder with its two halves as one graph, `NAME.embedding.onnx`, checked against torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from glpose.errors import GLPoseError
from glpose.export.onnx import Graph, write_graph
from glpose.export.pose import Part, check_crops
from glpose.export.terms import about
from glpose.runtime.card import EmbeddingCard
from glpose.runtime.load import EMBEDDING, load_embedder
from glpose.systems.css.net import SplitNet

PAPER = (
    "features in two halves, learned from videos (Honari et al., Temporal Representation Learning on "
    "Monocular Videos, TPAMI 2023; losses reconstructed)"
)
_MOST = 1e-3


def export_embedder(
    model: SplitNet,
    folder: Path,
    sources: tuple[str, ...],
    *,
    name: str,
    made_by: dict[str, str],
    scores: dict[str, str],
) -> Path:
    """Write the graph; the number of crops is free.

    Raises: GLPoseError if a value differs from torch by a thousandth of the largest or more.
    """
    config = model.config
    card = EmbeddingCard(
        **about(name, sources, f"{PAPER} on {config.backbone.family}", made_by, scores),
        crop=config.crop,
        appearance=config.invariant,
        pose=config.variant,
    )
    path = folder / f"{name}{EMBEDDING}"
    crops = torch.zeros(2, *config.crop.size_hw, 3, dtype=torch.uint8)
    model.eval()

    def halves(crops_BHWC: Tensor) -> tuple[Tensor, Tensor]:
        found = model(crops_BHWC)
        return found.invariant, found.variant

    part = Part(halves, encoder=model.encoder, split=model.split)
    graph = Graph(part, {"crops": crops}, ("appearance", "pose"))
    write_graph(graph, card, path)
    _check(model, path)
    return path


@torch.inference_mode()
def _check(model: SplitNet, path: Path) -> None:
    crops = check_crops(5, model.config.crop.size_hw)
    expected = model(torch.from_numpy(crops))
    for found, half in zip(load_embedder(path)(crops), expected, strict=True):
        wanted = half.numpy()
        apart = float(np.abs(found - wanted).max() / np.abs(wanted).max())
        if not apart < _MOST:
            raise GLPoseError(
                f"{path.name}: a value differs by {apart:.4f} of the largest between torch and ONNX "
                f"Runtime, expected less than {_MOST}; nothing is exported"
            )
