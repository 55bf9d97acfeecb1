"""The acceptance experiment of graphs that are found anew for each sample, in a short form."""

import pytest

pytest.importorskip("torch")

import torch
from lifting import clips, experiment

pytestmark = [pytest.mark.torch, pytest.mark.slow]

FEW = {"steps": 170, "num": 1500, "num_test": 300}


def test_the_wrist_tells_nothing_of_its_depth_by_itself() -> None:
    given, depth = clips(0, 200, "A")
    assert not given[:, :, 11, 2].any()
    shares = torch.corrcoef(torch.stack([given[:, 4, 11, 0], given[:, 4, 11, 1], depth[:, 11]]))
    assert shares[2, :2].abs().max() < 0.25


def test_only_the_graph_of_what_is_near_solves_the_touch() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        near, moved = experiment("dsg", "A", 0, **FEW)
        fixed, _ = experiment("fixed", "A", 0, **FEW)
        alike, shuffled = experiment("dtg", "B", 0, **FEW)
    finally:
        torch.set_num_threads(threads)
    assert near < 0.25
    assert near < fixed / 1.8
    assert moved > 0.4
    assert alike < 0.4
    assert shuffled > 0.4
