"""Decode packets, and tell which pictures are not whole."""

import av
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from glpose import imaging

_LIMITS = {"max_pixels": str(imaging.MAX_PIXELS)}


class Decoder:
    """The decoder of a stream, which refuses a JPEG that was cut short or overwritten.

    FFmpeg fills it up with grey, or with what memory still holds of an earlier picture, and marks
    nothing; with "explode" it gives none that has a fault before its last blocks. Lacking tables or
    end markers, and whatever is behind the end, are no faults. Some cameras write one in every
    picture, such as a height that is too large: until one was without, all are given.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._context = context = stream.codec_context
        self._until_whole: VideoCodecContext | None = None
        context.options = _LIMITS
        if context.name == "mjpeg":
            context.options = {**_LIMITS, "err_detect": "explode"}
            self._until_whole = _like(context)

    def decode(self, packet: av.Packet | None) -> list[VideoFrame]:
        """The pictures of a packet, None for those still held. Raises: FFmpegError for a damaged one."""
        try:
            pictures = self._context.decode(packet)
        except FFmpegError:
            if self._until_whole is None or packet is None:
                raise
            return self._until_whole.decode(packet)
        if pictures:
            self._until_whole = None
        return pictures


def _like(context: VideoCodecContext) -> VideoCodecContext:
    """Another decoder for the same stream."""
    other = CodecContext.create(context.name, "r")
    assert isinstance(other, VideoCodecContext)
    other.width, other.height, other.codec_tag = context.width, context.height, context.codec_tag
    other.extradata, other.options = context.extradata, _LIMITS
    return other
