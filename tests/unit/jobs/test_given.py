"""Several results for one command: what is made of each, and that bad ones stop no other."""

from pathlib import Path

import pytest

from glpose.cli.main import main
from glpose.errors import BadInput, VideoError
from glpose.jobs.given import Made, each_alone, find_results
from glpose.jobs.report import SILENT
from glpose.jobs.smooth import SmoothOptions, smooth_results
from walking import walk, written

Capture = pytest.CaptureFixture[str]
TIMES = [i / 25 for i in range(30)]
MADE = {
    "smooth": {"smooth.jsonl"},
    "angles --no-plot": {"angles.csv", "gait.json"},
    "report": {"report.html"},
}
each_command = pytest.mark.parametrize("command", MADE)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Three trials, of which the second cannot be read."""
    for name in ("a", "b", "c"):
        written(tmp_path / "out" / name, walk(TIMES))
    (tmp_path / "out/b/poses.jsonl").write_text("no poses\n")
    return tmp_path / "out"


def made_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"poses.jsonl"}


@each_command
def test_a_bad_result_stops_no_other(command: str, out: Path, capsys: Capture) -> None:
    assert main([*command.split(), str(out)]) == 3
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith(f"glpose: {out / 'b' / 'poses.jsonl'}, line 1")
    assert captured.out.count("walk.mp4: ") == 2
    assert [made_in(out / name) for name in "abc"] == [MADE[command], set(), MADE[command]]
    # What exists is bad, too; and if nothing is made, that is the end.
    capsys.readouterr()
    assert main([*command.split(), str(out / "a"), str(out / "b")]) == 2
    first, _, last = capsys.readouterr().err.splitlines()
    assert "already; use --overwrite" in first
    assert "none of the 2 results can be used; the first: " in last


BAD_FRAMES = {
    "too slow for the filter": walk([i / 8 for i in range(30)]),
    "times that fall": walk(TIMES[::-1]),
    "too short": walk(TIMES[:3]),
}


@pytest.mark.parametrize("command", [*MADE, "angles -o all.csv", "table -o all.csv"])
@pytest.mark.parametrize("what", BAD_FRAMES)
def test_of_several_whatever_is_bad_says_whose_it_is(
    what: str, command: str, out: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, also where the path has no folder, or one that is named like the begin of the message."""
    written(out / "t", BAD_FRAMES[what])
    for folder, name in ((out, "t/poses.jsonl"), (out / "t", "poses.jsonl")):
        monkeypatch.chdir(folder)
        main([*command.split(), "--overwrite", name, str(out / "c")])
        for line in capsys.readouterr().err.splitlines():
            assert line.startswith(f"glpose: {name}: ")
            assert line.count(f"{name}: ") == 1


