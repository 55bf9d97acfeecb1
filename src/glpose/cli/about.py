"""The lines that `glpose info` prints."""

import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from math import isfinite
from pathlib import Path

from glpose import __version__
from glpose.errors import GLPoseError
from glpose.formats.results import load, poses_files_below, put_aside
from glpose.imaging import version as opencv
from glpose.jobs.ended import SUMMARY, how_ended
from glpose.jobs.places import file_in
from glpose.runtime.card import (
    Card,
    DetectorCard,
    EmbeddingCard,
    LiftCard,
    PoseCard,
    StarterCard,
    SummaryCard,
)
from glpose.runtime.engine import num_cores
from glpose.runtime.engines.onnxruntime import engine
from glpose.runtime.load import read_card, shipped, weights_in
from glpose.runtime.trained import RECORD, how_to_export, rows_of_log
from glpose.video.source import SourceEntry, find_recordings

_TERMS = ("  licence:", "  terms of the data:")
_PARTS = ("numpy", "av", "scipy")


def installation() -> list[str]:
    """Versions, the engine, and the weights that come with the package."""
    used = engine()
    parts = ", ".join([*(f"{name} {version(name)}" for name in _PARTS), f"OpenCV {opencv()}"])
    lines = [
        f"glpose {__version__}, Python {platform.python_version()}, {num_cores()} cores",
        f"with {parts}",
        "engine: {name} {version}, runs on {auto} (available: {providers})".format(**used),
        "weights:",
    ]
    found = [model_lines(weights.files) for weights in shipped()]
    if not found:
        return [*lines, "  none in this installation; give a path with --weights and --detector"]
    return [*lines, *(f"  {line}" for line in _terms_last(found))]


def weights_file(path: Path) -> list[str]:
    """The card of a file of weights."""
    return model_lines([path])


def weights_folder(path: Path) -> list[str]:
    """The cards of all weights in a folder."""
    files = [[file for file in weights.files if file.is_file()] for weights in weights_in(path)]
    return _terms_last([model_lines(some) for some in files])


def _terms_last(models: list[list[str]]) -> list[str]:
    """The lines of several models; what all of them say about terms stands once, at the end."""
    same = [line for line in models[0] if line.startswith(_TERMS)]
    same = [line for line in same if all(line in lines for lines in models)]
    return [line for lines in models for line in lines if line not in same] + [
        line.strip() for line in same
    ]


