"""A name or a path to an estimator or a detector, with everything about the weights checked.

Shipped weights lie in the package folder `weights`. An estimator NAME is the pair
`NAME.encoder.onnx` and `NAME.fusion.onnx`, a detector is `NAME.onnx`; a file `SHA256SUMS` beside
them is honoured. Each complaint says which file, what was found and what was expected.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import numpy as np

from glpose.config import from_plain
from glpose.errors import BadConfig, BadInput, BadWeights
from glpose.files import file_digest
from glpose.runtime.card import CARD_KEY, CARD_VERSION, Card, FusionCard
from glpose.runtime.detector import BoxDetector
from glpose.runtime.estimator import OnnxEstimator
from glpose.runtime.session import Session, Shape
from glpose.skeleton import by_name

Use = Literal["pose", "detector"]

_ENCODER, _FUSION, _SUMS = ".encoder.onnx", ".fusion.onnx", "SHA256SUMS"
_FLOAT, _BYTE = "tensor(float)", "tensor(uint8)"


@dataclass(frozen=True, slots=True)
class Weights:
    """The files of one model: encoder and fusion, or one detector."""

    name: str
    use: Use
    files: tuple[Path, ...]


def load_estimator(name_or_path: str | Path, threads: int | None = None) -> OnnxEstimator:
    """Open pose weights: a shipped name, either file of the pair, or a folder that holds one pair.

    Raises: BadWeights, saying which part is wrong.
    """
    encoder_path, fusion_path = find_weights(name_or_path, "pose").files
    encoder, encoder_card = _open(encoder_path, "encoder", threads)
    fusion, card = _open(fusion_path, "fusion", threads)
    if encoder_card.partner != card.partner:
        raise BadWeights(
            f"{encoder_path} and {fusion_path.name} were not exported together (partners "
            f"{encoder_card.partner} and {card.partner}); use a pair that `glpose export` wrote"
        )
    _check_encoder(encoder, encoder_card, card)
    _check_fusion(fusion, card)
    channels = [s.outputs["features"].shape[1] if s is encoder else s.inputs["key"].shape[1]
                for s in (encoder, fusion)]  # fmt: skip
    if all(isinstance(c, int) for c in channels) and channels[0] != channels[1]:
        raise BadWeights(
            f"{encoder_path}: gives {channels[0]} channels, but {fusion_path.name} expects "
            f"{channels[1]}; use a pair that `glpose export` wrote"
        )
    return OnnxEstimator(encoder.run, fusion.run, card)


def load_detector(name_or_path: str | Path, threads: int | None = None) -> BoxDetector:
    """Open detector weights: a shipped name, a file, or a folder that holds one.

    Raises: BadWeights, saying which part is wrong.
    """
    (path,) = find_weights(name_or_path, "detector").files
    session, card = _open(path, "detector", threads)
    _check_array(session, "inputs", "pictures", (None, None, None, 3), _BYTE)
    _check_array(session, "outputs", "boxes", (None, None, 4), _FLOAT)
    _check_array(session, "outputs", "scores", (None, None), _FLOAT)

    def run(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        boxes, scores = session.run({"pictures": pictures}, ["boxes", "scores"])
        return boxes, scores

    return BoxDetector(run, card)


def describe(name_or_path: str | Path, use: Use, card: Card) -> dict[str, object]:
    """What results say about the weights they were made with."""
    found = find_weights(name_or_path, use)
    digests = {path.name: file_digest(path) for path in found.files}
    return {"name": card.name, "version": card.version, "sha256": digests}


def shipped() -> list[Weights]:
    """The weights inside the package, by name."""
    return weights_in(_package_folder())


def weights_in(folder: Path) -> list[Weights]:
    """The models of a folder, by name; halves of a pair count as the pair."""
    found: dict[str, Weights] = {}
    for path in sorted(folder.glob("*.onnx")):
        weights = _of_file(path)
        found[weights.name] = weights
    return list(found.values())


def read_card(path: Path) -> Card:
    """The card inside a file. Raises BadWeights if it has none that can be read."""
    return _card_of(Session(path, threads=1))


def find_weights(name_or_path: str | Path, use: Use) -> Weights:
    """The files that a name or path stands for.

    A shipped name wins over a file of that name; write "./NAME" for the latter.
    Raises: BadWeights if there is nothing, half of it, or the other kind.
    """
    for weights in shipped():
        if str(name_or_path) == weights.name:
            return _of_use(weights, use)
    path = Path(name_or_path)
    if path.is_dir():
        here = [w for w in weights_in(path) if w.use == use]
        if len(here) != 1:
            names = ", ".join(w.name for w in here) or "none"
            raise BadWeights(
                f"{path}: expected the {use} weights of one model, found {names}; "
                "give the path of one .onnx file"
            )
        return _of_use(here[0], use)
    if path.is_file():
        return _of_use(_of_file(path), use)
    if path.suffix == ".onnx" or len(path.parts) > 1:
        raise BadWeights(f"{path}: no such file or folder; expected .onnx weights, check the path")
    known = ", ".join(w.name for w in shipped() if w.use == use) or "none are shipped"
    raise BadWeights(f"unknown {use} weights '{name_or_path}'; known: {known}; or give a path")


def _package_folder() -> Path:
    return Path(str(files("glpose.weights")))


def _of_file(path: Path) -> Weights:
    for suffix in (_ENCODER, _FUSION):
        if path.name.endswith(suffix):
            name = path.name.removesuffix(suffix)
            pair = path.with_name(name + _ENCODER), path.with_name(name + _FUSION)
            return Weights(name, "pose", pair)
    return Weights(path.stem, "detector", (path,))


def _of_use(weights: Weights, use: Use) -> Weights:
    missing = [path for path in weights.files if not path.is_file()]
    if missing:
        raise BadWeights(
            f"{missing[0]}: no such file; a pose model is a pair NAME{_ENCODER} and "
            f"NAME{_FUSION}, put both into one folder"
        )
    if weights.use != use:
        expected = f"a pair NAME{_ENCODER} and NAME{_FUSION}" if use == "pose" else "NAME.onnx"
        kind = read_card(weights.files[0]).kind
        raise BadWeights(
            f"{weights.files[0]}: found weights of kind '{kind}', expected {use} weights "
            f"({expected})"
        )
    return weights


def _open(path: Path, kind: str, threads: int | None) -> tuple[Session, Card]:
    _check_digest(path)
    session = Session(path, threads)
    card = _card_of(session)
    if card.kind != kind:
        raise BadWeights(f"{path}: found weights of kind '{card.kind}', expected '{kind}'")
    return session, card


def _card_of(session: Session) -> Card:
    path, text = session.path, session.metadata.get(CARD_KEY)
    if text is None:
        raise BadWeights(f"{path}: has no card ({CARD_KEY}); use weights of `glpose export`")
    try:
        data = json.loads(text)
        version = data.get("card_version") if isinstance(data, dict) else None
        if version != CARD_VERSION:
            raise BadWeights(
                f"{path}: its card has version {version}, expected {CARD_VERSION}; "
                "use weights and a glpose of the same release"
            )
        return from_plain(Card, data)
    except (json.JSONDecodeError, BadConfig) as problem:
        raise BadWeights(f"{path}: its card cannot be read ({problem})") from problem


def _check_digest(path: Path) -> None:
    sums = path.with_name(_SUMS)
    if not sums.is_file():
        return
    lines = (line.partition(" ") for line in sums.read_text("utf-8").splitlines())
    listed = {name.lstrip(" *"): digest for digest, _, name in lines}
    expected = listed.get(path.name)
    if expected is not None and (found := file_digest(path)) != expected:
        raise BadWeights(
            f"{path}: its SHA-256 is {found[:12]}..., but {_SUMS} says {expected[:12]}...; "
            "the file is damaged or was replaced, get it again"
        )


def _check_encoder(session: Session, encoder_card: Card, card: Card) -> None:
    if card.crop is None or encoder_card.crop != card.crop:
        raise BadWeights(
            f"{session.path}: its crops ({encoder_card.crop}) are not those of its partner "
            f"({card.crop}); use a pair that `glpose export` wrote"
        )
    _check_array(session, "inputs", "crops", (None, *card.crop.size_hw, 3), _BYTE)
    _check_array(session, "outputs", "features", (None,) * 4, _FLOAT)
    _check_array(session, "outputs", "embedding", (None,) * 2, _FLOAT)


def _check_fusion(session: Session, card: Card) -> None:
    if card.heatmap is None or card.skeleton is None:
        raise BadWeights(f"{session.path}: its card has no heatmap or no skeleton; export it again")
    try:
        joints = len(by_name(card.skeleton).joints)
    except BadInput as problem:
        raise BadWeights(f"{session.path}: {problem}; update glpose") from problem
    fusion = card.fusion or FusionCard()
    expected: dict[str, Shape] = {"key": (None,) * 4}
    if fusion.offsets:
        expected["local"] = (None, len(fusion.offsets), None, None, None)
    if fusion.num_global:
        expected["global"] = (None, fusion.num_global, None, None, None)
        expected["global_weight"] = (None, fusion.num_global, None)
    for name, shape in expected.items():
        _check_array(session, "inputs", name, shape, _FLOAT)
    if extra := set(session.inputs) - set(expected):
        raise BadWeights(
            f"{session.path}: has inputs that its card does not account for "
            f"({', '.join(sorted(extra))}); expected {', '.join(expected)}"
        )
    _check_array(session, "outputs", "heatmaps", (None, joints, *card.heatmap.size_hw), _FLOAT)


def _check_array(
    session: Session, side: Literal["inputs", "outputs"], name: str, shape: Shape, dtype: str
) -> None:
    arrays = session.inputs if side == "inputs" else session.outputs
    word = side.removesuffix("s")
    if name not in arrays:
        raise BadWeights(
            f"{session.path}: has no {word} '{name}' (found: {', '.join(arrays)}); "
            "use weights that `glpose export` wrote"
        )
    found = arrays[name]
    fits = len(found.shape) == len(shape) and all(
        a == b for a, b in zip(found.shape, shape, strict=True)
        if isinstance(a, int) and isinstance(b, int)
    )  # fmt: skip
    if not fits or found.dtype != dtype:
        raise BadWeights(
            f"{session.path}: its {word} '{name}' is {found.dtype} {_shown(found.shape)}, "
            f"but its card says {dtype} {_shown(shape)}; export it again"
        )


def _shown(shape: Shape) -> str:
    return "x".join(str(size) if isinstance(size, int) else "?" for size in shape)
