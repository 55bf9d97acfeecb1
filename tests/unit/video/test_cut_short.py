"""Which files were cut short: never one that is whole, however long its header says it is."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from bad_videos import VFR_MS, coded_picture, write_video
from glpose.video.cut_short import is_cut_short, is_fragmented
from glpose.video.reader import open_video

LAST = {"mkv": "libx264", "webm": "libvpx", "flv": "libx264", "mp4": "libx264"}
UNCOUNTED = [("a.mkv", "libx264"), ("a.mkv", "ffv1"), ("a.webm", "libvpx-vp9"), ("a.flv", "flv"),
             ("a.wmv", "wmv2"), ("a.gif", "gif"), ("a.apng", "apng")]  # fmt: skip
PIXELS = {"gif": "rgb8", "apng": "rgb24"}


def made(path: Path, codec: str, **how: object) -> Path:
    return write_video(path, codec=codec, pix_fmt=PIXELS.get(codec, "yuv420p"), **how)


def cut(path: Path, share: float = 0.6) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def copied(
    source: Path,
    path: Path,
    flags: dict[str, str] | None = None,
    *,
    last_ms: int = 0,
    end_ms: int = 10**6,
    late_ms: int = 0,
) -> Path:
    """The packets of a file up to a time in another one, pictures later, and the last one longer."""
    with av.open(str(source)) as given, av.open(str(path), "w", options=flags or {}) as out:
        streams = {s.index: out.add_stream_from_template(s) for s in given.streams}
        packets = [p for p in given.demux() if p.size]
        last = max((p for p in packets if p.stream.type == "video"), key=lambda p: p.pts)
        for packet in packets:
            if packet.stream.type == "video":
                shift = round(Fraction(late_ms, 1000) / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, (packet.dts or 0) + shift
                if last_ms and packet is last:
                    packet.duration = round(Fraction(last_ms, 1000) / packet.time_base)
            elif packet.pts * packet.time_base * 1000 > end_ms:
                continue
            packet.stream = streams[packet.stream.index]
            out.mux(packet)
    return path


def warnings(path: Path) -> list[str]:
    source = open_video(path)
    assert len(list(source.frames())) > 0
    return source.warnings


@pytest.mark.parametrize(("name", "codec"), UNCOUNTED)
def test_half_a_file_says_so_where_pictures_are_not_counted(
    name: str, codec: str, tmp_path: Path
) -> None:
    path = made(tmp_path / name, codec, size_hw=(96, 128))
    assert not is_cut_short(path)
    assert warnings(path) == []
    cut(path)
    assert is_cut_short(path)
    (line,) = warnings(path)
    assert "ends early, after" in line
    assert "cut short" in line


@pytest.mark.parametrize("flags", ["", "+dash", "+cmaf"])
def test_half_a_fragmented_mp4_says_so(flags: str, tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4")
    how = {"movflags": f"frag_every_frame{flags}", "write_prft": "wallclock"}
    parts = copied(whole, tmp_path / "parts.mp4", how)
    assert warnings(parts) == []
    (line,) = warnings(cut(parts))
    assert "cut short" in line


def box(kind: bytes, size: int = 40) -> bytes:
    return struct.pack(">I4s", size, kind).ljust(size, b".")


@pytest.mark.parametrize("kind", [b"wide", b"prft", b"emsg", b"meta", b"pnot", b"\xa9abc"])
def test_boxes_of_all_kinds_are_stepped_over(kind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    for last in (b"mdat", b"moof", b"sidx"):
        whole = box(b"ftyp") + box(kind) + box(last)
        path.write_bytes(whole)
        assert not is_cut_short(path)
        assert is_fragmented(path) == (last == b"moof")
        path.write_bytes(whole[:-1])
        assert is_cut_short(path)


@pytest.mark.parametrize(
    "behind", [box(b"free")[:-1], box(b"mfra")[:-4], b"some more text", bytes(37), b"\xff" * 50]
)
def test_what_is_behind_the_pictures_of_an_mp4_may_be_cut_or_junk(
    behind: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(box(b"ftyp") + box(b"moof") + box(b"mdat") + behind)
    assert not is_cut_short(path)


LATE_MS = [100_000 + 40 * i for i in range(30)]


def said_to_last(path: Path, seconds: float) -> Path:
    """The Matroska file with another length in its header."""
    data = path.read_bytes()
    at = data.index(b"\x44\x89\x88") + 3
    path.write_bytes(data[:at] + struct.pack(">d", 1000 * seconds) + data[at + 8 :])
    return path


@pytest.mark.parametrize(
    ("name", "codec", "says_s"),
    [("a.mkv", "libx264", 101.2), ("a.mkv", "libx264", 1.2), ("a.flv", "flv", None),
     ("a.wmv", "wmv2", None)],
)  # fmt: skip
def test_a_clock_need_not_begin_at_0(
    name: str, codec: str, says_s: float | None, tmp_path: Path
) -> None:
    path = write_video(tmp_path / name, codec=codec, times_ms=LATE_MS, size_hw=(96, 128))
    if says_s:
        said_to_last(path, says_s)
    source = open_video(path)
    assert source.start_s >= 100
    assert warnings(path) == []
    (line,) = warnings(cut(path))
    assert float(line.split(" after ")[1].split()[0]) < 1


@pytest.mark.parametrize("says_s", [101.2, 1.2])
def test_a_late_clock_and_no_index_behind_the_last_picture(says_s: float, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", codec="libx264", times_ms=LATE_MS, size_hw=(96, 128))
    said_to_last(path, says_s)
    path.write_bytes(path.read_bytes()[:-1])
    assert is_cut_short(path)
    assert warnings(path) == []


def test_an_flv_of_known_length_is_cut_between_two_tags_too(tmp_path: Path) -> None:
    path = made(tmp_path / "a.flv", "flv", size_hw=(96, 128))
    whole, ends, start = path.read_bytes(), [], 13
    while start < len(whole):
        start += 11 + int.from_bytes(whole[start + 1 : start + 4]) + 4
        ends.append(start)
    assert ends[-1] == len(whole)
    path.write_bytes(whole[:-3])
    assert warnings(path) == []
    path.write_bytes(whole[: ends[len(ends) // 2] - 3])
    assert not is_cut_short(path)
    assert is_cut_short(path, is_length_told=True)
    (line,) = warnings(path)
    assert "cut short" in line


@pytest.mark.parametrize("share", [0.3, 0.47, 0.71, 0.99])
def test_a_gif_is_cut_wherever_it_ends_in_a_block(share: float, tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    first, *others = [Image.fromarray(coded_picture(i, (96, 128))) for i in range(5)]
    first.save(path, save_all=True, append_images=others, duration=40)
    assert not is_cut_short(path)
    with path.open("ab") as file:
        file.write(b"some more\0")
    assert not is_cut_short(path)
    assert is_cut_short(cut(path, share))


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [("a.mp4", "libx264", 25), ("a.mov", "mpeg4", 30), ("a.avi", "mpeg4", 25), ("a.3gp", "mpeg4", 25),
     ("a.ts", "libx264", 25), ("a.mpg", "mpeg2video", 25), ("a.nut", "libx264", 60),
     ("a.mxf", "libx264", 25), ("a.ivf", "libvpx", 30), ("a.h264", "libx264", 25),
     ("a.mkv", "libx264", Fraction(30000, 1001)), ("a.webm", "libvpx", 120), ("a.flv", "flv", 60)],
)  # fmt: skip
def test_whole_files_are_whole(
    name: str, codec: str, rate_hz: Fraction | int, tmp_path: Path
) -> None:
    path = made(tmp_path / name, codec, size_hw=(96, 128), rate_hz=rate_hz, num_frames=20)
    assert not is_cut_short(path)
    assert warnings(path) == []


@pytest.mark.parametrize("name", LAST)
def test_variable_times_and_a_long_last_picture_are_no_loss(name: str, tmp_path: Path) -> None:
    path = made(tmp_path / f"a.{name}", LAST[name], times_ms=VFR_MS, size_hw=(96, 128))
    assert warnings(path) == []
    assert warnings(copied(path, tmp_path / f"b.{name}", last_ms=10_000)) == []


@pytest.mark.parametrize("name", ["b.mkv", "b.mp4", "b.mov", "b.flv", "b.ts"])
@pytest.mark.parametrize(
    "how", [{"end_ms": 300}, {"late_ms": 700}, {"late_ms": 2500}], ids=["short", "late", "apart"]
)
def test_sound_and_pictures_need_not_end_together(
    name: str, how: dict[str, int], tmp_path: Path
) -> None:
    path = write_video(tmp_path / "a.mp4", num_frames=30, audio="aac")
    assert warnings(copied(path, tmp_path / name, **how)) == []


@pytest.mark.parametrize("name", ["b.webm", "b.mkv"])
def test_what_was_recorded_live_says_no_length(name: str, tmp_path: Path) -> None:
    codec = "libvpx" if name == "b.webm" else "libx264"
    path = write_video(tmp_path / f"a{name[1:]}", num_frames=30, codec=codec, size_hw=(96, 128))
    live = copied(path, tmp_path / name, {"live": "1"})
    with av.open(str(live)) as video:
        assert video.duration is None
    assert warnings(live) == []
    assert len(list(open_video(cut(live)).frames())) > 1


def test_a_file_that_lacks_only_what_is_behind_its_pictures_has_them_all(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", num_frames=30)
    path.write_bytes(path.read_bytes()[:-20])
    assert is_cut_short(path)
    assert warnings(path) == []


@pytest.mark.parametrize(
    ("name", "codec", "num_bytes"),
    [("a.flv", "flv", 4), ("a.flv", "libx264", 9), ("a.apng", "apng", 12), ("a.apng", "apng", 4),
     ("a.wmv", "wmv2", 100), ("a.webm", "libvpx", 4)],
)  # fmt: skip
def test_no_picture_is_lost_with_a_trailer(
    name: str, codec: str, num_bytes: int, tmp_path: Path
) -> None:
    path = made(tmp_path / name, codec, num_frames=20, size_hw=(96, 128))
    path.write_bytes(path.read_bytes()[:-num_bytes])
    assert warnings(path) == []
    assert len(list(open_video(path).frames())) == 20


def test_files_that_are_gone_or_something_else_are_not_cut(tmp_path: Path) -> None:
    assert not is_cut_short(tmp_path / "a.mkv")
    assert not is_fragmented(tmp_path / "a.mkv")
    other = tmp_path / "b.mkv"
    for data in (b"", b"\0", b"GIF89a", b"\x1a\x45\xdf\xa3", bytes(50)):
        other.write_bytes(data)
        assert not is_cut_short(other)
    other.write_bytes(np.random.default_rng(0).bytes(5000))
    assert not is_cut_short(other)
