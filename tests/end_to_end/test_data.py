"""`glpose data check`: the report as printed, and the exit status."""

import shutil
from pathlib import Path

import pytest

import posetrack_sets as sets
from glpose.cli.main import main


@pytest.fixture
def root(tmp_path: Path) -> Path:
    sets.set17(tmp_path)
    shutil.copytree(tmp_path / "annotations" / "val", tmp_path / "annotations" / "train")
    return tmp_path


def test_a_complete_set(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", "posetrack17", str(root)]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"posetrack17 in {root}: complete\n\ntrain\n  label files  1 (1 JSON")
    assert "  frames       5, 2 labelled, 2 with people\n" in told


def test_an_incomplete_set(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(5):
        sets.write(root / "annotations" / "val" / f"{i:06d}_mpii.json", '{"annolist": [')
    assert main(["data", "check", "posetrack17", str(root)]) == 3
    told = capsys.readouterr().out
    assert told.startswith(f"posetrack17 in {root}: incomplete\n")
    assert "\nval: label files that cannot be used (5)\n" in told
    assert "\n  annotations/val/000002_mpii.json: not JSON" in told
    assert "000003_mpii.json" not in told
    assert "\n  and 2 more; --all names them\n" in told
    assert "\n  to do: take them from the archive of labels again\n" in told
    assert main(["data", "check", "posetrack17", str(root), "--all"]) == 3
    told = capsys.readouterr().out
    assert "000004_mpii.json: not JSON" in told
    assert "more; --all" not in told


def test_paths_lose_only_the_folder_that_they_begin_with(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    name = "mydata/data/000007_mpii/000001.jpg"
    (root / "data").mkdir()
    for folder in ("annotations", "images"):
        (root / folder).rename(root / "data" / folder)
    labels = {"annolist": [sets.entry17(1) | {"image": [{"name": name}]}]}
    sets.write(root / "data" / "annotations" / "val" / "000007_mpii.json", labels)
    assert main(["data", "check", "posetrack17", "data"]) == 3
    told = capsys.readouterr().out
    assert told.startswith("posetrack17 in data: incomplete\n")
    assert "\n  images/mydata/data/000007_mpii\n" in told
    assert main(["data", "check", "posetrack17", "./data/"]) == 3
    assert "\n  images/mydata/data/000007_mpii\n" in capsys.readouterr().out


def test_a_set_without_usable_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets.write(tmp_path / "annotations" / "val" / "000001_mpii.json", "rubbish")
    assert main(["data", "check", "posetrack18", str(tmp_path)]) == 2
    assert capsys.readouterr().out.startswith(f"posetrack18 in {tmp_path}: unusable\n")


@pytest.mark.parametrize(
    ("name", "folder", "complaint"),
    [
        ("posetrack17", "", "no labels of PoseTrack; expected "),
        ("posetrack17", "none", "no such folder; expected the data set posetrack17 in it"),
        (
            "posetrack19",
            "",
            "unknown set 'posetrack19'; known: coco, posetrack17, posetrack18, jhmdb",
        ),
    ],
)
def test_wrong_calls(
    tmp_path: Path, name: str, folder: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", name, str(tmp_path / folder)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert complaint in err
    assert err.count("\n") == 1
