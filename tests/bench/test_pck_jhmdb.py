"""What the estimators that the bench puts around others give: those whose slots it empties, too."""

from pathlib import Path

import numpy as np
import pytest
from costs import Counting
from pck_jhmdb import WithoutSlots

import tiny_onnx
from fake_estimator import run, same, video
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import load_estimator, shipped

SLOTS = tiny_onnx.slots((-1, 1))


@pytest.mark.parametrize("summarises", [False, True])
def test_emptied_slots_hold_what_the_key_tells_its_neighbours(
    tmp_path: Path, summarises: bool
) -> None:
    tiny_onnx.write_pose(tmp_path, slots=SLOTS, answers=True, summarises=summarises)
    estimate = load_estimator(tmp_path, EngineSpec(threads=1))
    crops = np.random.default_rng(0).integers(0, 256, (3, *tiny_onnx.CROP_HW, 3), np.uint8)
    seen = estimate.encode(crops)
    told = seen.for_neighbours
    own = {"crop": seen.features, "around": np.stack([told, told], 1)}
    others = own | {"around": np.zeros_like(own["around"])}
    empty = WithoutSlots(estimate, ("around",))
    empty.encode(crops)
    found, expected = (e.solve(i)["heatmaps"] for e, i in ((empty, others), (estimate, own)))
    np.testing.assert_array_equal(found, expected)
    assert not np.array_equal(estimate.solve(others)["heatmaps"], expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", [w.name for w in shipped() if w.use == "pose"])
def test_whatever_is_shipped_works_inside_others(name: str) -> None:
    """Among them are networks that start people and networks that see flow."""
    estimate = load_estimator(name, EngineSpec(threads=1))
    expected = run(video(4), estimate)
    assert all(len(poses.people) for poses in expected)
    for other in (Counting(estimate), WithoutSlots(estimate, ())):
        same(run(video(4), other), expected)
