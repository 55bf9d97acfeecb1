"""A stream of the network as a source: a file over HTTP, a camera over RTSP, a broadcast over RTMP.

Only who asks for it gets it: `parse_address` is called for arguments that were allowed. A thread
reads; when the stream breaks off or stalls it connects again, a bounded number of times. What has a
length (a recording) is read whole and goes on where it was; of what has none (live) the newest
pictures are kept, and a playlist that has one after all is over. Times are those of `stream_clock`.

User names, passwords and whatever else may be secret in an address are in no message and no name.
"""

import atexit
import math
import os
import re
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av import Packet
from av.container import InputContainer
from av.error import ArgumentError, ExitError, FFmpegError, InvalidDataError
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from glpose import imaging
from glpose.errors import VideoError
from glpose.forked import use_natives
from glpose.types import Frame, VideoInfo
from glpose.video.decoder import Decoder
from glpose.video.reader import (
    FORMATS,
    Display,
    FirstPackets,
    duration_s,
    header_rate,
    pick_stream,
    without_jumps,
)
from glpose.video.stream_clock import Lasting, StreamClock

_WAITING = {True: 8, False: 2}  # pictures that wait, of a recording and of what is live
_SLICE_S = 0.1
_CUT_SHORT_S = 1.0  # a recording that ends so much before its length has broken off
_MOST_BYTES = 10**11  # a server that tells more does not know it, or what it sends has no end
_WRAP_S = 2**33 / 90000  # when the clock of a transport stream begins anew
_SPLICE_S = Fraction(10)  # no part of a playlist is longer than that, and none is without pictures
_TICK = Fraction(1, 90000)
_LAST_PORT = 65535
_MULTIPART = "mpjpeg"  # pictures one by one, as small cameras send them over HTTP
_UNNAMED = "mjpeg"  # the same, whatever is said between them
_NOT_READ = "is, or leads to, what is not read; expected MP4, WebM, MPEG-TS, FLV, HLS or MJPEG"
_TIMELESS = (
    "MJPEG of a length that the server tells, so a recording without times; convert it to MP4"
)
_RATED_S = 2.0  # who sends few pictures a second is not waited for longer, to know how many
_HTTP = ("http,https,tcp,tls", f"{FORMATS},hls")
_ALLOWED = {
    "http": _HTTP,
    "https": _HTTP,
    "rtmp": ("rtmp,tcp", "flv,live_flv"),
    "rtmps": ("rtmps,tls,tcp", "flv,live_flv"),
    "rtsp": ("rtsp,tcp", "rtsp,mpegts"),
    "rtsps": ("rtsp,tls,tcp", "rtsp,mpegts"),
}
"""For each scheme the protocols and the formats that FFmpeg may open, also on behalf of a playlist."""
_LIVE_NOTE = "pictures that came while poses were estimated were left out"


def is_address(text: str) -> bool:
    """Whether a text is an address of the network, or of something else with a scheme; and no file."""
    has_scheme = re.match(r"[a-z][a-z0-9+.-]+:/", text, re.IGNORECASE) is not None
    # Not `Path.exists`, which raises for names that are too long, and tells them.
    return has_scheme and not os.path.exists(text)  # noqa: PTH110


def shown(text: str) -> str:
    """An address without what may be secret: user, password, query, a path that is not plain.

    The path of RTMP holds the key of the stream.
    """
    scheme, _, rest = text.partition(":")
    _, is_secret, tail = rest.rpartition("@")
    rest = tail if is_secret else re.sub("^/{1,2}", "", rest)
    rest = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = rest.partition("/")
    host = re.sub(r"[^\w.:\[\]-]", "_", host)
    is_plain = r"(?!)" if scheme.lower().startswith("rtmp") else r"[\w./~%-]*"
    plain = found[0] if (found := re.match(is_plain, path)) else ""
    return f"{scheme.lower()}://{host}{slash}{plain}{'...' if plain != path else ''}"


