"""Several pictures in one file are all read, with their times."""

import os
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bad_videos import coded_picture, read_index
from glpose import imaging
from glpose.errors import VideoError
from glpose.video.source import find_sources

LASTS_MS = [100, 20, 500, 30, 40]


def written(path: Path) -> Path:
    pictures = [coded_picture(i)[..., ::-1].copy() for i in range(5)]
    if path.suffix in (".tif", ".tiff"):
        assert cv2.imwritemulti(str(path), pictures)
        return path
    animation = cv2.Animation()
    animation.frames, animation.durations = pictures, LASTS_MS
    assert cv2.imwriteanimation(str(path), animation)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif", "a.tiff"])
def test_all_pictures_with_their_times(name: str, tmp_path: Path) -> None:
    (entry,) = find_sources([written(tmp_path / name)])
    assert not entry.is_still
    frames = list(entry.open().frames())
    assert [read_index(f.rgb) for f in frames if f.rgb is not None] == list(range(5))
    timed = [0, 0.1, 0.12, 0.62, 0.65]
    times = [i / 25 for i in range(5)] if "tif" in name else timed
    assert [f.time_s for f in frames] == pytest.approx(times)


@pytest.mark.parametrize("lasts_ms", [None, 40])
@pytest.mark.parametrize("name", ["a.apng", "a.avif", "a.gif", "a.png", "a.tif", "a.webp"])
def test_there_are_as_many_pictures_as_another_reader_finds(
    name: str, lasts_ms: int | None, tmp_path: Path
) -> None:
    path = tmp_path / name
    first, *others = [Image.fromarray(coded_picture(i, (96, 128))) for i in range(7)]
    lasts = {} if lasts_ms is None else {"duration": lasts_ms}
    kind = {"format": "PNG"} if name == "a.apng" else {}
    first.save(path, save_all=True, append_images=others, **lasts, **kind)
    with Image.open(path) as again:
        number = getattr(again, "n_frames", 1)
    source = find_sources([path])[0].open()
    pictures = [frame.rgb for frame in source.frames()]
    assert [read_index(rgb) for rgb in pictures if rgb is not None] == list(range(7))
    assert number == 7
    assert source.info.num_frames in (7, None)
    assert source.warnings == []


@pytest.mark.skipif(imaging.version().startswith("4.11."), reason="it takes no names of bytes")
@pytest.mark.parametrize("suffix", [".webp", ".tif"])
def test_a_name_may_be_no_utf8(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff" + suffix.encode())
    written(tmp_path / f"a{suffix}").rename(path)
    (entry,) = find_sources([path])
    assert len(list(entry.open().frames())) == 5


def test_in_a_sequence_only_the_first_is_used_and_it_is_said(tmp_path: Path) -> None:
    imaging.write_image(tmp_path / "1.png", coded_picture(1))
    written(tmp_path / "2.webp")
    (entry,) = find_sources([tmp_path])
    source = entry.open()
    assert len(list(source.frames())) == 2
    assert "2.webp: holds 5 pictures, of which the first was used" in source.warnings[0]


def test_an_animation_with_damage_is_one_error(tmp_path: Path) -> None:
    """OpenCV decodes all pictures of a WebP or none."""
    path = written(tmp_path / "a.webp")
    data = bytearray(path.read_bytes())
    place = data.rindex(b"VP8")
    data[place + 8 : place + 40] = bytes(32)
    path.write_bytes(data)
    with pytest.raises(VideoError, match="the first of its 5 pictures cannot be decoded"):
        find_sources([path])[0].open()


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """A small file that says 32000 x 32000, in a process that imports OpenCV with glpose first."""
    path = tmp_path / "bomb.png"
    _, data = cv2.imencode(".png", np.zeros((8, 8), np.uint8), [cv2.IMWRITE_PNG_BILEVEL, 1])
    raw = bytearray(data.tobytes())
    raw[16:24] = (32000).to_bytes(4, "big") * 2
    raw[29:33] = zlib.crc32(bytes(raw[12:29])).to_bytes(4, "big")
    path.write_bytes(raw)
    program = "import sys; from pathlib import Path; from glpose.imaging import read_image as r; "
    done = subprocess.run(
        [sys.executable, "-c", program + "r(Path(sys.argv[1]))", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"has more than {imaging.MAX_PIXELS} pixels" in done.stderr