def training(path: Path, run: Path) -> list[str]:
    """A run of `glpose train`: its recipe, how far it came, its best score, and what to do with it."""
    lines = [str(how_to_export(path))]
    try:
        record = json.loads((run / RECORD).read_text("utf-8"))
        recipe, num_steps = record["recipe"], record.get("in_steps", record["recipe"])["num_steps"]
        lines.append(f"recipe: {recipe['name']}, system {recipe['system']}, seed {recipe['seed']}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [*lines, f"{run / RECORD}: not the record of a run that can be read"]
    try:
        rows = rows_of_log(run / "log.jsonl")
    except OSError:
        rows = []
    if not rows:
        return [*lines, f"steps: {num_steps} asked for; there is no log that can be read"]
    lines.append(f"steps: {max(row['step'] for row in rows)} of {num_steps}")
    # The first score of a validation is the one that the best checkpoint is chosen by, of those
    # since it was chosen anew.
    since = max(row.get("best_from", 0) for row in rows)
    valid = [row for row in rows if row.get("scores") and row["step"] >= since]
    firsts = [(row["step"], *next(iter(row["scores"].items()))) for row in valid]
    known = [first for first in firsts if first[2] is not None and isfinite(first[2])]
    if not known:
        return [*lines, "best score: none yet"]
    step, name, score = max(known, key=lambda first: first[2])
    return [*lines, f"best score: {name} {score:.2f}, at step {step}"]


def results_in(folder: Path) -> list[Path]:
    """The folder itself if it holds the results of a run, else those in it that do."""
    if (folder / "poses.jsonl").is_file():
        return [folder]
    return [path.parent for path in poses_files_below(folder)]


def results_folder(folder: Path) -> list[str]:
    """What a folder of results holds, and how the run ended."""
    lines = results_file(folder / "poses.jsonl")
    if file := file_in(folder):
        lines.append(f"file: {file.get('path') or 'not said'}")
    if how_ended(folder) and not (folder / SUMMARY).exists():
        return [*lines, f"the run {how_ended(folder)}{put_aside(folder)}"]
    try:
        summary = json.loads((folder / SUMMARY).read_text("utf-8"))
        warnings = [f"warning: {warning}" for warning in summary["warnings"]]
        return [*lines, f"the run ended: {summary['state']}{put_aside(folder)}", *warnings]
    except OSError:
        return [*lines, "without summary.json: the run was killed, or the poses are a copy"]
    except (ValueError, KeyError, TypeError):
        return [*lines, f"{folder / 'summary.json'}: not a summary that can be read"]


def results_file(path: Path) -> list[str]:
    """What a `poses.jsonl` holds."""
    result = load(path)
    frames = result.frames
    tracks = {int(t) for poses in frames for t in poses.people.track_id}
    bad = sum(poses.status == "undecodable" for poses in frames)
    height, width = result.video.size_hw
    models = ", ".join(f"{use} {model.get('name')}" for use, model in result.models.items())
    return [
        f"{path}: poses of {result.video.name}, {width}x{height}",
        f"frames: {len(frames)}, of which {bad} undecodable",
        f"people: {len(tracks)}, poses: {sum(len(poses.people) for poses in frames)}",
        f"skeleton: {result.skeleton.name} ({len(result.skeleton.joints)} joints)",
        f"models: {models or 'not said'}",
    ]


def source(path: str | Path) -> list[str]:
    """What a video or a folder holds, one line each, with the reason if it cannot be read."""
    entries = find_recordings([path])
    if len(entries) == 1:
        entries[0].open()  # raises: a single file fails as it would in `run`
    return [_source_line(entry) for entry in entries]


def _source_line(entry: SourceEntry) -> str:
    try:
        info = entry.open().info
    except GLPoseError as problem:
        return str(problem)
    height, width = info.size_hw
    frames = "unknown number of" if info.num_frames is None else info.num_frames
    seconds = "unknown length" if info.duration_s is None else f"{info.duration_s:.2f} s"
    turned = f", turned by {info.rotation_deg} degrees" if info.rotation_deg else ""
    if info.is_still:
        return f"{entry.label}: a picture, {width}x{height}"
    note = f"; {info.note}" if info.note else ""
    return (
        f"{entry.label}: {width}x{height}{turned}, "
        f"{frames} frames (header), {info.rate_hz:.3f} frames/s, {seconds}{note}"
    )


def model_lines(paths: Sequence[Path]) -> list[str]:
    """The cards of the files of one model; what they have in common stands once."""
    cards = [read_card(path) for path in paths]
    lines = [
        f"{path.name}: {card.name} {card.version}, {card.kind}, "
        f"{path.stat().st_size / 1e6:.1f} MB{_shape(card)}"
        for path, card in zip(paths, cards, strict=True)
    ]
    return list(dict.fromkeys([*lines, *(line for card in cards for line in _about(card))]))


def _shape(card: Card) -> str:
    if isinstance(card, DetectorCard | SummaryCard):
        return ""
    if isinstance(card, LiftCard):
        return (
            f", skeleton {card.skeleton}, windows of {card.window} samples at {card.rate_hz:g} Hz, "
            f"in {card.unit}"
        )
    height, width = card.crop.size_hw
    crops = f", crops {width}x{height}"
    if isinstance(card, StarterCard) and card.initializer is not None:
        return f"{crops}, with {card.initializer.file}"
    if isinstance(card, EmbeddingCard):
        return f"{crops}, vectors: {card.appearance} values of appearance, {card.pose} of pose"
    if not isinstance(card, PoseCard):
        return crops
    if card.encoder is not None:
        crops += f", on {card.encoder.file}"
    num_frames = sum(len(slot.offsets) for slot in card.neighbours)
    num_crops = sum(slot.num for slot in card.similar)
    return (
        f"{crops}, skeleton {card.skeleton}, uses {num_frames} neighbouring frames and "
        f"{num_crops} similar crops"
    )


def _about(card: Card) -> list[str]:
    return [
        f"  trained on: {', '.join(card.trained_on)}",
        f"  source: {card.source}",
        f"  made by: {', '.join(f'{key} {value}' for key, value in card.made_by.items())}",
        *(f"  {name}: {score}" for name, score in card.scores.items()),
        f"{_TERMS[0]} {card.licence}",
        f"{_TERMS[1]} {card.terms}",
    ]
