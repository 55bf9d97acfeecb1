"""Decode packets, and tell which pictures are not whole."""

import av
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from glpose import imaging

_LIMITS = {"max_pixels": str(imaging.MAX_PIXELS)}
_FAULTY = 25  # so many without a whole one are what a camera always writes


class Decoder:
    """The decoder of a stream, which refuses a JPEG that was cut short or overwritten.

    FFmpeg fills it up with grey, or with what memory still holds of an earlier picture, and marks
    nothing; with "explode" it gives none that has a fault before its last blocks. Lacking tables or
    end markers, and whatever is behind the end, are no faults. Some cameras write one in every
    picture, such as a height that is too large: until one was without, all are given, and after 25 of
    them nothing is refused any more. Interlaced pictures are given as they come, since a lost field
    would be paired with one of the next picture.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._plain = stream.codec_context
        self._plain.options = _LIMITS
        self._strict = _strict(self._plain) if self._plain.name == "mjpeg" else None
        self._had_whole, self._num_faulty = False, 0

    def decode(self, packet: av.Packet | None) -> list[VideoFrame]:
        """The pictures of a packet, None for those still held. Raises: FFmpegError for a damaged one."""
        if self._strict is None:
            return self._plain.decode(packet)
        try:
            pictures = self._strict.decode(packet)
        except FFmpegError:
            self._strict = _strict(self._plain)  # after an error it may wait for half a picture
            if self._had_whole or packet is None:
                raise
            self._num_faulty += 1
            if self._num_faulty == _FAULTY:
                self._strict = None
            return self._plain.decode(packet)
        if any(picture.interlaced_frame for picture in pictures):
            self._strict = None
        self._had_whole |= bool(pictures)
        return pictures


def _strict(plain: VideoCodecContext) -> VideoCodecContext:
    """Another decoder for the same stream."""
    strict = CodecContext.create(plain.name, "r")
    assert isinstance(strict, VideoCodecContext)
    strict.width, strict.height, strict.codec_tag = plain.width, plain.height, plain.codec_tag
    strict.extradata, strict.field_order = plain.extradata, plain.field_order
    strict.options = {**_LIMITS, "err_detect": "explode"}
    return strict
