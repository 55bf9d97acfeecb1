"""COCO results come back as they were written, missing joints as the zeros of the format."""

import json
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.formats.coco.results import (
    PictureTruth,
    read_keypoint_results,
    write_keypoint_results,
)
from glpose.skeleton import COCO17


def nobody() -> PictureTruth:
    none = np.zeros(0)
    return PictureTruth(
        np.zeros((0, 17, 2)), np.zeros((0, 17), bool), none, np.zeros((0, 4)), none > 0, none > 0
    )


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_results_round_trip(seed: int, people: list[int]) -> None:
    rng = np.random.default_rng(seed)
    poses = {}
    for image_id, num in enumerate(people):
        xy = rng.uniform(-50, 2000, (num, 17, 2)).astype(np.float32)
        xy[rng.random((num, 17)) < 0.2] = np.nan
        poses[image_id * 7] = xy, rng.random((num, 17)).astype(np.float32), rng.random(num).tolist()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.json"
        write_keypoint_results(path, poses)
        assert all(len(entry["keypoints"]) == 51 for entry in json.loads(path.read_text()))
        found = read_keypoint_results(path, COCO17, 1, dict.fromkeys(poses, nobody()))
        assert [p.name for p in Path(folder).iterdir()] == ["results.json"]
    for image_id, (xy, _, score) in poses.items():
        assert found[image_id].score.tolist() == score
        assert np.abs(found[image_id].xy - np.nan_to_num(xy, nan=0)).max(initial=0) <= 5.1e-5
