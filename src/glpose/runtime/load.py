"""Open estimators, detectors, embedders, lifters and flow networks by name or path, with all checks.

Shipped weights are in the package folder `weights`. An estimator NAME is the pair
`NAME.encoder.onnx` and `NAME.fusion.onnx`, with `NAME.starter.onnx` and `NAME.summary.onnx` if its
card asks for them; in place of an encoder of its own a card may name that of another model. A
detector is `NAME.onnx`, an embedder `NAME.embedding.onnx`, a lifter `NAME.lift.onnx`. A file
`SHA256SUMS` next to them is checked. Each error names the file, what was found and what was expected.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Generic, Literal, TypeVar

import numpy as np

from glpose.errors import BadConfig, BadInput, BadWeights, reason
from glpose.files import digest, read_regular
from glpose.flow import Flow
from glpose.formats.text.lines import looking_at
from glpose.imaging import dense_flow
from glpose.runtime.card import (
    CARD_KEY,
    KINDS,
    SUMMARY,
    Card,
    DetectorCard,
    EmbeddingCard,
    EncoderCard,
    KeySlot,
    LiftCard,
    NeighbourSlot,
    PoseCard,
    Shared,
    SimilarSlot,
    StarterCard,
    SummaryCard,
    card_from_plain,
)
from glpose.runtime.detector import BoxDetector
from glpose.runtime.embedder import Embedder
from glpose.runtime.engine import EngineSpec, Graph, Shape
from glpose.runtime.engines.open import open_graph
from glpose.runtime.estimator import OnnxEstimator, RunGraph
from glpose.runtime.flow_network import FLOW, A, B, FlowNetwork
from glpose.runtime.lift import Lifter
from glpose.runtime.trained import how_to_export
from glpose.skeleton import Skeleton

Use = Literal["pose", "detector", "embedding", "lift"]
T = TypeVar("T")
C = TypeVar("C", bound=Card)

EMBEDDING = ".embedding.onnx"
"""How the names of files of embedders end."""

_ENCODER, _FUSION = ".encoder.onnx", ".fusion.onnx"
_STARTER, _SUMMARY = ".starter.onnx", ".summary.onnx"
_LIFT = ".lift.onnx"
_FORM = {
    "pose": f"NAME{_ENCODER} and NAME{_FUSION}",
    "detector": "NAME.onnx",
    "embedding": f"NAME{EMBEDDING}",
    "lift": f"NAME{_LIFT}",
}
_SUMS = "SHA256SUMS"
_FLOAT, _BYTE = "tensor(float)", "tensor(uint8)"


@dataclass(frozen=True, slots=True)
class Weights:
    """The files of one model: fusion, maybe encoder, starter and summary; one of any other kind."""

    name: str
    use: Use
    files: tuple[Path, ...]

    def part(self, kind: Literal["encoder", "fusion", "starter", "summary"]) -> Path | None:
        """One of the files of an estimator."""
        return next((path for path in self.files if path.name.endswith(f".{kind}.onnx")), None)


@dataclass(frozen=True, slots=True, eq=False)
class Opened(Generic[T]):
    """A network, and the record of its weights for results files."""

    network: T
    record: dict[str, object]


def open_estimator(
    name_or_path: str | Path, engine: EngineSpec = EngineSpec()
) -> Opened[OnnxEstimator]:
    """Open pose weights: a shipped name, any file of a model, or a folder with one model.

    Raises: BadWeights, saying which part is wrong.
    """
    weights = find_weights(name_or_path, "pose")
    fusion_path = weights.part("fusion")
    assert fusion_path is not None
    fusion = _open(fusion_path, PoseCard, engine)
    encoder = _open_encoder(weights.part("encoder"), fusion, engine)
    files, start, summarise = [encoder, fusion], None, None
    starter_path, summary_path = weights.part("starter"), weights.part("summary")
    if summary_path is not None or fusion.card.summarises:
        summary = _open_summary(summary_path, fusion, encoder, engine)
        summarise = summary.graph.run
        files.append(summary)
    if starter_path is not None or fusion.card.starter is not None:
        starter = _open_starter(starter_path, fusion, engine)
        start = starter.graph.run
        files.append(starter)
        if (shared := starter.card.initializer) is not None:
            initializer = _open_shared(shared, starter, engine)
            _check_maps(initializer.graph, fusion.card)
            start = _in_two_steps(initializer.graph, encoder.graph, starter.graph, fusion.card)
            files.append(initializer)
    estimate = OnnxEstimator(
        encoder.graph.run, fusion.graph.run, fusion.card, start=start, summarise=summarise
    )
    return Opened(estimate, _record(fusion.card, *files))


def load_estimator(name_or_path: str | Path, engine: EngineSpec = EngineSpec()) -> OnnxEstimator:
    """The network of `open_estimator`."""
    return open_estimator(name_or_path, engine).network


def open_detector(
    name_or_path: str | Path, engine: EngineSpec = EngineSpec()
) -> Opened[BoxDetector]:
    """Open detector weights: a shipped name, a file, or a folder with one.

    Raises: BadWeights, saying which part is wrong.
    """
    (path,) = find_weights(name_or_path, "detector").files
    opened = _open(path, DetectorCard, engine)
    graph = opened.graph
    _check_array(graph, "inputs", "pictures", (None, None, None, 3), _BYTE)
    _check_array(graph, "outputs", "boxes", (None, None, 4), _FLOAT)
    _check_array(graph, "outputs", "scores", (None, None), _FLOAT)

    def run(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        boxes, scores = graph.run({"pictures": pictures}, ["boxes", "scores"])
        return boxes, scores

    return Opened(BoxDetector(run, opened.card), _record(opened.card, opened))


def load_detector(name_or_path: str | Path, engine: EngineSpec = EngineSpec()) -> BoxDetector:
    """The network of `open_detector`."""
    return open_detector(name_or_path, engine).network


def open_embedder(name_or_path: str | Path, engine: EngineSpec = EngineSpec()) -> Opened[Embedder]:
    """Open weights of an embedder: a file, or a folder with one.

    Raises: BadWeights, saying which part is wrong.
    """
    (path,) = find_weights(name_or_path, "embedding").files
    opened = _open(path, EmbeddingCard, engine)
    graph, card = opened.graph, opened.card
    _check_array(graph, "inputs", "crops", (None, *card.crop.size_hw, 3), _BYTE)
    _check_array(graph, "outputs", "appearance", (None, card.appearance), _FLOAT)
    _check_array(graph, "outputs", "pose", (None, card.pose), _FLOAT)

    def run(crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        appearance, pose = graph.run({"crops": crops}, ["appearance", "pose"])
        return appearance, pose

    return Opened(Embedder(run, card), _record(card, opened))


def load_embedder(name_or_path: str | Path, engine: EngineSpec = EngineSpec()) -> Embedder:
    """The network of `open_embedder`."""
    return open_embedder(name_or_path, engine).network


def open_lifter(name_or_path: str | Path, engine: EngineSpec = EngineSpec()) -> Opened[Lifter]:
    """Open weights that lift tracks: a shipped name, a file, or a folder with one.

    Raises: BadWeights, saying which part is wrong.
    """
    (path,) = find_weights(name_or_path, "lift").files
    opened = _open(path, LiftCard, engine)
    graph, joints = opened.graph, len(_known_joints(path, opened.card).joints)
    window = opened.card.window
    _check_array(graph, "inputs", "joints", (None, window, joints, 3), _FLOAT)
    _check_array(graph, "inputs", "known", (None, window, joints), _FLOAT)
    _check_array(graph, "outputs", "xyz", (None, joints, 3), _FLOAT)

    def run(joints: np.ndarray, known: np.ndarray) -> np.ndarray:
        (xyz,) = graph.run({"joints": joints, "known": known}, ["xyz"])
        return xyz

    return Opened(Lifter(run, opened.card), _record(opened.card, opened))


def open_flow(path: Path | None, engine: EngineSpec = EngineSpec()) -> Opened[Flow]:
    """Open a network of optical flow, any file that keeps to `flow_network`; None is no network.

    Raises: BadWeights, saying which part is wrong.
    """
    if path is None:
        return Opened(dense_flow, {"name": "dense inverse search"})
    if not path.is_file():
        raise BadWeights(f"{path}: no such file; expected the .onnx file of a flow network")
    data = _read(path)
    found = digest(data)
    _check_digest(path, found)
    graph = open_graph(path, data, engine)
    _check_flow(graph)
    record = {"name": path.stem, "sha256": {path.name: found}, "provider": graph.provider}
    return Opened(FlowNetwork(graph), record)


def shipped() -> list[Weights]:
    """The weights inside the package, by name."""
    return weights_in(_package_folder())


def weights_in(folder: Path) -> list[Weights]:
    """The models of a folder, by name; any file of a model stands for all."""
    found: dict[str, Weights] = {}
    for path in sorted(folder.glob("*.onnx")):
        weights = _of_file(path)
        found[weights.name] = weights
    return list(found.values())


def name_of(path: Path) -> str:
    """The name of the weights that a file belongs to, by the name of the file."""
    return _of_file(path).name if path.suffix == ".onnx" else path.stem


def read_card(path: Path) -> Card:
    """The card inside a file. Raises BadWeights if it has none that can be read."""
    return _card_of(open_graph(path, _read(path), EngineSpec(threads=1)))


def find_weights(name_or_path: str | Path, use: Use) -> Weights:
    """The files of a name or path.

    A shipped name takes precedence over a file of that name; write "./NAME" for the file.
    Raises: BadWeights if nothing is found, half of a pair is missing, or the kind is wrong; BadInput
    if the path may not be looked at.
    """
    for weights in shipped():
        if str(name_or_path) == weights.name:
            return _of_use(weights, use)
    with looking_at(name_or_path):
        return _at_path(Path(name_or_path), use)


def _at_path(path: Path, use: Use) -> Weights:
    here = [w for w in weights_in(path) if w.use == use] if path.is_dir() else []
    if not here and (said := how_to_export(path)):
        raise BadWeights(f"{said}; expected .onnx weights")
    if path.is_dir():
        if len(here) != 1:
            names = ", ".join(w.name for w in here) or "none"
            raise BadWeights(
                f"{path}: expected the {use} weights of one model, found {names}; "
                "give the path of one .onnx file"
            )
        return _of_use(here[0], use)
    if path.is_file():
        return _of_use(_of_file(path), use)
    if path.exists():
        raise BadWeights(f"{path}: not an ordinary file; expected .onnx weights")
    if path.suffix == ".onnx" or len(path.parts) > 1:
        raise BadWeights(f"{path}: no such file or folder; expected .onnx weights, check the path")
    known = ", ".join(w.name for w in shipped() if w.use == use) or "none are shipped"
    raise BadWeights(f"unknown {use} weights '{path}'; known: {known}; or give a path")


def _package_folder() -> Path:
    folder = Path(str(files("glpose.weights")))
    if not folder.is_dir():
        raise BadWeights(
            f"{folder}: no such folder, in which the weights of glpose are; install glpose unpacked, "
            "not as a zip file"
        )
    return folder


def _of_file(path: Path) -> Weights:
    ends = (_ENCODER, _FUSION, _STARTER, _SUMMARY)
    for suffix in ends:
        if path.name.endswith(suffix):
            name = path.name.removesuffix(suffix)
            parts = {end: path.with_name(name + end) for end in ends}
            there = (part for end, part in parts.items() if end == _FUSION or part.exists())
            return Weights(name, "pose", tuple(there))
    if path.name.endswith(EMBEDDING):
        return Weights(path.name.removesuffix(EMBEDDING), "embedding", (path,))
    if path.name.endswith(_LIFT):
        return Weights(path.name.removesuffix(_LIFT), "lift", (path,))
    return Weights(path.stem, "detector", (path,))


def _of_use(weights: Weights, use: Use) -> Weights:
    for path in weights.files:
        if not path.is_file():
            raise _half_missing(path)
    if weights.use != use:
        kind = read_card(weights.files[0]).kind
        raise BadWeights(
            f"{weights.files[0]}: found weights of kind '{kind}', expected {use} weights "
            f"({_FORM[use]})"
        )
    return weights


def _half_missing(path: Path) -> BadWeights:
    return BadWeights(
        f"{path}: no such file; a pose model has NAME{_ENCODER} and NAME{_FUSION}, put all its files "
        "into one folder"
    )


@dataclass(frozen=True, slots=True, eq=False)
class _File(Generic[C]):
    """A file of weights, opened: its graph, its card and the SHA-256 of its bytes."""

    path: Path
    graph: Graph
    card: C
    digest: str


def _open(path: Path, kind: type[C], engine: EngineSpec) -> _File[C]:
    """Read a file once: for its digest, its card and its graph."""
    data = _read(path)
    found = digest(data)
    _check_digest(path, found)
    graph = open_graph(path, data, engine)
    card = _card_of(graph)
    if not isinstance(card, kind):
        expected = next(name for name, known in KINDS.items() if known is kind)
        raise BadWeights(f"{path}: found weights of kind '{card.kind}', expected '{expected}'")
    return _File(path, graph, card, found)


def _read(path: Path) -> bytes:
    try:
        return read_regular(path)
    except OSError as problem:
        raise BadWeights(f"{path}: cannot be read ({reason(problem)})") from problem


def _record(card: Card, *files: _File) -> dict[str, object]:
    digests = {file.path.name: file.digest for file in files}
    provider = files[-1].graph.provider
    return {"name": card.name, "version": card.version, "sha256": digests, "provider": provider}


def _card_of(graph: Graph) -> Card:
    path, text = graph.path, graph.metadata.get(CARD_KEY)
    if text is None:
        raise BadWeights(f"{path}: has no card ({CARD_KEY}); use weights of `glpose export`")
    try:
        data = json.loads(text)
        return card_from_plain(data if isinstance(data, dict) else {})
    except (json.JSONDecodeError, BadConfig) as problem:
        raise BadWeights(
            f"{path}: its card cannot be read ({problem}); use weights and a glpose of the same "
            "release"
        ) from problem


def _check_digest(path: Path, found: str) -> None:
    sums = path.with_name(_SUMS)
    if not sums.is_file():
        return
    text = _read(sums).decode("utf-8", "replace")
    lines = (line.partition(" ") for line in text.splitlines())
    listed = {name.lstrip(" *"): digest for digest, _, name in lines}
    expected = listed.get(path.name)
    if expected is not None and found != expected:
        raise BadWeights(
            f"{path}: its SHA-256 is {found[:12]}..., but {_SUMS} says {expected[:12]}...; "
            "the file is damaged or was replaced, get it again"
        )


def find_shared(shared: Shared, folder: Path) -> Path | None:
    """The file that a card in a folder names: there or among the shipped weights."""
    places = (folder / shared.file, _package_folder() / shared.file)
    there = [path for path in places if path.is_file()]
    return next((path for path in there if digest(_read(path)) == shared.sha256), None)


def _open_shared(
    shared: Shared, user: _File[PoseCard] | _File[StarterCard], engine: EngineSpec
) -> _File[EncoderCard]:
    """Another model's encoder. Raises: BadWeights if it is not found, or of other crops."""
    folder, name = user.path.parent, user.path.name
    path = find_shared(shared, folder)
    if path is None:
        is_other = (folder / shared.file).is_file() or (_package_folder() / shared.file).is_file()
        found = "only another file of that name was found" if is_other else "it was not found"
        raise BadWeights(
            f"{user.path}: runs on the network in {shared.file} with the SHA-256 "
            f"{shared.sha256[:12]}..., but {found}; put the one that {name} was exported with into "
            f"{folder}"
        )
    opened = _open(path, EncoderCard, engine)
    if opened.digest != shared.sha256:
        raise BadWeights(f"{path}: was changed while it was read; try again")
    _check_crops(opened, user)
    return opened


