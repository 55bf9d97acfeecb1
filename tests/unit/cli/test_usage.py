"""Every call that cannot be understood is answered in plain words, with the help of its own command."""

from pathlib import Path

import pytest

import bad_videos
from glpose.cli.main import main


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("run a.mp4 --presett best", "Did you mean --preset? See: glpose run -h"),
        ("a.mp4 --presett best", "See: glpose run -h"),
        ("--presett best a.mp4", "Did you mean --preset? See: glpose run -h"),
        ("table y", "--output is missing. See: glpose table -h"),
        ("table y -o", "-o needs a value. See: glpose table -h"),
        ("score coco a", "PREDICTIONS is missing. See: glpose score coco -h"),
        ("run a.mp4 --detect-every two", "--detect-every is 'two'; expected a whole number."),
        ("run a.mp4 --fps fast", "--fps is 'fast'; expected a number."),
        ("run a.mp4 --overlay=maybe", "--overlay is 'maybe'; expected yes or no."),
        ("drop y one", "NUMBER is 'one'; expected a whole number. See: glpose drop -h"),
        ("run a.mp4 --fps 1 --fps 2", "--fps is given twice, or with its opposite; expected one."),
        ("export a b c", "'b c' is more than the command takes. See: glpose export -h"),
        ("run a.mp4 --preset nope", 'Choose from: "fast", "balanced", "best". See: glpose run -h'),
        ("nope", "See: glpose -h"),
        ("score nope", "See: glpose score -h"),
    ],
)
def test_usage_errors(call: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(call.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


@pytest.mark.parametrize("first", ["-o", "--output", "--out"])
def test_the_short_form_may_begin_with_an_option(
    first: str, tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=2)
    own = ["--weights", str(tiny_weights / "tiny.encoder.onnx")]
    own += ["--detector", str(tiny_weights / "finder.onnx"), "--no-overlay"]
    assert main([first, str(tmp_path / "out"), str(video), *own]) == 0
    assert (tmp_path / "out" / "walk" / "poses.jsonl").exists()


@pytest.mark.parametrize("command", ["train", "export", "evaluate", "pretrain", "weights import"])
def test_output_has_one_name_in_help_and_another_that_works(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "-h"]) == 0
    told = capsys.readouterr().out
    assert "--output -o" in told
    assert "--out " not in told
    for option in (["--output", "x"], ["--out", "x"], ["--out=x"]):
        assert main([*command.split(), *option, "--nonsense"]) == 2
        assert "Unknown option: --nonsense" in capsys.readouterr().err


def test_help_is_still_that_of_all_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "Usage: glpose COMMAND" in capsys.readouterr().out
