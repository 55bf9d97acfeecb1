"""A live source: test pictures of FFmpeg in place of a camera, at the pace of one."""

import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest
from av import Packet
from av.container import InputContainer
from av.stream import Stream

from glpose.errors import VideoError
from glpose.video import camera
from glpose.video.camera import CameraSource, camera_number, open_device
from glpose.video.given import find_given
from glpose.video.reader import demux
from glpose.video.source import Source, find_sources


def opened(seconds: float) -> CameraSource:
    return open_device(
        f"testsrc=size=64x48:rate=50:duration={seconds},realtime", "lavfi", "camera-7"
    )


def test_pictures_come_in_order_with_their_times_until_the_camera_ends() -> None:
    source = opened(0.2)
    assert isinstance(source, Source)
    assert (source.info.size_hw, source.info.rate_hz) == ((48, 64), 50)
    assert "were left out" in source.info.note
    frames = list(source.frames())
    assert [frame.index for frame in frames] == list(range(len(frames)))
    times = [frame.time_s for frame in frames]
    assert times == sorted(set(times))
    assert times[0] == 0
    assert 0 < times[-1] < 0.2
    assert all(frame.rgb is not None and frame.rgb.shape == (48, 64, 3) for frame in frames)
    assert "gave no more pictures after 0." in source.warnings[0]


def held(until: threading.Event, monkeypatch: pytest.MonkeyPatch) -> CameraSource:
    """A camera whose second picture, and at once all others, come when something has happened."""

    def packets(container: InputContainer, stream: Stream) -> Iterator[Packet]:
        for number, packet in enumerate(demux(container, stream)):
            if number == 1:
                until.wait(5)
            yield packet

    monkeypatch.setattr(camera, "demux", packets)
    return open_device("testsrc=size=64x48:rate=50:duration=1", "lavfi", "camera-7")


def test_who_is_slow_gets_the_newest_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    is_busy = threading.Event()
    source = held(is_busy, monkeypatch)
    given = source.frames()
    frames = [next(given)]
    is_busy.set()
    source._reader.thread.join()
    frames += given
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert [frame.time_s for frame in frames] == [0, 48 / 50, 49 / 50]


def test_a_span_ends_the_reading_and_gives_the_camera_back() -> None:
    source = opened(60)
    times = [frame.time_s for frame in source.frames(0.04, 0.1)]
    assert all(0.04 <= time_s < 0.1 for time_s in times)
    assert source.warnings == []
    assert not source._reader.thread.is_alive()


def test_a_camera_that_is_dropped_unread_is_given_back() -> None:
    source = opened(60)
    thread, container = source._reader.thread, source._reader._container
    assert thread.is_alive()
    del source
    thread.join(5)
    with pytest.raises(AssertionError, match="not open"):
        next(container.demux())


def test_it_is_read_once() -> None:
    source = opened(0.1)
    list(source.frames())
    with pytest.raises(VideoError, match="a camera is read once only"):
        next(source.frames())


def test_a_camera_that_stalls_is_an_error_and_no_endless_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(camera, "_PATIENCE_S", 0.05)
    stalled = threading.Event()
    source = held(stalled, monkeypatch)
    frames = source.frames()
    assert next(frames).index == 0
    try:
        with pytest.raises(VideoError, match=r"camera-7: no picture came for 0\.05 s"):
            next(frames)
    finally:
        stalled.set()


def test_a_camera_without_a_first_picture_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else who tries again finds it in use, by this process."""
    is_closed = threading.Event()
    close = CameraSource.close

    def late(container: InputContainer, stream: Stream) -> Iterator[Packet]:
        is_closed.wait(5)
        yield from demux(container, stream)

    def let_go(self: CameraSource) -> None:
        is_closed.set()
        close(self)

    monkeypatch.setattr(camera, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(camera, "demux", late)
    monkeypatch.setattr(CameraSource, "close", let_go)
    container = av.open("testsrc=size=64x48:rate=50", format="lavfi")
    with pytest.raises(VideoError, match="no picture came for"):
        CameraSource(container, "camera-7")
    with pytest.raises(AssertionError, match="not open"):
        next(container.demux())
    assert "glpose-camera" not in {thread.name for thread in threading.enumerate()}


def test_a_camera_that_hangs_is_given_back_when_it_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goes_on = threading.Event()
    source = held(goes_on, monkeypatch)
    monkeypatch.setattr(source._reader.thread, "join", lambda timeout: None)  # nobody waits so long
    source.close()
    goes_on.set()
    threading.Thread.join(source._reader.thread, 5)
    with pytest.raises(AssertionError, match="not open"):
        next(source._reader._container.demux())


def test_times_never_go_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def set_back(container: InputContainer, stream: Stream) -> Iterator[Packet]:
        for number, packet in enumerate(demux(container, stream)):
            if number >= 5:
                assert packet.pts is not None
                packet.pts -= 5
            yield packet

    monkeypatch.setattr(camera, "demux", set_back)
    times = [frame.time_s for frame in opened(0.3).frames()]
    assert times == sorted(set(times))
    assert times[-1] > 0.18


def test_cameras_as_they_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (camera_number("0"), camera_number("camera:12")) == (0, 12)
    assert [camera_number(text) for text in ("a", "camera:", "-1", "1.5", "0000")] == [None] * 5
    (tmp_path / "3").mkdir()
    assert camera_number("3") is None
    assert [entry.name for entry in find_sources(["camera:987"])] == ["camera-987"]
    for given in ("camera:987", 987):
        (entry,) = find_given([given])
        with pytest.raises(VideoError, match="camera-987: there is no /dev/video987"):
            entry.open()