def without_user(text: str) -> str:
    """An address, all of it but user and password; as it is shown, unless more is hidden there."""
    scheme, _, rest = text.partition(":")
    rest = re.sub("^/{1,2}", "", rest)
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    return f"{scheme.lower()}://{host.rpartition('@')[2]}{rest[len(host) :]}"


@dataclass(frozen=True, slots=True)
class Address:
    """An address that may be opened: what to call it, and what FFmpeg may open for it."""

    url: str = field(repr=False)
    label: str
    protocols: str
    formats: str

    @property
    def name(self) -> str:
        """A name for results: host and path."""
        words = re.sub(r"[^\w.-]+", "-", self.label.partition("://")[2])
        return words.strip("-.")[:80]


def parse_address(text: str) -> Address:
    """Check an address. Raises: VideoError for one that is not opened, also if allowed."""
    label = shown(text)
    scheme, _, rest = without_user(text).partition("://")
    if scheme not in _ALLOWED:
        raise VideoError(f"{label}: expected an address with {', '.join(_ALLOWED)}")
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    found = re.fullmatch(r"(?:\[.+\]|[^:]+)(?::([0-9]{1,9}))?", host)
    if not found or not 1 <= int(found[1] or 1) <= _LAST_PORT:
        has_more = "@" in rest[len(host) :]
        raise VideoError(
            f"{label}: expected such as {scheme}://HOST/PATH or {scheme}://HOST:PORT/PATH, with a "
            f"port from 1 to {_LAST_PORT}"
            f"{' (in a user name or password / ? # @ are %2F %3F %23 %40)' if has_more else ''}"
        )
    return Address(text, label, *_ALLOWED[scheme])


def _ignore(line: str) -> None:
    del line


