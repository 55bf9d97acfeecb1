"""`glpose demo`: a clip of its own, so that everything can be seen at work without any data."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def demo(
    *, output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("glpose-out")
) -> int:
    """Make a short clip of moving figures and run on it.

    Parameters
    ----------
    output
        Folder for the clip demo.mp4 and its results; those of an earlier demo are replaced.

    """
    from glpose.jobs.run import Options, make_folder, run_sources
    from glpose.synth.demo import demo_scene
    from glpose.video.writer import VideoWriter

    make_folder(output)
    clip = output / "demo.mp4"
    scene = demo_scene()
    with VideoWriter(clip, scene.spec.size_hw, scene.spec.rate_hz) as writer:
        for frame, _ in scene.frames():
            assert frame.rgb is not None
            writer.write(frame.rgb, frame.time_s)
    print(f"made {clip} ({scene.spec.num_frames} frames)")
    return run_sources([str(clip)], Options(output, overwrite=True), quiet=False)
