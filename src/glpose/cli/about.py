"""The lines that `glpose info` prints."""

import platform
from importlib.metadata import version
from pathlib import Path

from glpose import __version__
from glpose.errors import GLPoseError
from glpose.formats.results import load
from glpose.runtime.card import Card, DetectorCard, LiftCard, PoseCard
from glpose.runtime.engine import num_cores
from glpose.runtime.engines.onnxruntime import engine
from glpose.runtime.load import read_card, shipped, weights_in
from glpose.video.source import SourceEntry, find_sources

_PARTS = ("numpy", "onnxruntime", "av", "opencv-python-headless", "scipy")


def installation() -> list[str]:
    """Versions, the engine, and the weights that come with the package."""
    used = engine()
    parts = ", ".join(f"{name} {version(name)}" for name in _PARTS)
    lines = [
        f"glpose {__version__}, Python {platform.python_version()}, {num_cores()} cores",
        f"with {parts}",
        "engine: {name} {version}, runs on {used} (available: {providers})".format(**used),
        "weights:",
    ]
    names = [name for weights in shipped() for name in weights.files]
    if not names:
        return [*lines, "  none in this installation; give a path with --weights and --detector"]
    for path in names:
        lines += [f"  {line}" for line in _card_lines(path, read_card(path))]
    return lines


def weights_file(path: Path) -> list[str]:
    """The card of a file of weights."""
    return _card_lines(path, read_card(path))


def weights_folder(path: Path) -> list[str]:
    """The cards of all weights in a folder."""
    files = [file for weights in weights_in(path) for file in weights.files if file.is_file()]
    return [line for file in files for line in _card_lines(file, read_card(file))]


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


def source(path: Path) -> list[str]:
    """What a video or a folder holds, one line each, with the reason if it cannot be read."""
    entries = find_sources([path])
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
    return (
        f"{entry.paths[0] if len(entry.paths) == 1 else entry.name}: {width}x{height}{turned}, "
        f"{frames} frames (header), {info.rate_hz:.3f} frames/s, {seconds}"
    )


def _card_lines(path: Path, card: Card) -> list[str]:
    megabytes = path.stat().st_size / 1e6
    lines = [
        f"{path.name}: {card.name} {card.version}, {card.kind}, {megabytes:.1f} MB, {card.licence}",
        f"  trained on: {', '.join(card.trained_on)} ({card.terms})",
        f"  source: {card.source}",
        f"  made by: {', '.join(f'{key} {value}' for key, value in card.made_by.items())}",
    ]
    if not isinstance(card, DetectorCard | LiftCard):
        height, width = card.crop.size_hw
        joints = f"skeleton: {card.skeleton}, " if isinstance(card, PoseCard) else ""
        lines.append(f"  {joints}crops {width}x{height}")
    if isinstance(card, PoseCard):
        num_frames = sum(len(slot.offsets) for slot in card.neighbours)
        num_crops = sum(slot.num for slot in card.similar)
        lines.append(f"  uses {num_frames} neighbouring frames and {num_crops} similar crops")
    if isinstance(card, LiftCard):
        lines.append(
            f"  skeleton: {card.skeleton}, windows of {card.window} samples at {card.rate_hz:g} Hz, "
            f"in {card.unit}"
        )
    lines += [f"  {name}: {score}" for name, score in card.scores.items()]
    return lines
