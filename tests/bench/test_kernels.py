"""Dynamic kernels carry who was seen in the frame before: a shortened form of the experiment."""

import pytest

torch = pytest.importorskip("torch")

from kernels import judge, train  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.slow]


def test_kernels_tell_the_target_from_a_distractor() -> None:
    """A run of 500 steps learns nothing of it, one of 900 nearly as much as the whole, of 1,500."""
    found = judge(train(0, steps=900, gate=True, long=False), long=False, num=150)
    assert found["frame 1"] >= 0.7
    assert found["distractor"] <= 0.3
    # Without memory, or with somebody else's, it is a coin flip.
    assert found["static"] <= 0.6
    assert found["frame 1, rolled"] <= 0.6
