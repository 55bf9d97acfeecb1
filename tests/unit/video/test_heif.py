"""Pictures of HEIC and AVIF, whole or in tiles, come as the file says; damage is told in one line."""

import random
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from bad_videos import coded_picture
from glpose import imaging
from glpose.errors import VideoError
from glpose.imaging import MAX_PIXELS, Rgb
from glpose.video import heif
from glpose.video.hdr import to_sdr
from glpose.video.heif import read_heif
from heif import coloured, cropped, extent, mirrored, turned, write_heic

PICTURE = coded_picture(9, (128, 256))
TILES = [PICTURE[y : y + 64, x : x + 128] for y in (0, 64) for x in (0, 128)]
GRID = struct.pack(">4B2H", 0, 0, 1, 1, 256, 128)


def tiled(path: Path) -> Path:
    return write_heic(path / "a.heic", TILES, columns=2)


def changed(path: Path, old: bytes, new: bytes) -> Path:
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new))
    return path


def assert_like(found: Rgb | None, expected: np.ndarray) -> None:
    assert found is not None
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("codec", ["hvc1", "av01"])
@pytest.mark.parametrize("grid_in_mdat", [False, True])
def test_tiles_are_put_together_and_cropped(codec: str, grid_in_mdat: bool, tmp_path: Path) -> None:
    path = tmp_path / "a"
    for columns, picture in ((2, PICTURE), (1, np.concatenate(TILES)), (4, np.hstack(TILES))):
        height, width = picture.shape[0] - 27, picture.shape[1] - 55
        write_heic(
            path, TILES, columns=columns, size_hw=(height, width), codec=codec,
            grid_in_mdat=grid_in_mdat,
        )  # fmt: skip
        assert_like(read_heif(path), picture[:height, :width])


def test_a_thumbnail_is_no_tile(tmp_path: Path) -> None:
    path = write_heic(tmp_path / "a", [*TILES, PICTURE[::2, ::2]], columns=2, thumbnail=True)
    assert_like(read_heif(path), PICTURE)


@pytest.mark.parametrize("tiles", [[PICTURE], TILES], ids=["whole", "in tiles"])
def test_numbers_of_the_larger_form_are_read(tiles: Sequence[np.ndarray], tmp_path: Path) -> None:
    columns = 2 if len(tiles) > 1 else None
    write_heic(tmp_path / "a", tiles, columns=columns, shown=[mirrored(0)], wide=True)
    assert_like(read_heif(tmp_path / "a"), PICTURE[::-1])


def test_the_property_0_is_none(tmp_path: Path) -> None:
    path = write_heic(tmp_path / "a", [PICTURE], shown=[mirrored(0)])
    changed(path, b"\0\1\3\x81\x82\x83", b"\0\1\3\x81\x82\x80")
    assert_like(read_heif(path), PICTURE)


def test_parts_of_data_that_are_more_than_the_file_are_refused(tmp_path: Path) -> None:
    path = write_heic(tmp_path / "a", [PICTURE], wide=True)
    data = path.read_bytes()
    at = data.index(b"mdat") + 4
    length = int.from_bytes(data[at : at + 8]) - 16
    half = length // 2
    parts = struct.pack(">IQIIQI", 1, 0, half, 2, half, length - half)
    changed(path, parts, struct.pack(">IQIIQI", 1, 0, length, 2, 0, length))
    with pytest.raises(VideoError, match="not in the file"):
        read_heif(path)


def test_a_tile_may_be_a_part_of_a_picture(tmp_path: Path) -> None:
    part = cropped((50, 100), (0, 0))
    write_heic(tmp_path / "a", TILES, columns=2, size_hw=(100, 200), tiles_shown=[part])
    rows = [np.hstack([tile[7:57, 14:114] for tile in TILES[i : i + 2]]) for i in (0, 2)]
    assert_like(read_heif(tmp_path / "a"), np.concatenate(rows))


@pytest.mark.parametrize("tiles", [[PICTURE], TILES], ids=["whole", "in tiles"])
def test_a_copy_is_changed_after_its_picture(tiles: Sequence[np.ndarray], tmp_path: Path) -> None:
    columns = 2 if len(tiles) > 1 else None
    write_heic(tmp_path / "a", tiles, columns=columns, shown=[mirrored(0)], copy_shown=[turned(1)])
    assert_like(read_heif(tmp_path / "a"), np.rot90(PICTURE[::-1]))


def seen_as(matrix: int, is_full: bool) -> np.ndarray:
    """The picture, which is coded by BT.601 in limited range, if it is taken for another."""
    red_blue = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}

    def to_luma(matrix: int) -> np.ndarray:
        red, blue = red_blue[matrix]
        luma = np.array([red, 1 - red - blue, blue])
        return np.stack(
            [luma, (np.eye(3)[2] - luma) / (2 - 2 * blue), (np.eye(3)[0] - luma) / (2 - 2 * red)]
        )

    coded = PICTURE / 255 @ to_luma(6).T * (219, 224, 224) + (16, 128, 128)
    low, high = ((0, 128, 128), 255) if is_full else ((16, 128, 128), (219, 224, 224))
    return ((coded - low) / high @ np.linalg.inv(to_luma(matrix)).T).clip(0, 1) * 255


