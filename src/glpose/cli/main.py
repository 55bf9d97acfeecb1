"""The command `glpose`: one file per command, imported when it is called to keep help fast.

Exit status: 0 all well; 2 a wrong call, or nothing could be used; 3 finished, but something is
missing; 130 interrupted. Errors of users are one line on stderr; anything else is a bug and shows
its traceback.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import UNSET, App, ArgumentCollection, CycloptsError

from glpose import __version__
from glpose.cli.output import complain, escape_unprintable, hush_natives, unwritten
from glpose.cli.usage import usage_error
from glpose.errors import BadInput, GLPoseError


def _check_empty(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Raises: BadInput for an empty argument, as of a variable that is not set: as a path it is ".".

    Not for an empty source of `run`, which says so itself and does not stop the others.
    """
    del app
    for token in (token for argument in arguments for token in argument.tokens):
        if token.value.strip() or token.implicit_value is not UNSET:
            continue
        if token.keyword is not None:
            raise BadInput(f"{token.keyword} is empty; expected a value, or leave it out")
        if commands != ("run",):
            raise BadInput("an empty argument was given; expected the name of a file or a folder")


app = App(
    name="glpose",
    help=(
        "Human pose estimation in videos: people, their numbers and their joints.\n\n"
        "`glpose VIDEO` is short for `glpose run VIDEO`."
    ),
    version=__version__,
    config=_check_empty,  # called with what every command was given, before anything is made of it
    result_action="return_value",
    suppress_keyboard_interrupt=False,  # main() says "interrupted"
)
# Here and not in its docstring, which is not read before the command is called.
_RUN = """Estimate the poses in videos or pictures.

The results of walk.mp4 go to OUTPUT/walk: poses.jsonl, poses.csv, overlay.mp4 and summary.json; those of a
picture, f.png, to OUTPUT/f, with overlay.png.

In the overlay each colour is a person; left limbs are light, right ones dark; thin and faint ones
are less sure, and a ring is a joint that is unsure.

Exit status: 0 all well, 2 no source could be used, 3 something is missing, 130 interrupted.
"""
app.command("glpose.cli.run:run", name="run", help=_RUN)
app.command(
    "glpose.cli.refine:refine",
    name="refine",
    help="Make poses steadier with their video, also COCO results and PoseTrack predictions.",
)
app.command(
    "glpose.cli.lift:lift",
    name="lift",
    help="Give people joints in space, also of COCO results and PoseTrack predictions.",
)
app.command(
    "glpose.cli.table:table",
    name="table",
    help="Write poses as CSV, Parquet, COCO results, PoseTrack or TRC.",
)
app.command(
    "glpose.cli.smooth:smooth",
    name="smooth",
    help="Clean tracks (noise, gaps, outliers) into smooth.jsonl.",
)
app.command(
    "glpose.cli.angles:angles",
    name="angles",
    help="Measure angles and gait: angles.csv, angles.png, gait.json.",
)
app.command(
    "glpose.cli.report:report",
    name="report",
    help="Write a page to look through results in a browser.",
)
app.command(
    "glpose.cli.embed:embed", name="embed", help="Write vectors of how people look and pose."
)
app.command(
    "glpose.cli.info:info", name="info", help="Tell versions, or about a file, weights or a recipe."
)
app.command(
    "glpose.cli.doctor:doctor", name="doctor", help="Check what is here, and say what to do."
)
app.command("glpose.cli.edit:link", name="link", help="Say that numbers are one person.")
app.command("glpose.cli.edit:drop", name="drop", help="Leave people out of results.")
app.command("glpose.cli.demo:demo", name="demo", help="Make a short clip and run on it.")
app.command(
    "glpose.cli.synth:synth", name="synth", help="Write a set of rendered people to try on."
)
app.command("glpose.cli.data:app", name="data", help="Check data sets on disk.")
app.command("glpose.cli.train:train", name="train", help="Train a recipe (needs glpose[train]).")
app.command(
    "glpose.cli.recipes:recipes",
    name="recipes",
    help="List what can be trained, or show one recipe.",
)
app.command(
    "glpose.cli.pretrain:pretrain",
    name="pretrain",
    help="Learn an encoder from videos without labels (needs glpose[train]).",
)
app.command(
    "glpose.cli.evaluate:evaluate", name="evaluate", help="Predict and score an official set."
)
app.command(
    "glpose.cli.score:app", name="score", help="Score any tool's predictions as the papers do."
)
app.command("glpose.cli.export:export", name="export", help="Write a run's weights as ONNX.")
app.command(
    "glpose.cli.weights:app", name="weights", help="Take over published weights, or describe them."
)


_HELP = {"-h", "--help", "--version"}
_LEAST_WIDTH = 40  # of a page of help; rich makes none for a terminal of 0 to 2 columns


def main(arguments: Sequence[str] | None = None, *, speaks: bool = True) -> int:
    """Run a command, by default from the process's arguments; returns the exit status.

    `speaks` is false if another process of the same call reports errors in the arguments.
    """
    tokens = _renamed(sys.argv[1:] if arguments is None else arguments)
    # Not for train: what its worker processes print would be lost.
    if arguments is None and tokens[:1] != ["train"]:
        hush_natives()
    try:
        tokens = ["run", *tokens] if _names_source(tokens) else tokens
        status = _run(tokens)
    except CycloptsError as problem:
        if speaks:
            complain(usage_error(problem))
        return 2
    except GLPoseError as problem:
        complain(str(problem))
        return 2
    except KeyboardInterrupt:
        if speaks:
            complain("interrupted")
        return 130
    return status if isinstance(status, int) else 0


def _renamed(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--output` for `--out`, as some commands called it once."""
    tokens = list(arguments)
    end = tokens.index("--") if "--" in tokens else len(tokens)
    options = [re.sub("^--out(?==|$)", "--output", token) for token in tokens[:end]]
    return options + tokens[end:]


def _names_source(tokens: list[str]) -> bool:
    """Whether a call begins with what could be a video or an option of `glpose run`, not with a command.

    A number, or a name with a dot, a slash, a star or a colon, cannot be a mistyped command, even if no file has it.
    """
    if not tokens or tokens[0] in app or tokens[0] in _HELP:
        return False
    if tokens[0].startswith("-"):
        return True
    # Also a camera, 0 or camera:0.
    is_source = tokens[0].isdecimal() or any(mark in tokens[0] for mark in "./*:")
    try:
        return is_source or Path(tokens[0]).exists()
    except OSError:  # e.g. a name that is too long
        return False


def _run(tokens: list[str]) -> object:
    may_help = len(tokens) < 2 or _HELP & set(tokens)
    console = _console_for_help() if may_help else None
    try:
        return app(tokens, console=console, exit_on_error=False, print_error=False)
    except SystemExit:  # rich, if the reader of a help page has gone
        return 0
    except OSError as problem:
        if tokens and not _HELP & set(tokens):
            raise
        raise unwritten(problem) from problem


def _console_for_help() -> Any:
    """That of the terminal, unless it is too narrow."""
    from rich.console import Console  # slow to import

    escape_unprintable()
    console = Console()
    return Console(width=_LEAST_WIDTH) if console.width < _LEAST_WIDTH else console
