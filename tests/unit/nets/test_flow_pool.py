"""Warping heatmaps by flow, in the right direction, and merging them."""

import pytest

torch = pytest.importorskip("torch")

from glpose.nets.flow_pool import FlowPool, align, warp_maps  # noqa: E402

pytestmark = pytest.mark.torch


def peak(x: int, y: int) -> torch.Tensor:
    maps = torch.zeros(1, 1, 12, 16)
    maps[0, 0, y, x] = 1.0
    return maps


def test_no_flow_changes_nothing() -> None:
    maps = torch.rand(2, 3, 12, 16)
    assert torch.allclose(warp_maps(maps, torch.zeros(2, 2, 12, 16)), maps, atol=1e-5)


def test_a_peak_comes_back_from_where_it_went() -> None:
    """The person moved by (+3, -2) until the frame of the maps: there its peak is, and it returns."""
    flow = torch.zeros(1, 2, 12, 16)
    flow[:, 0], flow[:, 1] = 3.0, -2.0
    assert torch.allclose(warp_maps(peak(8, 4), flow), peak(5, 6), atol=1e-5)
    # The wrong direction would move it further away.
    assert not torch.allclose(warp_maps(peak(8, 4), -flow), peak(5, 6), atol=0.5)


def test_between_pixels_maps_are_interpolated_and_outside_they_are_zero() -> None:
    flow = torch.zeros(1, 2, 12, 16)
    flow[:, 0] = 0.25
    found = warp_maps(peak(5, 5), flow)[0, 0]
    assert found[5, 4:6].tolist() == pytest.approx([0.25, 0.75], abs=1e-5)
    flow[:, 0] = 20.0
    assert not warp_maps(torch.ones(1, 1, 12, 16), flow).any()


def test_pooling_starts_as_the_mean_and_weighs_each_joint_and_frame_on_its_own() -> None:
    maps = torch.rand(2, 5, 3, 4, 4)
    learned = FlowPool(3, 5)
    assert torch.allclose(learned(maps), FlowPool(3, 5, "mean")(maps), atol=1e-6)
    assert torch.equal(FlowPool(3, 5, "max")(maps), maps.max(1).values)
    with torch.no_grad():
        learned.weight_JT.zero_()
        learned.weight_JT[1, 4], learned.bias_J[2] = 2.0, 0.5
    found = learned(maps)
    assert torch.allclose(found[:, 1], 2 * maps[:, 4, 1])
    assert not found[:, 0].any()
    assert (found[:, 2] == 0.5).all()


def test_each_frame_is_aligned_by_its_own_flow() -> None:
    maps = torch.stack([peak(5, 5), peak(6, 5), peak(7, 5)], 1)
    flow = torch.zeros(1, 3, 2, 12, 16)
    flow[0, 1, 0], flow[0, 2, 0] = 1.0, 2.0
    assert torch.allclose(align(maps, flow), peak(5, 5)[:, None].repeat(1, 3, 1, 1, 1), atol=1e-5)
