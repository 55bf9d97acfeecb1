"""The network of Simple Baselines: a ResNet, deconvolutions and a head."""

from glpose.nets.resnet import DeconvResNet
from glpose.nets.single_frame import SingleFrameNet
from glpose.systems.simple_baseline.spec import SimpleBaselineConfig


class SimpleBaseline(SingleFrameNet):
    """Crops to heatmaps of one frame."""

    def __init__(self, config: SimpleBaselineConfig) -> None:
        super().__init__(DeconvResNet(config.backbone), config.backbone.deconv_width, config)
