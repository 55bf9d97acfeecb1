"""Pose estimators as graphs: an encoder, a solver, maybe a starter and what summarises crops.

They are exported together, which a digest tells.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from glpose.codecs.codec import Codec, Maps
from glpose.errors import BadWeights, GLPoseError
from glpose.export.onnx import Graph, kept_if_right, store_half, write_graph
from glpose.export.terms import about
from glpose.files import file_digest
from glpose.runtime.card import (
    SUMMARY,
    About,
    Card,
    EncoderCard,
    KeySlot,
    NeighbourSlot,
    PoseCard,
    Shared,
    SimilarSlot,
    Slot,
    Starter,
    StarterCard,
    StateSlot,
    SummaryCard,
)
from glpose.runtime.engine import EngineSpec
from glpose.runtime.engines.open import open_graph
from glpose.runtime.load import find_shared, load_estimator
from glpose.runtime.protocols import Estimator, Starting
from glpose.types import CropSpec

_MOST_PX, _MOST_CHANGE, _MOST_APART = 0.05, 0.01, 0.01
_CHECKED = 6  # crops


class Part(nn.Module):
    """A function as a module, with the modules that it uses by name, which their weights have.

    Graphs have the names of weights and steps from there: others make other files.
    """

    def __init__(self, run: Callable[..., Any], **used: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, module in used.items():
            self.add_module(name, module)

    def forward(self, *given: Any) -> Any:
        """What the function makes of it."""
        return self.run(*given)


def with_mean(features: Tensor) -> tuple[Tensor, Tensor]:
    """Features and their mean, for encoders whose embedding nothing uses: all graphs output one."""
    return features, features.mean((-2, -1))


@dataclass(frozen=True, slots=True)
class StartParts:
    """How people without states are started.

    `initializer` maps `uint8` crops to a dictionary of the codec's maps; `states` maps features and
    these maps to a dictionary of the states' outputs.
    """

    initializer: nn.Module
    states: nn.Module


@dataclass(frozen=True, slots=True)
class PoseParts:
    """The parts of an estimator.

    `encoder` maps `uint8` crops to features and embeddings. `solver` maps a dictionary of the
    tensors for the card's slots to one of the card's outputs. `answer` maps features to a
    dictionary of the codec's maps, the estimate from one crop alone; the encoder's graph then
    outputs these, too. `summary`, which needs it, maps features and these maps to a dictionary with
    a `SUMMARY`, which the solver gets of neighbours in place of features. `start` is there if the
    card has a starter.
    """

    encoder: nn.Module
    solver: nn.Module
    answer: nn.Module | None = None
    start: StartParts | None = None
    summary: nn.Module | None = None

    def told(self, features: Tensor) -> Tensor:
        """What the solver gets of neighbours with these features."""
        if self.summary is None:
            return features
        assert self.answer is not None
        return self.summary(features, self.answer(features))[SUMMARY]

    def told_by(self, card: PoseCard) -> PoseCard:
        """A card that says which of the parts there are."""
        return replace(card, answers=self.answer is not None, summarises=self.summary is not None)

    @property
    def starter(self) -> nn.Module | None:
        """Crops to a dictionary of the card's outputs."""
        return None if self.start is None else _starter(self.encoder, self.start)


def _starter(encoder: nn.Module, start: StartParts) -> Part:
    """Crops to maps and states."""
    initializer, states = start.initializer, start.states

    def run(crops: Tensor) -> dict[str, Tensor]:
        maps = initializer(crops)
        return maps | states(encoder(crops)[0], maps)

    return Part(run, encoder=encoder, initializer=initializer, states=states)


@runtime_checkable
class Estimating(Protocol):
    """The settings of a network that estimates poses, as far as cards tell them."""

    @property
    def skeleton(self) -> str:
        """The name of the joints."""
        ...

    @property
    def crop(self) -> CropSpec:
        """How people are cut out."""
        ...

    @property
    def codec(self) -> Codec:
        """How joints are written as maps."""
        ...


def pose_card(
    name: str,
    sources: tuple[str, ...],
    paper: str,
    config: Estimating,
    *,
    slots: tuple[Slot, ...] = (KeySlot(),),
    starter: Starter | None = None,
) -> PoseCard:
    """The card of an estimator trained on the named sets; who exports it says the rest."""
    return PoseCard(
        **about(name, sources, paper, {}, {}),
        skeleton=config.skeleton,
        crop=config.crop,
        codec=config.codec,
        slots=slots,
        order="in_time" if any(isinstance(slot, StateSlot) for slot in slots) else "any",
        starter=starter,
    )