def _open_encoder(
    path: Path | None, fusion: _File[PoseCard], engine: EngineSpec
) -> _File[EncoderCard]:
    """The pair's own encoder or that of another model, checked against the solver."""
    name, shared = fusion.path.name, fusion.card.encoder
    if shared is None:
        if path is None:
            raise _half_missing(fusion.path.with_name(name.replace(_FUSION, _ENCODER)))
        encoder = _open(path, EncoderCard, engine)
        _check_partner(encoder, fusion)
        _check_crops(encoder, fusion)
    elif path is None:
        encoder = _open_shared(shared, fusion, engine)
    else:
        raise BadWeights(
            f"{path}: {name} runs on {shared.file} instead; expected files that were exported "
            "together, so delete it or export again"
        )
    _check_features(encoder, fusion)
    return encoder


def _open_starter(
    path: Path | None, fusion: _File[PoseCard], engine: EngineSpec
) -> _File[StarterCard]:
    """What starts people, checked. Raises: BadWeights if it is missing, or there without need."""
    path = _needed(path, fusion, _STARTER, "people are started")
    if fusion.card.starter is None:
        raise _needless(path, fusion, "starts nobody")
    starter = _open(path, StarterCard, engine)
    _check_partner(starter, fusion)
    if starter.card.initializer is None:
        _check_crops(starter, fusion)
        _check_maps(starter.graph, fusion.card)
    else:
        _check_array(starter.graph, "inputs", "features", (None,) * 4, _FLOAT)
        _check_maps(starter.graph, fusion.card, "inputs")
    _check_states(starter.graph, fusion.card)
    return starter


