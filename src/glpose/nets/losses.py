"""Losses. Axes: B batch, J joints, H W."""

import torch
from torch import Tensor
from torch.nn import functional

from glpose.nets.spec import LossConfig


def heatmap_loss(
    heatmaps_BJHW: Tensor,
    target_BJHW: Tensor,
    weight_BJ: Tensor,
    config: LossConfig = LossConfig(),
) -> Tensor:
    """L = 1/M sum_m v_m ||G_m - H_m||^2, normalised as in `config`; mean over the batch.

    `weight_BJ` is 0 for joints without a label. A mean over pixels is multiplied by 1000, so that
    printed values are near 1. Source: Jiao et al., GLPose, ACM TOMM 2022, eq. 6.
    """
    square = (heatmaps_BJHW.float() - target_BJHW).square()
    is_mean = config.pixels == "mean"
    per_joint_BJ = 1000 * square.mean((-2, -1)) if is_mean else square.sum((-2, -1))
    total = (per_joint_BJ * weight_BJ).sum(1) * config.factor
    return (total / target_BJHW.shape[1] if config.divide_by_joints else total).mean()


def offset_loss(
    dx_BJHW: Tensor, dy_BJHW: Tensor, target_dx_BJHW: Tensor, target_dy_BJHW: Tensor,
    weight_BJ: Tensor,
) -> Tensor:  # fmt: skip
    """Smooth L1 of offsets in cells, the sum of both, averaged over the cells that have targets.

    Targets are NaN elsewhere; a cell counts with its joint's `weight_BJ`. The mean is multiplied by
    1000 as that of `heatmap_loss` is. Source: CLNet's idea, our formula.
    """
    known_BJHW = torch.isfinite(target_dx_BJHW) & torch.isfinite(target_dy_BJHW)
    weight_BJHW = known_BJHW * weight_BJ[..., None, None]
    total = sum(
        functional.smooth_l1_loss(found.float(), target.nan_to_num(), reduction="none")
        for found, target in ((dx_BJHW, target_dx_BJHW), (dy_BJHW, target_dy_BJHW))
    )
    return 1000 * (total * weight_BJHW).sum() / weight_BJHW.sum().clamp(min=1)