def export_pose(
    parts: PoseParts,
    card: PoseCard,
    folder: Path,
    *,
    share: Path | None = None,
    half: bool = False,
) -> tuple[Path, ...]:
    """Write `NAME.encoder.onnx`, `NAME.fusion.onnx` and, if there are, a starter and a summary.

    They are checked against torch before they come into the folder. `share` is the encoder of
    another model with the same network: the card then names it, and no encoder is written, or with a
    starter no initializer. `half` see `store_half`.

    Raises: GLPoseError if any joint differs by 0.05 crop pixels or more in the check, any value of
    a summary by 0.01, or, after that, with `half` any map by 0.01.
    """
    assert (parts.start is None) == (card.starter is None)
    networks = [] if parts.start is None else [parts.start.initializer, parts.start.states]
    others = filter(None, [parts.answer, parts.summary])
    modules = [parts.encoder, parts.solver, *others, *networks]
    weights = [weight for module in modules for weight in module.state_dict().values()]
    partner = hashlib.sha256(b"".join(w.cpu().numpy().tobytes() for w in weights)).hexdigest()
    card = replace(parts.told_by(card), partner=partner)
    graphs: dict[str, tuple[Graph, Card]] = {}
    if share is None or parts.start is not None:
        graphs["encoder"] = _encoder_graph(parts, card), EncoderCard(**_of_crops(card))
    else:
        card = replace(card, encoder=_shared_encoder(parts.encoder, share, card))
    graphs["fusion"] = _solver_graph(parts, card), card
    if parts.summary is not None:
        graphs["summary"] = _summary_graph(parts, card), SummaryCard(**_of_partner(card))
    if parts.start is not None:
        begins = StarterCard(**_of_crops(card))
        if share is None:
            graphs["starter"] = _starter_graph(_starter(parts.encoder, parts.start), card), begins
        else:
            begins = replace(begins, initializer=Shared(share.name, file_digest(share)))
            graphs["starter"] = _states_graph(parts, card), begins
    if share is not None:
        _check_shared(share, folder)
    _check_no_others(card.name, graphs, folder)
    names = tuple(f"{card.name}.{kind}.onnx" for kind in graphs)
    with kept_if_right(folder) as part:
        if share is not None:  # it is opened with the others
            shutil.copyfile(share, part / share.name)
        for name, (graph, own) in zip(names, graphs.values(), strict=True):
            write_graph(graph, own, part / name)
        _check_against_torch(parts, part / names[0], share)
        if half:
            for name in names:
                store_half(part / name)
            _check_half(parts, part / names[0])
        if share is not None:
            (part / share.name).unlink()
    return tuple(folder / name for name in names)


def _check_half(parts: PoseParts, path: Path) -> None:
    change = largest_change(parts, load_estimator(path))
    if not change < _MOST_CHANGE:
        raise GLPoseError(
            f"{path.name}: with weights of 16 bits a map changes by {change:.3f}, expected less "
            f"than {_MOST_CHANGE}; export again without --half"
        )


def _check_against_torch(parts: PoseParts, path: Path, share: Path | None) -> None:
    """Raises: GLPoseError if the exported graphs do not do what torch does."""
    estimator = load_estimator(path)
    moved_px = largest_move_px(parts, estimator)
    if not moved_px < _MOST_PX:
        other = f", or the network in {share.name} is another" if share else ""
        raise GLPoseError(
            f"{path.name}: a joint moves by {moved_px:.3f} px between torch and ONNX Runtime, "
            f"expected less than {_MOST_PX}{other}; nothing is exported"
        )
    apart = summaries_apart(parts, estimator)
    if not apart < _MOST_APART:
        raise GLPoseError(
            f"{path.name}: a value of a summary differs by {apart:.3f} between torch and ONNX "
            f"Runtime, expected less than {_MOST_APART}; nothing is exported"
        )


def _check_shared(share: Path, folder: Path) -> None:
    """Raises: BadWeights, before anything is written, if the files could not be opened then."""
    if find_shared(Shared(share.name, file_digest(share)), folder) is None:
        raise BadWeights(
            f"{share}: is neither in {folder} nor shipped, so that the files could not be opened there; "
            "copy it there first, or leave out --share"
        )


