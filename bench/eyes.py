"""How well the installed weights find and see people: a table of figures, row by row.

    python bench/eyes.py DATA_FOLDER [--pose NAME_OR_FOLDER] [--picture NAME_OR_FOLDER]
        [--detector NAME_OR_FILE] [--single NAME_OR_FOLDER] [--rows boxes,run,...] [--limit N] [--json FILE]

DATA_FOLDER has the sets as subfolders: jhmdb, lsp, coco, person_boxes, person_boxes_2, demo; rows of
missing ones are left out. `--pose` are the weights for videos, `--picture` those for pictures.
Everything but `lsp`, `coco` and `detector` runs as `glpose run` does,
refiners included. `--single` are weights of one frame for the row `filter`; without it the
encoder's own answers are taken, if it has any. `--limit` takes N clips or pictures of each set, for
a quick look. The rows `pictures`, `presets` and `wide` are measured only if they are named.
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import clips
import filters
import sides
import stills
import walk
import wide
from figures import Figure, NotMeasured, Outcome, Subject, parser_of, subject_of
from scripts import run_script

from glpose.runtime.presets import PRESETS
from glpose.video.reader import open_video

_FRAMES = 300


def cost(subject: Subject) -> Outcome:
    """Processor seconds of `glpose run` on the first frames of a video, in a process of its own."""
    return _cost(subject, "balanced", "10")


def presets(subject: Subject) -> Outcome:
    """PCK of `glpose run`, and its processor seconds, for each preset."""
    outcome = clips.presets(subject)
    for name in PRESETS:
        one = _cost(subject, name, "")
        outcome.figures.extend(one.figures)
        outcome.details.extend(f"{name}: {line}" for line in one.details)
        outcome.values[name] |= one.values
    return outcome


def _cost(subject: Subject, preset: str, aim: str) -> Outcome:
    video = subject.path("demo/one_by_one_768x432.mp4")
    end_s = (_FRAMES - 0.5) / open_video(video).info.rate_hz
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "glpose", "run", str(video), "-o", folder]
        command += ["--end", str(end_s), "--no-overlay", "--quiet"]
        command += ["--preset", preset, "--weights", subject.pose, "--detector", subject.detector]
        if subject.threads is not None:
            command += ["--threads", str(subject.threads)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        summary = json.loads(next(Path(folder).glob("*/summary.json")).read_text("utf-8"))
    num = summary["frames"]["done"]
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    stages = ", ".join(f"{k} {v:.1f}" for k, v in summary["seconds_per_stage"].items())
    what = f"{num} frames of 768x432, processor seconds, overlay off, preset {preset}"
    values = {"frames": num, "seconds": spent_s}
    return Outcome([Figure(what, f"{spent_s:.1f}", aim)], [f"wall seconds: {stages}"], values)


ROWS: dict[str, Callable[[Subject], Outcome]] = {
    "boxes": clips.boxes,
    "run": clips.found,
    "lsp": stills.lsp,
    "coco": stills.coco,
    "sides": sides.shares,
    "walk": sides.legs,
    "people": walk.people,
    "detector": stills.detector,
    "damage": clips.damage,
    "causal": clips.causal,
    "filter": filters.against_filters,
    "cost": cost,
    "pictures": clips.pictures,
    "presets": presets,
    "wide": wide.wide,
}


def main() -> None:
    """Parse the command line, measure, print the details as they come and the table last."""
    parser = parser_of(__doc__, "pose", "picture", "detector", "single", "limit", "threads")
    usual = [name for name in ROWS if name not in ("pictures", "presets", "wide")]  # no aims
    parser.add_argument("--rows", default=",".join(usual))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    names = arguments.rows.split(",")
    if unknown := set(names) - set(ROWS):
        parser.error(f"no row {', '.join(sorted(unknown))}; expected some of {', '.join(ROWS)}")
    subject = subject_of(arguments)
    outcomes = {}
    for name in names:
        outcomes[name] = measured(name, subject)
        for line in outcomes[name].details:
            print(f"{name}: {line}", flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(plain(outcomes), indent=1), "utf-8")
    print("\n| row | what | measured | aim |\n|---|---|---|---|")
    for name, outcome in outcomes.items():
        for figure in outcome.figures:
            print(f"| {name} | {figure.what} | {figure.measured} | {figure.aim} |")


def measured(name: str, subject: Subject) -> Outcome:
    """A row, or why it was not measured."""
    try:
        return ROWS[name](subject)
    except NotMeasured as why:
        return Outcome(
            [Figure((ROWS[name].__doc__ or "").partition("\n")[0], f"not measured: {why}", "")]
        )


def plain(outcomes: dict[str, Outcome]) -> dict[str, object]:
    """Everything as plain data."""
    return {
        name: {
            "figures": [[f.what, f.measured, f.aim] for f in outcome.figures],
            "values": outcome.values,
        }
        for name, outcome in outcomes.items()
    }


if __name__ == "__main__":
    run_script(main)
