"""Pose estimators as graphs, an encoder, a solver and maybe a starter, paired by a digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from glpose.codecs.codec import Codec
from glpose.errors import GLPoseError
from glpose.export.onnx import Graph, write_graph
from glpose.export.terms import LICENCE, describe
from glpose.runtime.card import (
    About,
    EncoderCard,
    KeySlot,
    NeighbourSlot,
    PoseCard,
    SimilarSlot,
    Slot,
    Starter,
    StarterCard,
    StateSlot,
)
from glpose.runtime.load import load_estimator
from glpose.runtime.protocols import Estimator, Starting
from glpose.types import CropSpec


@dataclass(frozen=True, slots=True)
class PoseParts:
    """The parts of an estimator.

    `encoder` maps `uint8` crops to features and embeddings. `solver` maps a dictionary of the
    tensors for the card's slots to one of the card's outputs. `answer` maps features to a
    dictionary of the codec's maps, the estimate from one crop alone; the encoder's graph then
    outputs these, too. `starter` maps crops to a dictionary of the card's outputs.
    """

    encoder: nn.Module
    solver: nn.Module
    answer: nn.Module | None = None
    starter: nn.Module | None = None


def pose_card(
    name: str,
    sources: tuple[str, ...],
    paper: str,
    *,
    skeleton: str,
    crop: CropSpec,
    codec: Codec,
    slots: tuple[Slot, ...] = (KeySlot(),),
    starter: Starter | None = None,
    made_by: dict[str, str],
    scores: dict[str, str],
) -> PoseCard:
    """The card of an estimator trained on the named sets."""
    trained_on, terms = describe(sources)
    has_state = any(isinstance(slot, StateSlot) for slot in slots)
    return PoseCard(
        name=name,
        version="1",
        trained_on=trained_on,
        terms=terms,
        licence=LICENCE,
        source=paper,
        made_by=made_by,
        scores=scores,
        skeleton=skeleton,
        crop=crop,
        codec=codec,
        slots=slots,
        order="in_time" if has_state else "any",
        starter=starter,
    )


def export_pose(parts: PoseParts, card: PoseCard, folder: Path) -> tuple[Path, ...]:
    """Write `NAME.encoder.onnx`, `NAME.fusion.onnx` and, if there is one, `NAME.starter.onnx`.

    They are checked against torch.

    Raises: GLPoseError if any joint differs by 0.05 crop pixels or more in the check.
    """
    assert (parts.starter is None) == (card.starter is None)
    modules = [parts.encoder, parts.solver, *filter(None, [parts.answer, parts.starter])]
    weights = [weight for module in modules for weight in module.state_dict().values()]
    partner = hashlib.sha256(b"".join(w.cpu().numpy().tobytes() for w in weights)).hexdigest()
    card = replace(card, partner=partner, answers=parts.answer is not None)
    encoder = folder / f"{card.name}.encoder.onnx"
    fusion = folder / f"{card.name}.fusion.onnx"
    files = [encoder, fusion]
    write_graph(_encoder_graph(parts, card), EncoderCard(**_of_crops(card)), encoder)
    write_graph(_solver_graph(parts, card), card, fusion)
    if parts.starter is not None:
        files.append(folder / f"{card.name}.starter.onnx")
        write_graph(_starter_graph(parts.starter, card), StarterCard(**_of_crops(card)), files[-1])
    moved_px = largest_move_px(parts, load_estimator(encoder))
    if not moved_px < 0.05:
        raise GLPoseError(
            f"{encoder}: a joint moves by {moved_px:.3f} px between torch and ONNX Runtime, "
            "expected less than 0.05; do not use these files"
        )
    return tuple(files)


def _of_crops(card: PoseCard) -> dict[str, Any]:
    """What the cards of graphs of crops say."""
    names = [field.name for field in fields(About)]
    return {name: getattr(card, name) for name in (*names, "crop", "partner")}


def _starter_graph(starter: nn.Module, card: PoseCard) -> Graph:
    return Graph(
        _Starting(starter, card.outputs),
        {"crops": torch.zeros(2, *card.crop.size_hw, 3, dtype=torch.uint8)},
        card.outputs,
        {name: {0: "n"} for name in ("crops", *card.outputs)},
    )


def _encoder_graph(parts: PoseParts, card: PoseCard) -> Graph:
    names = ("features", "embedding", *(card.maps if card.answers else ()))
    return Graph(
        _Answering(parts, card.maps) if card.answers else parts.encoder,
        {"crops": torch.zeros(2, *card.crop.size_hw, 3, dtype=torch.uint8)},
        names,
        {name: {0: "n"} for name in ("crops", *names)},
    )


def _solver_graph(parts: PoseParts, card: PoseCard) -> Graph:
    crops = torch.zeros(2, *card.crop.size_hw, 3, dtype=torch.uint8)
    with torch.inference_mode():
        features, _ = parts.encoder(crops)
    # A new tensor: inference-mode tensors cannot be traced.
    inputs = _example_inputs(card, torch.zeros(features.shape))
    return Graph(
        _Positional(parts.solver, card.inputs, card.outputs),
        inputs,
        card.outputs,
        {name: {0: "n"} for name in (*card.inputs, *card.outputs)},
    )


def _example_inputs(card: PoseCard, features: Tensor) -> dict[str, Tensor]:
    """Inputs from features (n, channels, h, w); other slots take features of other crops."""
    inputs: dict[str, Tensor] = {}

    def others(count: int) -> Tensor:
        return torch.stack([features.roll(i + 1, 0) for i in range(count)], 1)

    for slot in card.slots:
        if isinstance(slot, KeySlot):
            inputs[slot.name] = features
        elif isinstance(slot, NeighbourSlot):
            inputs[slot.name] = others(len(slot.offsets))
            if slot.flow:
                # More to the right than down, so that the order of both matters.
                inputs[slot.flow] = (
                    torch.ones(len(features), len(slot.offsets), 2, *card.codec.size_hw)
                    * torch.tensor([1.5, 0.5])[:, None, None]
                )
        elif isinstance(slot, SimilarSlot):
            inputs[slot.name] = others(slot.num)
            per_channel = slot.similarity in ("channel", "over_channels")
            columns = features.shape[1] if per_channel else 1
            inputs[slot.weight] = torch.full((len(features), slot.num, columns), 1 / slot.num)
        else:
            inputs[slot.name] = torch.zeros(len(features), *slot.shape)
    return inputs


class _Answering(nn.Module):
    """An encoder that also outputs the maps of each crop alone."""

    def __init__(self, parts: PoseParts, maps: tuple[str, ...]) -> None:
        super().__init__()
        assert parts.answer is not None
        self.encoder, self.answer, self.maps = parts.encoder, parts.answer, maps

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        features, embedding = self.encoder(crops)
        found = self.answer(features)
        return (features, embedding, *(found[name] for name in self.maps))


class _Starting(nn.Module):
    """A starter with positional outputs."""

    def __init__(self, starter: nn.Module, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.starter, self.outputs = starter, outputs

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        found = self.starter(crops)
        return tuple(found[name] for name in self.outputs)


class _Positional(nn.Module):
    """A solver with positional inputs and outputs, as ONNX export needs."""

    def __init__(
        self, solver: nn.Module, inputs: tuple[str, ...], outputs: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.solver, self.inputs, self.outputs = solver, inputs, outputs

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        found = self.solver(dict(zip(self.inputs, values, strict=True)))
        return tuple(found[name] for name in self.outputs)


def largest_move_px(parts: PoseParts, estimator: Estimator, num_crops: int = 6) -> float:
    """The largest joint distance, in crop pixels, between torch and an exported estimator.

    With a starter also that of a first frame; the solver then goes on from its states.
    """
    card = estimator.card
    crops = check_crops(num_crops, card.crop.size_hw)
    with torch.inference_mode():
        given = torch.from_numpy(crops)
        features, _ = parts.encoder(given)
        first = [] if parts.starter is None else [parts.starter(given)]
        states = {slot.name: maps[slot.output] for slot in card.states for maps in first}
        expected = [*first, parts.solver(_example_inputs(card, features) | states)]
        if parts.answer is not None:
            expected.append(parts.answer(features))
    encoded = estimator.encode(crops)
    inputs = _example_inputs(card, torch.from_numpy(encoded.features))
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    found = [estimator.start(crops)] if isinstance(estimator, Starting) and card.starter else []
    for maps in found:
        arrays |= {slot.name: maps[slot.output] for slot in card.states}
    found = [*found, estimator.solve(arrays)]
    if encoded.maps is not None:
        found.append(encoded.maps)
    to_crop = card.codec.crop_from_map(card.crop)
    moves = []
    for ours, theirs in zip(expected, found, strict=True):
        maps = {name: np.ascontiguousarray(ours[name].numpy()) for name in card.maps}
        a, b = (to_crop.apply(card.codec.decode(m)[0]) for m in (maps, theirs))
        moves.append(largest_distance(a, b))
    return max(moves)


def largest_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Largest distance of corresponding joints; infinite if only one of two is found."""
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
