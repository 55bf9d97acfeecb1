"""The log of a run: strict JSON, also of what is not a number, and its curves."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from glpose.imaging import read_image
from glpose.train.run.log import RunLog


def strict(folder: Path) -> list[dict[str, Any]]:
    """The rows, as by a reader that knows only JSON."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    lines = (folder / "log.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line, parse_constant=refuse) for line in lines]


def test_what_is_not_finite_is_null_in_the_log_and_a_gap_in_the_curves(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0)
    log.losses(1, {"heatmap": 0.5})
    log.scores(1, {"precision": float("nan"), "recall": 0.0}, 1.0)
    log.scores(2, {"precision": float("inf"), "recall": 3.0}, 2.0)
    log.draw()
    scores = [row["scores"] for row in strict(tmp_path) if "scores" in row]
    assert scores == [{"precision": None, "recall": 0.0}, {"precision": None, "recall": 3.0}]
    assert np.ptp(read_image(tmp_path / "curves.png")) > 0
    RunLog(tmp_path, 1).draw()
    assert [row["step"] for row in strict(tmp_path)] == [1, 1]


def test_a_log_by_an_older_glpose_is_made_strict_when_the_run_goes_on(tmp_path: Path) -> None:
    row = '{"step": 1, "scores": {"precision": NaN}, "seconds": 1.0}'
    (tmp_path / "log.jsonl").write_text(row + "\n", "utf-8")
    log = RunLog(tmp_path, 1)
    log.draw()
    assert strict(tmp_path) == [{"step": 1, "scores": {"precision": None}, "seconds": 1.0}]


def test_lines_that_are_no_rows_are_left_out(tmp_path: Path) -> None:
    others = ("[1,2]", "3", "null", '{"a": 1}', '{"step": "x"}', '{"step": 1, "losses": [1]}',
              '{"step": 1, "scores": {"pck": "x"}}', '{"step"')  # fmt: skip
    row = '{"step": 1, "losses": {"heatmap": null}}'
    (tmp_path / "log.jsonl").write_text("\n".join((*others, row)) + "\n", "utf-8")
    RunLog(tmp_path, 1).draw()
    assert strict(tmp_path) == [json.loads(row)]
