"""Streams of the network, on 127.0.0.1: whole, cut, stalled, refused; and what may not be opened."""

import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.error import ArgumentError
from av.stream import Disposition
from av.video.frame import PictureType

import bad_videos
from child import started
from glpose.errors import VideoError
from glpose.types import Frame
from glpose.video import network
from glpose.video.network import (
    NetworkSource,
    Patience,
    Watch,
    is_address,
    parse_address,
    shown,
)
from glpose.video.reader import open_video
from glpose.video.source import Source, find_sources
from network_server import Answer, part, ranged, refused, routed, rtsp, serving, whole

NUM = 50
JITTERED_MS = [33 * number + number**3 % 11 for number in range(40)]
QUICK = Patience(connect_s=5.0, picture_s=0.4, again_s=(0.01, 0.01, 0.01))
PATIENT = replace(QUICK, picture_s=5.0)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("net") / "walk.mp4"
    return bad_videos.write_video(path, num_frames=NUM).read_bytes()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A transport stream, which has no length where it cannot be searched."""
    path = tmp_path_factory.mktemp("net") / "live.ts"
    return bad_videos.write_video(path, num_frames=NUM).read_bytes()


def read(
    *answers: Answer, name: str = "walk.mp4", patience: Patience = QUICK
) -> tuple[NetworkSource, list[Frame], list[str], int]:
    """The source, its frames, what was told, and how many requests were made."""
    told: list[str] = []
    with serving(*answers) as server:
        address = parse_address(f"http://me:secret@127.0.0.1:{server.port}/{name}?token=hush")
        source = NetworkSource(address, Watch(told.append), patience)
        assert isinstance(source, Source)
        frames = list(source.frames())
        assert not source._reader.thread.is_alive()
        for text in (*told, *source.warnings, source.info.name):
            assert "secret" not in text
            assert "hush" not in text
            assert "me:" not in text
        return source, frames, told, len(server.requests)


def numbers(frames: list[Frame]) -> list[int]:
    return [bad_videos.read_index(frame.rgb) for frame in frames if frame.rgb is not None]


def test_a_file_over_http_is_read_whole_with_its_times(walk: bytes) -> None:
    source, frames, told, num_requests = read(whole(walk))
    assert numbers(frames) == [frame.index for frame in frames] == list(range(NUM))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(NUM) / 25, atol=1e-3)
    assert (source.info.size_hw, source.info.rate_hz, source.info.duration_s) == ((240, 320), 25, 2)
    assert source.info.note == ""
    assert (told, source.warnings, num_requests) == ([], [], 1)
    with pytest.raises(VideoError, match="read once only"):
        next(source.frames())


def test_of_several_streams_of_pictures_the_one_that_players_show_is_read(
    walk: bytes, tmp_path: Path
) -> None:
    (tmp_path / "walk.mp4").write_bytes(walk)
    small = bad_videos.write_video(tmp_path / "small.mp4", num_frames=9, size_hw=(120, 160))
    both = tmp_path / "both.mp4"
    with (
        av.open(str(both), "w", container_options={"movflags": "+faststart"}) as out,
        av.open(str(small)) as first,
        av.open(str(tmp_path / "walk.mp4")) as second,
    ):
        for given, is_shown in ((first, False), (second, True)):
            stream = out.add_stream_from_template(given.streams.video[0])
            stream.disposition = Disposition.default if is_shown else Disposition(0)
        for place, given in enumerate((first, second)):
            for packet in given.demux(given.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = out.streams.video[place]
                    out.mux(packet)
    source, frames, _, _ = read(whole(both.read_bytes()))
    assert source.info.size_hw == (240, 320)
    assert numbers(frames) == list(range(NUM))


def test_what_holds_no_pictures_is_one_line_and_let_go_of(tmp_path: Path) -> None:
    sound = bad_videos.audio_only(tmp_path).read_bytes()
    with serving(whole(sound, "audio/mp4")) as server:
        address = parse_address(f"http://127.0.0.1:{server.port}/sound.m4a")
        with pytest.raises(VideoError, match=r"sound\.m4a: holds no video \(found: audio\)"):
            NetworkSource(address, Watch(), QUICK)


def test_a_recording_that_breaks_off_goes_on_where_it_was(walk: bytes) -> None:
    source, frames, told, num_requests = read(part(walk, len(walk) * 2 // 3), whole(walk))
    assert numbers(frames) == [frame.index for frame in frames] == list(range(NUM))
    assert num_requests == 2
    assert "connecting again (try 1 of 3)" in told[0]
    assert source.warnings == []


def test_a_clock_that_is_set_back_is_said_and_the_recording_goes_on(
    walk: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, given = network._Reader._put, []

    def put_until_the_clock_is_set(self: network._Reader, picture: Any) -> None:
        given.append(picture.pts)
        if len(given) == 20:
            raise RuntimeError("Clock has been changed to before timeout start")
        put(self, picture)

    monkeypatch.setattr(network._Reader, "_put", put_until_the_clock_is_set)
    _, frames, told, num_requests = read(whole(walk))
    assert [frame.index for frame in frames] == list(range(NUM))
    assert "clock of this computer was set back" in told[0]
    assert num_requests == 2


def test_python_does_not_end_while_ffmpeg_waits_for_a_stream(walk: bytes) -> None:
    """It asks Python for the time, which crashed once Python had ended."""
    program = (
        "import atexit, sys, threading\n"
        "def left():\n"
        "    print([t.name for t in threading.enumerate() if t is not threading.main_thread()])\n"
        "def stop():\n"
        "    raise KeyboardInterrupt\n"
        "atexit.register(left)\n"
        "from glpose.video.network import NetworkSource, Patience, Watch, parse_address\n"
        "try:\n"
        "    address, patience = parse_address(sys.argv[1]), Patience(connect_s=2.5)\n"
        "    NetworkSource(address, Watch(check=stop), patience)\n"
        "except KeyboardInterrupt:\n"
        "    left()\n"
    )
    with serving(part(walk, 0, wait=30)) as server:
        words = [sys.executable, "-c", program, f"http://127.0.0.1:{server.port}/walk.mp4"]
        with started(words, stdout=subprocess.PIPE) as run:
            said, _ = run.communicate(timeout=60)
    assert (run.returncode, said) == (0, "['glpose-network']\n[]\n")


def test_python_stops_all_streams_before_it_waits_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has not been stopped connects again, and Python would wait for one after the other."""
    done: list[str] = []
    monkeypatch.setattr(network._Reader, "stop", lambda _: done.append("stop"))
    address = parse_address("http://127.0.0.1:1/walk.mp4")
    monkeypatch.setattr(network, "_readers", weakref.WeakSet())
    readers = [network._Reader(address, replace(QUICK, again_s=())) for _ in range(3)]
    for reader in readers:
        monkeypatch.setattr(reader.thread, "join", lambda _: done.append("wait"))
    network._end_all()
    assert done == ["stop"] * 3 + ["wait"] * 3


