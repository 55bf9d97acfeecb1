"""glpose: multi-frame human pose estimation in videos.

    for poses in glpose.run("walk.mp4"):          # one FramePoses a frame, streaming, in order
        poses.time_s, poses.people.track_id, poses.xy, poses.score
    result = glpose.load("glpose-out/walk/poses.jsonl")
    glpose.lift(result, height_m=1.75).frames[40].lifted.xyz    # the same people in space
    poses = glpose.Live().push(rgb, time_s)         # a camera: a picture in, its poses out

Names are imported when they are first used, so that `import glpose` costs nothing. Start processes
that use glpose with `multiprocessing.get_context("spawn")`: native threads do not survive a fork.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.5.0"

if TYPE_CHECKING:
    from glpose.api import lift, run
    from glpose.errors import (
        BadConfig,
        BadInput,
        BadWeights,
        GLPoseError,
        MissingExtra,
        VideoError,
    )
    from glpose.formats.results import load
    from glpose.live import Live
    from glpose.runtime.engine import EngineSpec
    from glpose.skeleton import Skeleton
    from glpose.types import FramePoses, People, PoseResult, VideoInfo
    from glpose.video.arrays import ArraySource

_HOMES = {
    "ArraySource": "video.arrays",
    "BadConfig": "errors",
    "BadInput": "errors",
    "BadWeights": "errors",
    "EngineSpec": "runtime.engine",
    "FramePoses": "types",
    "GLPoseError": "errors",
    "Live": "live",
    "MissingExtra": "errors",
    "People": "types",
    "PoseResult": "types",
    "Skeleton": "skeleton",
    "VideoError": "errors",
    "VideoInfo": "types",
    "lift": "api",
    "load": "formats.results",
    "run": "api",
}

__all__ = [
    "ArraySource",
    "BadConfig",
    "BadInput",
    "BadWeights",
    "EngineSpec",
    "FramePoses",
    "GLPoseError",
    "Live",
    "MissingExtra",
    "People",
    "PoseResult",
    "Skeleton",
    "VideoError",
    "VideoInfo",
    "lift",
    "load",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'glpose' has no attribute '{name}'")
    return getattr(import_module(f"glpose.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
