"""The bench of fusion on JHMDB scores again what was scored in another way."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from jhmdb_fusion import CONDITIONS, is_done, kept_scores

from glpose.config import to_plain

pytestmark = pytest.mark.torch


def test_scores_are_kept_for_what_they_were_made_of(tmp_path: Path) -> None:
    conditions = to_plain(CONDITIONS)
    assert json.loads(json.dumps(conditions)) == conditions
    path, calls = tmp_path / "scores.json", []

    def score() -> dict:
        calls.append(None)
        return {"clean": len(calls)}

    path.write_text('{"clean": 0}', "utf-8")  # of a version that did not say how
    ways = [{"stride": 1}, {"stride": 1}, {"stride": 2}, {"stride": 2}, {"stride": 1}]
    found = [kept_scores(path, how | {"conditions": conditions}, score)["clean"] for how in ways]
    assert found == [1, 1, 2, 2, 3]


def test_unfinished_runs_are_left_out_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not is_done(tmp_path)
    (tmp_path / "recipe.json").write_text('{"in_steps": {"num_steps": 600}}', "utf-8")
    for step, done in ((400, False), (600, True)):
        torch.save({"step": step}, tmp_path / "last.pt")
        assert is_done(tmp_path) == done
    assert capsys.readouterr().out.count("400 of 600 steps") == 1
