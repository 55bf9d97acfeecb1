"""GIF files by their blocks. CompuServe, Graphics Interchange Format, version 89a."""

import io
import os
import shutil
from collections.abc import Iterator
from itertools import islice, pairwise, takewhile
from pathlib import Path
from typing import BinaryIO

from glpose.files import check_fits, open_regular

MAGIC = b"GIF8"
_CONTROL = b"\x21\xf9\x04\0\0\0\0\0"  # a graphic control extension that says nothing
_PICTURE, _EXTENSION = b"\x2c", b"\x21"


def is_gif_cut(file: BinaryIO) -> bool:
    """Whether a GIF ends within one of its blocks."""
    return any(not is_whole for _, _, is_whole in _blocks(file))


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
    return list(islice((whole for _, head, whole in _blocks(file) if head[:1] == _PICTURE), 2))


def with_controls(path: Path) -> io.BytesIO | None:
    """A GIF in which FFmpeg finds every picture; None for other files, and those that need nothing.

    FFmpeg tells pictures apart by the blocks that say how long they last: it takes all pictures
    before the first such block for one. Those get a block that says nothing, which is the same.

    Raises: OSError if the file cannot be read.
    """
    with open_regular(path) as file:
        if file.read(len(MAGIC)) != MAGIC:
            return None
        before = takewhile(lambda block: block[1] != _CONTROL[:2], _blocks(file))
        starts = [start for start, head, _ in before if head[:1] == _PICTURE]
        if len(starts) < 2:
            return None
        check_fits(file, path)
        # Part by part: a copy of the whole file beside this would take as much memory again.
        changed = io.BytesIO()
        file.seek(0)
        changed.write(file.read(starts[0]))
        for start, end in pairwise(starts):
            changed.write(_CONTROL + file.read(end - start))
        changed.write(_CONTROL)
        shutil.copyfileobj(file, changed)
        changed.seek(0)
        return changed


def _blocks(file: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """Where each block starts, its first two bytes, and whether the file does not end within it."""
    file.seek(10)
    _skip_colours(file, 2)
    start = file.tell()
    while (head := file.read(2))[:1] in (_EXTENSION, _PICTURE) and head:
        if head[:1] == _PICTURE:
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


def _skip_colours(file: BinaryIO, num_between: int) -> None:
    """Behind a byte of flags, some others, and the table of colours that it tells of, if any."""
    flags = (file.read(1) or b"\0")[0]
    file.seek(num_between + (3 << (flags & 7) + 1 if flags & 0x80 else 0), os.SEEK_CUR)
