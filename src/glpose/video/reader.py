"""Read a video file: frames in display order with their true times, as shown.

Start at `open_video` and `VideoSource.frames`. Only local files are read, with the protocol `file`
only and no container format that can refer to other files (`network` reads from elsewhere). Frame
counts in headers are not trusted: packets are counted and matched with the decoded pictures, so that a picture that could not be
decoded is known and keeps its place.
"""

import heapq
import math
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path
from statistics import median

import av
import numpy as np
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import EOFError as EndOfFile
from av.error import FFmpegError
from av.filter import Graph
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream

from glpose import imaging
from glpose.errors import VideoError, reason
from glpose.forked import use_natives
from glpose.imaging import Rgb
from glpose.types import Frame, VideoInfo
from glpose.video.animated import as_shown
from glpose.video.cut_short import is_cut_short, is_fragmented
from glpose.video.decoder import Decoder
from glpose.video.hdr import Transfer, to_sdr

# Allowed formats. Left out on purpose: playlists and lists (hls, dash, concat, image2, ...), which
# make the reader open other files.
FORMATS = (
    "mov,mp4,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,apng,mxf,nut,ivf,wtv,dv,"
    "rm,h264,hevc,m4v,mpegvideo"
)
"""The formats of files that are read."""
_RAW = frozenset({"h264", "hevc", "m4v", "mpegvideo"})  # streams without a container
# Containers whose packets may have no presentation times, only an order.
_UNTIMED = {"avi", *_RAW}
_PEEKED = 24  # packets, to see whether they have times, and how long pictures last
# Codecs with packets that are never shown: a packet without a picture is not damage.
_HIDING = {"vp8", "vp9", "av1", "mpeg4", "msmpeg4v2", "msmpeg4v3"}
_PROGRESSIVE = (0, 1)  # AVFieldOrder unknown, progressive; otherwise two packets may form a picture
_MAX_DELAY = 64  # packets; the longest reordering of any codec is 16 pictures
_PATIENCE = 16  # packets that a place is held for a picture that comes late
_MAX_BAD_READS = 100
_UNCOUNTED = 1 << 30  # frames, more than any video has: FFmpeg's AVI where it cannot go back
_JUMP_BACK_S = Fraction(1, 10)  # decoding times that go back: a new recording in the same file
_MOST_KINDS = 48  # of side data; FFmpeg 8.1 has 32, PyAV 18.1 knows 28
_ANIMATIONS = ("gif", "apng")  # formats of FFmpeg
_UNSPECIFIED_COLOURS = 2  # AVCOL_SPC_UNSPECIFIED
_TRANSFERS: dict[int, Transfer] = {16: "PQ", 18: "HLG"}  # AVColorTransferCharacteristic


@dataclass(frozen=True, slots=True)
class Audio:
    """The sound of a source: a media file, and the time on its clock at which the source begins."""

    path: Path
    start_s: Fraction


@dataclass(frozen=True, slots=True, eq=False)
class VideoSource:
    """A `Source` that reads a video file.

    `start_s` is the time of the first picture on the file's own clock; frame times count from it.
    """

    path: Path
    info: VideoInfo
    time_base: Fraction
    start_s: Fraction
    warnings: list[str] = field(default_factory=list)
    is_animation: bool = False

    @property
    def audio(self) -> Audio | None:
        """The sound of the file, if it has any; animations have none."""
        return None if self.is_animation else Audio(self.path, self.start_s)

    def frames(
        self, start_s: float | None = None, end_s: float | None = None, *, ahead: int = 4
    ) -> Generator[Frame, None, None]:
        """Every frame with start_s <= time < end_s in display order, including undecodable ones.

        Index and time are relative to the whole video, which is decoded from its beginning. A
        separate thread decodes up to `ahead` frames in advance; 0 decodes in the caller's thread.
        """
        return read_ahead(self._read(start_s, end_s), ahead)

    def _read(self, start_s: float | None, end_s: float | None) -> Generator[Frame, None, None]:
        with open_container(self.path) as container:
            reading = _Reading(container, pick_stream(container, self.path))
            first_pts: int | None = None
            index = -1
            display = Display(reading.aspect)
            for index, (pts, picture) in enumerate(reading.entries()):
                first_pts = pts if first_pts is None else first_pts
                time_s = float((pts - first_pts) * self.time_base)
                if end_s is not None and time_s >= end_s:
                    return
                if start_s is not None and time_s < start_s:
                    continue
                rgb = None if picture is None else self._as_shown(picture, display)
                yield Frame(index, time_s, rgb)
            if lack := _lack(reading, self.path, self.info.num_frames, self.start_s):
                self.warnings.append(f"{self.path}: {lack}")

    def _as_shown(self, picture: VideoFrame, display: "Display") -> Rgb | None:
        try:
            rgb = display(picture)
        except (FFmpegError, ValueError):
            return None
        if rgb.shape[:2] != self.info.size_hw:  # the resolution changed mid-stream
            rgb, _ = imaging.letterbox(rgb, self.info.size_hw, fill=0)
        return rgb


