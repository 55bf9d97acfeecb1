"""The single-frame network as the training loop sees it."""

from glpose.export.single_frame import SingleFrameExport
from glpose.systems.hrnet.net import HRNetPose
from glpose.systems.hrnet.spec import HRNetPoseConfig
from glpose.train.single_frame import SingleFrameTraining


class HRNetSystem(SingleFrameTraining, SingleFrameExport):
    """Single-frame pose estimation (the encoder of GLPose is pre-trained this way)."""

    def make_net(self, config: HRNetPoseConfig) -> HRNetPose:
        return HRNetPose(config)

    def paper(self, config: HRNetPoseConfig) -> str:
        stage = len(config.backbone.num_modules) + 1
        return f"HRNet up to stage {stage} (Sun et al., CVPR 2019)"


SYSTEM = HRNetSystem()