def test_who_is_stopped_while_it_opens_opens_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []
    is_asked, is_stopped = threading.Event(), threading.Event()

    def refuse(_: str, *, format: str | None, **__: object) -> None:  # noqa: A002 - as PyAV has it
        asked.append(format)
        is_asked.set()
        is_stopped.wait(5)
        raise ArgumentError(22, "Invalid argument")

    monkeypatch.setattr(network.av, "open", refuse)
    reader = network._Reader(parse_address("http://127.0.0.1:1/walk.mp4"), QUICK)
    assert is_asked.wait(5)
    reader.stop()
    is_stopped.set()
    reader.thread.join(5)
    assert asked == [None]


def test_a_stream_that_stalls_is_said_and_connected_again(walk: bytes) -> None:
    source, frames, told, _ = read(part(walk, len(walk) * 2 // 3, wait=3), whole(walk))
    assert numbers(frames) == list(range(NUM))
    assert "nothing came for 0.4 s; connecting again" in told[0]
    assert source.warnings == []


def test_it_is_not_tried_for_ever_and_what_came_is_kept(walk: bytes) -> None:
    source, frames, told, num_requests = read(part(walk, len(walk) * 2 // 3))
    found = numbers(frames)
    assert 0 < len(found) < NUM
    assert found == list(range(len(found)))
    assert num_requests == 4
    assert [line[-12:] for line in told] == [f"(try {n} of 3)" for n in (1, 2, 3)]
    assert "given up after 3 tries, what came before is kept" in source.warnings[0]
    _, frames, told, num_requests = read(part(walk, len(walk) * 2 // 3), refused(503))
    assert num_requests == 4
    assert "5XX Server Error" in told[1]


def test_a_live_stream_goes_on_later_and_never_back(live: bytes) -> None:
    source, frames, _, _ = read(
        part(live, len(live), told=False, kind="video/mp2t"), name="live.ts"
    )
    assert source.info.duration_s is None
    assert "were left out" in source.info.note
    times = [frame.time_s for frame in frames]
    assert times == sorted(set(times))
    assert any("lost after" in line for line in source.warnings)
    assert any("broke off 3 times" in line for line in source.warnings)


def joined(folder: Path) -> Path:
    """Two recordings in one file: times go back where the second one begins."""
    parts = [
        bad_videos.write_video(folder / f"{number}.ts", num_frames=number) for number in (20, 12)
    ]
    path = folder / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def time_lapse(folder: Path, suffix: str = ".mp4") -> Path:
    return bad_videos.write_video(
        folder / f"lapse{suffix}", num_frames=6, rate_hz=Fraction(1, 2), size_hw=(48, 64)
    )


def with_long_sound(folder: Path, suffix: str = ".mkv") -> Path:
    """Half a second of pictures, and two of sound."""
    path, out_path = folder / "short.mp4", folder / f"sound{suffix}"
    bad_videos.write_video(path, num_frames=12, size_hw=(48, 64))
    with av.open(str(path)) as given, av.open(str(out_path), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        sound = out.add_stream("aac", rate=44100)
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
        bad_videos._add_tone(out, sound, 2.0)
    return out_path


def with_time_code(folder: Path) -> Path:
    """Two seconds of pictures, and a track whose only packet lasts as long as they."""
    path, out_path = folder / "plain.mp4", folder / "code.mov"
    bad_videos.write_video(path, num_frames=NUM)
    options = {"movflags": "+faststart"}
    with av.open(str(path)) as given, av.open(str(out_path), "w", container_options=options) as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height = 320, 240
        stream.metadata["timecode"] = "01:00:00:00"
        for picture in given.decode(video=0):
            picture.pict_type = PictureType.NONE
            out.mux(stream.encode(picture))
        out.mux(stream.encode())
    return out_path


def with_subtitle(folder: Path) -> Path:
    """Two seconds of pictures, and a subtitle all along."""
    path, out_path = folder / "plain.mp4", folder / "text.mkv"
    bad_videos.write_video(path, num_frames=NUM)
    (folder / "text.srt").write_text("1\n00:00:00,000 --> 00:00:02,000\nall along\n", "utf-8")
    with (
        av.open(str(path)) as given,
        av.open(str(folder / "text.srt")) as text,
        av.open(str(out_path), "w") as out,
    ):
        for source in (text, given):
            out.add_stream_from_template(source.streams[0])
        for number, source in enumerate((text, given)):
            for packet in source.demux(source.streams[0]):
                if packet.dts is not None:
                    packet.stream = out.streams[number]
                    out.mux(packet)
    return out_path


RECORDINGS: dict[str, Callable[[Path], Path]] = {
    "browser.webm": lambda folder: bad_videos.by_browser(folder / "browser.webm", JITTERED_MS),
    "code.mov": with_time_code,
    "text.mkv": with_subtitle,
    "joined.ts": joined,
    "lapse.mp4": time_lapse,
    "lapse.mkv": lambda folder: time_lapse(folder, ".mkv"),
    "sound.mkv": with_long_sound,
    "sound.flv": lambda folder: with_long_sound(folder, ".flv"),
    "times.mp4": lambda folder: bad_videos.write_video(
        folder / "times.mp4", num_frames=12, times_ms=bad_videos.VFR_MS, size_hw=(48, 64)
    ),
}


def untold(data: bytes) -> Answer:
    return part(data, len(data), told=False)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        (name, answer)
        for name in RECORDINGS
        for answer in (ranged, whole, untold)
        if answer != untold or name != "joined.ts"  # which is live then: nothing tells its length
    ],
)
def test_a_recording_has_the_frames_and_times_of_the_file(
    name: str, answer: Callable[[bytes], Answer], tmp_path: Path
) -> None:
    path = RECORDINGS[name](tmp_path)
    source, frames, told, _ = read(answer(path.read_bytes()), name=name, patience=PATIENT)
    file = open_video(path)
    assert source.info.rate_hz == file.info.rate_hz
    local = list(file.frames())
    assert [(f.index, f.time_s) for f in frames] == [(f.index, f.time_s) for f in local]
    for frame, expected in zip(frames, local, strict=True):
        np.testing.assert_array_equal(frame.rgb, expected.rgb)
    assert (told, source.warnings, source.info.note) == ([], [], "")


@pytest.mark.parametrize("name", ["code.mov", "text.mkv"])
@pytest.mark.parametrize("wait", [0, 0.9])
def test_pictures_that_break_off_are_missed_though_other_packets_last_longer(
    name: str, wait: float, tmp_path: Path
) -> None:
    data = RECORDINGS[name](tmp_path).read_bytes()
    cut = part(data, len(data) // 2, told=False, wait=wait)
    source, frames, told, num_requests = read(cut, whole(data), name=name)
    assert numbers(frames) == [frame.index for frame in frames] == list(range(NUM))
    assert (len(told), num_requests, source.warnings) == (1, 2, [])


def test_the_rate_of_what_breaks_off_is_that_of_what_came(tmp_path: Path) -> None:
    """Ten pictures come, fewer than are waited for."""
    data = RECORDINGS["browser.webm"](tmp_path).read_bytes()
    source, frames, _, _ = read(
        lying(data[: len(data) // 4], len(data)), refused(404), name="a.webm", patience=PATIENT
    )
    assert source.info.rate_hz == pytest.approx(30, rel=0.05)
    assert 0 < len(frames) < 20


def test_a_live_stream_that_says_no_rate_has_that_of_its_times(tmp_path: Path) -> None:
    path = tmp_path / "live.webm"
    data = bytearray(RECORDINGS["browser.webm"](tmp_path).read_bytes())
    place = data.index(b"\x44\x89\x88")  # Duration, becomes Void
    data[place : place + 3] = b"\xec\x80\x89"
    path.write_bytes(data)
    source, frames, _, _ = read(untold(bytes(data)), refused(404), name=path.name, patience=PATIENT)
    assert "were left out" in source.info.note
    assert source.info.rate_hz == pytest.approx(30, rel=0.05)
    assert frames[0].index == 0  # whichever picture that is: who reads slowly gets the newest


def test_a_recording_without_a_length_in_its_header_goes_on_where_it_was(live: bytes) -> None:
    kind = "video/mp2t"
    source, frames, told, num_requests = read(
        part(live, len(live) * 2 // 3, kind=kind),
        whole(live, kind),
        name="live.ts",
        patience=PATIENT,
    )
    assert source.info.duration_s is None
    assert numbers(frames) == [frame.index for frame in frames] == list(range(NUM))
    assert (len(told), num_requests, source.warnings) == (1, 2, [])


def elsewhere(url: str) -> Answer:
    def answer(to: BaseHTTPRequestHandler) -> None:
        to.send_response(302)
        to.send_header("Location", url)
        to.end_headers()

    return answer


WAV = b"RIFF\x44\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0@\x1f\0\0@\x1f\0\0\1\0\x08\0data \0\0\0" + bytes(32)
NOT_READ = "is, or leads to, what is not read; expected MP4, WebM, MPEG-TS, FLV, HLS or MJPEG"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refused(404), "cannot be read (Server returned 404 Not Found)"),
        (whole(b"hello " * 99, "text/plain"), "what came is not a video that can be read"),
        (part(b"x", 0, told=False, wait=3), "nothing came for 0.4 s"),
        (whole(WAV, "audio/wav"), NOT_READ),
        (elsewhere("ftp://127.0.0.1/a.mp4"), NOT_READ),
    ],
    ids=["404", "text", "silence", "another format", "another protocol"],
)
def test_what_gives_no_picture_is_one_line(answer: Answer, words: str) -> None:
    with serving(answer) as server:
        address = parse_address(f"http://me:secret@127.0.0.1:{server.port}/walk.mp4?hush")
        begin = time.monotonic()
        with pytest.raises(VideoError) as found:
            NetworkSource(address, patience=Patience(0.4, 0.4, again_s=(0.01,)))
        assert time.monotonic() - begin < 3
        assert str(found.value) == f"http://127.0.0.1:{server.port}/walk.mp4: {words}"
        chain: list[BaseException | None] = [found.value.__cause__, found.value.__context__]
        assert "secret" not in str(chain)
        assert len(server.requests) == (2 if words is NOT_READ else 1)  # also as MJPEG


def test_who_wants_to_stop_need_not_wait_for_a_picture(walk: bytes) -> None:
    class Stop(Exception):
        pass

    def check() -> None:
        if seen and time.monotonic() - seen[-1] > 0.2:
            raise Stop

    seen: list[float] = []
    with serving(part(walk, len(walk) * 2 // 3, wait=3)) as server:
        address = parse_address(f"http://127.0.0.1:{server.port}/walk.mp4")
        source = NetworkSource(address, Watch(check=check), Patience(2.0, 2.0, again_s=(1.0,)))
        with pytest.raises(Stop):
            seen.extend(time.monotonic() for _ in source.frames())
        assert len(seen) > 10
        assert time.monotonic() - seen[-1] < 1.9  # a second for the thread, which is left alone


def test_a_stream_that_is_dropped_unread_is_let_go_of(tmp_path: Path) -> None:
    # Longer than what may wait, so that a thread that nobody ends stays.
    long = bad_videos.write_video(tmp_path / "long.mp4", num_frames=150).read_bytes()
    with serving(whole(long)) as server:
        address = parse_address(f"http://127.0.0.1:{server.port}/walk.mp4")
        source = NetworkSource(address, Watch(), PATIENT)
        thread = source._reader.thread
        assert thread.is_alive()
        del source
        thread.join(5)
        assert not thread.is_alive()


def multipart(
    num: int,
    pause_s: float,
    *,
    is_sized: bool = True,
    at_once: int = 1,
    kind: str = "image/jpeg",
    length: int = 0,
    code: str = ".jpg",
) -> Answer:
    """Pictures one by one, as small cameras send them, or so many at once; `length` is of them all."""
    jpegs = [
        cv2.imencode(code, bad_videos.coded_picture(i)[..., ::-1])[1].tobytes() for i in range(num)
    ]

    def answer(to: BaseHTTPRequestHandler) -> None:
        to.send_response(200)
        to.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        if length:
            to.send_header("Content-Length", str(length))
        to.end_headers()
        for number, jpeg in enumerate(jpegs, 1):
            size = f"Content-Length: {len(jpeg)}\r\n" if is_sized else ""
            head = f"--frame\r\nContent-Type: {kind}\r\n{size}\r\n"
            with suppress(OSError):
                to.wfile.write(head.encode() + jpeg + b"\r\n")
            if number % at_once == 0:
                time.sleep(pause_s)

    return answer


@pytest.mark.parametrize("is_sized", [False, True])
def test_pictures_one_by_one_have_the_times_at_which_they_came(
    is_sized: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "_WAITING", {True: 8, False: 99})
    answer = multipart(40, 0.02, is_sized=is_sized)
    source, frames, told, num_requests = read(answer, answer, refused(404), name="stream")
    assert source.info.size_hw == (240, 320)
    assert 25 < source.info.rate_hz <= 50.5  # and not what FFmpeg assumes
    assert source.info.note
    assert numbers(frames) in (list(range(23, 39)), list(range(23, 40)))  # others tell the rate
    steps = np.diff([frame.time_s for frame in frames])
    assert steps.min() > 0
    assert 0.018 < np.median(steps) < 0.03
    assert len(told) == 3
    assert num_requests == 2 + 3  # what it is was asked for once


def test_pictures_that_come_by_twos_tell_the_rate_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_WAITING", {True: 8, False: 99})
    answer = multipart(30, 0.04, at_once=2)
    source, frames, _, num_requests = read(answer, answer, answer, refused(404), name="stream")
    assert num_requests == 2 + 3
    assert 25 < source.info.rate_hz < 54
    # All pictures of the second connection; and no person is lost for so short a gap.
    assert 6 + 29 <= len(frames) <= 7 + 30
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert np.diff([frame.time_s for frame in frames]).min() > 0


def test_pictures_that_come_at_the_same_time_have_times_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network.time, "monotonic", lambda: 5.0)
    packets = [av.Packet(b"x") for _ in range(3)]
    times = [packet.pts for packet in network._as_they_come(iter(packets))]
    assert times == [450_000, 450_001, 450_002]


def test_pictures_one_by_one_of_which_all_are_there_have_no_times() -> None:
    with serving(multipart(30, 0.0, length=100_000)) as server:
        address = parse_address(f"http://127.0.0.1:{server.port}/walk.mjpg")
        with pytest.raises(VideoError, match="so a recording without times; convert it to MP4"):
            NetworkSource(address, patience=QUICK)
        assert len(server.requests) == 2


@pytest.mark.parametrize("is_sized", [False, True])
def test_pictures_whose_type_is_misspelt_are_read(is_sized: bool) -> None:
    answer = multipart(40, 0.02, is_sized=is_sized, kind="image/jpg")
    with serving(answer) as server:
        address = parse_address(f"http://127.0.0.1:{server.port}/stream")
        source = NetworkSource(address, patience=replace(QUICK, again_s=()))
        frames = list(source.frames())
    assert source.info.size_hw == (240, 320)
    assert 25 < source.info.rate_hz <= 50.5
    assert numbers(frames)[0] == 23
    assert 0.018 < np.median(np.diff([frame.time_s for frame in frames])) < 0.03


def test_who_sends_other_pictures_one_by_one_is_told_why() -> None:
    with serving(multipart(5, 0.0, kind="image/png", code=".png")) as server:
        address = parse_address(f"http://127.0.0.1:{server.port}/stream")
        with pytest.raises(VideoError, match="is not read; expected MP4, "):
            NetworkSource(address, patience=QUICK)


def test_few_pictures_a_second_are_not_waited_for_to_know_how_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "_RATED_S", 0.1)
    begin = time.monotonic()
    with serving(multipart(20, 0.1, is_sized=True)) as server:
        address = parse_address(f"http://127.0.0.1:{server.port}/stream")
        source = NetworkSource(address, Watch(), PATIENT)
        assert time.monotonic() - begin < 1.5
        assert 2 < source.info.rate_hz < 11
        source.close()


def test_a_camera_over_rtsp(live: bytes) -> None:
    with rtsp(live) as port:
        address = parse_address(f"rtsp://me:secret@127.0.0.1:{port}/stream1")
        source = NetworkSource(address, patience=Patience(5.0, 1.0, again_s=()))
        frames = list(source.frames())
    assert source.info.name == f"127.0.0.1-{port}-stream1"
    assert source.info.size_hw == (240, 320)
    times = [frame.time_s for frame in frames]
    assert len(frames) >= 2
    assert times == sorted(set(times))


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("http://host/walk.mp4", "http://host/walk.mp4"),
        ("HTTPS://me:se/cr?et@host:80/a.mp4?token=1#x", "https://host:80/a.mp4"),
        ("rtsp://10.0.0.5:554/user=admin&password=x", "rtsp://10.0.0.5:554/user..."),
        ("rtmp://host/live/streamkey", "rtmp://host/..."),
        ("rtsp://[::1]:554/a", "rtsp://[::1]:554/a"),
        ("http://me:pw@/x", "http:///x"),
        ("http:/me:pw@host/x", "http://host/x"),
    ],
)
def test_what_is_shown_of_an_address(text: str, label: str) -> None:
    assert shown(text) == label
    assert is_address(text)


def test_only_some_addresses_are_opened_and_only_if_allowed() -> None:
    for text in ("ftp://me:pw@host/x", "file:///etc/passwd", "http:///x", "concat:/a"):
        with pytest.raises(VideoError, match="expected"):
            parse_address(text)
    for host in ("host:0", "host:70000", "host:", "host:a", "[::1]:99999", "me:pw@host:0", "::1"):
        for scheme in ("http", "rtsp", "rtmps"):
            with pytest.raises(VideoError, match="with a port from 1 to 65535") as found:
                parse_address(f"{scheme}://{host}/x")
            assert "pw" not in str(found.value)
    for host in ("host", "host:1", "me:pw@host:65535", "[::1]", "[::1]:554", "10.0.0.5:80"):
        assert parse_address(f"http://{host}/x").url == f"http://{host}/x"
    for tail in ("h/@12:30:45/x.mp4", "h/x?from=me@b&time=12:30:00", "h/live@main:stream"):
        assert parse_address(f"http://{tail}").url == f"http://{tail}"
    with pytest.raises(VideoError, match="%2F") as found:
        parse_address("rtsp://me:p/w@h/x")  # whose host would be "me"
    assert "p/w" not in str(found.value)
    for text in ("http://me:pw@host.invalid/x.mp4", "rtsp://host.invalid/user=pw"):
        (entry,) = find_sources([text])
        with pytest.raises(VideoError, match="not a local file; add --allow-network") as found:
            entry.open()
        assert "pw" not in str(found.value)
        (entry,) = find_sources([text], allow_network=True)
        assert entry.error is None
        assert entry.label == shown(text)
    assert is_address(f"http://host.invalid/{'a' * 5000}")
    assert not is_address("walk.mp4")
    assert not is_address("C:\\walk.mp4")


HLS = "application/vnd.apple.mpegurl"


def playlist(*urls: str, is_over: bool = True) -> bytes:
    """With a discontinuity between any two. A live one is asked for again after its last part."""
    lasts_s = 2 if is_over else 0.1
    parts = "#EXT-X-DISCONTINUITY\n".join(f"#EXTINF:{lasts_s},\n{url}\n" for url in urls)
    end = "#EXT-X-ENDLIST\n" if is_over else ""
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n{parts}{end}".encode()


def test_a_splice_in_a_playlist_loses_no_pictures(live: bytes) -> None:
    files = {"a.m3u8": playlist("b.ts", "c.ts"), "b.ts": live, "c.ts": live}
    source, frames, told, num_requests = read(routed(files), name="a.m3u8", patience=PATIENT)
    assert numbers(frames) == [*range(NUM), *range(NUM)]
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(2 * NUM) / 25, atol=1e-3)
    assert (told, source.warnings, num_requests) == ([], [], 3)


@pytest.mark.parametrize("order", [("b.ts", "far.ts", "c.ts"), ("far.ts", "b.ts", "c.ts")])
def test_a_splice_whose_clock_jumps_ahead_or_wraps_is_no_hole(
    order: tuple[str, ...], live: bytes, tmp_path: Path
) -> None:
    """Where times go back, FFmpeg takes it for a clock that begins anew after 26 hours."""
    late = [18_000_000 + 40 * number for number in range(NUM)]
    far = bad_videos.write_video(tmp_path / "far.ts", num_frames=NUM, times_ms=late).read_bytes()
    files = {"a.m3u8": playlist(*order), "b.ts": live, "c.ts": live, "far.ts": far}
    source, frames, told, _ = read(routed(files), name="a.m3u8", patience=PATIENT)
    assert numbers(frames) == [*range(NUM)] * 3
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(3 * NUM) / 25, atol=1e-3)
    assert (told, source.warnings) == ([], [])
    del files["c.ts"]
    source, frames, told, _ = read(routed(files), name="a.m3u8", patience=PATIENT)
    assert numbers(frames) == [*range(NUM)] * 2
    assert "given up after 3 tries" in source.warnings[0]


def test_a_playlist_whose_server_is_gone_has_not_ended(live: bytes) -> None:
    """FFmpeg ends it without an error."""
    source, frames, told, _ = read(
        routed({"a.m3u8": playlist("b.ts", "c.ts"), "b.ts": live}),
        name="a.m3u8",
        patience=PATIENT,
    )
    assert numbers(frames) == list(range(NUM))
    assert len(told) == 3
    assert "given up after 3 tries" in source.warnings[0]


@pytest.mark.parametrize("ends", [True, False])
def test_a_broadcast_that_ends_is_not_played_again(live: bytes, ends: bool) -> None:
    """It is live until its playlist says that it is over, or until nobody gives one."""

    def list_now() -> bytes:
        asked.append(1)
        is_live = len(asked) == 1
        return playlist("b.ts", is_over=not is_live) if is_live or ends else b""

    asked: list[int] = []
    source, frames, told, _ = read(
        routed({"a.m3u8": list_now, "b.ts": live}), name="a.m3u8", patience=PATIENT
    )
    assert "were left out" in source.info.note
    found = numbers(frames)
    assert found == sorted(set(found))
    assert found[-1] == NUM - 1
    if ends:
        assert source.warnings == []
        assert "has an end now, so the broadcast is over" in told[-1]
    else:
        assert "404" in source.warnings[0]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Four parts of two seconds each, of one clock."""
    folder = tmp_path_factory.mktemp("parts")
    return {
        name: bad_videos.write_video(
            folder / name,
            num_frames=NUM,
            times_ms=[2000 * number + 40 * place for place in range(NUM)],
            size_hw=(48, 64),
        ).read_bytes()
        for number, name in enumerate(("0.ts", "1.ts", "2.ts", "3.ts"))
    }


@pytest.mark.parametrize(
    ("first", "then", "is_missed"),
    [
        (["0.ts", "1.ts"], ["0.ts", "1.ts"], False),
        (["0.ts", "1.ts"], ["0.ts", "1.ts", "2.ts", "3.ts"], True),
        (["2.ts", "0.ts"], ["2.ts", "0.ts"], False),  # its clock goes back: FFmpeg finds no end
        (["2.ts", "0.ts"], ["2.ts", "0.ts", "1.ts"], True),
    ],
)
def test_of_a_broadcast_that_is_over_it_is_said_whether_its_end_came(
    first: list[str], then: list[str], is_missed: bool, parts: dict[str, bytes]
) -> None:
    """It is not there for one reload of its playlist, where FFmpeg ends without an error."""
    lists = [playlist(*first, is_over=False), b"", b"", playlist(*then)]

    def list_now() -> bytes:
        return lists.pop(0) if len(lists) > 1 else lists[0]

    source, frames, told, _ = read(
        routed(parts | {"a.m3u8": list_now}), name="a.m3u8", patience=PATIENT
    )
    assert frames[-1].time_s == pytest.approx(4 - 0.04, abs=0.1)
    assert "has an end now, so the broadcast is over" in told[-1]
    assert [line.partition(": broke off 1 times")[1] for line in source.warnings] == [
        ": broke off 1 times"
    ] * is_missed


@pytest.mark.parametrize("lacking", ["0.ts", "1.ts", "3.ts"])
def test_a_part_of_a_playlist_that_is_not_there_is_said(
    lacking: str, parts: dict[str, bytes]
) -> None:
    files = {name: data for name, data in parts.items() if name != lacking}
    source, frames, _, _ = read(
        routed(files | {"a.m3u8": playlist(*parts)}), name="a.m3u8", patience=PATIENT
    )
    assert len(frames) >= 3 * NUM - 5
    told = "2.0 s of it did not come" if lacking == "1.ts" else "given up after 3 tries"
    assert told in source.warnings[0]


def chunked(data: bytes) -> Answer:
    """All of something whose length is not told, with an end that says that it is one."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.protocol_version = "HTTP/1.1"
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data))
        request.close_connection = True

    return answer


