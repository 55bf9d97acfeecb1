"""Settings of the single-frame network. No torch."""

from dataclasses import dataclass, field

from glpose.nets.spec import HeadType, HRNetConfig
from glpose.types import CropSpec, HeatmapSpec


@dataclass(frozen=True, slots=True)
class HRNetPoseConfig:
    """An HRNet up to a stage and a head on its finest branch."""

    backbone: HRNetConfig = field(default_factory=HRNetConfig)
    num_joints: int = 15
    head: HeadType = "conv3x3"
    crop: CropSpec = CropSpec((384, 288))
    sigma_px: float = 3.0

    @property
    def heatmap(self) -> HeatmapSpec:
        """Heatmaps at a quarter of the crop's size."""
        height, width = self.crop.size_hw
        return HeatmapSpec((height // 4, width // 4), self.sigma_px)