@pytest.mark.parametrize("codec", ["hvc1", "av01"])
def test_colours_are_those_that_the_file_says(codec: str, tmp_path: Path) -> None:
    full, limited, unknown = coloured(13, 1, True), coloured(13, 1, False), coloured(2, 2, True)
    path = tmp_path / "a"
    for nclx, expected in (
        (full, seen_as(1, True)),
        (limited, seen_as(1, False)),
        (unknown, seen_as(6, True)),
        (coloured(13, 8, False), PICTURE),  # YCgCo, which FFmpeg does not convert
    ):
        assert_like(read_heif(write_heic(path, [PICTURE], shown=[nclx], codec=codec)), expected)
    profile = limited.replace(b"nclx", b"prof")
    write_heic(path, TILES, columns=2, shown=[profile, full], codec=codec)
    assert_like(read_heif(path), seen_as(1, True))
    write_heic(path, TILES, columns=2, shown=[full], tiles_shown=[limited], codec=codec)
    assert_like(read_heif(path), seen_as(1, False))
    write_heic(path, [PICTURE], copy_shown=[full], codec=codec)
    assert_like(read_heif(path), seen_as(1, True))
    write_heic(path, [PICTURE], shown=[coloured(16, 9, False)], codec=codec)
    assert_like(read_heif(path), to_sdr((seen_as(9, False) * 257).astype(np.uint16), "PQ"))


def test_large_pictures_without_colours_said_are_as_small_ones(tmp_path: Path) -> None:
    large = coded_picture(9, (720, 256))
    assert_like(read_heif(write_heic(tmp_path / "a", [large])), large)


def test_a_large_size_has_four_bytes(tmp_path: Path) -> None:
    large = struct.pack(">4B2I", 0, 1, 1, 1, 256, 128)
    path = write_heic(tmp_path / "a", TILES, columns=2, grid=large)
    assert_like(read_heif(path), PICTURE)


TURN = np.rot90(PICTURE)
CHANGES = {
    "turned": ([turned(1)], TURN),
    "turned back": ([turned(3)], np.rot90(PICTURE, 3)),
    "top and bottom": ([mirrored(0)], PICTURE[::-1]),
    "left and right": ([mirrored(1)], PICTURE[:, ::-1]),
    "bits that say nothing": ([mirrored(3)], PICTURE[:, ::-1]),
    "turned, then mirrored": ([turned(1), mirrored(0)], TURN[::-1]),
    "mirrored, then turned": ([mirrored(0), turned(1)], np.rot90(PICTURE[::-1])),
    "cropped between pixels": ([cropped((101, 200), (0, -1))], PICTURE[14:115, 28:228]),
    "cropped, then turned": ([cropped((101, 201), (5, -7)), turned(1)],
                             np.rot90(PICTURE[16:117, 24:225])),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("tiles", [[PICTURE], TILES], ids=["whole", "in tiles"])
def test_it_is_changed_in_the_order_of_the_file(
    name: str, tiles: Sequence[np.ndarray], tmp_path: Path
) -> None:
    changes, expected = CHANGES[name]
    columns = 2 if len(tiles) > 1 else None
    path = write_heic(tmp_path / "a", tiles, columns=columns, shown=changes)
    assert_like(read_heif(path), expected)


def test_a_part_of_a_pixel_is_that_pixel(tmp_path: Path) -> None:
    whole = cropped((128, 256), (0, 0))
    path = write_heic(tmp_path / "a", [PICTURE], shown=[whole])
    expected = read_heif(path)
    assert expected is not None
    corner = struct.pack(">8i", 1, 4, 1, 4, 1023, 8, 511, 8)  # a quarter, at the last corner
    np.testing.assert_array_equal(read_heif(changed(path, whole[8:], corner)), expected[-1:, -1:])


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((128, 1, 128, 1, 1, 1, 0, 0), "damaged"),
        ((256, 1, 128, 1, 1, 2, 0, 1), "lies outside"),
        ((256, 1, 128, 1, 0, 1, -1, 2), "lies outside"),
        ((0, 1, 128, 1, 0, 1, 0, 1), "lies outside"),
    ],
)
def test_a_part_that_is_not_there_is_told(
    numbers: tuple[int, ...], message: str, tmp_path: Path
) -> None:
    whole = cropped((128, 256), (0, 0))
    path = write_heic(tmp_path / "a", [PICTURE], shown=[whole])
    with pytest.raises(VideoError, match=message):
        read_heif(changed(path, whole[8:], struct.pack(">8i", *numbers)))


