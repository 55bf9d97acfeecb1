"""Export the network as one graph, `NAME.onnx`, checked against torch at several shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from glpose.errors import GLPoseError
from glpose.export.onnx import Graph, write_graph
from glpose.runtime.card import DetectorCard
from glpose.runtime.detector import input_size
from glpose.runtime.load import load_detector
from glpose.systems.person_detector.net import PersonDetector

_MOST_PX = 0.05
_MOST_SCORE = 1e-3


def export_detector(model: PersonDetector, card: DetectorCard, folder: Path) -> Path:
    """Write the graph; batch size is free, and sides may be any multiples of the coarsest stride.

    Raises: GLPoseError if a box differs from torch by 0.05 px or more, or a score by 0.001.
    """
    path = folder / f"{card.name}.onnx"
    graph = Graph(
        model.eval(),
        {"pictures": torch.zeros(1, *_example_size(model), 3, dtype=torch.uint8)},
        ("boxes", "scores"),
        {"pictures": {1: "height", 2: "width"}, "boxes": {1: "points"}, "scores": {1: "points"}},
    )
    write_graph(graph, card, path)
    _check(model, path)
    return path


def _example_size(model: PersonDetector) -> tuple[int, int]:
    """A size that the runtime takes; the graph keeps to the parity of its sides."""
    size_hw = model.config.size_hw
    return input_size(size_hw, size_hw, max(model.config.strides))


def _check(model: PersonDetector, path: Path) -> None:
    rng = np.random.default_rng(0)
    run = load_detector(path).run
    height, width = _example_size(model)
    for size_hw in ((height, width), (width, height), (96, 64)):
        picture = rng.integers(0, 256, (1, *size_hw, 3)).astype(np.uint8)
        boxes, scores = run(picture)
        with torch.inference_mode():
            expected_boxes, expected_scores = model(torch.from_numpy(picture))
        moved_px = float(np.abs(boxes - expected_boxes.numpy()).max())
        changed = float(np.abs(scores - expected_scores.numpy()).max())
        if not (moved_px < _MOST_PX and changed < _MOST_SCORE):
            raise GLPoseError(
                f"{path.name}: on {size_hw[0]}x{size_hw[1]} pixels a box moves by {moved_px:.3f} px "
                f"and a score by {changed:.4f} between torch and ONNX Runtime, expected less than "
                f"{_MOST_PX} and {_MOST_SCORE}; nothing is exported"
            )
