"""Files that are moved aside come back whole, or go with the folder they lay in."""

import os
from pathlib import Path

import pytest

from glpose.formats.results import POSES, left_aside
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


def test_what_the_last_of_several_had_moved_comes_back_alone(tmp_path: Path) -> None:
    for number, names in enumerate(((POSES, "b.txt"), (POSES,), ())):
        for name in names:
            (tmp_path / name).write_text(str(number))
        Aside(tmp_path).move([tmp_path / name for name in names])
    places = {(place / POSES).read_text(): place for place in left_aside(tmp_path)}
    for age, place in enumerate((places["1"], places["0"])):
        os.utime(place, (10 - age, 10 - age))
    Aside(tmp_path).recover()
    assert (tmp_path / POSES).read_text() == "1"
    assert left_aside(tmp_path) == [places["0"]]
    # They go when something has come in the place of all.
    aside = Aside(tmp_path)
    aside.move([tmp_path / POSES])
    aside.remove()
    assert list(tmp_path.iterdir()) == []


def test_poses_come_back_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / name for name in ("a.csv", POSES, "z.json")]
    for file in files:
        file.write_text(file.name)
    Aside(tmp_path).move(files)
    (place,) = left_aside(tmp_path)
    moved: list[str] = []
    replace = Path.replace

    def noted(file: Path, target: Path) -> Path:
        moved.append(file.name)
        return replace(file, target)

    monkeypatch.setattr(Path, "replace", noted)
    Aside(tmp_path).recover()
    assert moved == ["a.csv", "z.json", POSES]
    assert not place.exists()


def test_nothing_is_moved_if_one_is_a_folder(files: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    with pytest.raises(IsADirectoryError):
        Aside(tmp_path).move([*files, folder])
    assert sorted(tmp_path.iterdir()) == [*files, folder]
