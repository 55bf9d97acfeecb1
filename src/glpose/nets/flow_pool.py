"""Heatmaps of neighbouring frames, aligned by optical flow and merged by learned weights.

Axes: B batch, T frames, J joints, H W pixels. Source: Pfister et al., Flowing ConvNets for Human
Pose Estimation in Videos, ICCV 2015: align with dense flow, then one weight for each joint and
frame. Its text was not at hand; the layer is reconstructed from the abstract.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Pooling = Literal["learned", "mean", "max"]


def warp_maps(maps_BCHW: Tensor, flow_B2HW: Tensor) -> Tensor:
    """What maps show where the pixels of another frame have gone, bilinear; zero outside.

    `flow_B2HW` is F(u), in pixels of the maps, x first: what the other frame shows at u is shown
    here at u + F(u). So the flow is that from the frame of the result to the frame of the maps.
    """
    height, width = maps_BCHW.shape[-2:]
    y, x = torch.meshgrid(
        torch.arange(height, dtype=flow_B2HW.dtype, device=flow_B2HW.device),
        torch.arange(width, dtype=flow_B2HW.dtype, device=flow_B2HW.device),
        indexing="ij",
    )
    # The centres of the first and the last pixel are at -1 and 1.
    grid_BHW2 = torch.stack(
        [(x + flow_B2HW[:, 0]) * 2 / (width - 1) - 1, (y + flow_B2HW[:, 1]) * 2 / (height - 1) - 1],
        -1,
    )
    return functional.grid_sample(maps_BCHW, grid_BHW2, align_corners=True)


class FlowPool(nn.Module):
    """The maps of `num_frames` aligned frames to one: a weight for each joint and frame, and a bias.

    Weights start as those of the mean. "mean" and "max" have none, for comparison.
    """

    def __init__(self, num_joints: int, num_frames: int, pooling: Pooling = "learned") -> None:
        super().__init__()
        self.pooling: Pooling = pooling
        if pooling == "learned":
            self.weight_JT = nn.Parameter(torch.full((num_joints, num_frames), 1 / num_frames))
            self.bias_J = nn.Parameter(torch.zeros(num_joints))

    def forward(self, maps_BTJHW: Tensor) -> Tensor:
        """Maps (B, J, H, W)."""
        if self.pooling == "mean":
            return maps_BTJHW.mean(1)
        if self.pooling == "max":
            return maps_BTJHW.amax(1)
        merged_BJHW = torch.einsum("btjhw,jt->bjhw", maps_BTJHW, self.weight_JT)
        return merged_BJHW + self.bias_J[:, None, None]


def align(maps_BTJHW: Tensor, flow_BT2HW: Tensor) -> Tensor:
    """Each frame's maps warped by the flow that leads from the middle frame to it."""
    batch, frames = maps_BTJHW.shape[:2]
    warped = warp_maps(maps_BTJHW.flatten(0, 1), flow_BT2HW.flatten(0, 1))
    return warped.unflatten(0, (batch, frames))