def _check_no_others(name: str, kinds: Collection[str], folder: Path) -> None:
    """Raises: BadWeights for a file of another export that would be opened with the new ones."""
    for kind in ("encoder", "starter", "summary"):
        other = folder / f"{name}.{kind}.onnx"
        if kind not in kinds and other.exists():
            how = "without --share" if kind == "encoder" else f"of a network with a {kind}"
            raise BadWeights(
                f"{other}: is there from an export {how}; delete it, or choose another -o"
            )


def _shared_encoder(encoder: nn.Module, share: Path, card: PoseCard) -> Shared:
    """Another model's encoder, with the output that is most like the features of this one."""
    graph = open_graph(share, share.read_bytes(), EngineSpec(threads=1))
    crops = check_crops(2, card.crop.size_hw)
    seen = graph.inputs.get("crops")
    if seen is None or seen.shape[1:] != crops.shape[1:]:
        found = "none" if seen is None else list(seen.shape[1:])
        raise BadWeights(
            f"{share}: its crops are {found}, but this network's {list(crops.shape[1:])}; expected "
            "an encoder of the same network"
        )
    with torch.inference_mode():
        expected = encoder(torch.from_numpy(crops))[0].numpy()
    names = list(graph.outputs)
    found = dict(zip(names, graph.run({"crops": crops}, names), strict=True))
    apart = {n: np.abs(a - expected).max() for n, a in found.items() if a.shape == expected.shape}
    if not apart:
        raise BadWeights(
            f"{share}: none of its outputs ({', '.join(names)}) has the shape of this network's "
            f"features, {list(expected.shape[1:])}; expected an encoder of the same network"
        )
    return Shared(share.name, file_digest(share), min(apart, key=apart.__getitem__))


def _of_partner(card: PoseCard) -> dict[str, Any]:
    """What the cards of all graphs of an estimator say."""
    names = [field.name for field in fields(About)]
    return {name: getattr(card, name) for name in (*names, "partner")}


def _of_crops(card: PoseCard) -> dict[str, Any]:
    """What the cards of graphs of crops say."""
    return {**_of_partner(card), "crop": card.crop}


def _in_order(found: dict[str, Tensor], names: tuple[str, ...]) -> tuple[Tensor, ...]:
    """What ONNX needs in place of a dictionary."""
    return tuple(found[name] for name in names)


def _example_crops(card: PoseCard) -> Tensor:
    return torch.zeros(2, *card.crop.size_hw, 3, dtype=torch.uint8)


def _starter_graph(starter: nn.Module, card: PoseCard) -> Graph:
    ordered = Part(lambda crops: _in_order(starter(crops), card.outputs), starter=starter)
    return Graph(ordered, {"crops": _example_crops(card)}, card.outputs)


def _states_graph(parts: PoseParts, card: PoseCard) -> Graph:
    """The second step of a starter whose initializer is another file."""
    assert parts.start is not None
    crops = _example_crops(card)
    with torch.inference_mode():
        features, maps = parts.encoder(crops)[0], parts.start.initializer(crops)
    outputs = tuple(slot.output for slot in card.states)
    return _graph_of_maps(parts.start.states, features, maps, card, outputs)


def _encoder_graph(parts: PoseParts, card: PoseCard) -> Graph:
    encoder, answer = parts.encoder, parts.answer
    crops, names = {"crops": _example_crops(card)}, ("features", "embedding")
    if answer is None:
        return Graph(encoder, crops, names)

    def run(crops: Tensor) -> tuple[Tensor, ...]:
        features, embedding = encoder(crops)
        return features, embedding, *_in_order(answer(features), card.maps)

    return Graph(Part(run, encoder=encoder, answer=answer), crops, (*names, *card.maps))


def _solver_graph(parts: PoseParts, card: PoseCard) -> Graph:
    with torch.inference_mode():
        features, _ = parts.encoder(_example_crops(card))
        told = parts.told(features)
    # New tensors: inference-mode tensors cannot be traced.
    inputs = _example_inputs(card, torch.zeros(features.shape), torch.zeros(told.shape))
    solver = parts.solver

    def run(*values: Tensor) -> tuple[Tensor, ...]:
        return _in_order(solver(dict(zip(card.inputs, values, strict=True))), card.outputs)

    return Graph(Part(run, solver=solver), inputs, card.outputs)


def _summary_graph(parts: PoseParts, card: PoseCard) -> Graph:
    assert parts.summary is not None
    assert parts.answer is not None
    with torch.inference_mode():
        features, _ = parts.encoder(_example_crops(card))
        maps = parts.answer(features)
    return _graph_of_maps(parts.summary, features, maps, card, (SUMMARY,))


