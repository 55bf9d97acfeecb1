"""The loss of heatmaps."""

import pytest

torch = pytest.importorskip("torch")

from glpose.nets.losses import heatmap_loss, offset_loss  # noqa: E402

pytestmark = pytest.mark.torch


def test_the_loss_is_the_weighted_mean_worked_out_by_hand() -> None:
    heatmaps, target = torch.zeros(2, 2, 2, 2), torch.zeros(2, 2, 2, 2)
    target[0, 0, 0, 0] = 2.0  # mean of squares 1
    target[1, 1] = 1.0  # mean of squares 1, weight 0.5
    weight = torch.tensor([[1.0, 1.0], [0.0, 0.5]])
    expected = 1000 * ((1 + 0) / 2 + (0 + 0.5) / 2) / 2
    assert float(heatmap_loss(heatmaps, target, weight)) == pytest.approx(expected)


def test_offsets_count_where_there_are_targets_and_labels() -> None:
    dx, dy = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    target_dx, target_dy = torch.full_like(dx, torch.nan), torch.full_like(dy, torch.nan)
    target_dx[0, 0, 0, 0], target_dy[0, 0, 0, 0] = 0.5, -1.5
    target_dx[0, 0, 0, 1], target_dy[0, 0, 0, 1] = 0.0, 0.0
    target_dx[0, 1], target_dy[0, 1] = 1.0, 1.0  # of a joint without a label
    target_dx[0, 2] = 1.0  # half a target is none
    weight = torch.tensor([[1.0, 0.0, 1.0]])
    # Smooth L1: half the square below 1, then the distance less a half.
    expected = (0.5 * 0.5**2 + (1.5 - 0.5)) / 2
    found = offset_loss(dx, dy, target_dx, target_dy, weight)
    assert float(found) == pytest.approx(1000 * expected)
    empty = offset_loss(dx, dy, target_dx, target_dy, torch.zeros(1, 3))
    assert float(empty) == 0


def test_offsets_without_targets_get_no_gradient() -> None:
    dx = torch.zeros(1, 1, 2, 2, requires_grad=True)
    target = torch.tensor([[[[1.0, torch.nan], [torch.nan, torch.nan]]]])
    offset_loss(dx, dx, target, target, torch.ones(1, 1)).backward()
    assert torch.isfinite(dx.grad).all()
    assert (dx.grad != 0).tolist() == [[[[True, False], [False, False]]]]
