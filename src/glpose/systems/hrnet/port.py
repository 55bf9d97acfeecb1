"""Published HRNet weights to ours: the same names, below `encoder` and `head`."""

from functools import partial

from glpose.export.published.files import HEAD
from glpose.export.published.port import Port
from glpose.nets.spec import HRNetConfig, as_published
from glpose.skeleton import Skeleton
from glpose.systems.hrnet.net import HRNetPose
from glpose.systems.hrnet.spec import HRNetPoseConfig

# A network trained to classify fuses all branches once more.
_UNREAD = (r"stage4\.2\.fuse_layers\.[123]\.", "only the finest branch is read")


def rename(name: str) -> str:
    """Our name of a published one."""
    if name.startswith(HEAD):
        return f"head.{name.removeprefix(HEAD)}"
    return f"encoder.{name}"


def _make(width: int, joints: Skeleton, size_hw: tuple[int, int]) -> HRNetPose:
    config = HRNetPoseConfig(
        backbone=HRNetConfig(width=width, num_modules=(1, 4, 3)),
        num_joints=len(joints.joints),
        skeleton=joints.name,
        **as_published(size_hw),
    )
    return HRNetPose(config)


PORTS = {
    f"hrnet_w{width}": Port(
        f"hrnet_w{width}",
        f"HRNet-W{width}",
        "HRNet (Sun et al., CVPR 2019)",
        partial(_make, width),
        rename,
        (_UNREAD,),
    )
    for width in (32, 48)
}
