"""Files that are moved aside come back whole, or go with the folder they lay in."""

import os
from pathlib import Path

import pytest

from glpose.jobs.aside import Aside


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    files = [tmp_path / name for name in ("a.txt", "b.txt")]
    for file in files:
        file.write_text(file.name)
    return files


def test_files_are_put_back(files: list[Path], tmp_path: Path) -> None:
    aside = Aside(tmp_path)
    aside.move(files)
    assert not any(file.exists() for file in files)
    aside.put_back()
    aside.remove()
    assert [file.read_text() for file in files] == ["a.txt", "b.txt"]
    assert sorted(tmp_path.iterdir()) == files


def test_files_are_removed(files: list[Path], tmp_path: Path) -> None:
    aside = Aside(tmp_path)
    aside.move(files)
    aside.remove()
    aside.put_back()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_had_moved_comes_back(files: list[Path], tmp_path: Path) -> None:
    Aside(tmp_path).move(files)
    files[0].write_text("begun")
    Aside(tmp_path).recover()
    assert [file.read_text() for file in files] == ["a.txt", "b.txt"]
    assert sorted(tmp_path.iterdir()) == files
    Aside(tmp_path).recover()


def test_of_several_killed_processes_the_last_comes_back(tmp_path: Path) -> None:
    poses = tmp_path / "poses.jsonl"
    for when, text in enumerate(("first", "second", "third")):
        poses.write_text(text)
        aside = Aside(tmp_path)
        aside.move([poses])
        (place,) = [place for place in aside.left if (place / poses.name).read_text() == text]
        os.utime(place, (when, when))
    Aside(tmp_path).recover()
    assert poses.read_text() == "third"
    aside = Aside(tmp_path)
    assert len(aside.left) == 2
    aside.remove()  # something new is there
    assert list(tmp_path.iterdir()) == [poses]


def test_poses_come_back_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = "a.csv", "poses.jsonl", "summary.json"
    files = [tmp_path / name for name in names]
    for file in files:
        file.write_text(file.name)
    Aside(tmp_path).move(files)
    moved: list[str] = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda f, to: moved.append(f.name) or replace(f, to))
    Aside(tmp_path).recover()
    assert (sorted(moved), moved[-1]) == (list(names), "poses.jsonl")


def test_nothing_is_moved_if_one_is_a_folder(files: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        Aside(tmp_path).move([*files, folder])
    assert sorted(tmp_path.iterdir()) == [*files, folder]
