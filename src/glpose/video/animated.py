"""Animated GIF and PNG with what FFmpeg reads otherwise than browsers do, put right for it."""

import io
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from glpose.files import check_fits, open_regular
from glpose.video.gif import END, MAGIC, PICTURE, blocks

_PNG = b"\x89PNG\r\n\x1a\n"
_CONTROL = b"\x21\xf9\x04\0\0\0\0\0"  # a graphic control extension that says nothing
_FRAME_CONTROL = 26  # bytes; W3C, Portable Network Graphics (Third Edition)
_AT_ONCE_MS, _SHOWN_MS = 10, 100

_Change = tuple[int, int, bytes]
"""From where to where a file is replaced, and by what."""


def shown_ms(said_ms: int) -> int:
    """How long browsers show a picture of an animation that says this: 100 ms for at most 10."""
    return said_ms if said_ms > _AT_ONCE_MS else _SHOWN_MS


def as_shown(path: Path) -> io.BytesIO | None:
    """An animation as FFmpeg has to see it; None for other files, and those that need nothing.

    Raises: OSError if the file cannot be read.
    """
    with open_regular(path) as file:
        changes = _changes(file)
        if not changes:
            return None
        check_fits(file, path)
        # Part by part: a copy of the whole file beside this would take as much memory again.
        changed = io.BytesIO()
        file.seek(0)
        for start, end, new in changes:
            changed.write(file.read(start - file.tell()))
            changed.write(new)
            file.seek(end)
        shutil.copyfileobj(file, changed)
        changed.seek(0)
        return changed


def _changes(file: BinaryIO) -> list[_Change]:
    """What is to be changed, in order."""
    head = file.read(len(_PNG))
    if head[: len(MAGIC)] == MAGIC:
        return sorted(_of_gif(file))
    return list(_of_png(file)) if head == _PNG else []


def _of_gif(file: BinaryIO) -> Iterator[_Change]:
    """FFmpeg tells pictures apart by the blocks that say how long they last.

    It takes all pictures before the first such block for one; those get a block that says nothing, which
    is the same. And what stands behind the last picture it takes for another one.
    """
    found = list(blocks(file))
    pictures = [place for place, (_, head, _) in enumerate(found) if head[:1] == PICTURE]
    controls = [place for place, (_, head, _) in enumerate(found) if head == _CONTROL[:2]]
    untimed = [place for place in pictures if not controls or place < controls[0]]
    if len(untimed) > 1:
        yield from ((found[place][0], found[place][0], _CONTROL) for place in untimed)
    last = max(pictures, default=0)
    for start in (found[place][0] for place in controls if place < last):
        file.seek(start + 2)
        size, _, delay = struct.unpack("<BBH", file.read(4))
        if size == _CONTROL[2] and delay != (shown := shown_ms(10 * delay) // 10):
            yield start + 4, start + 6, shown.to_bytes(2, "little")
    after = found[last + 1 :]
    # A file that ends behind a block for a picture, without its end mark, lacks that picture.
    is_whole = after and (after[-1][1][:1] == END or (not after[-1][1] and controls[-1:] < [last]))
    if pictures and is_whole and len(after) > 1:
        yield after[0][0], after[-1][0], b""


def _of_png(file: BinaryIO) -> Iterator[_Change]:
    """FFmpeg shows pictures that are to be shown at once for 1/15 s, others as briefly as they say."""
    is_animated = False
    while len(head := file.read(8)) == 8:
        start, (length, kind) = file.tell(), struct.unpack(">I4s", head)
        is_animated = is_animated or kind == b"acTL"
        if kind == b"IDAT" and not is_animated:
            return
        control = file.read(_FRAME_CONTROL) if kind == b"fcTL" else b""
        if len(control) == _FRAME_CONTROL:
            num, parts = struct.unpack(">HH", control[20:24])
            said_ms = round(1000 * num / (parts or 100))
            if said_ms != (shown := shown_ms(said_ms)):
                control = control[:20] + struct.pack(">HH", shown, 1000) + control[24:]
                check = zlib.crc32(kind + control).to_bytes(4, "big")
                yield start, start + _FRAME_CONTROL + len(check), control + check
        file.seek(start + length + 4)
