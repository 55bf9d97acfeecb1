"""JPEG that was cut short or overwritten is refused; what cameras leave out of each one is not."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av import Packet

from bad_videos import coded_picture
from glpose.video import camera
from glpose.video.camera import open_device
from glpose.video.decoder import Decoder
from glpose.video.network import NetworkSource, Patience, parse_address
from glpose.video.reader import open_video
from network_server import serving, whole

_END = b"\xff\xd9"


def picture(index: int) -> bytes:
    """A JPEG, with something in each of its blocks."""
    noise = np.random.default_rng(index).integers(-20, 20, (240, 320, 1))
    noisy = np.clip(coded_picture(index) + noise, 0, 255).astype(np.uint8)
    return cv2.imencode(".jpg", noisy)[1].tobytes()


def half(jpeg: bytes) -> bytes:
    return jpeg[: len(jpeg) // 2]


def overwritten(jpeg: bytes) -> bytes:
    begin = len(jpeg) // 2
    return jpeg[:begin] + bytes(1000) + jpeg[begin + 1000 :]


def without_end(jpeg: bytes) -> bytes:
    return jpeg.removesuffix(_END)


def few_bits_short(jpeg: bytes) -> bytes:
    return jpeg[:-5] + _END


def with_more_behind(jpeg: bytes) -> bytes:
    return jpeg + bytes(100)


def with_empty_part(jpeg: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe5\0\2" + jpeg[2:]


def without_tables(jpeg: bytes) -> bytes:
    """As MJPEG in AVI may be: every decoder knows the usual ones."""
    while (at := jpeg.find(b"\xff\xc4")) >= 0:
        jpeg = jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4]) :]
    return jpeg


def too_tall(jpeg: bytes) -> bytes:
    """Its header says more rows than there are."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + (248).to_bytes(2) + jpeg[at + 2 :]


def file_of(path: Path, jpegs: list[bytes]) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj420p"
        for number, jpeg in enumerate(jpegs):
            packet = Packet(jpeg)
            packet.pts = packet.dts = number
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            out.mux(packet)
    return path


def lost(path: Path) -> list[int | None]:
    return [frame.index for frame in open_video(path).frames() if frame.rgb is None]


@pytest.mark.parametrize("name", ["a.avi", "a.mov", "a.mkv"])
@pytest.mark.parametrize("damaged", [half, overwritten])
def test_a_damaged_picture_of_a_file_is_lost(
    name: str, damaged: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    jpegs = [picture(i) for i in range(8)]
    jpegs[3], jpegs[5] = damaged(jpegs[3]), damaged(jpegs[5])
    assert lost(file_of(tmp_path / name, jpegs)) == [3, 5]


@pytest.mark.parametrize(
    "faulty",
    [without_end, few_bits_short, with_more_behind, with_empty_part, without_tables],
)
def test_small_faults_lose_no_picture(faulty: Callable[[bytes], bytes], tmp_path: Path) -> None:
    jpegs = [faulty(picture(i)) if i % 2 else picture(i) for i in range(6)]
    assert lost(file_of(tmp_path / "a.avi", jpegs)) == []


def test_a_fault_of_every_picture_loses_none(tmp_path: Path) -> None:
    path = file_of(tmp_path / "a.avi", [too_tall(picture(i)) for i in range(4)])
    frames = list(open_video(path).frames())
    assert [frame.status for frame in frames] == ["ok"] * 4
    for i, frame in enumerate(frames):
        alone = file_of(tmp_path / f"{i}.avi", [picture(i)])
        given, expected = frame.rgb, next(open_video(alone).frames()).rgb
        assert given is not None
        assert expected is not None
        assert np.array_equal(given[:224], expected[:224])


def test_a_damaged_picture_of_a_stream_or_a_camera_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of(
        tmp_path / "a.avi", [half(picture(i)) if i == 3 else picture(i) for i in range(6)]
    )
    monkeypatch.setattr(camera, "_WAITING", 9)
    of_camera = list(open_device(str(path), "avi", "camera-7").frames())
    with serving(whole(path.read_bytes(), "video/x-msvideo")) as server:
        address = parse_address(f"http://127.0.0.1:{server.port}/a.avi")
        of_stream = list(NetworkSource(address, patience=Patience(again_s=())).frames())
    expected = [0.0, 0.04, 0.08, 0.16, 0.2]
    assert [frame.time_s for frame in of_camera] == pytest.approx(expected)
    assert [frame.time_s for frame in of_stream] == pytest.approx(expected)


def fields(index: int) -> list[bytes]:
    """The two halves of an interlaced picture, the upper rows first."""
    rgb = coded_picture(index)
    return [cv2.imencode(".jpg", rgb[first::2].copy())[1].tobytes() for first in (0, 1)]


@pytest.mark.parametrize("name", ["a.avi", "a.mov", "a.mkv"])
@pytest.mark.parametrize("damaged_field", [0, 1])
def test_a_damaged_field_spoils_no_other_picture(
    damaged_field: int, name: str, tmp_path: Path
) -> None:
    pictures = [fields(i) for i in range(6)]
    (tmp_path / "whole").mkdir()
    whole_path = file_of(tmp_path / "whole" / name, [b"".join(both) for both in pictures])
    pictures[3][damaged_field] = half(pictures[3][damaged_field])
    path = file_of(tmp_path / name, [b"".join(both) for both in pictures])
    expected = [frame.rgb for frame in open_video(whole_path).frames()]
    given = [frame.rgb for frame in open_video(path).frames()]
    for i in (0, 1, 2, 4, 5):
        one, other = given[i], expected[i]
        assert one is not None
        assert other is not None
        assert np.array_equal(one, other)


def test_pictures_of_a_camera_that_writes_faults_are_decoded_once_at_last(tmp_path: Path) -> None:
    path = file_of(tmp_path / "a.avi", [too_tall(picture(i)) for i in range(30)])
    with av.open(str(path)) as file:
        decoder = Decoder(file.streams.video[0])
        num = sum(len(decoder.decode(packet)) for packet in file.demux(video=0) if packet.size)
    assert num == 30
    assert decoder._strict is None
