"""Animations have every picture and no more, each as long as browsers show it."""

import os
import re
import struct
import tracemalloc
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from bad_videos import coded_picture, read_index
from glpose.video.animated import as_shown
from glpose.video.source import find_sources


def gif(path: Path, lasts_ms: Sequence[int]) -> Path:
    """A GIF whose pictures last so long; those of 0 ms say nothing about it."""
    data, begin, parts = b"", 0, []
    for index, last_ms in enumerate(lasts_ms):
        picture, one = Image.fromarray(coded_picture(index, (96, 128))), BytesIO()
        picture.convert("P").save(one, "GIF", optimize=False)
        data = one.getvalue()
        begin = 13 + (
            3 << (data[10] & 7) + 1
        )  # behind the colours, which are those of every picture
        control = b"\x21\xf9\x04\0" + (last_ms // 10).to_bytes(2, "little") + b"\0\0"
        parts += [control if last_ms else b"", data[begin:-1]]
    path.write_bytes(data[:begin] + b"".join(parts) + b"\x3b")
    return path


@pytest.mark.parametrize(
    ("lasts_ms", "times_s"),
    [
        ((0,) * 6, (0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        ((0, 0, 0, 40, 40, 40), (0, 0.1, 0.2, 0.3, 0.34, 0.38)),
        ((0, 40, 40, 0, 0, 40), (0, 0.1, 0.14, 0.18, 0.22, 0.26)),
        ((40, 40, 0, 0, 40, 0), (0, 0.04, 0.08, 0.12, 0.16, 0.2)),
        ((40,) * 6, (0, 0.04, 0.08, 0.12, 0.16, 0.2)),
    ],
)
def test_pictures_that_do_not_say_how_long_they_last_are_pictures(
    lasts_ms: tuple[int, ...], times_s: tuple[float, ...], tmp_path: Path
) -> None:
    path = gif(tmp_path / "a.gif", lasts_ms)
    source = find_sources([path])[0].open()
    frames = list(source.frames())
    assert [read_index(frame.rgb) for frame in frames if frame.rgb is not None] == list(range(6))
    assert [frame.time_s for frame in frames] == pytest.approx(times_s)
    assert source.info.num_frames == 6
    assert source.warnings == []
    assert (as_shown(path) is None) == any(lasts_ms[:2])


def test_a_gif_that_ends_early_has_the_pictures_before(tmp_path: Path) -> None:
    path = gif(tmp_path / "a.gif", (0,) * 6)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    source = find_sources([path])[0].open()
    assert 3 <= len(list(source.frames())) <= 4
    assert "ends early" in source.warnings[0]


XMP = b"\x21\xff\x0bXMP DataXMP\x05<x/>!\0"
LOOPS = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
COMMENT, TEXT = b"\x21\xfe\x03abc\0", b"\x21\x01\x0c" + bytes(12) + b"\x02hi\0"
CONTROL = b"\x21\xf9\x04\0\x0a\0\0\0"


@pytest.mark.parametrize("lasts_ms", [(0,) * 3, (40,) * 3])
@pytest.mark.parametrize(
    "after",
    [
        COMMENT,
        XMP,
        LOOPS,
        TEXT,
        CONTROL,
        COMMENT + COMMENT,
        XMP + CONTROL + TEXT,
        COMMENT + bytes(3),
    ],
)
def test_what_stands_behind_the_last_picture_is_none(
    after: bytes, lasts_ms: tuple[int, ...], tmp_path: Path
) -> None:
    path = gif(tmp_path / "a.gif", lasts_ms)
    path.write_bytes(path.read_bytes()[:-1] + after + b"\x3b")
    check_three(path)
    # Players do without the end mark; but a picture was to follow a control.
    path.write_bytes(path.read_bytes()[:-1])
    if CONTROL not in after:
        check_three(path)


def test_what_stands_behind_the_end_is_nothing(tmp_path: Path) -> None:
    data = gif(tmp_path / "b.gif", (40,) * 2).read_bytes()
    for lasts_ms in ((0,) * 3, (40,) * 3):
        path = gif(tmp_path / "a.gif", lasts_ms)
        path.write_bytes(path.read_bytes() + data)
        check_three(path)


def check_three(path: Path) -> None:
    """The GIF has pictures 0 to 2, as `glpose info` says, and nothing is missing."""
    source = find_sources([path])[0].open()
    pictures = [frame.rgb for frame in source.frames()]
    assert [rgb is not None and read_index(rgb) for rgb in pictures] == [0, 1, 2]
    assert source.info.num_frames == 3
    assert source.warnings == []


@pytest.mark.parametrize(("said_ms", "shown_s"), [(0, 0.1), (10, 0.1), (20, 0.02)])
@pytest.mark.parametrize("name", ["a.apng", "a.gif", "a.png", "a.webp"])
def test_pictures_that_last_10_ms_or_less_are_shown_for_100_in_a_png_of_0_ms(
    name: str, said_ms: int, shown_s: float, tmp_path: Path
) -> None:
    first, *others = [Image.fromarray(coded_picture(i, (96, 128))) for i in range(4)]
    kind = "PNG" if name == "a.apng" else None
    if said_ms and name.endswith("png"):
        shown_s = said_ms / 1000
    lasts = [said_ms, said_ms, 50, said_ms]
    first.save(tmp_path / name, kind, save_all=True, append_images=others, duration=lasts)
    (entry,) = find_sources([tmp_path / name])
    frames = list(entry.open().frames())
    assert [read_index(frame.rgb) for frame in frames if frame.rgb is not None] == [0, 1, 2, 3]
    ends_s = (0, shown_s, 2 * shown_s, 2 * shown_s + 0.05)
    assert [frame.time_s for frame in frames] == pytest.approx(ends_s)


@pytest.mark.parametrize("said", [(1, 120), (1, 100), (21, 2000), (1, 1000)])
def test_a_png_of_a_fast_camera_keeps_its_times(said: tuple[int, int], tmp_path: Path) -> None:
    first, *others = [Image.fromarray(coded_picture(i, (96, 128))) for i in range(4)]
    path = tmp_path / "a.png"
    first.save(path, save_all=True, append_images=others, duration=10)
    data = path.read_bytes()
    for start in [match.end() for match in re.finditer(b"fcTL", data)]:
        control = (
            data[start : start + 20] + struct.pack(">HH", *said) + data[start + 24 : start + 26]
        )
        check = zlib.crc32(b"fcTL" + control).to_bytes(4, "big")
        data = data[:start] + control + check + data[start + 30 :]
    path.write_bytes(data)
    source = find_sources([path])[0].open()
    times_s = [i * said[0] / said[1] for i in range(4)]
    assert [frame.time_s for frame in source.frames()] == pytest.approx(times_s, abs=1e-4)


def test_only_what_is_read_of_a_changed_file_is_in_memory(tmp_path: Path) -> None:
    path = gif(tmp_path / "a.gif", (0,) * 100)
    tracemalloc.start()
    try:
        with as_shown(path) or path.open("rb") as shown:
            assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 4
            data = shown.read()
            assert data is not None
            assert (len(data), data.count(CONTROL[:3])) == (path.stat().st_size + 800, 100)
            parts = bytearray()
            shown.seek(0)
            while part := shown.read(7):
                parts += part
            assert bytes(parts) == data
            assert shown.seek(-3, os.SEEK_END) == shown.tell() == len(data) - 3
            assert (shown.read(9), shown.read(1)) == (data[-3:], b"")
    finally:
        tracemalloc.stop()


def test_animations_have_no_sound(tmp_path: Path) -> None:
    first, *others = [Image.fromarray(coded_picture(i, (96, 128))) for i in range(4)]
    for name in ("a.gif", "a.png"):
        first.save(tmp_path / name, save_all=True, append_images=others, duration=50)
        assert find_sources([tmp_path / name])[0].open().audio is None


def test_zeros_between_pictures_are_skipped(tmp_path: Path) -> None:
    path = gif(tmp_path / "a.gif", (40,) * 3)
    path.write_bytes(path.read_bytes().replace(b"\0\x21\xf9", b"\0\0\0\x21\xf9"))
    check_three(path)


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    for data in (b"", b"GIF8", b"GIF89a", b"GIF89a" + bytes(7), b"\x89PNG\r\n\x1a\n" + bytes(20)):
        (tmp_path / "a").write_bytes(data)
        assert as_shown(tmp_path / "a") is None