def open_video(path: Path | str) -> VideoSource:
    """Open a local video file and decode up to its first picture, to learn its size and rotation.

    Raises: VideoError if it is missing, is not a video, or none of its pictures can be decoded.
    """
    path = Path(path)
    with open_container(path) as container:
        stream = pick_stream(container, path)
        reading = _Reading(container, stream)
        first_pts: int | None = None
        for pts, picture in reading.entries():
            first_pts = pts if first_pts is None else first_pts
            if picture is not None:
                break
        else:
            begin_s = (first_pts or 0) * (stream.time_base or Fraction(0))
            lack = _lack(reading, path, _num_frames(reading, path), begin_s)
            why = f"it {lack}" if lack else "check the file in a player"
            raise VideoError(
                f"{path}: none of the {reading.num_packets} frames in it can be decoded "
                f"({stream.codec_context.name}); {why}"
            )
        display = Display(reading.aspect)
        info = VideoInfo(
            name=path.name,
            size_hw=display(picture).shape[:2],
            rate_hz=float(reading.rate()),
            num_frames=_num_frames(reading, path),
            duration_s=duration_s(container, stream),
            rotation_deg=display.turn(picture).rotation_deg,
            note="; ".join(filter(None, (_note_on_streams(container, stream), _note_on(picture)))),
        )
        time_base = stream.time_base or Fraction(1, 90000)
        is_animation = container.format.name in _ANIMATIONS
        return VideoSource(path, info, time_base, first_pts * time_base, is_animation=is_animation)


def in_span(
    times_s: Iterable[float],
    pictures: Iterable[Callable[[], Rgb | None]],
    start_s: float | None,
    end_s: float | None,
) -> Generator[Frame, None, None]:
    """The frames with start_s <= time < end_s; the pictures of the others are not called."""
    for index, (time_s, picture) in enumerate(zip(times_s, pictures, strict=True)):
        if end_s is not None and time_s >= end_s:
            return
        if start_s is None or time_s >= start_s:
            yield Frame(index, time_s, picture())