def _open_summary(
    path: Path | None, fusion: _File[PoseCard], encoder: _File[EncoderCard], engine: EngineSpec
) -> _File[SummaryCard]:
    """What summarises crops, checked. Raises: BadWeights if missing, or there without need."""
    path = _needed(path, fusion, _SUMMARY, "crops are summarised")
    if not fusion.card.summarises:
        raise _needless(path, fusion, "summarises nothing")
    summary = _open(path, SummaryCard, engine)
    _check_partner(summary, fusion)
    _check_array(summary.graph, "inputs", "features", (None,) * 4, _FLOAT)
    _check_maps(summary.graph, fusion.card, "inputs")
    _check_array(summary.graph, "outputs", SUMMARY, (None,) * 4, _FLOAT)
    _check_channels(encoder, summary, "features", fusion.card.features)
    for slot in fusion.card.neighbours:
        _check_channels(summary, fusion, slot.name, SUMMARY)
    return summary


def _needed(path: Path | None, fusion: _File[PoseCard], end: str, use: str) -> Path:
    """The path of a part that the solver's card asks for. Raises: BadWeights if there is none."""
    if path is None:
        raise BadWeights(
            f"{fusion.path.name.removesuffix(_FUSION)}{end}: no such file in "
            f"{fusion.path.parent}, but {fusion.path.name} says that {use} by it; put "
            "all files of the model into one folder"
        )
    return path


