"""The demo clip as a file."""

from pathlib import Path

from glpose.jobs.run import make_folder
from glpose.synth import demo
from glpose.video.writer import VideoWriter


def write_clip(folder: Path) -> tuple[Path, int]:
    """Write `demo.mp4` into a folder, created if needed; returns its path and number of frames.

    Raises: BadInput or VideoError if it cannot be written.
    """
    make_folder(folder)
    clip, scene = folder / "demo.mp4", demo.demo_scene()
    with VideoWriter(clip, scene.spec.size_hw, scene.spec.rate_hz) as writer:
        for frame, _ in scene.frames():
            assert frame.rgb is not None
            writer.write(frame.rgb, frame.time_s)
    return clip, scene.spec.num_frames
