"""The blocks of a GIF are told apart."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from glpose.video.gif import blocks, is_gif_cut

COMMENT = b"\x21\xfe\x03abc\0"


@pytest.fixture
def data() -> bytes:
    file = BytesIO()
    Image.new("P", (20, 10)).save(file, "GIF")
    return file.getvalue()[:-1] + COMMENT


@pytest.mark.parametrize("end", [b"\x3b", b"", b"\x3bmore", b"\1"])
def test_blocks_up_to_the_end(data: bytes, end: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(data + end)
    with (tmp_path / "a.gif").open("rb") as file:
        *_, picture, comment, last = blocks(file)
        assert picture[1][:1] == b"\x2c"
        assert comment == (len(data) - len(COMMENT), COMMENT[:2], True)
        assert last == (len(data), end[:2], True)
        assert not is_gif_cut(file)


def test_zeros_between_blocks_are_one(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(data + bytes(100_000) + COMMENT)
    with (tmp_path / "a.gif").open("rb") as file:
        *_, zeros, comment, last = blocks(file)
        assert zeros == (len(data), b"\0\0", True)
        assert comment == (len(data) + 100_000, COMMENT[:2], True)
        assert last == (comment[0] + len(COMMENT), b"", True)


def test_the_last_block_may_be_cut(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(data[:-2])
    with (tmp_path / "a.gif").open("rb") as file:
        assert list(blocks(file))[-1] == (len(data) - len(COMMENT), COMMENT[:2], False)
        assert is_gif_cut(file)
