"""Change the core in one place at a time, and see whether a test notices.

    python -m pip install mutmut
    python bench/mutants.py [FILE ...] [--sample 40] [--seed 0]

For each file of `CORE` mutmut (3.8) changes the bodies of functions, one place at a time, and runs
the tests of that file which reach the changed function. Whatever survives is tried once more as
`make test` would, with the checks of shapes and types; mutmut itself cannot run with them, since its
processes import the package before. Messages of errors, asserts and values outside of functions
(settings, tables) are not changed.

Prints the survivors as FILE:LINE before -> after, and for each file how many were tried. The sample
is drawn by the seed from all mutants of a file; 0 tries all of them. Everything happens in a copy.
"""

import argparse
import ast
import difflib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import at_least, run_script

ROOT = Path(__file__).parents[1]
METRIC_LAWS = ("tests/property/test_metric_laws.py", "tests/property/test_posetrack_laws.py")
TRAINING = "tests/systems/test_glpose.py"
"""Trains for half a minute: only what the other tests have not noticed meets it."""

CORE: dict[str, tuple[str, ...]] = {
    "src/glpose/systems/glpose/net.py": (
        "tests/parity/test_glpose_equations.py",
        TRAINING,
    ),
    "src/glpose/clip.py": ("tests/unit/test_clip.py", "tests/property/test_clip_laws.py"),
    "src/glpose/window.py": (
        "tests/unit/test_window.py",
        "tests/unit/test_pipeline.py",
        "tests/unit/test_pipeline_recurrent.py",
        "tests/property/test_pipeline_laws.py",
    ),
    "src/glpose/codecs/gaussian.py": ("tests/unit/codecs", "tests/property/test_heatmap_laws.py"),
    "src/glpose/crop.py": (
        "tests/unit/test_crop.py",
        "tests/unit/test_poses.py",
        "tests/property/test_crop_laws.py",
    ),
    "src/glpose/track/tracker.py": (
        "tests/unit/track/test_tracker.py",
        "tests/property/test_tracker_laws.py",
    ),
    "src/glpose/metrics/ap.py": ("tests/unit/metrics/test_ap.py", *METRIC_LAWS),
    "src/glpose/metrics/posetrack_ap.py": (
        "tests/unit/metrics/test_posetrack_ap.py",
        *METRIC_LAWS,
        "tests/parity/test_posetrack_parity.py",
    ),
    "src/glpose/metrics/posetrack_mot.py": (
        "tests/unit/metrics/test_posetrack_mot.py",
        *METRIC_LAWS,
        "tests/parity/test_posetrack_parity.py",
    ),
    "src/glpose/metrics/oks.py": (
        "tests/unit/metrics/test_oks.py",
        "tests/property/test_metric_laws.py",
        "tests/parity/test_coco_oks.py",
    ),
}
"""Each file and its tests."""

PARTS = ("src", "tests", "bench")
SAME_EVERY_TIME = ("-p", "no:randomly", "-p", "no:cacheprovider", "--hypothesis-seed=0")
RUN, RESULTS = ("run", "--max-children", "1"), ("results", "--all", "True")
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PATIENCE = 10
"""Tests that take so many times as long as without a mutant have noticed it."""


@dataclass(frozen=True)
class Score:
    """What became of the mutants of a file; `survivors` as FILE:LINE before -> after."""

    file: str
    made: int
    tried: int
    survivors: tuple[str, ...]

    def __str__(self) -> str:
        killed, left = self.tried - len(self.survivors), len(self.survivors)
        return f"{self.file}: {self.tried} of {self.made} tried, {killed} killed, {left} survived"


