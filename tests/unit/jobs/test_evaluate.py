"""An evaluation from Python: an outcome with the scores, and nothing printed."""

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
        "incomplete: these are scores of 2 of 3 sequences",
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
