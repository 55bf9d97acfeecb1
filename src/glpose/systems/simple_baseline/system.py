"""Simple Baselines as the training loop sees it."""

from glpose.export.single_frame import SingleFrameExport
from glpose.systems.simple_baseline.net import SimpleBaseline
from glpose.systems.simple_baseline.spec import SimpleBaselineConfig
from glpose.train.single_frame import SingleFrameTraining


class SimpleBaselineSystem(SingleFrameTraining, SingleFrameExport):
    """Single-frame pose estimation with a ResNet and deconvolutions."""

    def make_net(self, config: SimpleBaselineConfig) -> SimpleBaseline:
        return SimpleBaseline(config)

    def paper(self, config: SimpleBaselineConfig) -> str:
        layers = 3 * sum(config.backbone.num_blocks) + 2
        return f"Simple Baselines with a ResNet of {layers} layers (Xiao et al., ECCV 2018)"


SYSTEM = SimpleBaselineSystem()
