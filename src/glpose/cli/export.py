"""`glpose export`: a finished run to `.onnx` files with their cards."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from glpose.cli.checks import OUTPUT, Switch
from glpose.cli.output import say, unwritten_weights
from glpose.errors import BadInput, needing


def export(
    run: Path,
    /,
    *,
    out: Annotated[Path, OUTPUT] = Path("weights"),
    name: str | None = None,
    score: Annotated[list[str] | None, Parameter(negative=())] = None,
    set_: Annotated[list[str] | None, Parameter(name="--set", negative=())] = None,
    share: str | None = None,
    half: Switch = False,
    overwrite: Switch = False,
) -> int:
    """Write the best checkpoint of a run as weights that `glpose run` takes, and check them.

    Parameters
    ----------
    run
        The run folder.
    out
        Where the .onnx files go.
    name
        The name of the weights; the recipe's unless given.
    score
        A measured figure for the card, as METRIC=VALUE (and the command that shows it); repeatable.
    set_
        Change a setting that needs no training, as NAME=VALUE (model.iou_limit=0.5); repeatable.
    share
        Pose weights with the same encoder or initializer (pose_small): it is named, not written.
    half
        Store weights in 16 bits, for half the size.
    overwrite
        Replace weights of that name.

    """
    with needing("export"):
        from glpose.jobs.runs import export_run
    for item in score or []:
        if "=" not in item:
            raise BadInput(f"--score {item}: expected METRIC=VALUE, e.g. pck@0.2=81.5")
    scores = dict(item.split("=", 1) for item in score or [])
    try:
        paths = export_run(
            run, out, name, scores, set_ or [], share=share, half=half, overwrite=overwrite
        )
    except OSError as problem:
        raise unwritten_weights(out, problem) from problem
    say(*map(str, paths))
    return 0
