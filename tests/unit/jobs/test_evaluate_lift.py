"""What an evaluation of a lifter may replace."""

from pathlib import Path

import pytest

from glpose.errors import BadInput
from glpose.jobs.evaluate_lift import LiftEvaluation, evaluate_lifter


def test_scores_that_no_evaluation_made_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text('{"accuracy": 1}')
    how = LiftEvaluation("lift_small", tmp_path, "h36m", tmp_path)
    with pytest.raises(BadInput, match=r"scores.json: exists; choose another --output"):
        evaluate_lifter(how)
    how = LiftEvaluation("lift_small", tmp_path, "h36m", tmp_path, overwrite=True)
    with pytest.raises(
        BadInput, match=r"scores.json: is of no evaluation; choose another --output"
    ):
        evaluate_lifter(how)
    assert path.read_text() == '{"accuracy": 1}'
