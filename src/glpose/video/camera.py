"""A camera of this computer as a source: frames as they come, for as long as they are read.

Estimating poses may take longer than a camera needs for the next picture. A thread therefore reads
all the time and keeps the newest pictures only.
"""

import re
import threading
import weakref
from collections import deque
from collections.abc import Generator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame

from glpose.errors import VideoError, reason
from glpose.forked import use_natives
from glpose.types import Frame, VideoInfo
from glpose.video.decoder import Decoder
from glpose.video.reader import demux
from glpose.video.stream_clock import StreamClock

_WAITING = 2  # pictures that wait while poses are estimated
_PATIENCE_S = 10.0
_NOTE = "pictures that came while poses were estimated were left out"


def camera_number(text: str) -> int | None:
    """The camera that a user means by `0` or `camera:0`; None for other names, and for a file `0`."""
    found = re.fullmatch(r"(camera:)?(\d{1,3})", text, re.ASCII)
    return int(found[2]) if found and (found[1] or not Path(text).exists()) else None


def devices() -> list[Path]:
    """The cameras of a Linux system, none of which is opened."""
    return sorted(Path("/dev").glob("video*"))


def open_camera(number: int) -> "CameraSource":
    """Open a camera of a Linux system. Raises: VideoError if there is none, or it is in use."""
    device, name = Path(f"/dev/video{number}"), f"camera-{number}"
    if not device.exists():
        others = [path.name[5:] for path in devices()]
        found = f"cameras found: {', '.join(others)}" if others else "no camera was found"
        raise VideoError(f"{name}: there is no {device}; {found}")
    return open_device(str(device), "v4l2", name)


def open_device(address: str, form: str, name: str) -> "CameraSource":
    """Open an input device of FFmpeg by its address and format, and wait for its first picture."""
    use_natives()
    try:
        container = av.open(address, format=form)
    except (FFmpegError, OSError) as problem:
        raise VideoError(
            f"{name}: {address} cannot be opened ({reason(problem)}); close other programs that use it"
        ) from problem
    return CameraSource(container, name)


class _Reader:
    """Reads a camera in a thread, which knows nothing of the source: who drops that ends it."""

    def __init__(
        self, container: InputContainer, name: str, clock: StreamClock, warnings: list[str]
    ) -> None:
        self._container, self._name, self._clock, self._warnings = container, name, clock, warnings
        self._changed = threading.Condition()
        self._waiting: deque[tuple[VideoFrame, float]] = deque(maxlen=_WAITING)
        self._is_over = self._is_stopped = False
        self.thread = threading.Thread(target=self._work, name="glpose-camera", daemon=True)
        self.thread.start()

    def next(self) -> tuple[VideoFrame, float] | None:
        """The next picture, with its time, None at the end. Raises: VideoError if none comes."""
        with self._changed:
            ready = self._changed.wait_for(
                lambda: self._waiting or self._is_over, timeout=_PATIENCE_S
            )
            if not ready:
                raise VideoError(
                    f"{self._name}: no picture came for {_PATIENCE_S:g} s; check the camera and "
                    "close other programs that use it"
                )
            return self._waiting.popleft() if self._waiting else None

    def _work(self) -> None:
        try:
            self._read_all()
        finally:
            self._warnings += self._clock.warnings(self._name)
            with self._changed:
                self._is_over, is_stopped = True, self._is_stopped
                self._changed.notify_all()
            if is_stopped:  # else pictures wait, which may lie in the memory of the device
                self._container.close()

    def _read_all(self) -> None:
        stream = self._container.streams.video[0]
        decoder = Decoder(stream)
        for packet in demux(self._container, stream):
            pictures: list[VideoFrame] = []
            with suppress(FFmpegError):  # a damaged picture; the next one is on its way
                pictures = decoder.decode(packet)
            with self._changed:
                if self._is_stopped:
                    return
                for picture in pictures:
                    if timed := self._clock.timed(picture.pts):
                        self._waiting.append((picture, timed[0]))
                self._changed.notify_all()

    def stop(self) -> None:
        """Let go of the camera, soon."""
        self._is_stopped = True

    def close(self) -> None:
        """Let go of the camera, and wait until that is done."""
        self.stop()
        # It may wait for a picture that never comes; the process can end without it.
        if self.thread is not threading.current_thread():
            self.thread.join(timeout=1)
        if not self.thread.is_alive():
            self._container.close()


class CameraSource:
    """A `Source` of live pictures, read once. Frames count those that were delivered.

    Times are those of the pictures, from the first one. Raises: VideoError, also while it is read,
    if no picture comes for ten seconds.
    """

    audio = None

    def __init__(self, container: InputContainer, name: str) -> None:
        self._name, self._was_read = name, False
        stream = container.streams.video[0]
        self.time_base = stream.time_base or Fraction(1, 90000)
        rate = stream.average_rate or Fraction(30)
        self.warnings: list[str] = []
        clock = StreamClock()
        clock.connect(self.time_base, rate)
        self._reader = _Reader(container, name, clock, self.warnings)
        weakref.finalize(self, self._reader.stop)
        try:
            self._first = self._begun()
        except BaseException:
            self.close()
            raise
        size_hw = self._first[0].height, self._first[0].width
        self.info = VideoInfo(name, size_hw, float(rate), note=_NOTE)

    def frames(
        self, start_s: float | None = None, end_s: float | None = None
    ) -> Generator[Frame, None, None]:
        """See `Source.frames`; ends with the camera, or when it is closed."""
        if self._was_read:
            raise VideoError(f"{self._name}: a camera is read once only; record it, then give that")
        self._was_read = True
        found: tuple[VideoFrame, float] | None = self._first
        index, time_s = 0, 0.0
        try:
            while found is not None:
                picture, time_s = found
                if end_s is not None and time_s >= end_s:
                    return
                if start_s is None or time_s >= start_s:
                    yield Frame(index, time_s, picture.to_ndarray(format="rgb24"))
                index += 1
                found = self._reader.next()
            self.warnings.append(f"{self._name}: gave no more pictures after {time_s:.1f} s")
        finally:
            self.close()

    def _begun(self) -> tuple[VideoFrame, float]:
        """The first picture. Raises: VideoError."""
        first = self._reader.next()
        if first is None:
            raise VideoError(f"{self._name}: gave no picture; check it with another program")
        return first

    def close(self) -> None:
        """Let go of the camera."""
        self._reader.close()
