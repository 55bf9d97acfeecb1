"""Settings of the single-frame network. No torch."""

from dataclasses import dataclass, field

from glpose.nets.spec import HRNetConfig, SingleFrameConfig


@dataclass(frozen=True, slots=True)
class HRNetPoseConfig(SingleFrameConfig):
    """An HRNet up to a stage and a head on its finest branch."""

    backbone: HRNetConfig = field(default_factory=HRNetConfig)
