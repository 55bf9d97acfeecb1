"""PCK of Sub-JHMDB on the worked example, whose numbers are those of K-FPN's own function."""

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from glpose.metrics.subjhmdb import subjhmdb_pck
from glpose.skeleton import JHMDB15

EXAMPLE = Path(__file__).parent / "examples" / "ex7_pck_subjhmdb"


def example() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    data = json.loads((EXAMPLE / "input.json").read_text())
    names = [{"head": "face"}.get(name, name) for name in data["joint_names"]]
    assert tuple(names) == JHMDB15.joints
    frames = [frame for sequence in data["sequences"] for frame in sequence["frames"]]
    guess, truth, xyxy = (
        np.array([frame[key] for frame in frames], np.float64) for key in ("pred", "gt", "bbox")
    )
    return guess, truth, xyxy


@pytest.mark.parametrize(("norm", "key"), [("box", "bbox"), ("torso", "torso")])
def test_every_number_of_the_example(norm: Literal["box", "torso"], key: str) -> None:
    expected: dict[str, Any] = json.loads((EXAMPLE / "expected.json").read_text())[key]
    guess, truth, xyxy = example()
    found = subjhmdb_pck(guess, truth, xyxy, norm=norm)
    assert found.num_frames == len(truth)
    assert found.per_joint == pytest.approx(list(expected["per_joint"].values()), abs=1e-6)
    assert found.columns == pytest.approx(expected["groups"], abs=1e-6)
    assert found.mean_of_columns == pytest.approx(expected["mean_over_7_groups"], abs=1e-6)
    assert found.mean_of_joints == pytest.approx(expected["mean_over_15_joints (K-FPN)"], abs=1e-6)
    thirteen = expected["mean_over_13_joints_without_neck_belly"]
    assert found.mean_of_13 == pytest.approx(thirteen, abs=1e-6)


def test_less_than_the_limit_loses_the_head_that_lies_on_it() -> None:
    guess, truth, xyxy = example()
    strict = subjhmdb_pck(guess, truth, xyxy, strict=True)
    assert strict.columns["Head"] == pytest.approx(0.666667, abs=1e-6)


def test_single_precision_is_enough_for_the_example() -> None:
    double = subjhmdb_pck(*example())
    single = subjhmdb_pck(*(part.astype(np.float32) for part in example()))
    assert (single.per_joint == double.per_joint).all()
