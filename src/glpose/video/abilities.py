"""What this build of the video library can do: codecs that it reads, and a video that it writes."""

from pathlib import Path
from typing import Literal

import av
import numpy as np
from av.codec import Codec
from av.codec.codec import UnknownCodecError

from glpose.video.reader import open_video
from glpose.video.writer import ENCODER, VideoWriter

# FFmpeg's own decoder of AV1 only drives hardware.
_DECODERS = {
    "H.264": ("h264",),
    "HEVC": ("hevc",),
    "VP9": ("vp9", "libvpx-vp9"),
    "AV1": ("libdav1d", "libaom-av1"),
}


def version() -> str:
    """The version of the library."""
    return av.__version__


def unread_codecs() -> list[str]:
    """Which of the usual codecs cannot be read."""
    return [
        name for name, ways in _DECODERS.items() if not any(_has_codec(way, "r") for way in ways)
    ]


def has_encoder() -> bool:
    """Whether the encoder of overlays is there."""
    return _has_codec(ENCODER, "w")


def written_and_read(folder: Path, num_frames: int = 3) -> int:
    """Write a video as overlays are written, and count the frames that can be read again.

    Raises: VideoError if it cannot be written or read.
    """
    path = folder / "three.mp4"
    with VideoWriter(path, (64, 96)) as writer:
        for number in range(num_frames):
            rgb = np.full((64, 96, 3), 60 * number, np.uint8)
            writer.write(rgb, number / 25)
    return sum(frame.rgb is not None for frame in open_video(path).frames(ahead=0))


def _has_codec(name: str, mode: Literal["r", "w"]) -> bool:
    try:
        Codec(name, mode)
    except UnknownCodecError:
        return False
    return True
