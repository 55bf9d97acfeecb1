"""The single-frame network: an HRNet and a head on its finest branch."""

from glpose.nets.hrnet import HRNet
from glpose.nets.single_frame import SingleFrameNet
from glpose.systems.hrnet.spec import HRNetPoseConfig


class HRNetPose(SingleFrameNet):
    """Crops to heatmaps of one frame."""

    def __init__(self, config: HRNetPoseConfig) -> None:
        super().__init__(HRNet(config.backbone), config.backbone.width, config)
