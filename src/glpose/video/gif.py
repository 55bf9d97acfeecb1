"""GIF files by their blocks. CompuServe, Graphics Interchange Format, version 89a."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from glpose.files import open_regular

MAGIC = b"GIF8"
PICTURE, _EXTENSION, END = b"\x2c", b"\x21", b"\x3b"
STRAY = b"\0"  # some programs write more ends of blocks than there are blocks
_PART = 1 << 16


def is_gif_cut(file: BinaryIO) -> bool:
    """Whether a GIF ends within one of its blocks."""
    return any(not is_whole for _, _, is_whole in blocks(file))


def is_still_gif(path: Path) -> bool:
    """Whether a file is a GIF of a single picture; one that ends within it may have been a video."""
    try:
        with open_regular(path) as file:
            if file.read(len(MAGIC)) != MAGIC:
                return False
            return _first_two(file) == [True]
    except OSError:  # whoever opens it says so
        return False


def may_be_still_gif(path: Path) -> bool:
    """Whether a file has the name of a GIF and at most one picture, whole or not: it is damaged, or still."""
    if path.suffix.lower() != ".gif":
        return False
    try:
        with open_regular(path) as file:
            return file.read(len(MAGIC)) != MAGIC or len(_first_two(file)) < 2
    except OSError:  # whoever opens it says so
        return True


def _first_two(file: BinaryIO) -> list[bool]:
    """Whether the first two pictures are whole, of those that are there."""
    return list(islice((whole for _, head, whole in blocks(file) if head[:1] == PICTURE), 2))


def blocks(file: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """Where each block starts, its first two bytes, and whether the file does not end within it.

    Zeros between blocks are one, too. The last one, if it is whole, is the mark of the end, or whatever else
    is there.
    """
    file.seek(10)
    _skip_colours(file, 2)
    start = file.tell()
    while (head := file.read(2))[:1] in (_EXTENSION, PICTURE, STRAY):
        if head[:1] == STRAY:
            file.seek(start)
            _skip_zeros(file)
            yield start, head, True
            start = file.tell()
            continue
        if head[:1] == PICTURE:
            file.seek(start + 9)
            _skip_colours(file, 0)
            file.seek(1, os.SEEK_CUR)
        while size := file.read(1):
            if size == b"\0":
                break
            file.seek(size[0], os.SEEK_CUR)
        yield start, head, bool(size)
        start = file.seek(0, os.SEEK_CUR)
        if not size:
            return
    yield start, head, True


def _skip_colours(file: BinaryIO, num_between: int) -> None:
    """Behind a byte of flags, some others, and the table of colours that it tells of, if any."""
    flags = (file.read(1) or b"\0")[0]
    file.seek(num_between + (3 << (flags & 7) + 1 if flags & 0x80 else 0), os.SEEK_CUR)


def _skip_zeros(file: BinaryIO) -> None:
    while part := file.read(_PART):
        if rest := part.lstrip(b"\0"):
            file.seek(-len(rest), os.SEEK_CUR)
            return
