"""`glpose synth` as it is called, and that `glpose data check` calls its sets complete."""

from pathlib import Path

import pytest

from glpose.cli.main import main
from glpose.synth.layouts import LAYOUTS


@pytest.mark.parametrize("name", LAYOUTS)
def test_sets_are_written_and_found_complete(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "new" / name
    options = ["--seed", "1", "--videos", "2", "--frames", "3"]
    assert main(["synth", "--as", name, str(folder), *options]) == 0
    assert capsys.readouterr().out.startswith(f"wrote {folder}: {name}, 2 videos, ")
    readme = (folder / "README.txt").read_text()
    assert readme.startswith("SYNTHETIC")
    assert f"glpose synth --as {name} FOLDER --seed 1 --videos 2 --frames 3\n" in readme
    assert main(["data", "check", name, str(folder)]) == 0
    assert capsys.readouterr().out.startswith(f"{name} in {folder}: complete\n")


def test_posetrack17_in_matlab_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    options = ["--videos", "2", "--frames", "3", "--mat"]
    assert main(["synth", str(tmp_path / "a"), "--as", "posetrack17", *options]) == 0
    assert main(["data", "check", "posetrack17", str(tmp_path / "a")]) == 0
    assert "MAT of 2017" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--as", "posetrak17"], "did you mean 'posetrack17'?"),
        (["--as", "coco", "--videos", "1"], "expected at least 2"),
        (["--as", "coco", "--frames", "0"], "expected at least 1"),
        (["--as", "coco", "--mat"], "leave --mat out"),
        (["--as", "coco", "--seed", "x"], "See: glpose synth -h"),
        ([], "--as is missing"),
    ],
)
def test_wrong_calls_write_nothing(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["synth", str(tmp_path / "new"), *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert not (tmp_path / "new").exists()


def test_a_folder_with_something_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "thesis.tex").write_text("")
    assert main(["synth", "--as", "coco", str(tmp_path)]) == 2
    assert "is not empty (it holds thesis.tex)" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
