"""Animated GIF and PNG with what FFmpeg reads otherwise than browsers do, put right for it."""

import bisect
import io
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from glpose.files import open_regular
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


def as_shown(path: Path) -> io.RawIOBase | None:
    """An animation as FFmpeg has to see it, open; None for other files, and those that need nothing.

    Raises: OSError if the file cannot be read.
    """
    file = open_regular(path)
    try:
        changes = _changes(file)
    except BaseException:
        file.close()
        raise
    if changes:
        return _Changed(file, changes)
    file.close()
    return None


class _Changed(io.RawIOBase):
    """A file with changes: nothing is copied, as it may be larger than memory."""

    def __init__(self, file: BinaryIO, changes: Sequence[_Change]) -> None:
        self._file, self._at, self._size = file, 0, 0
        self._starts: list[int] = []
        self._parts: list[tuple[BinaryIO, int, int]] = []
        """What is read, from where to where."""
        behind = 0
        whole = file.seek(0, os.SEEK_END)
        for start, end, new in (*changes, (whole, whole, b"")):
            for part in ((file, behind, start), (io.BytesIO(new), 0, len(new))):
                if part[1] < part[2]:
                    self._starts.append(self._size)
                    self._parts.append(part)
                    self._size += part[2] - part[1]
            behind = end

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place of the changed file."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Read up to the next change."""
        if self._at >= self._size:
            return 0
        place = bisect.bisect_right(self._starts, self._at) - 1
        source, start, end = self._parts[place]
        source.seek(start + self._at - self._starts[place])
        read = source.read(min(len(buffer), end - source.tell()))
        buffer[: len(read)] = read
        self._at += len(read)
        return len(read)

    def close(self) -> None:
        """Close the file, too."""
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
    behind = found[last + 1 :]
    # A file that ends behind a block for a picture, without its end mark, lacks that picture.
    is_ended = any(head[:1] == END for _, head, _ in behind) or controls[-1:] < [last]
    if pictures and found[last][2] and is_ended:
        end, size = behind[0][0], file.seek(0, os.SEEK_END)
        file.seek(end)
        if file.read(2) != END:
            yield end, size, END


def _of_png(file: BinaryIO) -> Iterator[_Change]:
    """FFmpeg shows a picture that says 0, which is at once, for 1/15 s.

    Others last as they say: recordings of more than 100 pictures a second are kept in this format, too.
    """
    is_animated = False
    while len(head := file.read(8)) == 8:
        start, (length, kind) = file.tell(), struct.unpack(">I4s", head)
        is_animated = is_animated or kind == b"acTL"
        if kind == b"IDAT" and not is_animated:
            return
        control = file.read(_FRAME_CONTROL) if kind == b"fcTL" else b""
        if len(control) == _FRAME_CONTROL:
            (num,) = struct.unpack(">H", control[20:22])
            if not num:
                control = control[:20] + struct.pack(">HH", _SHOWN_MS, 1000) + control[24:]
                check = zlib.crc32(kind + control).to_bytes(4, "big")
                yield start, start + _FRAME_CONTROL + len(check), control + check
        file.seek(start + length + 4)
