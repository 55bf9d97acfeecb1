"""Animated GIF and PNG with what FFmpeg reads otherwise than browsers do, put right for it."""

import io
import os
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from glpose.files import open_regular
from glpose.video.gif import END, MAGIC, PICTURE, STRAY, blocks

_PNG = b"\x89PNG\r\n\x1a\n"
_CONTROL = b"\x21\xf9\x04\0\0\0\0\0"  # a graphic control extension that says nothing
_FRAME_CONTROL = 26  # bytes; W3C, Portable Network Graphics (Third Edition)
_AT_ONCE_MS, _SHOWN_MS = 10, 100

_Change = tuple[int, int, bytes]
"""From where to where a file is replaced, and by what."""


def shown_ms(said_ms: int) -> int:
    """How long browsers show a picture of a GIF or WebP that says this: 100 ms for at most 10."""
    return said_ms if said_ms > _AT_ONCE_MS else _SHOWN_MS


def as_shown(path: Path) -> io.RawIOBase | None:
    """An animation as FFmpeg has to see it; None for other files, and those that need nothing.

    Raises: OSError if the file cannot be read.
    """
    with ExitStack() as opened:
        file = opened.enter_context(open_regular(path))
        if not (changes := _changes(file)):
            return None
        opened.pop_all()
        return _Changed(file, changes)


class _Changed(io.RawIOBase):
    """An open file in which parts are replaced; only what is asked for is read."""

    def __init__(self, file: BinaryIO, changes: Iterable[_Change]) -> None:
        self._file, self._at = file, 0
        # Where each part begins here, and what it is: bytes, or the place in the file from which it is taken.
        self._begins, self._parts = list[int](), list[bytes | int]()
        begin = place = 0
        size = file.seek(0, os.SEEK_END)
        for start, end, new in (*changes, (size, size, b"")):
            for part, length in ((place, start - place), (new, len(new))):
                if length:
                    self._begins.append(begin)
                    self._parts.append(part)
                    begin += length
            place = end
        self._begins.append(begin)

    def read(self, size: int = -1, /) -> bytes:
        at, last = self._at, self._begins[-1]
        end = last if size < 0 else min(last, at + size)
        found: list[bytes] = []
        while at < end:
            number = bisect_right(self._begins, at) - 1
            part, offset = self._parts[number], at - self._begins[number]
            length = min(end, self._begins[number + 1]) - at
            if isinstance(part, bytes):
                found.append(part[offset : offset + length])
            else:
                self._file.seek(part + offset)
                found.append(self._file.read(length))
            if not found[-1]:  # it has become shorter meanwhile
                break
            at += len(found[-1])
        self._at = at
        return b"".join(found)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._at = offset + (0, self._at, self._begins[-1])[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()


def _changes(file: BinaryIO) -> list[_Change]:
    """What is to be changed, in order."""
    head = file.read(len(_PNG))
    if head[: len(MAGIC)] == MAGIC:
        return sorted(_of_gif(file))
    return list(_of_png(file)) if head == _PNG else []


def _of_gif(file: BinaryIO) -> Iterator[_Change]:
    """FFmpeg tells pictures apart by the blocks that say how long they last.

    It takes all pictures before the first such block for one; those get a block that says nothing, which
    is the same. What stands behind the last picture, or behind the end, it takes for another one; and at
    zeros between blocks it ends.
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
    strays = (place for place, (_, head, _) in enumerate(found[:last]) if head[:1] == STRAY)
    yield from ((found[place][0], found[place + 1][0], b"") for place in strays)
    after = found[last + 1 :]
    if not pictures or not after or after[0][1] in (END, b""):
        return
    _, head, is_whole = after[-1]
    # A file that ends behind a block for a picture, without its end mark, lacks that picture.
    ends_early = (not head or not is_whole) and controls[-1:] > [last]
    if (head[:1] in (END, b"") or not is_whole) and not ends_early:
        yield after[0][0], file.seek(0, os.SEEK_END), END


def _of_png(file: BinaryIO) -> Iterator[_Change]:
    """FFmpeg shows pictures that are to be followed at once, if that can be, for 1/15 s; browsers for 100 ms.

    Other times stay as they are, be they shorter: recordings of fast cameras come in this format, too.
    """
    is_animated = False
    while len(head := file.read(8)) == 8:
        start, (length, kind) = file.tell(), struct.unpack(">I4s", head)
        is_animated = is_animated or kind == b"acTL"
        if kind == b"IDAT" and not is_animated:
            return
        control = file.read(_FRAME_CONTROL) if kind == b"fcTL" else b""
        if len(control) == _FRAME_CONTROL and control[20:22] == b"\0\0":
            control = control[:20] + struct.pack(">HH", _SHOWN_MS, 1000) + control[24:]
            check = zlib.crc32(kind + control).to_bytes(4, "big")
            yield start, start + _FRAME_CONTROL + len(check), control + check
        file.seek(start + length + 4)
