"""Commands that messages tell can be pasted, and do what they say."""

import json
import shlex
from pathlib import Path

import pytest

import bad_videos
from glpose.cli.main import main
from glpose.formats.results import load
from glpose.jobs.anew import run_again

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def given(tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options of a run in an empty folder, with two people in each of 5 frames of `-my walk.mp4`."""
    monkeypatch.chdir(tmp_path)
    bad_videos.write_video(tmp_path / "-my walk.mp4", num_frames=5)
    people = [
        {"track_id": n, "box_xyxy": [40 * n, 20, 40 * n + 30, 90], "box_score": 1.0} for n in (1, 2)
    ]
    lines = [json.dumps({"frame": i, "people": people}) + "\n" for i in range(5)]
    (tmp_path / "boxes.jsonl").write_text("".join(lines), "utf-8")
    return ["--boxes", str(tmp_path / "boxes.jsonl"), "--weights", str(tiny_weights), "--quiet"]


def commands_in(text: str, video: str = "./-my walk.mp4") -> list[list[str]]:
    """The arguments of the commands that end the lines of a text."""
    told = [line.rpartition(": glpose ")[2] for line in text.splitlines() if ": glpose " in line]
    return [[video if w == "VIDEO" else w for w in shlex.split(t)] for t in told]


@pytest.mark.slow
@pytest.mark.parametrize("private", [None, "skeleton", "blur"])
def test_each_command_that_is_told_makes_its_file_anew(
    private: str | None, given: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = [] if private is None else ["--private", private]
    assert main(["run", "./-my walk.mp4", "-o", "./-out", *given, *hidden]) == 0
    monkeypatch.chdir("-out")  # as a shell completes names that begin with a dash
    folder, video = "./-my walk", "../-my walk.mp4"
    assert main(["report", folder]) == 0
    capsys.readouterr()
    assert main(["drop", folder, "2"]) == 0
    told = commands_in(capsys.readouterr().out, video)
    assert [words[0] for words in told] == [
        "table",
        "report",
        "run" if hidden[1:] == ["blur"] else "drop",
    ]
    assert main(told[1]) == 3
    assert commands_in(capsys.readouterr().err, video) == told[2:]
    if private == "blur":
        assert main([*told[1], "--no-video"]) == 0
        # A run at the same place needs its options again.
        told[2] += given
    for words in (told[0], told[2], told[1]):
        assert main(words) == 0
    people = {poses.people.track_id.size for poses in load(f"{folder}/poses.jsonl").frames}
    assert people == ({2} if private == "blur" else {1})


@pytest.mark.slow
@pytest.mark.parametrize("private", ["skeleton", "blur"])
def test_without_an_overlay_no_video_of_who_is_hidden_is_asked_for(
    private: str, given: list[str], capsys: Capture
) -> None:
    assert main(["run", "./-my walk.mp4", "-o", "out", *given, "--private", private]) == 0
    Path("out/-my walk/overlay.mp4").unlink()
    assert main(["report", "out/-my walk", "--no-video"]) == 0
    assert "There is no video" in (page := Path("out/-my walk/report.html").read_text("utf-8"))
    assert "--video adds one" not in page
    capsys.readouterr()
    embed = ["report", "out/-my walk", "--embed", "--overwrite"]
    assert main(embed) == 2
    (words,) = commands_in(capsys.readouterr().err)
    assert main(words + given if private == "blur" else words) == 0
    assert main(embed) == 0


@pytest.mark.slow
def test_a_blurred_overlay_is_not_drawn_over_and_it_is_said_what_is(
    given: list[str], capsys: Capture
) -> None:
    assert main(["run", "./-my walk.mp4", "-o", "out", *given, "--private", "blur"]) == 0
    assert main(["drop", "out/-my walk", "2", "--video", "./-my walk.mp4"]) == 2
    (words,) = commands_in(capsys.readouterr().err)
    assert main([*words, *given]) == 0


def test_a_run_is_told_for_the_folder_that_holds_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out" / "walk").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "out" / "walk")
    for folder in (Path(), Path(".."), tmp_path / "out" / "walk" / ".."):
        told = shlex.split(run_again(folder, None))
        up = Path(told[told.index("-o") + 1])
        assert up == (tmp_path / "out" if folder == Path() else tmp_path)
    assert run_again(Path("out/-a"), "blur") == "glpose run VIDEO -o out --private blur --overwrite"
    assert run_again(Path("-a b/c"), None) == "glpose run VIDEO -o './-a b' --overwrite"
