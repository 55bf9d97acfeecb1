"""The acceptance experiment of graphs that are found anew for each sample, in a short form."""

import pytest

pytest.importorskip("torch")

import torch
from lifting import clips, experiment

pytestmark = [pytest.mark.torch, pytest.mark.slow]

FEW = {"steps": 150, "batch": 64, "num": 1500, "num_test": 300}


def test_the_wrist_tells_nothing_of_its_depth_by_itself() -> None:
    given, depth = clips(0, 200, "A")
    assert not given[:, :, 11, 2].any()
    shares = torch.corrcoef(torch.stack([given[:, 4, 11, 0], given[:, 4, 11, 1], depth[:, 11]]))
    assert shares[2, :2].abs().max() < 0.25


def test_graphs_of_what_is_near_or_moves_alike_find_the_partner() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        near, moved = experiment("dsg", "A", 0, **FEW)
        alike, shuffled = experiment("dtg", "B", 0, **FEW)
    finally:
        torch.set_num_threads(threads)
    # 0.44 is the best without the cue.
    assert near < 0.3
    assert moved > 0.4
    assert alike < 0.4
    assert shuffled > 0.4
