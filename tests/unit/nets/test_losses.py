"""The loss of heatmaps."""

import pytest

torch = pytest.importorskip("torch")

from glpose.nets.losses import heatmap_loss  # noqa: E402

pytestmark = pytest.mark.torch


def test_the_loss_is_the_weighted_mean_worked_out_by_hand() -> None:
    heatmaps, target = torch.zeros(2, 2, 2, 2), torch.zeros(2, 2, 2, 2)
    target[0, 0, 0, 0] = 2.0  # mean of squares 1
    target[1, 1] = 1.0  # mean of squares 1, weight 0.5
    weight = torch.tensor([[1.0, 1.0], [0.0, 0.5]])
    expected = 1000 * ((1 + 0) / 2 + (0 + 0.5) / 2) / 2
    assert float(heatmap_loss(heatmaps, target, weight)) == pytest.approx(expected)