def _needless(path: Path, fusion: _File[PoseCard], does: str) -> BadWeights:
    return BadWeights(
        f"{path}: {fusion.path.name} {does} by it; expected files that were "
        "exported together, so delete it or export again"
    )


def _in_two_steps(initializer: Graph, encoder: Graph, starter: Graph, card: PoseCard) -> RunGraph:
    """Crops to the initializer's maps and the states that the starter makes of them."""
    states = [slot.output for slot in card.states]

    def start(inputs: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        names = list(card.maps)
        maps = dict(zip(names, initializer.run(inputs, names), strict=True))
        (features,) = encoder.run(inputs, ["features"])
        made = starter.run({"features": features, **maps}, states)
        found = maps | dict(zip(states, made, strict=True))
        return [found[name] for name in outputs]

    return start


def _check_partner(
    file: _File[EncoderCard] | _File[StarterCard] | _File[SummaryCard], fusion: _File[PoseCard]
) -> None:
    """Raises: BadWeights if a graph was not exported together with the solver."""
    if file.card.partner != fusion.card.partner:
        raise BadWeights(
            f"{file.path} and {fusion.path.name} were not exported together (partners "
            f"{file.card.partner} and {fusion.card.partner}); use files that `glpose export` "
            "wrote together"
        )


def _check_crops(
    file: _File[EncoderCard] | _File[StarterCard], user: _File[PoseCard] | _File[StarterCard]
) -> None:
    """Raises: BadWeights if a graph of crops does not see those that its user's card says."""
    if file.card.crop != user.card.crop:
        raise BadWeights(
            f"{file.path}: its crops ({file.card.crop}) are not those of its partner "
            f"({user.card.crop}); use files that `glpose export` wrote together"
        )
    _check_array(file.graph, "inputs", "crops", (None, *file.card.crop.size_hw, 3), _BYTE)


def _check_features(encoder: _File[EncoderCard], fusion: _File[PoseCard]) -> None:
    """Raises: BadWeights if the encoder does not give what the solver and its card expect."""
    graph, features = encoder.graph, fusion.card.features
    _check_array(graph, "outputs", features, (None,) * 4, _FLOAT)
    _check_array(graph, "outputs", "embedding", (None,) * 2, _FLOAT)
    _check_slots(fusion.graph, fusion.card)
    if fusion.card.answers:
        _check_maps(graph, fusion.card)
    for slot in fusion.card.slots:
        if isinstance(slot, NeighbourSlot) and fusion.card.summarises:
            continue
        if isinstance(slot, KeySlot | NeighbourSlot | SimilarSlot):
            _check_channels(encoder, fusion, slot.name, features)


def _check_channels(giver: _File, taker: _File, name: str, output: str) -> None:
    """Raises: BadWeights if an output has other channels than the input `name` of another graph."""
    gives = giver.graph.outputs[output].shape[1]
    expects = taker.graph.inputs[name].shape[-3]
    if isinstance(gives, int) and isinstance(expects, int) and gives != expects:
        raise BadWeights(
            f"{giver.path}: gives {gives} channels, but {taker.path.name} expects {expects}; use "
            "files that `glpose export` wrote together"
        )


def _check_slots(graph: Graph, card: PoseCard) -> None:
    _known_joints(graph.path, card)
    expected: dict[str, Shape] = {}
    for slot in card.slots:
        if isinstance(slot, KeySlot):
            expected[slot.name] = (None,) * 4
        elif isinstance(slot, NeighbourSlot):
            expected[slot.name] = (None, len(slot.offsets), None, None, None)
            if slot.flow:
                expected[slot.flow] = (None, len(slot.offsets), 2, *card.codec.size_hw)
        elif isinstance(slot, SimilarSlot):
            expected[slot.name] = (None, slot.num, None, None, None)
            expected[slot.weight] = (None, slot.num, None)
        else:
            expected[slot.name] = (None, *slot.shape)
    for name, shape in expected.items():
        _check_array(graph, "inputs", name, shape, _FLOAT)
    if extra := set(graph.inputs) - set(expected):
        raise BadWeights(
            f"{graph.path}: has inputs that its card does not account for "
            f"({', '.join(sorted(extra))}); expected {', '.join(expected)}"
        )
    _check_maps(graph, card)
    _check_states(graph, card)


def _check_states(graph: Graph, card: PoseCard) -> None:
    for slot in card.states:
        _check_array(graph, "outputs", slot.output, (None, *slot.shape), _FLOAT)


def _known_joints(path: Path, card: PoseCard | LiftCard) -> Skeleton:
    try:
        return card.joints
    except BadInput as problem:
        raise BadWeights(f"{path}: {problem}; update glpose") from problem


def _check_maps(
    graph: Graph, card: PoseCard, side: Literal["inputs", "outputs"] = "outputs"
) -> None:
    for name, channels in card.codec.channels(len(card.joints.joints)).items():
        _check_array(graph, side, name, (None, channels, *card.codec.size_hw), _FLOAT)


def _check_flow(graph: Graph) -> None:
    said = "a flow network has"
    _check_array(graph, "inputs", A, (1, None, None, 3), _BYTE, said)
    size = graph.inputs[A].shape[1:3]
    _check_array(graph, "inputs", B, (1, *size, 3), _BYTE, said)
    _check_array(graph, "outputs", FLOW, (1, *size, 2), _FLOAT, said)
    if extra := set(graph.inputs) - {A, B}:
        raise BadWeights(
            f"{graph.path}: has the inputs {', '.join(sorted(extra))} besides '{A}' and '{B}', but "
            f"{said} no others; export it again"
        )


def _check_array(
    graph: Graph,
    side: Literal["inputs", "outputs"],
    name: str,
    shape: Shape,
    dtype: str,
    said: str = "its card says",
) -> None:
    """Raises: BadWeights if an array is missing, or not what is `said`."""
    arrays = graph.inputs if side == "inputs" else graph.outputs
    word = side.removesuffix("s")
    if name not in arrays:
        raise BadWeights(
            f"{graph.path}: has no {word} '{name}' (found: {', '.join(arrays)}), but {said} "
            f"{dtype} {_shown(shape)}; export it again"
        )
    found = arrays[name]
    fits = len(found.shape) == len(shape) and all(
        a == b for a, b in zip(found.shape, shape, strict=True)
        if isinstance(a, int) and isinstance(b, int)
    )  # fmt: skip
    if not fits or found.dtype != dtype:
        raise BadWeights(
            f"{graph.path}: its {word} '{name}' is {found.dtype} {_shown(found.shape)}, "
            f"but {said} {dtype} {_shown(shape)}; export it again"
        )


def _shown(shape: Shape) -> str:
    return "x".join(str(size) if isinstance(size, int) else "?" for size in shape)