def test_other_kinds_are_left_to_others(tmp_path: Path) -> None:
    path = write_heic(tmp_path / "a", [PICTURE])
    assert read_heif(changed(path, b"\0\0hvc1\0", b"\0\0jpeg\0")) is None
    path.write_bytes(b"\0\0\0\x10ftypmif1\0\0\0\0")
    assert read_heif(path) is None


def grid(rows: int, columns: int, width: int, height: int) -> bytes:
    return struct.pack(">4B2H", 0, 0, rows - 1, columns - 1, width, height)


WRONG = {
    "tiles of another number": (GRID, grid(2, 3, 256, 128), r"\(4 tiles; expected 3x2\)"),
    "tiles too small": (GRID, grid(2, 2, 257, 128), "tiles of 128x64 .* do not fit .* 257x128"),
    "nothing": (GRID, grid(2, 2, 0, 128), "do not fit"),
    "laid over each other": (b"grid\0", b"iovl\0", "of the kind 'iovl'; expected hvc1, av01 or"),
    "a copy of several": (b"grid\0", b"iden\0", "a copy of 4 pictures; expected of one"),
    "a tile that is missing": (
        struct.pack(">6H", 5, 4, 1, 2, 3, 4), struct.pack(">6H", 5, 4, 1, 2, 3, 9),
        "of the kind ''"),
    "a tile that is the picture": (
        struct.pack(">6H", 5, 4, 1, 2, 3, 4), struct.pack(">6H", 5, 4, 1, 2, 3, 5),
        "of the kind 'grid'"),
    "no height": (GRID, grid(2, 2, 256, 0), "do not fit"),
    "parts of other items": (
        struct.pack(">5H", 5, 1, 0, 1, 0), struct.pack(">5H", 5, 2, 0, 1, 0), "not in the file"),
    "another file": (
        struct.pack(">5H", 5, 1, 0, 1, 0), struct.pack(">5H", 5, 1, 9, 1, 0), "not in the file"),
    "a tile beyond the end": (
        struct.pack(">4H", 2, 0, 0, 1), struct.pack(">4HI", 2, 0, 0, 1, 2**31), "cut short"),
    "no lengths": (b"\x44\0\0\5", b"\x40\0\0\5", "damaged"),
    "no tiles": (b"dimg", b"thmb", "0 tiles; expected 2x2"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    old, new, message = WRONG[name]
    path = tiled(tmp_path)
    with pytest.raises(VideoError, match=rf"^[^\n]*a\.heic: [^\n]*{message}[^\n]*to JPEG$"):
        read_heif(changed(path, old, new))


def test_what_is_too_large_says_so_before_it_is_decoded(tmp_path: Path) -> None:
    message = rf": its header says 16384x8193 pixels; at most {MAX_PIXELS} .*, scale it down first$"
    large = extent(8193, 16384)
    whole = changed(write_heic(tmp_path / "a", [PICTURE]), extent(128, 256), large)
    tiles = write_heic(tmp_path / "b", TILES, columns=2, tiles_shown=[large])
    for path in (whole, tiles, changed(tiled(tmp_path), GRID, grid(2, 2, 16384, 8193))):
        with pytest.raises(VideoError, match=message):
            read_heif(path)


def test_tiles_may_be_larger_than_the_largest_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (imaging, heif):
        monkeypatch.setattr(module, "MAX_PIXELS", 120 * 250)
    write_heic(tmp_path / "a", TILES, columns=2, size_hw=(120, 250))
    assert_like(read_heif(tmp_path / "a"), PICTURE[:120, :250])


def test_tiles_of_two_sizes_are_refused(tmp_path: Path) -> None:
    path = write_heic(tmp_path / "a", [TILES[0], TILES[1][:, :64]])
    with pytest.raises(VideoError, match="tile 2 is of another size than the first"):
        read_heif(path)


def test_a_tile_that_cannot_be_decoded_is_told(tmp_path: Path) -> None:
    path = tiled(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 4].ljust(len(data), b"\xff"))
    with pytest.raises(VideoError, match="it cannot be decoded"):
        read_heif(path)


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"cannot be read \(No such file"):
        read_heif(tmp_path / "a.heic")


def test_damage_is_told_in_one_line_or_does_no_harm(tmp_path: Path) -> None:
    path, draw = tiled(tmp_path), random.Random(5)
    whole = path.read_bytes()
    start, end = whole.index(b"meta"), whole.index(b"mdat")
    problems = []
    for number in range(150):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            data[draw.randrange(start, end)] = draw.choice([0, 1, 2, 127, 128, 255])
        path.write_bytes(data if number % 5 else data[: draw.randrange(len(data))])
        try:
            read_heif(path)
        except VideoError as problem:
            problems.append(str(problem))
    assert len(problems) > 30
    assert not any("\n" in problem for problem in problems)
