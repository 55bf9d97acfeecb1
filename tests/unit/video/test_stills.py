"""HEIC, AVIF and GIF are pictures, whatever their names are; tiles are put together."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bad_videos import coded_picture, image_folder, read_index
from glpose.errors import VideoError
from glpose.video.given import find_given
from glpose.video.reader import open_video
from glpose.video.source import find_sources
from heif import turned, write_heic

PICTURE = coded_picture(9, (128, 256))


def avif(path: Path, num_pictures: int = 1) -> Path:
    first, *others = [Image.fromarray(coded_picture(i, (128, 256))) for i in range(num_pictures)]
    first.save(path, save_all=num_pictures > 1, append_images=others, duration=40)
    return path


def test_a_heic_is_a_picture_as_shown(tmp_path: Path) -> None:
    path = write_heic(tmp_path / "a.HEIC", [np.rot90(PICTURE)], shown=[turned(3)])
    unnamed = tmp_path / "a"
    unnamed.write_bytes(path.read_bytes())
    for given in (path, unnamed, path.read_bytes()):
        (entry,) = find_given([given])
        source = entry.open()
        assert source.info.is_still
        (frame,) = source.frames()
        assert frame.rgb.shape == (128, 256, 3)
        assert read_index(frame.rgb) == 9


@pytest.mark.parametrize("name", ["a.avif", "a.jpg", "a.mp4"])
def test_the_bytes_tell_a_picture_not_the_name(name: str, tmp_path: Path) -> None:
    avif(tmp_path / "b.avif").rename(tmp_path / name)
    for given in (tmp_path / name, tmp_path):
        (entry,) = find_sources([given])
        source = entry.open()
        assert source.info.is_still
        assert [read_index(frame.rgb) for frame in source.frames()] == [0]


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.mp4"])
def test_a_gif_of_one_picture_is_a_picture(name: str, tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / name, "GIF")
    for given in (tmp_path / name, tmp_path, (tmp_path / name).read_bytes()):
        (entry,) = find_given([given])
        source = entry.open()
        assert source.info.is_still
        assert [read_index(frame.rgb) for frame in source.frames()] == [9]


def test_a_gif_beside_photos_is_a_picture_of_their_folder(tmp_path: Path) -> None:
    folder = image_folder(tmp_path)
    (folder / "frame-3.png").unlink()
    Image.fromarray(coded_picture(3)).save(folder / "frame-3.gif")
    (entry,) = find_sources([folder])
    assert [read_index(frame.rgb) for frame in entry.open().frames()] == list(range(12))


def test_a_gif_that_ends_within_its_first_picture_may_have_been_a_video(tmp_path: Path) -> None:
    Image.fromarray(PICTURE).save(tmp_path / "a.gif")
    whole = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(whole[: len(whole) * 2 // 3])
    (entry,) = find_sources([tmp_path])
    source = entry.open()
    assert not source.info.is_still
    list(source.frames())
    assert "ends early" in source.warnings[0]


@pytest.mark.parametrize("share", [0.0, 0.6])
def test_a_damaged_gif_leaves_out_no_pictures_beside_it(share: float, tmp_path: Path) -> None:
    for name in "abc":
        Image.fromarray(PICTURE).save(tmp_path / f"{name}.gif")
    whole = (tmp_path / "b.gif").read_bytes()
    (tmp_path / "b.gif").write_bytes(whole[: int(len(whole) * share)])
    (entry,) = find_sources([tmp_path])
    assert [frame.rgb is not None for frame in entry.open().frames()] == [True, False, True]


def test_tiles_are_a_picture_and_no_video(tmp_path: Path) -> None:
    path = write_heic(tmp_path / "a.heic", [PICTURE[:, :128], PICTURE[:, 128:]])
    for given in (path, tmp_path, path.read_bytes()):
        (entry,) = find_given([given])
        assert entry.is_still
        (frame,) = entry.open().frames()
        assert read_index(frame.rgb) == 9
    with pytest.raises(VideoError, match=r"a picture of 2 tiles, .* not read as a video"):
        open_video(path)


def test_one_in_a_sequence_keeps_its_place(tmp_path: Path) -> None:
    folder = image_folder(tmp_path)
    for number, size_hw in ((3, None), (5, (999, 999))):
        (folder / f"frame-{number}.png").unlink()
        left, right = np.split(coded_picture(number), 2, axis=1)
        write_heic(folder / f"frame-{number}.heic", [left, right], size_hw=size_hw)
    source = find_sources([folder])[0].open()
    found = [None if frame.rgb is None else read_index(frame.rgb) for frame in source.frames()]
    assert found == [*range(5), None, *range(6, 12)]
    (warning,) = source.warnings
    assert "frame-5.heic: its picture cannot be read (2x1 tiles" in warning


def test_a_moving_avif_is_a_video_with_all_its_pictures(tmp_path: Path) -> None:
    avif(tmp_path / "a.avif", num_pictures=4)
    for given in (tmp_path / "a.avif", tmp_path):
        (entry,) = find_sources([given])
        assert not entry.is_still
        source = entry.open()
        assert [read_index(frame.rgb) for frame in source.frames()] == list(range(4))
        assert source.info.note == ""


def test_a_damaged_one_is_told_in_one_line(tmp_path: Path) -> None:
    path = write_heic(tmp_path / "a.heic", [PICTURE])
    whole = path.read_bytes()
    for num_bytes in (0, 4, 40, len(whole) - 500):
        path.write_bytes(whole[:num_bytes])
        with pytest.raises(VideoError, match=r"^[^\n]*a\.heic: [^\n]+$"):
            find_sources([tmp_path])[0].open()
