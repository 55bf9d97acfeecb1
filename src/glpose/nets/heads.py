"""Detection heads: features of the finest branch to one heatmap per joint."""

from torch import nn

from glpose.nets.spec import HeadType


def make_head(kind: HeadType, num_in: int, num_joints: int, hidden: int) -> nn.Module:
    """A 1x1, 3x3 or 5x5 convolution, or a per-pixel perceptron ("mlp") with `hidden` channels."""
    if kind == "mlp":
        return nn.Sequential(
            nn.Conv2d(num_in, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, num_joints, 1)
        )
    size = {"conv1x1": 1, "conv3x3": 3, "conv5x5": 5}[kind]
    return nn.Conv2d(num_in, num_joints, size, padding=size // 2)
