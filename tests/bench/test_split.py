"""The acceptance experiment of features in two halves, in a short form."""

import pytest

pytest.importorskip("torch")

import torch
from split import demands, experiment

pytestmark = pytest.mark.torch


@pytest.mark.slow
def test_pose_is_in_one_half_and_looks_are_in_the_other() -> None:
    """An auto-encoder has both in both; exchanged halves would fail all of it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = experiment(0, steps=150, num=100, num_test=20, rows=["full"])
    finally:
        torch.set_num_threads(threads)
    full = rows["full"]
    assert full["pose variant"] <= 0.6 * full["pose invariant"]
    assert full["pose variant"] <= 0.5 * rows["mean pose"]["pose"]
    assert full["within invariant"] <= full["within variant"] - 0.3
    assert full["colour invariant"] >= full["colour variant"] + 0.1
    assert full["to pose"] <= 0.26 * full["to looks"]


def test_demands_are_those_of_the_specification() -> None:
    """Its table meets all; an auto-encoder in its place misses all."""
    names = (
        "pose variant",
        "pose invariant",
        "colour invariant",
        "colour variant",
        "within invariant",
        "within variant",
        "to pose",
        "to looks",
    )
    full = dict(zip(names, (1.42, 7.13, 0.93, 0.41, 0.02, 0.74, 0.0033, 0.054), strict=True))
    auto = dict(zip(names, (2.64, 2.27, 0.61, 0.67, 0.48, 0.47, 0.029, 0.025), strict=True))
    rows = {"mean pose": {"pose": 5.01}, "auto-encoder": auto, "full": full}
    assert list(demands(rows).values()) == [True] * 8
    assert list(demands({**rows, "full": auto}).values()) == [False] * 8
