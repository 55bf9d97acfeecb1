"""glpose: multi-frame human pose estimation in videos.

    for poses in glpose.run("walk.mp4"):          # one `Poses` a frame, streaming, in order
        poses.time_s, poses.people.track_id, poses.xy, poses.score, poses["left_wrist"]
    result = glpose.run("walk.mp4").collect()     # all of them
    result = glpose.load("glpose-out/walk/poses.jsonl")
    result.track(2)["left_wrist"]                 # of one person, (time, 2)
    glpose.lift(result, height_m=1.75).at(40).lifted.xyz        # the same people in space
    poses = glpose.Live().push(rgb, time_s)       # a camera: a picture in, its poses out

Names are imported when they are first used, so that `import glpose` costs nothing. Start processes
that use glpose with `multiprocessing.get_context("spawn")`: native threads do not survive a fork.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.31.0"

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
    from glpose.live import Live
    from glpose.result import Poses, PoseStream, Result, Track, load
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
    "PoseStream": "result",
    "Poses": "result",
    "Result": "result",
    "Skeleton": "skeleton",
    "Track": "result",
    "VideoError": "errors",
    "VideoInfo": "types",
    "lift": "api",
    "load": "result",
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
    "PoseStream",
    "Poses",
    "Result",
    "Skeleton",
    "Track",
    "VideoError",
    "VideoInfo",
    "lift",
    "load",
    "run",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'glpose' has no attribute '{name}'")
    return getattr(import_module(f"glpose.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
