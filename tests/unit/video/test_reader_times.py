"""Times and rates where the container says nothing about them, or something wrong."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from bad_videos import coded_picture, read_index, write_video
from glpose.video.reader import open_video

GAP_MS = [40 * i for i in (*range(20), *range(25, 45))]


def write_raw(path: Path, codec: str, size_hw: tuple[int, int], pixels: str, rate: Fraction) -> int:
    """A stream of 30 coded pictures, DV or a bare one of MPEG-2; returns the rate of its header."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *size_hw, pixels
        stream.codec_context.time_base = 1 / rate
        for index in range(30):
            picture = av.VideoFrame.from_ndarray(coded_picture(index, size_hw), format="rgb24")
            picture.pts, picture.time_base = index, 1 / rate
            out.mux(stream.encode(picture.reformat(format=pixels)))
        out.mux(stream.encode(None))
    with av.open(str(path)) as video:
        return int(video.streams.video[0].average_rate)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codec", "size_hw", "pixels", "rate", "said"),
    [
        ("pal.dv", "dvvideo", (576, 720), "yuv420p", Fraction(25), 60000),
        ("ntsc.dv", "dvvideo", (480, 720), "yuv411p", Fraction(30000, 1001), 60000),
        ("film.m2v", "mpeg2video", (240, 320), "yuv420p", Fraction(24000, 1001), 25),
    ],
)
def test_rates_of_wrong_headers_come_from_the_packets(
    tmp_path: Path,
    name: str,
    codec: str,
    size_hw: tuple[int, int],
    pixels: str,
    rate: Fraction,
    said: int,
) -> None:
    assert write_raw(tmp_path / name, codec, size_hw, pixels, rate) == said
    source = open_video(tmp_path / name)
    assert source.info.rate_hz == pytest.approx(float(rate), rel=1e-9)
    frames = list(source.frames())
    assert [read_index(f.rgb) for f in frames] == list(range(30))
    assert [f.time_s for f in frames] == pytest.approx([i / rate for i in range(30)], abs=1e-4)


# 29.97 a second has no whole number of milliseconds and no whole rate.
@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.h264", "libx264"), ("a.hevc", "libx265"), ("a.m2v", "mpeg2video"), ("a.m4v", "mpeg4"),
     ("a.avi", "libx264"), ("a.avi", "mpeg4"), ("a.avi", "mjpeg"), ("a.avi", "libvpx"),
     ("a.mp4", "libx264"), ("a.mp4", "libx265"), ("a.mp4", "mpeg4"), ("a.mp4", "libsvtav1"),
     ("a.mov", "libx264"), ("a.mov", "mjpeg"), ("a.mov", "prores"), ("a.mkv", "libx264"),
     ("a.mkv", "mpeg4"), ("a.mkv", "ffv1"), ("a.webm", "libvpx"), ("a.webm", "libvpx-vp9"),
     ("a.ts", "libx264"), ("a.ts", "libx265"), ("a.m2ts", "mpeg2video"), ("a.mpg", "mpeg2video"),
     ("a.flv", "libx264"), ("a.flv", "flv"), ("a.wmv", "wmv2"), ("a.nut", "libx264"),
     ("a.ivf", "libvpx"), ("a.mxf", "libx264"), ("a.mxf", "mpeg2video"), ("a.3gp", "mpeg4")],
)  # fmt: skip
def test_times_keep_the_rate(name: str, codec: str, tmp_path: Path) -> None:
    keeps_the_rate(tmp_path / name, codec, Fraction(30000, 1001))


@pytest.mark.parametrize("rate_hz", [24, 50, 60])
@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.h264", "libx264"), ("a.m2v", "mpeg2video"), ("a.avi", "mpeg4"), ("a.mp4", "libx265"),
     ("a.mkv", "libx264"), ("a.ts", "libx264"), ("a.flv", "flv")],
)  # fmt: skip
def test_times_keep_whole_rates(name: str, codec: str, rate_hz: int, tmp_path: Path) -> None:
    keeps_the_rate(tmp_path / name, codec, rate_hz)


def keeps_the_rate(path: Path, codec: str, rate_hz: Fraction | int) -> None:
    pixels = {"mjpeg": "yuvj420p", "prores": "yuv422p10le"}.get(codec, "yuv420p")
    write_video(
        path, num_frames=30, size_hw=(96, 128), rate_hz=rate_hz, codec=codec, pix_fmt=pixels
    )
    source = open_video(path)
    times_s = [frame.time_s for frame in source.frames()]
    assert source.info.rate_hz == pytest.approx(float(rate_hz), rel=1e-2)
    assert np.median(np.diff(times_s)) == pytest.approx(1 / source.info.rate_hz, abs=1.1e-3)
    assert times_s == pytest.approx([float(i / Fraction(rate_hz)) for i in range(30)], abs=2e-3)


def test_the_rate_of_unequal_times_is_that_of_the_header(tmp_path: Path) -> None:
    """Every fourth picture is missing: packets say 25 and 12.5, the mean is 18.75."""
    path = write_video(tmp_path / "a.mp4", times_ms=[40 * i for i in range(80) if i % 4 != 3])
    assert open_video(path).info.rate_hz == pytest.approx(18.75, rel=0.02)


def num_null_chunks(path: Path) -> int:
    """Chunks of no bytes in the index of an AVI: frames dropped when it was recorded."""
    data = path.read_bytes()
    start = data.rindex(b"idx1") + 4
    (size,) = struct.unpack_from("<I", data, start)
    return sum(length == 0 for *_, length in struct.iter_unpack("<4I", data[start + 4 :][:size]))


@pytest.mark.parametrize(
    ("codec", "options"),
    [("mpeg4", {}), ("mpeg4", {"bf": "2"}), ("libx264", {"bf": "0"}), ("libx264", {"bf": "2"})],
)
def test_frames_dropped_in_an_avi_keep_their_time(
    tmp_path: Path, codec: str, options: dict[str, str]
) -> None:
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options={"threads": "1", **options})
        stream.height, stream.width, stream.pix_fmt = 240, 320, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for index, time_ms in enumerate(GAP_MS):
            picture = av.VideoFrame.from_ndarray(coded_picture(index), format="rgb24")
            picture.pts, picture.time_base = time_ms // 40, Fraction(1, 25)
            out.mux(stream.encode(picture.reformat(format="yuv420p")))
        out.mux(stream.encode(None))
    assert num_null_chunks(path) == 5
    source = open_video(path)
    frames = list(source.frames())
    assert [read_index(f.rgb) for f in frames] == list(range(40))
    assert [round(1000 * f.time_s) for f in frames] == GAP_MS
    assert source.warnings == []  # it does not end early