def _go_on() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Watch:
    """Who watches a source that may have to wait.

    `tell` gets a line about trouble, `check` is called while nothing comes and may raise to stop.
    Both are called in the thread that reads the frames.
    """

    tell: Callable[[str], None] = _ignore
    check: Callable[[], None] = _go_on


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: to connect, without a picture, and before each new try to connect.

    Who was connected for `steady_s` has all tries again.
    """

    connect_s: float = 10.0
    picture_s: float = 10.0
    steady_s: float = 30.0
    again_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)


@dataclass(frozen=True, slots=True)
class _Picture:
    """A decoded picture, its time, and how many frames were lost before it since the beginning."""

    picture: VideoFrame
    time_s: float
    lost: int


class _Reader:
    """Reads an address in a thread, which knows nothing of the source: who drops that ends it."""

    def __init__(self, address: Address, patience: Patience) -> None:
        self._address, self._patience = address, patience
        self.warnings: list[str] = []
        self.clock, self.aspect = StreamClock(), Fraction(1)
        self.refused: VideoError | None = None
        self._changed = threading.Condition()
        self._waiting: deque[_Picture] = deque()
        self._notices: list[str] = []
        self._is_stopped, self._is_over = threading.Event(), False
        self._num_gaps, self._is_multipart, self._is_rated = 0, False, False
        self.thread = threading.Thread(target=self._work, name="glpose-network", daemon=True)
        _readers.add(self)
        self.thread.start()

    def take(self) -> tuple[list[str], _Picture | None, bool]:
        """Wait a little; what is to be told, the next picture, and whether none will come."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._waiting or self._notices or self._is_over, _SLICE_S
            )
            notices, self._notices = self._notices, []
            found = self._waiting.popleft() if self._waiting else None
            is_over = self._is_over and found is None
            self._changed.notify_all()
        return notices, found, is_over

    def stop(self) -> None:
        """End the connection, soon."""
        self._is_stopped.set()

    def close(self) -> None:
        """End the connection, and wait until it has."""
        self.stop()
        # It may wait for what never comes; only the end of Python waits for that.
        if self.thread is not threading.current_thread():
            self.thread.join(timeout=1)

    @property
    def silence_s(self) -> float:
        """How long FFmpeg may wait for what never comes."""
        return max(self._patience.connect_s, self._patience.picture_s)

    def _work(self) -> None:
        try:
            self._read_all()
        except VideoError as problem:
            self.refused = problem
        finally:
            self.warnings += self.clock.warnings(self._address.label)
            if self._num_gaps:
                self.warnings.append(
                    f"{self._address.label}: broke off {self._num_gaps} times; what was sent until it "
                    "was connected again is missing"
                )
            with self._changed:
                self._is_over = True
                self._changed.notify_all()

    def _read_all(self) -> None:
        """Read, and connect again as often as it pays. Raises: VideoError if no picture comes."""
        stream, tries = self._connected(), 0
        while stream is not None:
            begin = time.monotonic()
            why = self._read(stream)
            if self._is_stopped.is_set() or why is None:
                return
            if self.clock.is_new:
                why += ", and nothing new had come"
            elif time.monotonic() - begin > self._patience.steady_s:
                tries = 0
            stream, tries = self._again(why, tries)

    def _again(self, why: str, tries: int) -> tuple[VideoStream | None, int]:
        """The pictures of a new connection, and the number of tries; None if there are no more.

        Raises: VideoError if there are no more, and no picture ever came.
        """
        pauses, label = self._patience.again_s, self._address.label
        for number in range(tries, len(pauses)):
            self._tell(f"{label}: {why}; connecting again (try {number + 1} of {len(pauses)})")
            if self._is_stopped.wait(pauses[number]):
                return None, number
            try:
                stream = self._connected()
            except VideoError as problem:
                why = str(problem).removeprefix(f"{label}: ")
                continue
            if self.clock.is_recording:
                return stream, number + 1
            container = stream.container
            assert isinstance(container, InputContainer)
            if not _is_hls(container) or container.duration is None:
                self._num_gaps += 1
                return stream, number + 1
            self._tell(f"{label}: has an end now, so the broadcast is over")
            self._num_gaps += not self._has_last(container, stream)
            container.close()
            return None, number
        given_up = f"({why}); given up after {len(pauses)} tries"
        if self.clock.last_s < 0:
            raise VideoError(f"{label}: gave no picture {given_up}")
        self.warnings.append(
            f"{label}: lost after {self.clock.last_s:.1f} s {given_up}, what came before is kept"
        )
        return None, len(pauses)

    def _has_last(self, container: InputContainer, stream: VideoStream) -> bool:
        """Whether the last picture of a broadcast that is over is one that came.

        Where clocks jump in it, FFmpeg does not find the end, and it is read from the beginning.
        """
        begin, length = container.start_time or 0, container.duration or 0
        for place in (begin + length - av.time_base, begin):
            last = None
            with suppress(FFmpegError, OSError, RuntimeError):
                container.seek(place)
                for packet in container.demux(stream):
                    last = last if packet.pts is None else packet.pts
                    if self._is_stopped.is_set():
                        return False
            if last is not None:
                lacks_s = float(last * (stream.time_base or 0)) - self.clock.place_s
                return abs(math.remainder(lacks_s, _WRAP_S)) < _CUT_SHORT_S
        return False

    def _tell(self, line: str) -> None:
        with self._changed:
            self._notices.append(line)
            self._changed.notify_all()

    def _connected(self) -> VideoStream:
        """Open the address, and pick its pictures. Raises: VideoError, without anything secret."""
        address, patience = self._address, self._patience
        begin = time.monotonic()
        try:
            container = self._opened()
        except (FFmpegError, OSError, ValueError, RuntimeError) as problem:
            if isinstance(problem, ArgumentError) and address.label.startswith("http"):
                why = _NOT_READ  # nor as MJPEG
            elif time.monotonic() - begin >= patience.connect_s:
                why = _silence(patience.connect_s)
            else:
                why = _reason(problem)
        else:
            stream = _picked(container, address.label)
            if self._is_multipart:
                if _is_sized(container):
                    container.close()
                    raise VideoError(f"{address.label}: {_TIMELESS}")
                stream.time_base = _TICK
            length_s = duration_s(container, stream)
            self.clock.connect(
                stream.time_base,
                header_rate(container, stream),
                length_s,
                is_recording=length_s is not None or _is_sized(container),
            )
            sar = stream.sample_aspect_ratio
            self.aspect = sar if sar and Fraction(1, 10) <= sar <= 10 else Fraction(1)
            return stream
        # Not in the handler: the library's error names the whole address, and would be told with ours.
        raise VideoError(f"{address.label}: {why}")

    def _opened(self) -> InputContainer:
        """Open the address. Raises: what PyAV raises."""
        address, patience = self._address, self._patience

        def opened(form: str | None, **options: str) -> InputContainer:
            if self._is_stopped.is_set():  # Python, which may end, waits for one of these only
                raise ExitError(0, "stopped")
            return av.open(
                address.url,
                format=form,
                container_options={"protocol_whitelist": address.protocols, **options},
                metadata_errors="replace",
                timeout=(patience.connect_s, patience.picture_s),
            )

        def multipart() -> InputContainer:
            # Nothing is read ahead to find a rate, as its pictures would come all at once.
            found = opened(_MULTIPART, format_whitelist=_MULTIPART, fpsprobesize="0")
            if found.streams.video[0].width:
                return found
            found.close()
            # Its parts are called something else than image/jpeg, such as image/jpg. Each is found by
            # what is in it, if only when the next one begins; where none is JPEG, none is ever found.
            with suppress(ExitError):
                found = opened(
                    _UNNAMED, format_whitelist=_UNNAMED, fpsprobesize="0", probesize="32"
                )
                if found.streams.video[0].width:
                    return found
                found.close()
            raise InvalidDataError(0, "no JPEG in it")

        if self._is_multipart:
            return multipart()
        more = {"rtsp_transport": "tcp"} if address.label.startswith("rtsp") else {}
        try:
            return opened(None, format_whitelist=address.formats, **more)
        except ArgumentError as problem:  # a format that is not among these
            if not address.label.startswith("http"):
                raise
            try:
                found = multipart()
            except InvalidDataError:
                raise problem from None
        self._is_multipart = True
        return found

    def _read(self, stream: VideoStream) -> str | None:
        """Read until it ends; returns why if it should not have ended there."""
        container, decoder, lasting = stream.container, Decoder(stream), Lasting()
        assert isinstance(container, InputContainer)
        length_s = duration_s(container, stream)
        try:
            why = self._read_packets(container, stream, decoder, lasting)
            # Where the server tells the number of bytes, fewer of them are an error. Else FFmpeg
            # ends what broke off without one, such as a playlist whose server is gone, and what is
            # whole with one.
            is_long = length_s is not None and lasting.total_s > length_s - _CUT_SHORT_S
            is_whole = not why if _is_sized(container) else is_long
            if is_whole or not why:
                self._decode(decoder, None)
            is_end = is_whole and self.clock.is_recording
            lacks_s = (length_s or 0.0) - lasting.covered_s
            if is_end and _is_hls(container) and lacks_s > _CUT_SHORT_S:  # a part that is not there
                self.warnings.append(
                    f"{self._address.label}: {lacks_s:.1f} s of it did not come; try again later"
                )
            return None if is_end else why or "the stream broke off"
        finally:
            with suppress(FFmpegError, OSError):
                container.close()

    def _read_packets(
        self, container: InputContainer, stream: VideoStream, decoder: Decoder, lasting: Lasting
    ) -> str:
        """Read, and count in `lasting`; returns why it ended, "" without an error."""
        # Of all streams: where the header does not tell how long the pictures last, but the whole,
        # sound may be longer. Other streams may have one packet for all of it.
        packets: Iterator[Packet] = container.demux()
        if self._is_multipart:
            packets = _as_they_come(packets)
        if self.clock.is_recording:
            packets = without_jumps(packets, _SPLICE_S if _is_hls(container) else None)
        has_rate = self._is_rated or header_rate(container, stream) is not None
        if self.clock.is_recording or not has_rate:
            packets = self._rated(packets, stream, FirstPackets(container, stream))
        try:
            for packet in packets:
                is_picture = packet.stream_index == stream.index
                if is_picture or (packet.stream.type == "audio" and not stream.duration):
                    lasting.add(packet, self.clock.step_s)
                if is_picture and packet.size:
                    self._decode(decoder, packet)
                if self._is_stopped.is_set():
                    break
        except (FFmpegError, OSError, RuntimeError) as problem:
            is_late = isinstance(problem, ExitError)
            return _silence(self._patience.picture_s) if is_late else _reason(problem)
        return ""

    def _rated(
        self, packets: Iterator[Packet], stream: VideoStream, first: FirstPackets
    ) -> Iterator[Packet]:
        """The packets, of which the first ones wait until the rate is known."""
        held: list[Packet] = []
        problem, begin = None, time.monotonic()
        try:
            for packet in packets:
                held.append(packet)
                if packet.size and packet.stream_index == stream.index:
                    first.add(packet)
                is_slow = self._is_multipart and time.monotonic() - begin > _RATED_S
                if not first.num_lacking or (is_slow and len(held) > 1):
                    break
        except (FFmpegError, OSError, RuntimeError) as found:
            problem = found
        if not self._is_multipart:
            self.clock.rate_hz = float(first.rate())
        elif len(held) > 1:
            # Where they come by twos or threes, most steps say nothing of the rate.
            first_pts, *_, last_pts = (packet.pts or 0 for packet in held)
            lasted_s = float((last_pts - first_pts) * _TICK)
            self.clock.rate_hz, self._is_rated = (len(held) - 1) / lasted_s, True
        # Of many that are each whole the newest, else there would be a hole behind the first ones.
        yield from held[-1:] if self._is_multipart else held
        if problem is not None:
            raise problem
        yield from packets

    def _decode(self, decoder: Decoder, packet: Packet | None) -> None:
        """Put the pictures of a packet; None for those that the decoder still has."""
        pictures: list[VideoFrame] = []
        with suppress(FFmpegError):  # damaged on the way; the next one comes
            pictures = decoder.decode(packet)
        for picture in pictures:
            if not picture.is_corrupt:
                self._put(picture)

    def _put(self, picture: VideoFrame) -> None:
        timed = self.clock.timed(picture.pts)
        if timed is None:
            return
        is_recording = self.clock.is_recording
        most = _WAITING[is_recording]
        with self._changed:
            while is_recording and len(self._waiting) >= most and not self._is_stopped.is_set():
                self._changed.wait(_SLICE_S)
            while len(self._waiting) >= most:
                self._waiting.popleft()
            self._waiting.append(_Picture(picture, *timed))
            self._changed.notify_all()