def main() -> None:
    """Print survivors and a score for each file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="of the core; all if none is given"
    )
    parser.add_argument(
        "--sample", type=at_least(0), default=40, help="mutants of each file, 0 for all"
    )
    parser.add_argument("--seed", type=at_least(0), default=0)
    given = parser.parse_args()
    if unknown := set(given.files) - CORE.keys():
        parser.error(f"not in the core: {', '.join(sorted(unknown))}; it has {', '.join(CORE)}")
    if not _mutmut().exists():
        parser.error(f"there is no {_mutmut()}; run: {sys.executable} -m pip install mutmut")
    for file in given.files or CORE:
        with tempfile.TemporaryDirectory() as name:
            score = try_mutants(Path(name), file, given.sample, given.seed)
        print(*score.survivors, score, sep="\n", flush=True)


def try_mutants(tree: Path, file: str, sample: int, seed: int) -> Score:
    """Try a sample of the mutants of a file in `tree`, an empty folder."""
    for part in PARTS:
        shutil.copytree(ROOT / part, tree / part)
    before = (ROOT / file).read_text("utf-8")
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    (tree / "pyproject.toml").write_text(project + settings(file, before), "utf-8")
    if sample:
        # mutmut makes all mutants whatever it is asked to try; this asks for a few.
        _call(tree, *RUN, "*__mutmut_1")
        names = draw([*statuses(_call(tree, *RESULTS))], sample, f"{seed} {file}")
    else:
        names = []
    _call(tree, *RUN, *names)
    found = statuses(_call(tree, *RESULTS))
    names = names or [*found]
    begin = time.monotonic()
    if not _passes(tree, CORE[file], None):
        raise SystemExit(f"the tests of {file} fail without a mutant, too")
    limit_s = PATIENCE * (time.monotonic() - begin)
    survivors = []
    # What mutmut calls a timeout may be a busy machine.
    for name in (name for name in sorted(names) if found[name] != "killed"):
        _call(tree, "apply", name)
        after = (tree / file).read_text("utf-8")
        if _passes(tree, CORE[file], limit_s):
            survivors.append(f"{file}:{change(before, after)}")
        (tree / file).write_text(before, "utf-8")
    return Score(file, len(found), len(names), tuple(survivors))


def settings(file: str, source: str) -> str:
    """The table for mutmut in `pyproject.toml`, for a file with this source."""
    quick = "addopts=--import-mode=importlib --strict-markers --strict-config"
    table = {
        "source_paths": ["src"],
        "only_mutate": [file],
        "also_copy": [*PARTS],
        "do_not_mutate_patterns": [f"^{re.escape(line)}$" for line in left_out(source)],
        "pytest_add_cli_args": ["-o", quick, *SAME_EVERY_TIME],
        "pytest_add_cli_args_test_selection": [t for t in CORE[file] if t != TRAINING],
        # Tests open weights, which ends in an error in processes forked from one that has done so.
        "process_isolation": "forkserver",
        "timeout_multiplier": 3,
    }
    # Strings, numbers and lists of them are written alike in JSON and TOML.
    return "\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(v)}\n" for key, v in table.items())


def left_out(source: str) -> list[str]:
    """The lines of a module that raise, with the message, or assert."""
    lines = source.splitlines()
    return [
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Raise | ast.Assert)
        for line in lines[node.lineno - 1 : node.end_lineno]
    ]


def statuses(results: str) -> dict[str, str]:
    """Names of mutants and what became of them, from what `mutmut results` prints."""
    rows = (line.strip().rpartition(": ") for line in results.splitlines())
    return {name: status for name, _, status in rows if "__mutmut_" in name}


def draw(names: Sequence[str], num: int, seed: str) -> list[str]:
    """At most `num` of the names, the same ones for the same seed."""
    return random.Random(seed).sample(sorted(names), min(num, len(names)))


def change(before: str, after: str) -> str:
    """LINE before -> after, of the first line that differs."""
    old, new = before.splitlines(), after.splitlines()
    for tag, i, i_end, j, j_end in difflib.SequenceMatcher(
        None, old, new, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            lines = (" ".join(map(str.strip, part)) for part in (old[i:i_end], new[j:j_end]))
            return f"{i + 1} " + " -> ".join(lines)
    raise ValueError("the mutant does not differ")


def _passes(tree: Path, tests: Sequence[str], limit_s: float | None) -> bool:
    """Whether these tests pass as `make test` runs them."""
    command = [sys.executable, "-m", "pytest", "-x", *SAME_EVERY_TIME, *tests]
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _call(tree: Path, *arguments: str) -> str:
    # It puts its own copy of the source first, but not before a PYTHONPATH.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(
        [_mutmut(), *arguments],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if line[:1] not in SPINNER]
        raise SystemExit(f"mutmut {arguments[0]} failed:\n" + "\n".join(said[-40:]) + done.stderr)
    return done.stdout


def _mutmut() -> Path:
    return Path(sys.executable).with_name("mutmut")


if __name__ == "__main__":
    run_script(main)
