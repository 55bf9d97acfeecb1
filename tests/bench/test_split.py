"""The acceptance experiment of features in two halves, in a short form."""

import pytest

pytest.importorskip("torch")

import torch
from split import experiment

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def test_pose_is_in_one_half_and_not_in_the_other() -> None:
    """An auto-encoder has both in both; exchanged halves would fail all of it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = experiment(0, steps=150, num=100, num_test=20, rows=["full"])
    finally:
        torch.set_num_threads(threads)
    full = rows["full"]
    assert full["pose variant"] <= 0.75 * full["pose invariant"]
    assert full["pose variant"] <= 0.5 * rows["mean pose"]["pose"]
    assert full["within invariant"] <= full["within variant"] - 0.2
    assert full["to pose"] <= 0.26 * full["to looks"]
