"""Losses. Axes: B batch, J joints, H W."""

from torch import Tensor

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
