"""`glpose data`: which parts of a data set are on disk and which are missing."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from glpose.cli.output import say
from glpose.errors import BadInput

if TYPE_CHECKING:
    from glpose.formats.check import Part, Problem, Report

app = App(name="data", help="Check data sets on disk.", result_action="return_value")

_STATUS = {"complete": 0, "incomplete": 3, "unusable": 2}
_MAX_EXAMPLES = 3


@app.command
def check(
    set_: Annotated[str, Parameter(name="SET")],
    dir_: Annotated[Path, Parameter(name="DIR")],
    /,
    *,
    every: Annotated[bool, Parameter(name="--all", negative="")] = False,
) -> int:
    """Tell whether a data set is complete, what it holds, and what is missing.

    Labels are read, pictures are looked for; of coco's a hundred of each part are opened, which must be
    of the size that is labelled. Exit status: 0 complete, 3 incomplete, 2 no labels
    that can be used.

    Parameters
    ----------
    set_
        posetrack17, posetrack18, jhmdb or coco; or for lifting h36m, humaneva or 3dhp.
    dir_
        The folder with annotations/ and images/; of jhmdb, with joint_positions/, puppet_mask/,
        Rename_Images/ and sub_splits/; of coco, with annotations/, train2017/ and val2017/; of sets for lifting, with their .npz files
        and cameras.json.
    every
        Name everything that is missing or wrong, not only the first few.

    """
    from glpose.formats.sets import checks
    from glpose.formats.text.lines import looking_at

    known = checks()
    if set_ not in known:
        raise BadInput(f"unknown set '{set_}'; known: {', '.join(known)}")
    with looking_at(dir_):
        if not dir_.is_dir():
            raise BadInput(f"{dir_}: no such folder; expected the data set {set_} in it")
        report = known[set_](dir_)
    say(*lines(report, dir_, None if every else _MAX_EXAMPLES))
    return _STATUS[report.state]


def lines(report: "Report", root: Path, max_examples: int | None) -> list[str]:
    """A report as text, with paths relative to `root`."""
    told = [f"{report.name} in {root}: {report.state}"]
    for part in report.parts:
        told += ["", *_part_lines(part)]
    if report.notes or report.problems:
        told += ["", *(f"  note: {note}" for note in report.notes)]
    for part_name, problem in [
        *((part.name, problem) for part in report.parts for problem in part.problems),
        *((None, problem) for problem in report.problems),
    ]:
        told += ["", *_problem_lines(part_name, problem, max_examples)]
    # Only where a path begins: a folder within the set may be called like its root.
    begin = re.compile(rf"""(?<![^\s('"]){re.escape(str(root))}/""")
    return [told[0], *(begin.sub("", line) for line in told[1:])]


def _part_lines(part: "Part") -> list[str]:
    width = max((len(name) for name in part.counts), default=0)
    return [
        part.name,
        *(f"  {name:<{width}}  {value}" for name, value in part.counts.items()),
        *(f"  note: {note}" for note in part.notes),
    ]


def _problem_lines(part: str | None, problem: "Problem", max_examples: int | None) -> list[str]:
    where = f"{part}: " if part else ""
    shown = problem.examples[:max_examples]
    hidden = len(problem.examples) - len(shown)
    return [
        f"{where}{problem.what}{f' ({problem.count})' if problem.count > 1 else ''}",
        *(f"  {example}" for example in shown),
        *([f"  and {hidden} more; --all names them"] if hidden else []),
        *([f"  to do: {problem.remedy}"] if problem.remedy else []),
    ]
