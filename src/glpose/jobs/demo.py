"""The demo clip as a file."""

from pathlib import Path

import numpy as np

from glpose.errors import BadInput, VideoError
from glpose.formats.results import POSES
from glpose.imaging import Rgb
from glpose.jobs.run import make_folder
from glpose.synth import demo
from glpose.video.reader import open_video
from glpose.video.writer import VideoWriter

_ALIKE = 12  # mean difference of colours; by compression they differ by 2


def write_clip(folder: Path) -> tuple[Path, int]:
    """Write `demo.mp4` into a folder, created if needed; returns its path and number of frames.

    Raises: BadInput or VideoError if it cannot be written, or if a file of that name, or results of
    one, are there that no demo has made.
    """
    make_folder(folder)
    clip, scene = folder / "demo.mp4", demo.demo_scene()
    first, _ = next(scene.frames())
    assert first.rgb is not None
    results = folder / clip.stem
    if (clip.exists() or (results / POSES).exists()) and not _shows(clip, first.rgb):
        there = (
            f"{clip}: was not made by a demo" if clip.exists() else f"{results}: has no demo.mp4"
        )
        raise BadInput(f"{there}, so it is kept; choose another -o, or remove it")
    with VideoWriter(clip, scene.spec.size_hw, scene.spec.rate_hz) as writer:
        for frame, _ in scene.frames():
            assert frame.rgb is not None
            writer.write(frame.rgb, frame.time_s)
    return clip, scene.spec.num_frames


def _shows(clip: Path, first: Rgb) -> bool:
    """Whether the first picture of a video is this one, but for compression."""
    try:
        found = next(open_video(clip).frames(), None)
    except VideoError:
        return False
    if found is None or found.rgb is None or found.rgb.shape != first.shape:
        return False
    return bool(np.abs(found.rgb.astype(np.int16) - first).mean() < _ALIKE)