_readers: "weakref.WeakSet[_Reader]" = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Where FFmpeg waits, PyAV asks Python for the time, which crashes once Python has ended."""
    readers, begin = list(_readers), time.monotonic()
    for reader in readers:  # all of them first: who has not been stopped connects again
        reader.stop()
    for reader in readers:
        reader.thread.join(max(0.0, begin + reader.silence_s + 1 - time.monotonic()))


class NetworkSource:
    """A `Source` of an address, read once.

    The index of a frame counts those that came; in a gap of a live stream it also counts the frames
    that were lost.
    """

    audio = None

    def __init__(
        self, address: Address, watch: Watch = Watch(), patience: Patience = Patience()
    ) -> None:
        """Connect, and wait for the first picture. Raises: VideoError if none comes."""
        use_natives()
        self._address, self._watch, self._was_read = address, watch, False
        self._reader = _Reader(address, patience)
        weakref.finalize(self, self._reader.stop)
        self.warnings, clock = self._reader.warnings, self._reader.clock
        try:
            self._first, self._display, size_hw = self._begun()
        except BaseException:
            self.close()
            raise
        self.time_base = _TICK
        self.info = VideoInfo(
            address.name,
            size_hw,
            clock.rate_hz,
            duration_s=clock.duration_s,
            note="" if clock.is_recording else _LIVE_NOTE,
        )

    def _begun(self) -> tuple[_Picture, Display, tuple[int, int]]:
        """The first picture, how pictures are shown, and their size. Raises: VideoError."""
        first, label = self._next(), self._address.label
        if first is None:
            raise self._reader.refused or VideoError(f"{label}: gave no picture; check it")
        display = Display(self._reader.aspect)
        try:
            height, width = display(first.picture).shape[:2]
        except (FFmpegError, ValueError) as problem:
            raise VideoError(f"{label}: its first picture cannot be converted") from problem
        return first, display, (height, width)

    def frames(
        self, start_s: float | None = None, end_s: float | None = None
    ) -> Generator[Frame, None, None]:
        """See `Source.frames`; ends with the stream, when it is lost, or when it is closed."""
        if self._was_read:
            raise VideoError(
                f"{self._address.label}: a stream is read once only; record it, then give that"
            )
        self._was_read = True
        found, number = self._first, 0
        try:
            while found is not None:
                if end_s is not None and found.time_s >= end_s:
                    return
                if start_s is None or found.time_s >= start_s:
                    yield Frame(number + found.lost, found.time_s, self._rgb(found.picture))
                number += 1
                found = self._next()
        finally:
            self.close()

    def close(self) -> None:
        """End the connection."""
        self._reader.close()

    def _rgb(self, picture: VideoFrame) -> imaging.Rgb | None:
        try:
            rgb = self._display(picture)
        except (FFmpegError, ValueError):
            return None
        if rgb.shape[:2] != self.info.size_hw:  # the resolution changed
            rgb, _ = imaging.letterbox(rgb, self.info.size_hw, fill=0)
        return rgb

    def _next(self) -> _Picture | None:
        """The next picture that waits, None at the end. Raises: what `Watch.check` raises."""
        while True:
            notices, found, is_over = self._reader.take()
            for line in notices:
                self._watch.tell(line)
            self._watch.check()
            if found is not None or is_over:
                return found


def _as_they_come(packets: Iterator[Packet]) -> Iterator[Packet]:
    """The packets with times by the clock of this computer: nothing else tells them."""
    last = -1
    for packet in packets:
        last = max(last + 1, round(time.monotonic() / _TICK))  # some come at once
        packet.pts = packet.dts = last
        packet.duration = 0
        yield packet


def _is_hls(container: InputContainer) -> bool:
    return container.format.name == "hls"


def _is_sized(container: InputContainer) -> bool:
    """Whether the server tells how many bytes a recording has; of HLS those are only the playlist's."""
    return not _is_hls(container) and 0 < container.size <= _MOST_BYTES


def _picked(container: InputContainer, label: str) -> VideoStream:
    try:
        return pick_stream(container, label)
    except VideoError:
        container.close()
        raise


def _silence(seconds: float) -> str:
    return f"nothing came for {seconds:g} s"


def _reason(problem: Exception) -> str:
    """Why a connection failed, in words without the address."""
    if "Clock has been changed" in str(problem):
        # PyAV raises a plain RuntimeError: its timeouts are reckoned by the clock on the wall.
        return "cannot be read (the clock of this computer was set back)"
    said = getattr(problem, "strerror", None) or type(problem).__name__
    if said == "Invalid data found when processing input":
        return "what came is not a video that can be read"
    return f"cannot be read ({said})"