@pytest.mark.parametrize("command", [*MADE, "lift", "angles -o all.csv", "table -o all.csv"])
def test_what_cannot_be_read_is_named_once(
    command: str, out: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(out / "a")
    header = Path("poses.jsonl").read_text().splitlines(keepends=True)[0]
    Path("none.jsonl").write_text(header)
    for name in ("none.jsonl", "nothing"):
        main([*command.split(), "--overwrite", name, str(out / "c")])
        problems = capsys.readouterr().err.splitlines()
        (line,) = [line for line in problems if line.startswith(f"glpose: {name}: ")]
        assert line.count(f"{name}: ") == 1


@each_command
def test_pictures_in_a_folder_are_passed_over(command: str, out: Path, capsys: Capture) -> None:
    photo = written(out / "b", walk([0.0])) / "poses.jsonl"
    call = [*command.split(), "--overwrite"]
    assert main([*call, str(out)]) == 3  # a video that stopped after a frame
    assert "b/poses.jsonl: holds a single frame; expected a video" in capsys.readouterr().err
    photo.write_text(photo.read_text().replace('"video": {', '"video": {"still": true, '))
    assert main([*call, str(out)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("b/poses.jsonl: is of a single picture; passed over")
    assert [made_in(out / name) for name in "abc"] == [MADE[command], set(), MADE[command]]
    for asked, status in ((["b"], 2), (["a", "b"], 3), (["", "b"], 3)):
        assert main([*call, *(str(out / name) for name in asked)]) == status
        assert "holds a single frame; expected a video" in capsys.readouterr().err
    for name in "ac":
        (out / name / "poses.jsonl").write_bytes(photo.read_bytes())
    assert main([*call, str(out)]) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert "none of the 3 results can be used; the first: " in last
    assert "a/poses.jsonl: holds a single frame" in last


@each_command
def test_each_result_once_and_all_well(command: str, out: Path, capsys: Capture) -> None:
    given = [str(out / "a"), str(out / "a/poses.jsonl"), str(out / "c")]
    assert main([*command.split(), *given]) == 0
    assert capsys.readouterr().err == ""
    assert [made_in(out / name) for name in "abc"] == [MADE[command], set(), MADE[command]]


@each_command
def test_what_is_for_one_alone(command: str, out: Path, tmp_path: Path, capsys: Capture) -> None:
    call = [*command.split(), str(out)]
    assert main([*call, "-o", str(tmp_path / "new")]) == 2
    assert "new: is for one result, but 3 were given; leave it out" in capsys.readouterr().err
    if command == "report":
        assert main([*call, "--video", "walk.mp4"]) == 2
        assert "--video walk.mp4: is for one result" in capsys.readouterr().err
    written(out / "a/smooth", walk(TIMES))
    (out / "a/other.jsonl").write_bytes((out / "a/poses.jsonl").read_bytes())
    assert main([*command.split(), str(out / "a"), str(out / "a/other.jsonl")]) == 2
    assert "is beside" in capsys.readouterr().err
    assert main(command.split()) == 2
    assert "no results given" in capsys.readouterr().err
    assert not any(made_in(out / name) - {"smooth", "other.jsonl"} for name in "abc")


@each_command
def test_a_path_without_results_stops_no_other(
    command: str, out: Path, tmp_path: Path, capsys: Capture
) -> None:
    for name in ("empty", "circle"):
        (tmp_path / name).mkdir()
    (tmp_path / "circle/poses.jsonl").symlink_to(tmp_path / "circle/poses.jsonl")
    bad = [str(tmp_path / name) for name in ("empty", "x" * 300, "circle")]
    assert main([*command.split(), bad[0], str(out / "a"), *bad[1:], str(out / "c")]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"glpose: {path}") for line, path in zip(lines, bad, strict=True))
    assert [made_in(out / name) for name in "abc"] == [MADE[command], set(), MADE[command]]
    for also in ([], [str(out / "b")]):
        assert main([*command.split(), *bad, *also]) == 2
        *_, last = capsys.readouterr().err.splitlines()
        assert f"none of the {3 + len(also)} results can be used; the first: {bad[0]}" in last
    # One is all that an option for one may be given with, be the others bad.
    assert main([*command.split(), bad[0], str(out / "c"), "-o", str(tmp_path / "new")]) == 2
    assert "is for one result, but 2 were given" in capsys.readouterr().err


def test_a_path_without_results_is_left_out_of_a_table(
    out: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "empty").mkdir()
    given = [str(tmp_path / "empty"), str(out / "a")]
    for command in ("table", "angles"):
        assert main([command, *given, "-o", str(tmp_path / f"{command}.csv")]) == 3
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"glpose: {tmp_path / 'empty'}: holds no poses.jsonl")
        assert (tmp_path / f"{command}.csv").read_text().startswith("results,")
    assert main(["table", *given, "-o", str(tmp_path / "a.json")]) == 2
    assert "holds one video, 2 results are given" in capsys.readouterr().err


@each_command
def test_links_are_beside_what_is_made_of_them(
    command: str, out: Path, tmp_path: Path, capsys: Capture
) -> None:
    linked = [tmp_path / name for name in ("r1", "r2", "r3")]
    for folder, name in zip(linked, "aca", strict=True):
        folder.mkdir()
        (folder / "poses.jsonl").symlink_to(out / name / "poses.jsonl")
    assert main([*command.split(), *map(str, linked)]) == 0
    assert [made_in(folder) for folder in linked] == [MADE[command]] * 3
    other = linked[0] / "other.jsonl"
    other.symlink_to(out / "c/poses.jsonl")
    capsys.readouterr()
    assert main([*command.split(), str(linked[0]), str(other), "--overwrite"]) == 2
    assert f"{other}: is beside {linked[0] / 'poses.jsonl'}" in capsys.readouterr().err


def test_a_folder_with_a_single_result(tmp_path: Path) -> None:
    written(tmp_path / "out/a", walk(TIMES))
    found = find_results(tmp_path / "out", Made(), SILENT)
    assert (list(found.files), found.named) == ([tmp_path / "out/a/poses.jsonl"], True)
    assert not find_results(tmp_path / "out/a", Made(), SILENT).named
    made = smooth_results(tmp_path / "out", SmoothOptions(output=tmp_path / "new"))
    assert made.files == [tmp_path / "new/smooth.jsonl"]


def test_folders_that_begin_with_a_dot_hold_no_results(out: Path, capsys: Capture) -> None:
    (out / "b").rename(out / ".b")
    assert [file.parent.name for file in find_results(out, Made(), SILENT).files] == ["a", "c"]
    assert main(["info", str(out)]) == 0
    assert "/.b/" not in "".join(capsys.readouterr())
    with pytest.raises(BadInput, match=r"holds no poses\.jsonl"):
        (out / "a").rename(out / ".b/a")
        (out / "c").rename(out / ".b/c")
        find_results(out, Made(), SILENT)


def test_any_problem_of_glpose_stops_no_other_and_a_single_one_is_raised(out: Path) -> None:
    def make(file: Path) -> Made:
        if file.parent.name == "b":
            raise VideoError(f"{file}: no room")
        return Made([file], ["not whole"])

    made = each_alone(out, make, SILENT)
    assert made.files == [out / name / "poses.jsonl" for name in "ac"]
    assert made.lacks == ["not whole", f"{out / 'b/poses.jsonl'}: no room", "not whole"]
    with pytest.raises(VideoError, match=r"b/poses\.jsonl: no room$"):
        each_alone(out / "b", make, SILENT)
