"""`glpose weights`: import published checkpoints, and describe weights files."""

import re
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from glpose.cli.checks import OUTPUT, Switch
from glpose.cli.output import say, unwritten_weights
from glpose.errors import BadInput, needing

app = App(
    name="weights",
    help="Bring published weights here, or tell what a file of weights holds.",
    result_action="return_value",
)


@app.command(name="import")
def import_(
    file: Path,
    /,
    *,
    as_: Annotated[str, Parameter(name="--as")],
    out: Annotated[Path, OUTPUT] = Path("weights"),
    joints: str = "posetrack15",
    source_joints: str | None = None,
    colour: Literal["rgb", "bgr"] | None = None,
    onnx: Switch = False,
    size: str = "384x288",
    name: str | None = None,
    overwrite: Switch = False,
) -> int:
    """Take over a published checkpoint, with an account of every weight.

    Writes NAME.safetensors, to start training from (--init), and NAME.txt, the account.

    Parameters
    ----------
    file
        A .pth, .pt or .safetensors of HRNet, Simple Baselines, DCPose, FAMI-Pose or PoseWarper.
    as_
        The network: hrnet_w32, hrnet_w48, simple_baseline_r50, simple_baseline_r101,
        simple_baseline_r152, or glpose_w48 (the encoder alone).
    out
        Where the files go.
    joints
        The joints to estimate; channels are matched by joint name.
    source_joints
        The joints of the file's head, if its project does not define them: coco17, posetrack17, ...
    colour
        What pictures the file was trained on; simple_baseline: bgr, unless trained on ImageNet.
    onnx
        Also write the network for glpose run and glpose evaluate, for crops of --size.
    size
        HEIGHTxWIDTH of the crops that the file was trained on: 384x288 or 256x192.
    name
        The name of the weights; the network's unless given.
    overwrite
        Replace weights of that name.

    """
    with needing("train"):
        from glpose.export.onnx import check_no_weights
        from glpose.export.published.files import read_checkpoint, recognise
        from glpose.export.published.imported import export_imported, write_imported
        from glpose.export.published.port import bring, report
    from glpose.systems import load_port

    size_hw = _size(size)
    port = load_port(as_)
    called = name or port.name
    check_no_weights(out, called, overwrite=overwrite)
    imported = bring(
        recognise(*read_checkpoint(file), file),
        port,
        joints,
        source_joints,
        blue_first=None if colour is None else colour == "bgr",
    )
    # What may fail comes first, so that a failed call writes nothing.
    try:
        paths = export_imported(imported, out, called, size_hw) if onnx else []
        paths += write_imported(imported, out, called)
    except OSError as problem:
        raise unwritten_weights(out, problem) from problem
    say(*report(imported), *map(str, paths))
    return 0


@app.command(name="info")
def info(file: Path, /) -> int:
    """Tell what a .pth, .pt, .safetensors or .onnx holds: project, network, parameters, joints.

    Parameters
    ----------
    file
        The file of weights.

    """
    if file.suffix == ".onnx":
        from glpose.cli.about import weights_file

        if not file.exists():
            raise BadInput(f"{file}: no such file; expected weights")
        lines = weights_file(file)
    else:
        with needing("train"):
            from glpose.export.published.imported import describe_file
        lines = describe_file(file)
    say(*lines)
    return 0


def _size(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if not found:
        raise BadInput(f"--size {text}: expected HEIGHTxWIDTH, e.g. 384x288")
    return int(found[1]), int(found[2])