def test_what_comes_in_place_of_a_live_stream_does_not_end_it(live: bytes) -> None:
    source, frames, told, num_requests = read(
        chunked(live), whole(live, "video/mp2t"), refused(404), name="live.ts", patience=PATIENT
    )
    assert num_requests == 4
    assert frames[-1].time_s > 3
    assert "the stream broke off; connecting again" in told[0]
    assert "lost after" in source.warnings[0]
    assert "broke off 1 times" in source.warnings[1]


def test_a_length_that_no_file_has_makes_no_recording_of_what_is_live(live: bytes) -> None:
    endless = lying(live, 1 << 40)
    source, frames, _, _ = read(endless, endless, refused(404), name="live.ts", patience=PATIENT)
    assert "were left out" in source.info.note
    assert frames[-1].time_s > 3
    assert "broke off 1 times" in source.warnings[1]


def lying(data: bytes, size: int) -> Answer:
    """What breaks off, said to be of so many bytes."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(size))
        request.end_headers()
        request.wfile.write(data)
        request.close_connection = True

    return answer


def test_a_recording_that_begins_anew_and_gives_nothing_new_says_so_and_has_no_new_tries(
    live: bytes,
) -> None:
    _, frames, told, num_requests = read(
        lying(live, 1 << 30), name="live.ts", patience=replace(PATIENT, steady_s=0.0)
    )
    assert numbers(frames) == list(range(len(frames)))
    assert num_requests == 4
    assert ["and nothing new had come" in line for line in told] == [False, True, True]


def test_a_clock_that_jumps_ahead_is_said_and_no_gap(tmp_path: Path) -> None:
    late = [round(18_000_000 + 1000 * number / 25) for number in range(12)]
    first = bad_videos.write_video(tmp_path / "a.ts", num_frames=12, size_hw=(48, 64))
    second = bad_videos.write_video(
        tmp_path / "b.ts", num_frames=12, times_ms=late, size_hw=(48, 64)
    )
    data = first.read_bytes() + second.read_bytes()
    source, frames, _, _ = read(untold(data), refused(404), name="live.ts", patience=PATIENT)
    times = [frame.time_s for frame in frames]
    assert times == sorted(set(times))
    assert times[-1] < 60
    assert frames[-1].index < 100
    assert any("its clock jumped ahead 1 times" in line for line in source.warnings)


def test_a_playlist_opens_nothing_but_http(live: bytes, tmp_path: Path) -> None:
    path = tmp_path / "own.ts"
    path.write_bytes(live)
    with serving(whole(playlist(path.as_uri()), HLS)) as server:
        address = parse_address(f"http://127.0.0.1:{server.port}/a.m3u8")
        with pytest.raises(VideoError):
            NetworkSource(address, patience=QUICK)
    with serving(whole(playlist("b.ts"), HLS), whole(live, "video/mp2t")) as server:
        address = parse_address(f"http://127.0.0.1:{server.port}/a.m3u8")
        frames = list(NetworkSource(address, patience=QUICK).frames())
        assert numbers(frames) == list(range(NUM))


@pytest.mark.parametrize("scheme", ["http", "https", "rtmp", "rtmps", "rtsp", "rtsps"])
def test_the_library_may_open_the_network_only(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg has rules of its own, too, so that a playlist alone would not show it."""
    asked: list[dict[str, str]] = []

    def refuse(url: str, container_options: dict[str, str], **_: object) -> None:
        asked.append(container_options)
        raise OSError("no")

    monkeypatch.setattr(network.av, "open", refuse)
    with pytest.raises(VideoError):
        NetworkSource(parse_address(f"{scheme}://host.invalid/a"), patience=QUICK)
    (options,) = asked
    protocols = set(options["protocol_whitelist"].split(","))
    assert "tcp" in protocols
    assert protocols <= {"http", "https", "rtmp", "rtmps", "rtsp", "tcp", "tls"}
    assert not {"concat", "dash", "lavfi"} & set(options["format_whitelist"].split(","))


