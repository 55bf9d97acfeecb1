"""The loss of a batch of poses. Axes: B batch, J joints."""

from torch import Tensor


def position_loss(found_BJ3: Tensor, pose_BJ3: Tensor, counts_BJ: Tensor) -> Tensor:
    """The mean distance of the joints that count (MPJPE), in the unit of the poses."""
    apart_BJ = ((found_BJ3.float() - pose_BJ3).square().sum(-1) + 1e-12).sqrt()
    return (apart_BJ * counts_BJ).sum() / counts_BJ.sum().clamp(min=1)