def _graph_of_maps(
    made: nn.Module,
    features: Tensor,
    maps: dict[str, Tensor],
    card: PoseCard,
    outputs: tuple[str, ...],
) -> Graph:
    """What is made of features and maps such as these."""
    # New tensors, as above.
    inputs = {name: torch.zeros(t.shape) for name, t in {"features": features, **maps}.items()}

    def run(features: Tensor, *maps: Tensor) -> tuple[Tensor, ...]:
        return _in_order(made(features, dict(zip(card.maps, maps, strict=True))), outputs)

    return Graph(Part(run, made=made), inputs, outputs)


def _example_inputs(card: PoseCard, features: Tensor, told: Tensor) -> dict[str, Tensor]:
    """Inputs from what is seen of crops (n, channels, h, w); other slots take other crops.

    Slots of neighbours get `told`, features or summaries.
    """
    inputs: dict[str, Tensor] = {}

    def others(count: int, of: Tensor = features) -> Tensor:
        return torch.stack([of.roll(i + 1, 0) for i in range(count)], 1)

    for slot in card.slots:
        if isinstance(slot, KeySlot):
            inputs[slot.name] = features
        elif isinstance(slot, NeighbourSlot):
            inputs[slot.name] = others(len(slot.offsets), told)
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


def largest_move_px(parts: PoseParts, estimator: Estimator) -> float:
    """The largest joint distance, in crop pixels, between torch and an exported estimator.

    With a starter also that of a first frame; the solver then goes on from its states.
    """
    card = estimator.card
    to_crop = card.codec.crop_from_map(card.crop)
    moves = []
    for ours, theirs in _by_both(parts, estimator):
        a, b = (to_crop.apply(card.codec.decode(maps)[0]) for maps in (ours, theirs))
        moves.append(largest_distance(a, b))
    return max(moves)


def summaries_apart(parts: PoseParts, estimator: Estimator) -> float:
    """The largest difference of any value of the summaries; 0 if there are none.

    Both are made of what the exported encoder gives: a solver that was not trained yet need not
    show what it is told of neighbours.
    """
    if parts.summary is None:
        return 0.0
    found = estimator.encode(check_crops(_CHECKED, estimator.card.crop.size_hw))
    assert found.maps is not None
    assert found.summary is not None
    maps = {name: torch.from_numpy(array) for name, array in found.maps.items()}
    with torch.inference_mode():
        expected = parts.summary(torch.from_numpy(found.features), maps)[SUMMARY]
    return float(np.abs(expected.numpy() - found.summary).max())


def largest_change(parts: PoseParts, estimator: Estimator) -> float:
    """The largest difference of any value of the maps; a joint's peak is about 1."""
    return max(
        float(np.abs(ours[name] - theirs[name]).max())
        for ours, theirs in _by_both(parts, estimator)
        for name in ours
    )


def _by_both(parts: PoseParts, estimator: Estimator) -> list[tuple[Maps, Maps]]:
    """The maps of random crops by torch and by an exported estimator: started, solved, answered."""
    card = estimator.card
    crops = check_crops(_CHECKED, card.crop.size_hw)
    with torch.inference_mode():
        given = torch.from_numpy(crops)
        features, _ = parts.encoder(given)
        starter = parts.starter
        first = [] if starter is None else [starter(given)]
        states = {slot.name: maps[slot.output] for slot in card.states for maps in first}
        given = _example_inputs(card, features, parts.told(features)) | states
        expected = [*first, parts.solver(given)]
        if parts.answer is not None:
            expected.append(parts.answer(features))
    encoded = estimator.encode(crops)
    seen, told = (torch.from_numpy(a) for a in (encoded.features, encoded.for_neighbours))
    inputs = _example_inputs(card, seen, told)
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    found = [estimator.start(crops)] if isinstance(estimator, Starting) and card.starter else []
    for maps in found:
        arrays |= {slot.name: maps[slot.output] for slot in card.states}
    found = [*found, estimator.solve(arrays)]
    if encoded.maps is not None:
        found.append(encoded.maps)
    return [
        (
            {name: np.ascontiguousarray(ours[name].numpy()) for name in card.maps},
            {name: theirs[name] for name in card.maps},
        )
        for ours, theirs in zip(expected, found, strict=True)
    ]


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
