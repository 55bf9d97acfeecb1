"""A training run that is given in place of weights or a video is known, and what to do with it told."""

import json
from pathlib import Path

import pytest

import bad_videos
from glpose.cli.main import main
from glpose.errors import BadWeights
from glpose.runtime.load import find_weights
from glpose.runtime.trained import how_to_export, is_checkpoint, training_run

ARCHIVE = b"PK\3\4" + bytes(30)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    recipe = {"name": "queries_small", "system": "glpose", "seed": 3, "num_steps": 0}
    record = {"recipe": recipe, "in_steps": {"num_steps": 40}}
    (folder / "recipe.json").write_text(json.dumps(record))
    rows = [
        {"step": 10, "losses": {"heatmap": 0.1}},
        {"step": 10, "scores": {"mean@0.2": None, "clean@0.2": 99.0}},
        {"step": 20, "scores": {"mean@0.2": 83.456, "clean@0.2": 80.0}},
        {"step": 30, "scores": {"mean@0.2": 81.0, "clean@0.2": 90.0}},
    ]
    (folder / "log.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (folder / "best.pt").write_bytes(ARCHIVE)
    (folder / "curves.png").touch()
    return folder


def test_weights_say_how_a_run_becomes_some(run: Path, tmp_path: Path) -> None:
    for path in (run, run / "best.pt"):
        with pytest.raises(BadWeights, match=rf"glpose export {run} -o FOLDER") as raised:
            find_weights(path, "pose")
        assert "expected .onnx weights" in str(raised.value)
        assert training_run(path) == run
    alone = (run / "best.pt").rename(tmp_path / "best.pt")
    with pytest.raises(BadWeights, match=r"a checkpoint of torch, without its run.*glpose export"):
        find_weights(alone, "detector")


def test_what_is_neither(run: Path, tmp_path: Path) -> None:
    other = run / "other.onnx"
    other.write_bytes(ARCHIVE)
    text = tmp_path / "best.pt"
    text.write_text("words")
    for path in (other, text, tmp_path, tmp_path / "nothing.pt"):
        assert how_to_export(path) is None
        assert not is_checkpoint(path)


def test_a_recipe_of_something_else_is_no_run(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("best.pt", "log.jsonl"):
        assert training_run(run) == run
        (run / name).unlink()
    assert training_run(run) == run
    bad_videos.write_video(run / "walk.mp4", num_frames=3)
    for text in ('{"recipe": "pancakes"}', "[]", "{", "[" * 100_000):
        (run / "recipe.json").write_text(text)
        assert training_run(run) is how_to_export(run) is None
    (run / "curves.png").unlink()
    assert main(["info", str(run)]) == 0
    assert "walk.mp4" in capsys.readouterr().out


def test_weights_that_lie_in_a_run_are_weights(run: Path, tiny_weights: Path) -> None:
    for file in tiny_weights.glob("tiny.*.onnx"):
        (run / file.name).write_bytes(file.read_bytes())
    assert find_weights(run, "pose").name == "tiny"


def test_info_tells_of_a_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (run, run / "best.pt"):
        assert main(["info", str(path)]) == 0
        first, *lines = capsys.readouterr().out.splitlines()
        assert first.startswith(f"{path}: ")
        assert f"glpose export {run}" in first
        assert lines == [
            "recipe: queries_small, system glpose, seed 3",
            "steps: 30 of 40",
            "best score: mean@0.2 83.46, at step 20",
        ]


def test_info_passes_over_lines_that_are_no_rows(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = "null", "[1]", '{"note": "mine"}', "[" * 100_000, '{"step": 30, "best_from": "x"}'
    with (run / "log.jsonl").open("a") as file:
        file.write("\n".join((*others, '{"step": 30, "scores": {}}', '{"step": 30, "sco')))
    assert main(["info", str(run)]) == 0
    assert capsys.readouterr().out.endswith(
        "steps: 30 of 40\nbest score: mean@0.2 83.46, at step 20\n"
    )


def test_info_counts_scores_since_the_best_was_chosen_anew(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (run / "log.jsonl").open("a") as file:
        file.write('{"step": 30, "best_from": 31}\n')
    assert main(["info", str(run)]) == 0
    assert capsys.readouterr().out.endswith("best score: none yet\n")
    with (run / "log.jsonl").open("a") as file:
        file.write('{"step": 40, "scores": {"mean@0.2": 70.0}}\n')
    assert main(["info", str(run)]) == 0
    assert capsys.readouterr().out.endswith("best score: mean@0.2 70.00, at step 40\n")


@pytest.mark.parametrize(
    ("name", "content", "last"),
    [
        ("log.jsonl", "", "there is no log that can be read"),
        ("log.jsonl", '{"step": 1, "scores": [1]}\n', "there is no log that can be read"),
        ("log.jsonl", '{"step": 5, "losses": {}}\n{"ste', "best score: none yet"),
        ("log.jsonl", '{"step": 5, "losses": {}}\n', "best score: none yet"),
        ("recipe.json", "[]", "not the record of a run that can be read"),
    ],
)
def test_info_of_a_run_that_lacks_something(
    name: str, content: str, last: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / name).write_text(content)
    assert main(["info", str(run)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(last)


def test_info_of_a_checkpoint_alone(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = (run / "best.pt").rename(tmp_path / "best.pt")
    assert main(["info", str(alone)]) == 2
    assert "glpose export makes weights" in capsys.readouterr().err
