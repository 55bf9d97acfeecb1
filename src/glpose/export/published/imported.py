"""Write imported weights to files, and describe any file of weights."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

import glpose
from glpose.errors import BadInput, MissingExtra
from glpose.export.pose import export_pose
from glpose.export.published.files import (
    FAMILIES,
    Published,
    UnknownProject,
    num_parameters,
    read_checkpoint,
    recognise,
)
from glpose.export.published.port import Imported, full_report
from glpose.files import file_digest, write_whole
from glpose.nets.stored import safetensors_notes
from glpose.runtime.card import PoseCard
from glpose.skeleton import by_name

_ORIGIN = (
    "as",
    "source",
    "sha256",
    "project",
    "joints",
    "source_joints",
    "matched",
    "left_out",
    "started_anew",
    "unexpected",
    "glpose",
)


def write_imported(imported: Imported, folder: Path, name: str) -> list[Path]:
    """Write `NAME.safetensors` with its origin inside, and `NAME.txt`, a report on every weight.

    Raises: OSError if the folder cannot be written to; no partial file is left then.
    """
    try:
        from safetensors.torch import save
    except ImportError as problem:
        raise MissingExtra("safetensors", "train") from problem
    weights, text = (folder / f"{name}{end}" for end in (".safetensors", ".txt"))
    folder.mkdir(parents=True, exist_ok=True)
    # Not `save_file`, whose files only their owner may read.
    write_whole(weights, save(imported.weights, origin(imported)))
    write_whole(text, "\n".join(full_report(imported)) + "\n")
    return [weights, text]


def origin(imported: Imported) -> dict[str, str]:
    """The origin of imported weights, as strings by name."""
    file, account = imported.published, imported.account
    values = (
        imported.port.name,
        file.path.name,
        file_digest(file.path),
        file.family.name,
        imported.joints if imported.port.has_head else "",
        imported.source_joints,
        str(len(account.matched)),
        str(sum(map(len, account.left_out.values()))),
        str(sum(map(len, account.anew.values()))),
        str(len(account.unexpected)),
        glpose.__version__,
    )
    return dict(zip(_ORIGIN, values, strict=True))


def export_imported(
    imported: Imported, folder: Path, name: str, size_hw: tuple[int, int]
) -> list[Path]:
    """Export the network as two `.onnx` graphs for one crop size, with the published conventions.

    Raises: BadInput if the network is only an encoder or the size does not fit it; OSError.
    """
    if imported.port.graphs is None:
        raise BadInput(
            f"--onnx: {imported.port.name} takes over an encoder alone, which estimates nothing; "
            "train with it first: glpose train ... --init FILE.safetensors"
        )
    if size_hw[0] % 32 or size_hw[1] % 32 or min(size_hw) < 64:
        raise BadInput(
            f"--size {size_hw[0]}x{size_hw[1]}: expected HEIGHTxWIDTH, multiples of 32 from 64 on"
        )
    model = imported.port.make(by_name(imported.joints), size_hw)
    model.load_state_dict(imported.weights)
    graphs = imported.port.graphs(model)
    known = origin(imported)
    card = PoseCard(
        name=name,
        version="1",
        trained_on=(f"not trained by glpose: weights published by {known['project']}",),
        terms="Those of the data and of the authors of the published file, which see.",
        licence="that of the published file",
        source=imported.port.paper,
        made_by={name: known[name] for name in ("source", "sha256", "glpose")},
        skeleton=imported.joints,
        crop=graphs.crop,
        codec=graphs.codec,
    )
    return list(export_pose(graphs.parts, card, folder))


def describe_file(path: Path) -> list[str]:
    """What a `.pth`, `.pt` or `.safetensors` holds, in a few lines. Raises: BadWeights."""
    weights, nested = read_checkpoint(path)
    size_mb = path.stat().st_size / 1e6
    lines = [
        f"{path.name}: {size_mb:.1f} MB, SHA-256 {file_digest(path)}",
        f"{len(weights)} tensors, {num_parameters(weights.items()):,} parameters"
        + (f", under '{nested}'" if nested else ""),
    ]
    try:
        lines += _kind(recognise(weights, nested, path))
    except UnknownProject:
        known = ", ".join(family.name for family in FAMILIES)
        lines.append(f"project: unknown; the names begin with {', '.join(list(weights)[:3])}")
        lines.append(f"known projects: {known}")
    return lines + _origin_lines(path)


def _kind(file: Published) -> list[str]:
    prefix = f", prefix '{file.prefix}'" if file.prefix else ""
    lines = [
        f"project: {file.family.name}{prefix}",
        f"network: {file.architecture}, {_parameters(file.weights)}",
    ]
    if file.num_joints is None:
        lines.append("joints: none, it has no head for poses")
    else:
        guess = file.family.joints17 if file.num_joints == 17 else None
        lines.append(f"joints: {file.num_joints}" + (f", usually {guess}" if guess else ""))
    if file.others:
        lines.append(f"besides: {_parameters(file.others)} ({file.family.why})")
    return lines


def _parameters(weights: dict[str, Tensor]) -> str:
    return f"{num_parameters(weights.items()):,} parameters"


def _origin_lines(path: Path) -> list[str]:
    """The origin recorded in our own `.safetensors`."""
    if path.suffix != ".safetensors":
        return []
    known = safetensors_notes(path)
    lines = [f"  {key}: {known[key]}" for key in _ORIGIN if known.get(key)]
    return ["imported by glpose:", *lines] if lines else []
