"""The single-frame network. Axes: B batch, J joints, C channels, H W pixels."""

from torch import Tensor, nn

from glpose.nets.heads import make_head
from glpose.nets.hrnet import HRNet
from glpose.systems.hrnet.spec import HRNetPoseConfig


class HRNetPose(nn.Module):
    """Crops to heatmaps of one frame; `encoder` and `head` are exported as two graphs."""

    def __init__(self, config: HRNetPoseConfig) -> None:
        super().__init__()
        self.encoder = HRNet(config.backbone)
        width = config.backbone.width
        self.head = make_head(config.head, width, config.num_joints, hidden=width)
        init_weights(self)

    def forward(self, crops_BHWC: Tensor) -> Tensor:
        """`uint8` RGB crops to heatmaps (B, J, H/4, W/4)."""
        return self.head(self.encoder(crops_BHWC))


def init_weights(module: nn.Module) -> None:
    """He initialisation for a network that starts from nothing; heads start near zero.

    The papers' normal(0, 0.001) presumes a pre-trained backbone; from scratch it learns slowly.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            if layer.bias is None:
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            else:
                nn.init.normal_(layer.weight, std=0.001)
                nn.init.zeros_(layer.bias)


def heatmap_loss(heatmaps: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean over joints of the weighted squared error, mean over pixels (paper, eq. 6).

    `weight` (B, J) is 0 for joints without a label. Times 1000, so that printed values are near 1.
    """
    square = (heatmaps.float() - target).square().mean((-2, -1))
    return 1000 * (square * weight).sum(1).div(square.shape[1]).mean()