def read_ahead(frames: Generator[Frame, None, None], depth: int) -> Generator[Frame, None, None]:
    """Run a generator in a thread, at most `depth` frames in advance.

    Its exceptions are raised here; closing or dropping this iterator ends the thread.
    """
    if depth < 1:
        yield from frames
        return
    ready: queue.Queue[Frame | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: Frame | BaseException | None) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            with closing(frames):
                for frame in frames:
                    if not put(frame):
                        return
            put(None)
        except BaseException as problem:  # noqa: BLE001 - raised again in the consumer
            put(problem)

    thread = threading.Thread(target=work, name="glpose-decode", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
            use_natives()  # in a fork nobody puts the next one
    finally:
        stopped.set()
        thread.join()


class _Reading:
    """One pass over the pictures of a stream."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.container, self.stream = container, stream
        self.num_packets = 0
        self._num_hidden = 0  # packets that an edit list does not show
        self._first_dts: int | None = None
        self._last_dts: int | None = None
        self._first = FirstPackets(container, stream)
        self._end_s = 0.0  # of the packets read
        context = stream.codec_context
        self._decoder = Decoder(stream)
        self._may_hide = context.name in _HIDING or context.field_order not in _PROGRESSIVE
        sar = stream.sample_aspect_ratio
        self.aspect = sar if sar and Fraction(1, 10) <= sar <= 10 else Fraction(1)

    def entries(self) -> Iterator[tuple[int, VideoFrame | None]]:
        """(pts, picture, or None if it was lost) of every picture, in display order.

        A picture with damage that the decoder has concealed counts as lost: poses estimated in
        concealed areas would look real.
        """
        packets = self._packets()
        first = list(islice(packets, _PEEKED if self.is_of(*_UNTIMED) else 0))
        is_timed = not first or _has_times([packet for packet in first if packet is not None])
        packets = chain(first, packets)
        last: int | None = None
        for pts, picture in self._by_pts(packets) if is_timed else self._by_turn(packets):
            # In damaged files a time may be that of an earlier picture, or before it.
            last = pts if last is None else max(pts, last + 1)
            yield last, None if picture is None or picture.is_corrupt else picture

    @property
    def num_places(self) -> int:
        """The packets to be shown, and in AVI the places of frames dropped when it was recorded."""
        if self._first_dts is None or self._last_dts is None or not self.is_of("avi"):
            return self.num_packets - self._num_hidden
        return max(self.num_packets, self._last_dts - self._first_dts + 1)

    @property
    def end_s(self) -> float:
        """When the pictures that were read end, on the clock of the container.

        Where packets do not say how long theirs lasts, the last one lasts as long as any.
        """
        return self._end_s + (0 if self._first.tell_lengths else float(1 / self.rate()))

    @property
    def is_long_enough(self) -> bool:
        """Whether what was read lasts as long as the header says of the container.

        What is said of a stream counts in ASF alone: elsewhere FFmpeg adds it up from what is in the
        file. Clocks need not begin at 0, and some that write Matroska say when it ends on the clock.
        """
        said = self.container.duration
        if said is None or (self.stream.duration and not self.is_of("asf")):
            return False
        first_s = float((self._first_dts or 0) * (self.stream.time_base or 0))
        begin_s = min(first_s, (self.container.start_time or 0) / av.time_base)
        said_s, end_s, most_s = said / av.time_base, self.end_s, float(1 / self.rate() / 2)
        return said_s - (end_s - begin_s) < most_s or abs(said_s - end_s) < most_s

    def rate(self) -> Fraction:
        """Pictures a second; reads on as far as the first packets are needed for it."""
        for packet in islice(demux(self.container, self.stream), self._first.num_lacking):
            self._first.add(packet)
        return self._first.rate()

    def is_of(self, *formats: str) -> bool:
        """Whether the container has one of these formats."""
        return _is_of(self.container, formats)

    def _by_pts(
        self, packets: Iterator[av.Packet | None]
    ) -> Iterator[tuple[int, VideoFrame | None]]:
        places = _Places(may_hide=self._may_hide)
        for number, packet in enumerate(packets):
            if packet is not None and packet.pts is not None and not packet.is_discard:
                places.expect(packet.pts, number)
            pictures, ok = self._decode(packet)
            if not ok:
                places.broken.add(number)
            for picture in pictures:
                places.show(picture)
            yield from places.ready(number, is_end=packet is None)

    def _by_turn(
        self, packets: Iterator[av.Packet | None]
    ) -> Iterator[tuple[int, VideoFrame | None]]:
        times = _Turns(1 / self.rate() / (self.stream.time_base or 1))
        for number, packet in enumerate(packets):
            if packet is not None:
                times.decode(number, packet.dts)
            pictures, ok = self._decode(packet)
            for picture in (*pictures, *(() if ok else (None,))):
                if times.waiting:
                    yield times.show(is_lost=picture is None), picture
        while times.waiting and not self._may_hide:
            yield times.show(is_lost=True), None

    def _decode(self, packet: av.Packet | None) -> tuple[list[VideoFrame], bool]:
        try:
            return self._decoder.decode(packet), True
        except EndOfFile:
            return [], True
        except FFmpegError:
            return [], False

    def _packets(self) -> Iterator[av.Packet | None]:
        """Packets in file order with jumps in time removed, then None."""
        for packet in without_jumps(demux(self.container, self.stream)):
            self.num_packets += 1
            self._num_hidden += packet.is_discard
            if self._first.num_lacking:
                self._first.add(packet)
            if packet.dts is not None:
                self._last_dts = packet.dts
                self._first_dts = packet.dts if self._first_dts is None else self._first_dts
            if packet.pts is not None:
                end = packet.pts + (packet.duration or 0)
                self._end_s = max(self._end_s, float(end * packet.time_base))
            yield packet
        yield None


def _has_times(packets: list[av.Packet]) -> bool:
    """Whether packets of a container without times have some from the codec's own headers.

    In AVI, those of H.264 are only numbers in the order of the file; then nothing goes back.
    """
    times = [packet.pts for packet in packets if packet.pts is not None]
    return len(times) == len(packets) and times != sorted(times)


class _Turns:
    """The times of pictures whose packets have no presentation times, only decoding times.

    A picture is due when the packet is decoded that makes the decoder give it, less the wait of the
    first picture: where decoding times jump, pictures that are still waiting come after the jump.
    """

    def __init__(self, tick: Fraction) -> None:
        self.waiting: deque[int] = deque()
        self._tick = tick
        self._delay: int | None = None  # packets between one and its picture
        self._wait = self._last = self._step = 0

    def decode(self, number: int, dts: int | None) -> None:
        """A packet goes into the decoder."""
        self.waiting.append(round(number * self._tick) if dts is None else dts)

    def show(self, *, is_lost: bool) -> int:
        """The time of the next picture; the first that is not lost tells the decoder's delay."""
        if self._delay is None and not is_lost:
            self._delay = len(self.waiting) - 1
            self._wait = self.waiting[-1] - self.waiting[0]
        delay = self._delay or 0
        if len(self.waiting) > delay:
            time = self.waiting[delay] - self._wait
            self._step = time - self._last
        else:  # at the end no packets follow
            time = self._last + self._step
        self.waiting.popleft()
        self._last = time
        return time


class _Places:
    """The places of pictures in display order, each filled, or lost.

    Decoders output pictures in display order, so a picture due before the current one will not
    appear. In damaged files it may all the same: its place is held for some more packets.
    """

    def __init__(self, *, may_hide: bool) -> None:
        self.broken: set[int] = set()
        self._may_hide = may_hide
        self._due: list[tuple[int, int]] = []  # heap of (pts, packet number)
        self._held: deque[_Place] = deque()

    def expect(self, pts: int, number: int) -> None:
        """A packet announces a picture."""
        heapq.heappush(self._due, (pts, number))

    def show(self, picture: VideoFrame) -> None:
        """The decoder outputs a picture."""
        pts = picture.pts
        if pts is None:
            if not self._due and not self._held:
                return
            pts = self._due[0][0] if self._due else self._held[-1].pts
        late = next((p for p in self._held if p.pts == pts and p.picture is None), None)
        if late is not None:
            late.picture = picture
            return
        while self._due and self._due[0][0] < pts:
            self._lose()
        if self._due and self._due[0][0] == pts:
            heapq.heappop(self._due)
        self._held.append(_Place(pts, picture, 0))

    def ready(self, number: int, *, is_end: bool) -> Iterator[tuple[int, VideoFrame | None]]:
        """What is certain after a packet."""
        while self._due and (is_end or self._due[0][1] < number - _MAX_DELAY):
            self._lose()
        held = self._held
        while held and (
            is_end or held[0].picture is not None or held[0].since < number - _PATIENCE
        ):
            place = held.popleft()
            yield place.pts, place.picture

    def _lose(self) -> None:
        pts, number = heapq.heappop(self._due)
        if not self._may_hide or number in self.broken:
            self._held.append(_Place(pts, None, number))


@dataclass(slots=True)
class _Place:
    """A picture, or None as long as it has not appeared; `since` is the number of its packet."""

    pts: int
    picture: VideoFrame | None
    since: int


def demux(container: InputContainer, *streams: Stream) -> Iterator[av.Packet]:
    """Packets of a stream; reading continues after damage where the container allows it."""
    for _ in range(_MAX_BAD_READS):
        try:
            for packet in container.demux(*streams):
                if packet.size:  # the last ones are empty: they request a flush
                    yield packet
            return
        except FFmpegError:
            continue


def without_jumps(
    packets: Iterable[av.Packet], ahead_s: Fraction | None = None
) -> Iterator[av.Packet]:
    """Packets of any streams whose times go on where another recording begins in the same file.

    It begins where times go back, or, if that is given, ahead by more than `ahead_s`.
    """
    shifts: dict[int, int] = {}
    lasts: dict[int, int] = {}
    for packet in packets:
        stream, dts = packet.stream_index, packet.dts
        shift, last = shifts.get(stream, 0), lasts.get(stream)
        if dts is not None:
            unit = packet.time_base
            back = round(_JUMP_BACK_S / unit) if unit else 0
            ahead = round(ahead_s / unit) if unit and ahead_s else math.inf
            if last is not None and not -back <= dts + shift - last <= ahead:
                shift = shifts[stream] = last + (packet.duration or 1) - dts
            packet.dts = lasts[stream] = dts + shift
        if packet.pts is not None:
            packet.pts += shift
        yield packet


def open_container(path: Path) -> InputContainer:
    """Open a local media file for reading. Raises: VideoError saying what the file is instead."""
    if not path.exists():
        raise VideoError(f"{path}: no such file; expected a video")
    if not path.is_file():
        raise VideoError(f"{path}: not an ordinary file; expected a video")
    use_natives()
    try:
        return av.open(
            # "file:" so that no part of the name is taken for a protocol.
            as_shown(path) or f"file:{path.absolute()}",
            "r",
            container_options={"protocol_whitelist": "file", "format_whitelist": FORMATS},
            metadata_errors="replace",
        )
    except (FFmpegError, OSError) as problem:
        raise VideoError(f"{path}: {_diagnose(path, problem)}") from problem


def _diagnose(path: Path, problem: Exception) -> str:
    """What is wrong with a file that could not be opened, and what to do."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as trouble:
        return f"cannot be read ({reason(trouble)}); check its permissions"
    if not head:
        return "empty (0 bytes); expected a video, copy it again"
    if head.lstrip().startswith(b"#EXTM3U"):
        return "a playlist, not a video; give the video file itself"
    if head[4:8] == b"ftyp":
        return "its index (moov) is missing, so it was cut short; copy or record it again"
    if head.isascii() and b"\0" not in head:
        return "text, not a video; expected a file such as MP4, MOV, MKV, WebM or AVI"
    return f"not a video that can be read ({reason(problem)}); expected e.g. MP4, MOV, MKV, WebM or AVI"


def pick_stream(container: InputContainer, path: Path | str) -> VideoStream:
    """The stream of pictures to read. Raises: VideoError, naming `path`, if there is none."""
    videos = _videos(container, path)
    if not videos:
        kinds = sorted({s.type for s in container.streams} - {"video"}) or ["no streams"]
        raise VideoError(f"{path}: holds no video (found: {', '.join(kinds)}); expected a video")
    readable = [s for s in videos if isinstance(s.codec_context, CodecContext)]
    if not readable:
        raise VideoError(f"{path}: no decoder for its codec; convert it, e.g. to H.264 in MP4")
    best = max(readable, key=lambda s: (bool(s.disposition & Disposition.default), s.width))
    check_size(best.width, best.height, path)
    return best


def check_size(width: int, height: int, path: Path | str) -> None:
    """Raises: VideoError, naming `path`, if pictures of this size are too large to be decoded."""
    if width * height > imaging.MAX_PIXELS:
        raise VideoError(
            f"{path}: its header says {width}x{height} pixels; at most "
            f"{imaging.MAX_PIXELS} pixels are read, scale it down first"
        )


def _videos(container: InputContainer, path: Path | str) -> list[VideoStream]:
    """The streams that are whole pictures, or a video. Raises: VideoError for pictures in tiles."""
    still = Disposition.attached_pic | Disposition.timed_thumbnails  # cover art, previews
    streams = [s for s in container.streams.video if not s.disposition & still]
    whole = [s for s in streams if not s.disposition & Disposition.dependent]
    num_tiles = len(streams) - len(whole)
    if num_tiles and not any(s.disposition & Disposition.default for s in whole):
        raise VideoError(
            f"{path}: a picture of {num_tiles} tiles, which is not read as a video; download it, "
            "and name the file"
        )
    # A moving AVIF holds its first picture as a stream, too.
    return [s for s in whole if s.frames != 1 or s.duration is not None] or whole


def duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """The length that the header says, if any."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


class FirstPackets:
    """What the first packets of a stream, and its header, say of its rate."""

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        self._lasts: list[int] = []
        self._times: list[int] = []

    @property
    def num_lacking(self) -> int:
        """How many more packets are needed."""
        return _PEEKED - len(self._lasts)

    @property
    def tell_lengths(self) -> bool:
        """Whether packets say how long their pictures last."""
        return any(self._lasts)

    def add(self, packet: av.Packet) -> None:
        """The next packet of the stream."""
        self._lasts.append(packet.duration or 0)
        if packet.pts is not None:
            self._times.append(packet.pts)

    def rate(self) -> Fraction:
        """Pictures a second: as the header says, unless the packets all say something else.

        DV has headers that are wrong; where packets last unequally long, only the header knows the
        mean. So it does where their time is counted in steps so coarse that the two differ by less
        than one: 33 ms are 1/30 s in Matroska. Where no header says it, the times of the packets do.
        """
        unit = self._stream.time_base
        said = header_rate(self._container, self._stream) or self._rate_of_times() or Fraction(25)
        if not unit or len(set(self._lasts)) != 1 or not self._lasts[0]:
            return said
        lasts_s = self._lasts[0] * unit
        off_s = abs(lasts_s - 1 / said)
        return said if off_s <= max(unit, lasts_s / 100) else 1 / lasts_s

    def _rate_of_times(self) -> Fraction | None:
        """By the mean step of the packets, without pauses; None if they have no times."""
        steps = [b - a for a, b in pairwise(sorted(set(self._times)))]
        usual = [step for step in steps if step < 2 * median(steps)]
        if not usual or not self._stream.time_base:
            return None
        return len(usual) / (sum(usual) * self._stream.time_base)


def header_rate(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Pictures a second that the header says, if any; for raw streams FFmpeg only assumes a mean.

    Where FFmpeg knows nothing it guesses the rate of the clock, a thousand in WebM by browsers. For
    pictures that come one by one over HTTP it assumes both.
    """
    if _is_of(container, ("mpjpeg", "mjpeg")):
        return None
    mean = None if _is_of(container, _RAW) else stream.average_rate
    guess = stream.guessed_rate
    is_of_clock = guess and stream.time_base and guess * stream.time_base == 1
    return mean or (None if is_of_clock else guess)


def _is_of(container: InputContainer, formats: Iterable[str]) -> bool:
    return not set(formats).isdisjoint(container.format.name.split(","))


def _num_frames(reading: _Reading, path: Path) -> int | None:
    """How many frames the header announces; None if it does not count them, or not all.

    MP4 and MOV list each frame, and FFmpeg marks there what an edit list does not show; but one in
    fragments, as recorders and editors write it, lists only what is in its first part.
    """
    stream, counted = reading.stream, reading.stream.frames
    if reading.is_of("mov"):
        listed = () if is_fragmented(path) else stream.index_entries
        return sum(not entry.is_discard for entry in listed) or None
    length_s = duration_s(reading.container, stream) or 0.0
    is_part = counted < length_s * reading.rate() / 2
    return None if is_part or counted >= _UNCOUNTED else counted or None


def _lack(reading: _Reading, path: Path, announced: int | None, start_s: Fraction) -> str:
    """What is missing at the end of a file that was read; "" if nothing is."""
    if counted := 0 if reading.is_of("gif") else announced:
        missing = counted - reading.num_places
        lack = f"{missing} of the {counted} frames that its header announces are not in the file"
        return f"ends early, {lack}; copy it again" if missing > 0 else ""
    is_told = reading.container.duration is not None
    if reading.is_long_enough or not is_cut_short(path, is_length_told=is_told):
        return ""
    lasted_s = reading.end_s - float(start_s)
    return f"ends early, after {lasted_s:.1f} s: the file was cut short; copy it again"


class Display:
    """Decoded pictures as a player shows them: RGB, square pixels, mirrored and turned."""

    def __init__(self, aspect: Fraction) -> None:
        self._aspect = aspect
        # One for all pictures: each has buffers and threads of its own.
        self._reformatter = VideoReformatter()
        self._turns: dict[int, _Turn] = {}

    def turn(self, picture: VideoFrame) -> "_Turn":
        """How the picture is turned.

        Pictures with the same rotation share what the first of them says: reading the side data of
        a picture keeps it alive until the garbage collector runs.
        """
        if picture.rotation not in self._turns:
            self._turns[picture.rotation] = _turn(picture)
        return self._turns[picture.rotation]

    def __call__(self, picture: VideoFrame) -> Rgb:
        """Raises: FFmpegError or ValueError if the picture cannot be converted."""
        transfer = _TRANSFERS.get(picture.color_trc)
        if transfer is not None:
            wide = self._converted(picture, "rgb48le", Colorspace.BT2020)
            rgb = to_sdr(wide, transfer)
        else:
            # Players treat untagged HD video as BT.709; swscale would use BT.601.
            untagged_hd = picture.colorspace == _UNSPECIFIED_COLOURS and picture.height >= 720
            rgb = self._converted(picture, "rgb24", Colorspace.ITU709 if untagged_hd else None)
        if self._aspect != 1:
            rgb = imaging.resize(rgb, (rgb.shape[0], max(1, round(rgb.shape[1] * self._aspect))))
        a, b, c, d = self.turn(picture).matrix
        if abs(a) < abs(b):
            rgb, a, d = rgb.swapaxes(0, 1), c, b
        return np.ascontiguousarray(rgb[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])

    def _converted(self, picture: VideoFrame, form: str, colours: Colorspace | None) -> np.ndarray:
        converted = self._reformatter.reformat(picture, format=form, src_colorspace=colours)
        return converted.to_ndarray()


@dataclass(frozen=True, slots=True)
class _Turn:
    """Clockwise rotation in degrees (after mirroring, if any), and the display matrix (a, b, c, d).

    A point of the picture is mapped to x' = a x + c y, y' = b x + d y. Source: QuickTime File
    Format, tkhd.
    """

    rotation_deg: int = 0
    matrix: tuple[int, int, int, int] = (1, 0, 0, 1)


def _turn(picture: VideoFrame) -> _Turn:
    try:
        side_data = picture.side_data
    except ValueError:
        side_data = _known(picture).side_data
    if "DISPLAYMATRIX" not in side_data:
        return _Turn()
    a, b, _, c, d = np.frombuffer(bytes(side_data["DISPLAYMATRIX"]), np.int32)[:5].tolist()
    sign = 1 if a * d - b * c >= 0 else -1
    return _Turn(round(math.degrees(math.atan2(sign * b, sign * a))) % 360, (a, b, c, d))


def _known(picture: VideoFrame) -> VideoFrame:
    """The same picture without side data that PyAV does not know, such as the EXIF of a JPEG.

    PyAV reads none of the side data of a picture that has such.
    """
    graph, unknown = Graph(), range(len(SideDataType), _MOST_KINDS)
    graph.link_nodes(
        graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1)
        ),
        *(graph.add("sidedata", f"mode=delete:type={kind}") for kind in unknown),
        graph.add("buffersink"),
    ).configure()
    graph.vpush(picture)
    return graph.vpull()


def _note_on_streams(container: InputContainer, read: VideoStream) -> str:
    streams = _videos(container, "")
    if len(streams) < 2:
        return ""
    sizes = ", ".join(f"{stream.width}x{stream.height}" for stream in streams)
    return (
        f"it holds {len(streams)} streams of video ({sizes}), of which number "
        f"{streams.index(read) + 1} was read; save another one as a file of its own to read it"
    )


def _note_on(picture: VideoFrame) -> str:
    notes = []
    if picture.color_trc in _TRANSFERS:
        notes.append(
            f"its pictures are HDR ({_TRANSFERS[picture.color_trc]}) and were tone-mapped to SDR"
        )
    if picture.interlaced_frame:
        notes.append("its pictures are interlaced: two moments in one, combed where people move")
    return "; ".join(notes)
