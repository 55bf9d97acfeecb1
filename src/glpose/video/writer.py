"""Write a video that any browser plays: H.264 with the original times and the audio of the source.

During writing it is a fragmented MP4 next to the target, readable at any time, even after the
process was killed; at the end it is repacked with the index in front, muxed with the audio, and
renamed atomically.
"""

import heapq
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Stream
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

from glpose import imaging
from glpose.errors import VideoError, reason
from glpose.files import whole_file
from glpose.imaging import Rgb
from glpose.video.reader import Audio, demux, open_container

ENCODER = "libx264"
"""Of H.264."""

_MP4_AUDIO = {"aac", "mp3", "mp3float", "opus", "libopus", "flac", "alac", "ac3", "eac3"}
_FRAGMENT_US = 500_000  # the most that a killed run loses, besides the encoder's look-ahead
_PRIMING_S = Fraction(1, 10)  # audio may begin this long before the first picture
_BT709 = 1
_MAX_SIDE = 16384


class VideoWriter:
    """Writes frames of any size into one video of `size_hw`, padded to even sides.

    The first frame written is at time 0 of the new video; offsets of later frames from it are kept
    exactly if times are multiples of `time_base` (`Source.time_base`). The sound of `audio` over
    the same span is copied without re-encoding; `warnings` says what was left out. With `threads`
    0 the encoder chooses. `crf` is x264's: higher is smaller and worse.

    If an exception, including Ctrl-C, leaves the `with` block, the video is still finished. With
    `whole` it is given up instead: what was at `path` stays, and nothing is left beside it.
    """

    def __init__(
        self,
        path: Path,
        size_hw: tuple[int, int],
        rate_hz: float = 25.0,
        *,
        time_base: Fraction = Fraction(1, 90000),
        audio: Audio | None = None,
        threads: int = 0,
        crf: int = 20,
        whole: bool = False,
    ) -> None:
        """Raises: VideoError if nothing can be written next to `path`."""
        self.path = path
        self.partial = partial_of(path)
        self.warnings: list[str] = []
        self.num_frames = 0
        self._whole = whole
        self._size_hw = _encodable(size_hw)
        if self._size_hw != size_hw:
            (height, width), (high, wide) = size_hw, self._size_hw
            self.warnings.append(
                f"{path.name}: scaled down from {width}x{height} to {wide}x{high}; H.264 has at "
                f"most {_MAX_SIDE} pixels a side"
            )
        self._audio = audio
        self._ticks: list[int] = []  # of at most the last two frames
        self._origin_s = 0.0
        # x264 and MP4 store time units in 32 bits; the time base of every file seen so far fits.
        fine = time_base.denominator <= 1_000_000
        self._unit_s = Fraction(1, time_base.denominator if fine else 1_000_000)
        self._failed = False
        self._container: OutputContainer | None = None
        with self._guarded():
            self.partial.touch()
            flags = "+frag_keyframe+empty_moov+default_base_moof"
            container = av.open(
                f"file:{self.partial.absolute()}",
                "w",
                format="mp4",
                container_options={
                    "movflags": flags,
                    "frag_duration": str(_FRAGMENT_US),
                    "flush_packets": "1",
                },
            )
            self._stream = self._add_stream(container, rate_hz, threads, crf)
            self._container = container

    def _add_stream(
        self, container: OutputContainer, rate_hz: float, threads: int, crf: int
    ) -> VideoStream:
        rate = Fraction(rate_hz if 0 < rate_hz <= 1000 else 25).limit_denominator(1001)
        stream = container.add_stream(
            ENCODER, rate=rate, options={"preset": "veryfast", "crf": str(crf)}
        )
        context = stream.codec_context
        context.height, context.width = (side + side % 2 for side in self._size_hw)
        context.pix_fmt = "yuv420p"
        context.time_base = self._unit_s
        context.thread_count = threads
        context.gop_size = max(1, round(2 * rate))  # two seconds, for quick seeking in players
        context.max_b_frames = 0  # no reordering, so times need no shift in any container
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = ColorRange.MPEG
        return stream

    def write(self, rgb: Rgb, time_s: float) -> None:
        """Append a frame; a picture of another size is letterboxed.

        Times must increase; one that does not is moved to just after the previous frame.
        Raises: VideoError if it cannot be written, e.g. because the disk is full.
        """
        if self.num_frames == 0:
            self._origin_s = time_s
        tick = round((time_s - self._origin_s) / self._unit_s)
        if self._ticks:
            tick = max(tick, self._ticks[-1] + 1)
        if rgb.shape[:2] != self._size_hw:
            rgb, _ = imaging.letterbox(rgb, self._size_hw, fill=0)
        if (odd := [side % 2 for side in self._size_hw]) != [0, 0]:
            rgb = np.pad(rgb, [(0, odd[0]), (0, odd[1]), (0, 0)], mode="edge")
        # Not copied: converting takes pixels of any row length.
        given = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(rgb), format="rgb24")
        picture = given.reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        picture.pts, picture.time_base = tick, self._unit_s
        if self._container is None:
            raise VideoError(f"{self.path}: already closed; write before the block ends")
        with self._guarded():
            self._container.mux(self._stream.encode(picture))
        self._ticks = [*self._ticks[-1:], tick]
        self.num_frames += 1

    def close(self) -> None:
        """Finish the video at `path`; without frames no file is written.

        Raises: VideoError if it cannot be written; `partial` is then kept and is readable.
        """
        container, self._container = self._container, None
        if container is None:
            return
        if self._failed:  # already reported; only close the file
            with suppress(FFmpegError, OSError):
                container.close()
            return
        with self._guarded():
            try:
                if self.num_frames:
                    container.mux(self._stream.encode(None))
            finally:
                container.close()
        if self.num_frames:
            self._repack()
        self.partial.unlink(missing_ok=True)

    def _give_up(self) -> None:
        self._failed = True
        self.close()
        with suppress(OSError):
            self.partial.unlink()

    def _repack(self) -> None:
        with self._guarded(), whole_file(self.path) as final, ExitStack() as stack:
            video_in = stack.enter_context(av.open(f"file:{self.partial.absolute()}"))
            out = stack.enter_context(
                av.open(
                    f"file:{final.absolute()}",
                    "w",
                    format="mp4",
                    container_options={"movflags": "+faststart"},
                )
            )
            parts = [_copied(video_in, video_in.streams.video[0], out)]
            if audio := self._copy_audio(out, stack):
                parts.append(audio)
            for _, packet in heapq.merge(*parts, key=lambda part: part[0]):
                out.mux(packet)

    def _copy_audio(
        self, out: OutputContainer, stack: ExitStack
    ) -> Iterator[tuple[Fraction, av.Packet]] | None:
        """Packets of the source's audio over the written span, if its codec is possible in MP4."""
        source = self._audio
        if source is None:
            return None
        try:
            container = stack.enter_context(open_container(source.path))
        except VideoError as problem:
            self.warnings.append(f"audio left out: {problem}")
            return None
        stream = container.streams.best("audio")
        if stream is None:
            return None
        name = stream.codec_context.name if stream.codec_context else "unknown"
        if name not in _MP4_AUDIO:
            self.warnings.append(f"{source.path}: audio left out, its codec {name} is not for MP4")
            return None
        begin = Fraction(0) if self._origin_s else -_PRIMING_S
        step = self._ticks[-1] - self._ticks[0]  # the last frame lasts as long as the one before
        span_s = (begin, (self._ticks[-1] + step) * self._unit_s)
        shift_s = source.start_s + Fraction(self._origin_s)
        return _copied(container, stream, out, shift_s, span_s)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (FFmpegError, OSError) as problem:
            self._failed = True
            is_kept = self.num_frames and self.partial.exists() and not self._whole
            kept = f"; the frames so far are in {self.partial}" if is_kept else ""
            if self._whole:
                self._give_up()
            raise VideoError(
                f"{self.path}: cannot be written ({reason(problem)}); "
                f"free some space or choose another folder{kept}"
            ) from problem

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._whole and error is not None:
            self._give_up()
        self.close()


def _encodable(size_hw: tuple[int, int]) -> tuple[int, int]:
    """The size, or one of the same shape that the encoder takes."""
    shrink = min(1.0, _MAX_SIDE / max(size_hw))
    return max(1, round(size_hw[0] * shrink)), max(1, round(size_hw[1] * shrink))


def partial_of(path: Path) -> Path:
    """Where a video is while it is written, and after its process was killed."""
    return path.with_name(f"{path.stem}.partial.mp4")


def _copied(
    container: InputContainer,
    source: Stream,
    out: OutputContainer,
    shift_s: Fraction = Fraction(0),
    span_s: tuple[Fraction, Fraction] | None = None,
) -> Iterator[tuple[Fraction, av.Packet]]:
    """(time, packet) of a stream without re-encoding, `shift_s` earlier, only within `span_s`."""
    copy = out.add_stream_from_template(source, opaque=True)
    shift = round(shift_s / (source.time_base or 1))

    def packets() -> Iterator[tuple[Fraction, av.Packet]]:
        for packet in demux(container, source):
            if packet.pts is None:
                continue
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            time_s = packet.pts * packet.time_base
            if span_s and not span_s[0] <= time_s < span_s[1]:
                continue
            packet.stream = copy
            yield time_s, packet

    return packets()
