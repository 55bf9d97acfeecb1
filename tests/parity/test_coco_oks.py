"""Our keypoint scores are those of pycocotools."""

import json
from dataclasses import astuple
from pathlib import Path
from typing import Any

import coco_cases
import numpy as np
import pytest

from glpose.formats.coco.results import read_keypoint_results, read_keypoint_truth
from glpose.metrics.oks import OksPicture, OksScores, oks_scores, oks_to_truth

EXAMPLE = Path(__file__).parent / "examples" / "ex8_coco_oks"


def pictures(truth_file: Path, results: Path) -> tuple[list[OksPicture], np.ndarray]:
    skeleton, category, truth = read_keypoint_truth(truth_file)
    guess = read_keypoint_results(results, skeleton, category, truth)
    return [
        OksPicture(
            t.xy, t.labelled, t.area_px2, t.xyxy, t.ignore, t.crowd, guess[i].xy, guess[i].score
        )
        for i, t in truth.items()
    ], skeleton.oks_sigma


def ours(folder: Path, truth: dict[str, Any], results: list[dict[str, Any]]) -> OksScores:
    (folder / "truth.json").write_text(json.dumps(truth))
    (folder / "results.json").write_text(json.dumps(results))
    return oks_scores(*pictures(folder / "truth.json", folder / "results.json"))


def test_the_worked_example() -> None:
    expected = json.loads((EXAMPLE / "expected.json").read_text())
    scored, sigma = pictures(EXAMPLE / "gt.json", EXAMPLE / "pred.json")
    assert astuple(oks_scores(scored, sigma)) == pytest.approx(
        list(expected["pycocotools"].values()), abs=1e-6
    )
    for picture, table in zip(
        scored, expected["oks_matrix_dt_by_gt_per_image"].values(), strict=True
    ):
        assert oks_to_truth(picture, sigma) == pytest.approx(np.array(table), abs=1e-6)


def test_two_hundred_random_cases_against_stored_scores(tmp_path: Path) -> None:
    stored = json.loads(coco_cases.EXPECTED.read_text())
    assert stored["names"] == list(OksScores.__dataclass_fields__)
    expected = np.array(stored["scores_by_seed"])
    found = np.array([astuple(ours(tmp_path, *coco_cases.case(seed))) for seed in coco_cases.SEEDS])
    assert found.shape == expected.shape == (200, 10)
    assert np.abs(found - expected).max() <= 1e-6
    # The cases are worth something: most numbers are neither 0 nor 1 nor undefined.
    assert ((expected > 0) & (expected < 1)).mean() > 0.6


@pytest.mark.parametrize("seed", [1000, 1001, 1002, 1003, 1004, 1005])
def test_new_cases_against_the_tool_itself(tmp_path: Path, seed: int) -> None:
    pytest.importorskip("pycocotools")
    case = coco_cases.case(seed)
    assert astuple(ours(tmp_path, *case)) == pytest.approx(coco_cases.official(*case), abs=1e-9)