def test_only_over_http_an_argument_that_is_refused_is_a_format(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ArgumentError(22, "Invalid argument")

    monkeypatch.setattr(network.av, "open", refuse)
    for scheme, said in (("rtsp", "cannot be read (Invalid argument)"), ("https", NOT_READ)):
        with pytest.raises(VideoError) as found:
            NetworkSource(parse_address(f"{scheme}://host.invalid/a"), patience=QUICK)
        assert str(found.value) == f"{scheme}://host.invalid/a: {said}"


LISTS: dict[str, Callable[[str], bytes]] = {
    "a.m3u8": playlist,
    "a.mp4": playlist,
    "a.sdp": lambda url: (
        f"v=0\ns=x\nc=IN IP4 127.0.0.1\nm=video {url.split(':')[2][:5].strip('/')}"
        " RTP/AVP 33\n".encode()
    ),
    "a.ffconcat": lambda url: f"ffconcat version 1.0\nfile '{url}'\n".encode(),
    "a.mpd": lambda url: (
        f'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011">'
        f"<Period><BaseURL>{url}</BaseURL></Period></MPD>".encode()
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_local_file_opens_no_address(name: str, live: bytes, tmp_path: Path) -> None:
    with serving(whole(live)) as server:
        path = tmp_path / name
        path.write_bytes(LISTS[name](f"http://127.0.0.1:{server.port}/live.ts"))
        (entry,) = find_sources([path])
        with pytest.raises(VideoError):
            entry.open()
        assert server.requests == []
