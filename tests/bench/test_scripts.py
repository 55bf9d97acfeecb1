"""Scripts of the bench tell how they are called, and say in one line what is wrong with a call."""

import re
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

import pytest
from figures import NotMeasured
from scripts import above_zero, at_least, fraction, run_script

from glpose.errors import BadInput

ROOT = Path(__file__).parents[2]
SCRIPTS = [
    pytest.param(path, id=path.stem)
    for path in sorted((ROOT / "bench").glob("*.py"))
    if "__main__" in path.read_text("utf-8")
]
Called = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
@pytest.mark.parametrize("path", SCRIPTS)
def test_help_helps_and_writes_nothing(path: Path, called: Called, tmp_path: Path) -> None:
    before = {page: page.stat().st_mtime_ns for page in (ROOT / "docs").rglob("*")}
    status, out, err = called(path, "--help")
    assert (status, err) == (0, "")
    assert out.startswith("usage: ")
    assert not list(tmp_path.iterdir())
    assert before == {page: page.stat().st_mtime_ns for page in (ROOT / "docs").rglob("*")}


@pytest.mark.parametrize("path", SCRIPTS)
def test_all_start_in_the_same_way(path: Path) -> None:
    assert path.read_text("utf-8").endswith(
        '\n\nif __name__ == "__main__":\n    run_script(main)\n'
    )


@pytest.mark.parametrize(
    "problem", [BadInput("no\nsuch"), NotMeasured("no\nsuch"), OSError("no\nsuch")]
)
def test_what_users_can_mend_is_one_line(
    problem: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> None:
        raise problem

    with pytest.raises(SystemExit) as end:
        run_script(main)
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: no\\nsuch\n"


def test_our_own_mistakes_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_script(lambda: print(1 / 0))


REFUSED = {
    "score --people 1": "--people: 1: expected 2 or more",
    "score --videos 0": "--videos: 0: expected 1 or more",
    "score --frames many": "--frames: invalid",
    "reid": "nobody to compare; expected --synth, --jhmdb or --video",
    "reid --video walk.mp4": "--video without --poses",
    "reid --synth 5 --weights some": "some: expected NAME=WEIGHTS",
    "train_data --videos 1": "--videos: 1: expected 2 or more",
    "taught . --lean": "there is no lsp in .",
    "siblings . --detector y": "unrecognized arguments: --detector y",
    "reliability --kills 0 --frames 3": "--frames 3: expected 0, or 10 or more",
    "reliability --kills 0 --frames 30 --size 4K": "--size: invalid width_height value: '4K'",
    "jhmdb_fusion . .": "no run is done that is named jhmdb_*-*",
    "flowing_run nowhere": "No such file or directory: 'nowhere/recipe.json'",
    "lift_mocap . --windows 243": "invalid choice: 243",
    "lift_mocap . --nets gcn": "invalid choice: 'gcn'",
    "lift_demo a.mp4 b.jsonl c.mp4 --turn 0": "--turn: 0: expected a number above 0",
    "sides . --limit 0": "--limit: 0: expected 1 or more",
    "eyes . --rows nothing": "no row nothing",
}


@pytest.mark.slow
@pytest.mark.parametrize("call", REFUSED)
def test_bad_calls_end_in_one_line(call: str, called: Called, tmp_path: Path) -> None:
    (tmp_path / "jhmdb").mkdir()
    (tmp_path / "jhmdb" / "val.txt").write_text("jump/a_clip 3 one two\n")
    status, _, err = called(*call.split())
    assert status == 2
    said = re.sub(r"\Ausage: .*?\n(?=\S)", "", err, flags=re.DOTALL)
    assert REFUSED[call] in said
    assert len(said.splitlines()) == 1


def test_counts_begin_somewhere() -> None:
    assert at_least(0)("0") == 0
    assert above_zero("0.5") == 0.5
    assert [fraction(text) for text in ("0", "0.3", "1")] == [0, 0.3, 1]
    for text in ("-0.1", "1.2", "nan"):
        with pytest.raises(ArgumentTypeError, match="expected a number from 0 to 1"):
            fraction(text)
    with pytest.raises(ValueError, match="invalid literal"):
        at_least(1)("1.5")
