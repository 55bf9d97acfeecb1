"""Import published HRNet weights into GLPose's encoder, up to the finest branch of stage 3."""

from torch import nn

from glpose.export.published.files import HEAD
from glpose.export.published.port import Port
from glpose.nets.encoders import make_encoder
from glpose.skeleton import Skeleton
from glpose.systems.glpose.spec import GLPoseConfig

_LEFT_OUT = (
    (r"transition3\.|stage4\.", "GLPose reads stage 3"),
    (r"stage3\.3\.fuse_layers\.[12]\.", "only the finest branch of stage 3 is read"),
    (HEAD.replace(".", r"\."), "GLPose has a head of its own"),
)


class _EncoderOnly(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder = make_encoder(GLPoseConfig().backbone)


def rename(name: str) -> str:
    """Our name for a published weight."""
    return f"encoder.{name}"


def _make(_joints: Skeleton, _size_hw: tuple[int, int]) -> nn.Module:
    return _EncoderOnly()


PORTS = {
    "glpose_w48": Port(
        "glpose_w48",
        "HRNet-W48",
        "HRNet (Sun et al., CVPR 2019) up to stage 3",
        _make,
        rename,
        _LEFT_OUT,
    ),
}
