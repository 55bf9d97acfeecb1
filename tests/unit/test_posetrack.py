"""PoseTrack files: both forms say the same, and what is wrong with a file is named."""

from pathlib import Path

import numpy as np
import pytest

from glpose.formats.posetrack import read_prediction_file, read_truth_file

EXAMPLES = Path(__file__).parents[1] / "parity" / "examples"


@pytest.mark.parametrize(
    ("name", "people", "guesses"),
    [
        ("ex1_ap_single_frame/{}/000901_bonn.json", [2], [4]),
        ("ex2_ap_ignore_and_gaps/{}/000902_bonn.json", [2, 0, 1, 1, 1], [3, 1, 1, 1, 0]),
        ("ex3_ap_posetrack18_format/{}/000901_mpii_test.json", [2, 1], [2, 1]),
        ("ex3_ap_posetrack18_format/{}/000902_mpii_test.json", [2, 0], [2, 1]),
        ("ex5_mot_frame_without_prediction/{}/000905_bonn.json", [3, 3, 3], [1, 0, 1]),
    ],
)
def test_worked_examples(name: str, people: list[int], guesses: list[int]) -> None:
    truth = read_truth_file(EXAMPLES / name.format("gt"))
    poses = read_prediction_file(EXAMPLES / name.format("pred"))
    assert [len(frame.people) for frame in truth] == people
    assert [len(frame.people) for frame in poses] == guesses
    assert [frame.frame for frame in truth] == list(range(len(people)))
    for frame in truth:
        assert frame.head_px is not None
        np.testing.assert_allclose(frame.head_px, 30)  # 0.6 times the diagonal of 40 by 30
        assert ((frame.visibility > 0) == np.isfinite(frame.xy).all(-1)).all()
