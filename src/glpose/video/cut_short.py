"""Whether a file was cut short: by the lengths that its parts say they have.

How long a video is by its header tells it less well: its last picture may be shown for as long as
one likes, and few containers say for how long.
"""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from glpose.video.gif import MAGIC, is_gif_cut

_HEAD = 24  # bytes; what is longest, the head of a part of an ASF file
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_SHOWN = {b"styp", b"sidx", b"ssix", b"prft", b"emsg", b"moof", b"mdat", b"imda"}
"""Boxes that hold pictures, or that pictures follow."""
_FLV_TAGS = {8, 9, 18}  # sound, pictures, data


def is_cut_short(path: Path, *, is_length_told: bool = False) -> bool:
    """Whether the file ends before its last part with pictures: Matroska, MP4, FLV, ASF, PNG or GIF.

    False where parts do not say how long they are, as in what was recorded live, or are not known;
    and for a file that is gone. What stands between two parts may be missing behind the last one,
    unless the header tells how long the video is, which then tells better whether that was the last.
    """
    with suppress(FileNotFoundError), path.open("rb") as file:
        if file.read(len(MAGIC)) == MAGIC:
            return is_gif_cut(file)
        parts = _walk(file, is_length_told=is_length_told)
        return any(is_cut and may_show for _, is_cut, may_show in parts)
    return False


def is_fragmented(path: Path) -> bool:
    """Whether it is an MP4 in fragments, of which the header counts only the pictures of the first."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        return any(head[4:8] == b"moof" for head, _, _ in _walk(file))
    return False


def _walk(file: BinaryIO, *, is_length_told: bool = False) -> Iterator[tuple[bytes, bool, bool]]:
    """The head of each part, whether the file ends in it, and whether it may hold pictures."""
    num_bytes = os.fstat(file.fileno()).st_size
    file.seek(0)
    start, between, length_of = _parts(file.read(_HEAD))
    while start < num_bytes:
        file.seek(start)
        head = file.read(_HEAD).ljust(_HEAD, b"\0")
        if not (length := length_of(head)):
            return
        end = start + length + between * is_length_told
        yield head, end > num_bytes, length_of is not _of_box or head[4:8] in _SHOWN
        start += length + between


def _parts(head: bytes) -> tuple[int, int, Callable[[bytes], int]]:
    """Where the first part begins, the bytes between two, and what tells the length of one.

    The length is 0 if it is not known.
    """
    if head.startswith(_EBML):
        return 0, 0, _of_element
    if head.startswith(b"FLV"):
        return 13, 4, _of_tag
    if head.startswith(b"\x89PNG"):
        return 8, 0, _of_chunk
    return 0, 0, _of_object if head.startswith(_ASF_HEADER) else _of_box


def _of_element(head: bytes) -> int:
    """Of Matroska; RFC 8794 (EBML)."""
    num_bytes = 9 - head[4].bit_length()
    if head[:4] not in (_EBML, _SEGMENT) or num_bytes > 8:
        return 0
    unknown = (1 << 7 * num_bytes) - 1
    size = int.from_bytes(head[4 : 4 + num_bytes]) & unknown
    return 0 if size == unknown else 4 + num_bytes + size


def _of_tag(head: bytes) -> int:
    """Of FLV; Adobe, Video File Format Specification, version 10."""
    return 11 + int.from_bytes(head[1:4]) if head[0] in _FLV_TAGS else 0


def _of_chunk(head: bytes) -> int:
    """Of PNG, up to its end mark; W3C, Portable Network Graphics."""
    kind = head[4:8]
    return 12 + int.from_bytes(head[:4]) if kind.isalpha() and kind != b"IEND" else 0


def _of_object(head: bytes) -> int:
    """Of ASF; Microsoft, Advanced Systems Format Specification."""
    return int.from_bytes(head[16:24], "little") if head[:16] in (_ASF_HEADER, _ASF_DATA) else 0


def _of_box(head: bytes) -> int:
    """Of MP4, whatever it holds; ISO/IEC 14496-12."""
    size, large = struct.unpack_from(">I4xQ", head)
    size = large if size == 1 else size
    return size if size >= 8 else 0
