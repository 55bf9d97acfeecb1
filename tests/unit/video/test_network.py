"""Streams of the network, on 127.0.0.1: whole, cut, stalled, refused; and what may not be opened."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

import bad_videos
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
from glpose.video.source import Source, find_sources
from network_server import Answer, part, refused, rtsp, serving, whole

NUM = 50
QUICK = Patience(connect_s=5.0, picture_s=0.4, again_s=(0.01, 0.01, 0.01))


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
        assert not source._thread.is_alive()
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
    put, given = network.NetworkSource._put, []

    def put_until_the_clock_is_set(self: network.NetworkSource, picture: Any) -> None:
        given.append(picture.pts)
        if len(given) == 20:
            raise RuntimeError("Clock has been changed to before timeout start")
        put(self, picture)

    monkeypatch.setattr(network.NetworkSource, "_put", put_until_the_clock_is_set)
    _, frames, told, num_requests = read(whole(walk))
    assert [frame.index for frame in frames] == list(range(NUM))
    assert "clock of this computer was set back" in told[0]
    assert num_requests == 2


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


class Clock(network._Clock):
    """A clock whose computer's time is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.now = 100.0
        monkeypatch.setattr(network.time, "monotonic", lambda: self.now)

    def see(self, pts: int | None, now: int) -> tuple[float, int] | None:
        self.now = float(now)
        found = self.timed(pts)
        return None if found is None else (round(found[0], 6), found[1])


def test_the_times_of_what_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    clock.connect(network.Fraction(1, 1000), network.Fraction(25), None)
    assert [clock.see(pts, 100) for pts in (5000, 5040, None)] == [(0, 0), (0.04, 0), (0.08, 0)]
    assert clock.see(5040, 100) == (0.12, 0)  # its time went back
    clock.connect(None, None, None)
    assert clock.see(77000, 101) == (1.12, 0)  # away for a second
    assert clock.see(77040, 101) == (1.16, 0)
    clock.connect(None, None, None)
    assert clock.see(0, 104) == (4.16, 100)  # for three, which is a gap: at least 100 frames
    assert clock.see(40, 104) == (4.2, 100)
    assert clock.see(10040, 114) == (14.2, 350)  # ten without a new connection
    assert not clock.is_complete


def test_the_times_of_a_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    clock.connect(network.Fraction(1, 1000), network.Fraction(25), 6.0)
    assert [clock.see(pts, 100) for pts in (500, 540, 5000)] == [(0, 0), (0.04, 0), (4.5, 0)]
    clock.connect(network.Fraction(1, 1000), network.Fraction(25), 6.0)
    assert [clock.see(pts, 200) for pts in (500, 5000)] == [None, None]
    assert clock.see(5040, 200) == (4.54, 0)
    assert not clock.is_complete
    assert clock.see(6000, 200) == (5.5, 0)
    assert clock.is_complete


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refused(404), "cannot be read (Server returned 404 Not Found)"),
        (whole(b"hello " * 99, "text/plain"), "what came is not a video that can be read"),
        (part(b"x", 0, told=False, wait=3), "nothing came for 0.4 s"),
    ],
    ids=["404", "text", "silence"],
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
        assert len(server.requests) == 1


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
    for text in ("http://me:pw@host.invalid/x.mp4", "rtsp://host.invalid/user=pw"):
        (entry,) = find_sources([text])
        with pytest.raises(VideoError, match="not a local file; add --allow-network") as found:
            entry.open()
        assert "pw" not in str(found.value)
        (entry,) = find_sources([text], allow_network=True)
        assert entry.error is None
        assert entry.label == shown(text)
    assert not is_address("walk.mp4")
    assert not is_address("C:\\walk.mp4")


def playlist(url: str) -> bytes:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{url}\n#EXT-X-ENDLIST\n".encode()


def test_a_playlist_opens_nothing_but_http(live: bytes, tmp_path: Path) -> None:
    path = tmp_path / "own.ts"
    path.write_bytes(live)
    with serving(whole(playlist(path.as_uri()), "application/vnd.apple.mpegurl")) as server:
        address = parse_address(f"http://127.0.0.1:{server.port}/a.m3u8")
        with pytest.raises(VideoError):
            NetworkSource(address, patience=QUICK)
    kind = "application/vnd.apple.mpegurl"
    with serving(whole(playlist("b.ts"), kind), whole(live, "video/mp2t")) as server:
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
