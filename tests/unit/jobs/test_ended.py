"""Results of runs that did not end well are told from whole ones, and from those that were copied."""

import shutil
from pathlib import Path

import pytest

import bad_videos
from glpose.cli.main import main
from glpose.formats.results import load, write_summary
from glpose.jobs.ended import BEGUN, SUMMARY, how_ended, lack_of, passed_on
from glpose.jobs.given import open_given
from glpose.jobs.run import Options, run_sources
from glpose.jobs.writers import poses_jsonl
from glpose.types import Frame, FramePoses
from walking import walk, written


def of_killed(folder: Path) -> None:
    """Leave what a run has until it ends."""
    (folder / SUMMARY).rename(folder / BEGUN)
    write_summary(folder / BEGUN, {"source": "walk.mp4", "state": "begun"})


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("ok", ""),
        ("begun", "has not ended, or was killed"),
        ("interrupted", "was interrupted"),
        ("failed", "failed"),
        ("incomplete", ""),
        (7, ""),
        ([], ""),
    ],
)
def test_states_in_words(state: object, words: str, tmp_path: Path) -> None:
    write_summary(tmp_path / SUMMARY, {"state": state})
    assert how_ended(tmp_path) == words


def test_poses_without_a_trace_of_a_run_are_whole(tmp_path: Path) -> None:
    assert how_ended(tmp_path) == ""
    for text in ("[]", "{", '{"state": null}', "[" * 100_000):
        (tmp_path / SUMMARY).write_text(text)
        assert how_ended(tmp_path) == ""


def test_older_versions_left_half_an_overlay(tmp_path: Path) -> None:
    (tmp_path / "overlay.partial.mp4").touch()
    assert how_ended(tmp_path) == "has not ended, or was killed"
    write_summary(tmp_path / SUMMARY, {"state": "ok"})  # it is being drawn anew
    assert how_ended(tmp_path) == ""


def test_commands_say_that_a_run_did_not_end_and_copies_are_whole(
    options: Options, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=5)
    run_sources([video], options)
    folder = tmp_path / "out" / "walk"
    assert open_given(folder).lack == ""
    assert not (folder / BEGUN).exists()
    of_killed(folder)
    for words in (["table", "-o", "t.csv"], ["report", "--no-video"]):
        more = [str(tmp_path / word) if word == "t.csv" else word for word in words[1:]]
        assert main([words[0], str(folder), *more, "--quiet"]) == 3
        (line,) = capsys.readouterr().err.splitlines()
        assert "of a run that has not ended, or was killed; the 5 frames that are there" in line
    assert main(["info", str(folder)]) == 0
    assert "the run has not ended, or was killed" in capsys.readouterr().out
    (again,) = run_sources([video], options)
    assert "), of a run that has not ended, or was killed (5 frames), which" in again.warnings[0]
    assert BEGUN not in again.warnings[0]
    copied = shutil.copy(folder / "poses.jsonl", tmp_path)
    assert open_given(Path(copied)).lack == ""
    renamed = shutil.copy(folder / "poses.jsonl", folder / "mine.jsonl")
    assert lack_of(Path(renamed), 5, {}) == ""


def test_what_is_made_of_a_run_that_did_not_end_says_so_wherever_it_lies(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path / "run", walk([i / 25 for i in range(30)]))
    write_summary(folder / SUMMARY, {"state": "interrupted"})
    assert main(["smooth", str(folder), "-o", str(tmp_path / "s"), "--quiet"]) == 3
    smooth, space = tmp_path / "s/smooth.jsonl", tmp_path / "s/smooth_3d.jsonl"
    assert main(["lift", str(smooth), "--quiet"]) == 3
    capsys.readouterr()
    for made in (smooth, space):
        assert load(made).settings["run_state"] == "interrupted"
        assert main(["table", str(made), "-o", f"{made}.csv", "--quiet"]) == 3
        assert (
            "made of results of a run that was interrupted; the 30 frames"
            in capsys.readouterr().err
        )
    # Another run in that folder says nothing of them, nor does a mark that is none.
    assert lack_of(smooth, 30, {"run_state": "ok"}) == lack_of(smooth, 30, {"run_state": []}) == ""


@pytest.mark.parametrize("name", ["smooth.jsonl", "poses_3d.jsonl", "smooth_3d.jsonl"])
def test_older_versions_did_not_say_so(name: str, tmp_path: Path) -> None:
    written(tmp_path, walk([0.0, 0.1])).joinpath("poses.jsonl").rename(tmp_path / name)
    assert open_given(tmp_path / name).lack == ""
    write_summary(tmp_path / SUMMARY, {"state": "interrupted"})
    assert "of a run that was interrupted; the 2 frames" in open_given(tmp_path / name).lack


def test_a_line_that_is_cut_off_is_passed_on(tmp_path: Path) -> None:
    poses = written(tmp_path, walk([0.0, 0.1])) / "poses.jsonl"
    assert passed_on(poses, 2, {}) == {}
    with poses.open("a") as file:
        file.write('{"frame"')
    assert passed_on(poses, 2, {}) == {"run_state": "begun"}


def test_a_run_that_is_killed_leaves_its_mark(options: Options, tmp_path: Path) -> None:
    """Until it has a summary; what it replaces is not taken for its own."""
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=3)
    folder, seen = tmp_path / "out" / "walk", list[str]()

    class Looking:
        needs_pictures, files, warnings = False, (), ()

        def __init__(self, _: object) -> None:
            seen.append(how_ended(folder))

        def write(self, frame: Frame, poses: FramePoses) -> None:
            seen.append(how_ended(folder))

        def __enter__(self) -> "Looking":
            return self

        def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
            seen.append(how_ended(folder))

    looking = Options(
        options.output, weights=options.weights, detector=options.detector,
        engine=options.engine, writers=(poses_jsonl, Looking), overwrite=True,
    )  # fmt: skip
    for _ in range(2):
        run_sources([video], looking)
        assert seen == ["has not ended, or was killed"] * 5
        assert how_ended(folder) == ""
        seen.clear()
