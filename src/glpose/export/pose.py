"""Pose estimators as two graphs, an encoder and a fusion, bound to each other by a digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from glpose.errors import GLPoseError
from glpose.export.onnx import Graph, write_graph
from glpose.export.terms import LICENCE, describe
from glpose.heatmap import crop_from_heatmap, decode
from glpose.runtime.card import Card, FusionCard
from glpose.runtime.load import load_estimator
from glpose.runtime.protocols import Estimator
from glpose.skeleton import POSETRACK15
from glpose.types import CropSpec, HeatmapSpec


@dataclass(frozen=True, slots=True)
class PoseParts:
    """What an estimator is made of.

    `encoder` gives features and embeddings of `uint8` crops; `fusion` takes key, local and global
    features and the global weights, those it has no slots for being left out.
    """

    encoder: nn.Module
    fusion: nn.Module
    channels: int
    slots: FusionCard


def pose_card(
    name: str,
    sources: tuple[str, ...],
    paper: str,
    crop: CropSpec,
    heatmap: HeatmapSpec,
    *,
    made_by: dict[str, str],
    scores: dict[str, str],
) -> Card:
    """The card of an estimator of POSETRACK15 joints, trained on the sets of these names."""
    trained_on, terms = describe(sources)
    return Card(
        name=name,
        version="1",
        kind="fusion",
        trained_on=trained_on,
        terms=terms,
        licence=LICENCE,
        source=paper,
        made_by=made_by,
        scores=scores,
        skeleton=POSETRACK15.name,
        crop=crop,
        heatmap=heatmap,
    )


def export_pose(parts: PoseParts, card: Card, folder: Path) -> tuple[Path, Path]:
    """Write `NAME.encoder.onnx` and `NAME.fusion.onnx`, and check them against torch.

    Raises: GLPoseError if a joint of the check moves by 0.05 px of the crop or more.
    """
    weights = [*parts.encoder.state_dict().values(), *parts.fusion.state_dict().values()]
    partner = hashlib.sha256(b"".join(w.cpu().numpy().tobytes() for w in weights)).hexdigest()
    card = replace(card, fusion=parts.slots, partner=partner)
    encoder = folder / f"{card.name}.encoder.onnx"
    fusion = folder / f"{card.name}.fusion.onnx"
    write_graph(_encoder_graph(parts, card), replace(card, kind="encoder"), encoder)
    write_graph(_fusion_graph(parts, card), replace(card, kind="fusion"), fusion)
    moved_px = largest_move_px(parts, load_estimator(encoder))
    if not moved_px < 0.05:
        raise GLPoseError(
            f"{encoder}: a joint moves by {moved_px:.3f} px between torch and ONNX Runtime, "
            "expected less than 0.05; do not use these files"
        )
    return encoder, fusion


def _encoder_graph(parts: PoseParts, card: Card) -> Graph:
    assert card.crop is not None
    height, width = card.crop.size_hw
    return Graph(
        parts.encoder,
        {"crops": torch.zeros(2, height, width, 3, dtype=torch.uint8)},
        ("features", "embedding"),
        {name: {0: "n"} for name in ("crops", "features", "embedding")},
    )


def _fusion_inputs(parts: PoseParts, n: int, features: Tensor) -> dict[str, Tensor]:
    """Inputs made of given features: each slot another crop of the batch."""
    inputs = {"key": features[:n]}
    num_local, num_global = len(parts.slots.offsets), parts.slots.num_global

    def roll(count: int) -> Tensor:
        return torch.stack([features[:n].roll(i + 1, 0) for i in range(count)], 1)

    if num_local:
        inputs["local"] = roll(num_local)
    if num_global:
        inputs["global"] = roll(num_global)
        per_channel = parts.slots.similarity in ("channel", "over_channels")
        columns = parts.channels if per_channel else 1
        inputs["global_weight"] = torch.full((n, num_global, columns), 1 / num_global)
    return inputs


def _fusion_graph(parts: PoseParts, card: Card) -> Graph:
    assert card.heatmap is not None
    features = torch.zeros(2, parts.channels, *card.heatmap.size_hw)
    inputs = _fusion_inputs(parts, 2, features)
    return Graph(
        _InOrder(parts.fusion, tuple(inputs)),
        inputs,
        ("heatmaps",),
        {name: {0: "n"} for name in (*inputs, "heatmaps")},
    )


class _InOrder(nn.Module):
    """Hands positional inputs on by name, so that absent slots can be left out of the graph."""

    def __init__(self, fusion: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.fusion, self.names = fusion, names

    def forward(self, *values: Tensor) -> Tensor:
        given = dict(zip(self.names, values, strict=True))
        order = ("key", "local", "global", "global_weight")
        return self.fusion(*(given.get(name) for name in order))


def largest_move_px(parts: PoseParts, estimator: Estimator, num_crops: int = 6) -> float:
    """The largest distance, in crop pixels, between joints by torch and by an exported estimator."""
    card = estimator.card
    assert card.crop is not None
    assert card.heatmap is not None
    crops = check_crops(num_crops, card.crop.size_hw)
    with torch.inference_mode():
        features, _ = parts.encoder(torch.from_numpy(crops))
        inputs = _fusion_inputs(parts, num_crops, features)
        ordered = [inputs.get(n) for n in ("key", "local", "global", "global_weight")]
        expected = parts.fusion(*ordered).numpy()
    key, _ = estimator.encode(crops)
    again = {
        k: v.numpy() for k, v in _fusion_inputs(parts, num_crops, torch.from_numpy(key)).items()
    }
    empty = np.zeros((num_crops, 0, *key.shape[1:]), np.float32)
    found = estimator.fuse(
        again["key"],
        again.get("local", empty),
        again.get("global", empty),
        again.get("global_weight", np.zeros((num_crops, 0, 1), np.float32)),
    )
    to_crop = crop_from_heatmap(card.crop, card.heatmap)
    a, b = (
        to_crop.apply(decode(np.ascontiguousarray(h), card.heatmap)[0]) for h in (expected, found)
    )
    return largest_distance(a, b)


def largest_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Between joints of the same place in two arrays; infinite if only one of them is found."""
    distance = np.linalg.norm(a - b, axis=-1)
    both_absent = np.isnan(a).any(-1) & np.isnan(b).any(-1)
    distance = np.where(both_absent, 0.0, np.where(np.isnan(distance), np.inf, distance))
    return float(distance.max(initial=0.0))


def check_crops(num: int, size_hw: tuple[int, int]) -> np.ndarray:
    """Smooth random pictures: enough to compare two implementations of the same network."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.uniform(0, 255, (num, 3, 12, 9)).astype(np.float32))
    fine = nn.functional.interpolate(coarse, size=size_hw, mode="bicubic").clamp(0, 255)
    return np.ascontiguousarray(fine.permute(0, 2, 3, 1).numpy().astype(np.uint8))
