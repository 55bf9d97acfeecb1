"""The acceptance experiment of merging heatmaps along the flow, in a short form."""

import pytest

pytest.importorskip("torch")

import torch
from flowing import experiment

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def test_covered_joints_come_back_along_the_flow_and_along_no_other() -> None:
    """Neither averaging over time alone nor flow of the wrong sign would pass."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows, weights = experiment(
            0, steps=450, noise_px=0.5, num=250, num_test=60, pool_steps=150,
            ways=[(how, "learned") for how in ("no flow", "negated", "flow")],
        )  # fmt: skip
    finally:
        torch.set_num_threads(threads)
    hid = {name: row["hid"] for name, row in rows.items()}
    assert hid["flow, learned"] >= hid["one frame"] + 0.2
    assert hid["flow, learned"] >= hid["no flow, learned"] + 0.1
    assert hid["negated, learned"] < hid["no flow, learned"]
    assert rows["flow, learned"]["vis"] >= rows["one frame"]["vis"]
    assert weights[[1, 3]].min() > weights[[0, 2, 4]].max()
