"""An evaluation from Python: an outcome with the scores, and nothing printed."""

import json
import os
import shutil
from pathlib import Path

import pytest

from glpose.errors import BadConfig, BadInput
from glpose.jobs.evaluate import EvaluateOptions, evaluate_set
from glpose.jobs.interrupt import Interrupt
from glpose.jobs.report import Silent
from glpose.runtime.engine import EngineSpec
from glpose.synth.layouts import write_layout


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets") / "posetrack18"
    write_layout("posetrack18", folder, seed=1, num_videos=4, num_frames=4, size_hw=(96, 128))
    return folder


def options(root: Path, weights: Path, out: Path, **more: object) -> EvaluateOptions:
    how = {"split": "train", "engine": EngineSpec(threads=1), "changes": {"min_box": 0.1}} | more
    return EvaluateOptions(str(weights / "tiny.encoder.onnx"), root, "posetrack", None, out, **how)  # type: ignore[arg-type]


@pytest.mark.slow
def test_scores_are_given_and_told(
    root: Path, tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []

    class Told(Silent):
        def result(self, line: str) -> None:
            lines.append(line)

    done = evaluate_set(options(root, tiny_weights, tmp_path / "out", limit=2), Told())
    assert (done.state, done.total, len(done.done), done.kept) == ("ok", 2, 2, 0)
    assert done.report is not None
    assert done.report.plain["num_sequences"] == 2
    assert lines[: len(done.report.lines)] == done.report.lines
    assert lines[-2:] == [
        "limited to 2 of 3 sequences by --limit",
        f"scores and settings: {tmp_path / 'out' / 'scores.json'}",
    ]
    again = evaluate_set(options(root, tiny_weights, tmp_path / "out"))
    assert (again.kept, len(again.done), again.frames) == (2, 3, done.frames // 2)
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.slow
def test_a_request_to_stop_is_an_outcome_and_a_wrong_call_is_raised(
    root: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    interrupt = Interrupt()
    interrupt.requested = True
    done = evaluate_set(options(root, tiny_weights, tmp_path / "out"), interrupt=interrupt)
    assert (done.state, done.done, done.report) == ("interrupted", [], None)
    with pytest.raises(BadInput, match="no such folder"):
        evaluate_set(options(tmp_path / "nowhere", tiny_weights, tmp_path / "out"))


@pytest.mark.slow
def test_sets_whose_names_are_not_utf8_are_two(
    root: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    for name in (b"M\xfcller", b"M\xf6ller"):
        data = Path(shutil.copytree(root, tmp_path / os.fsdecode(name) / "posetrack18"))
        how = options(data, tiny_weights, tmp_path / "out", limit=1)
        if name == b"M\xfcller":
            assert evaluate_set(how).state == "ok"
    with pytest.raises(BadInput, match="data"):
        evaluate_set(how)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decod": "dark"}, "unknown setting 'decod' in PoseOptions"),
        ({"decode": "sharp"}, "PoseOptions.decode: expected 'argmax'"),
        ({"min_box": "low"}, "PoseOptions.min_box: expected float, found 'low'"),
    ],
)
def test_wrong_changes_are_named(
    root: Path, tiny_weights: Path, tmp_path: Path, changes: dict, words: str
) -> None:
    with pytest.raises(BadConfig, match=words):
        evaluate_set(options(root, tiny_weights, tmp_path / "out", changes=changes))


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_of_nothing_is_refused(
    root: Path, tiny_weights: Path, tmp_path: Path, limit: int
) -> None:
    with pytest.raises(BadInput, match=f"limit is {limit}; expected 1 or more"):
        evaluate_set(options(root, tiny_weights, tmp_path / "out", limit=limit))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_another_set_of_the_same_name_is_another_evaluation(
    root: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    done = evaluate_set(options(root, tiny_weights, tmp_path / "out", limit=1))
    assert done.state == "ok"
    shutil.copytree(root, other := tmp_path / "blurred" / root.name)
    with pytest.raises(BadInput, match=r"made otherwise \(another data\)"):
        evaluate_set(options(other, tiny_weights, tmp_path / "out", limit=1))
    told = json.loads((tmp_path / "out" / "settings.json").read_text())["data"]
    assert told["name"] == root.name
    assert str(root.parent) not in json.dumps(told)


@pytest.mark.slow
def test_what_could_not_be_read_is_said_again_by_the_same_call(
    root: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    shutil.copytree(root, hurt := tmp_path / "hurt")
    for folder in sorted((hurt / "images").rglob("*"))[:]:
        pictures = sorted(folder.glob("*.jpg"))
        if pictures:
            pictures[1].write_bytes(b"no picture")
    how = options(hurt, tiny_weights, tmp_path / "out", limit=2)
    first, again = evaluate_set(how), evaluate_set(how)
    assert (first.state, first.undecodable, again.kept) == ("incomplete", 2, 2)
    assert (again.state, again.undecodable) == ("incomplete", 2)
    (tmp_path / "out" / "undecodable.json").write_text("no JSON")
    with pytest.raises(BadInput, match=r"undecodable\.json: cannot be read"):
        evaluate_set(how)
