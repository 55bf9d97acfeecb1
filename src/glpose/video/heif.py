"""HEIC and AVIF pictures, whole or in tiles; FFmpeg gives the tiles alone, and does not crop.

ISO/IEC 14496-12 describes the boxes, ISO/IEC 23008-12 what they say of pictures.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from glpose.errors import VideoError
from glpose.files import read_regular
from glpose.forked import use_natives
from glpose.imaging import MAX_PIXELS, Rgb
from glpose.video.reader import Display

_DECODERS = {b"av01": ("libdav1d", b"av1C"), b"hvc1": ("hevc", b"hvcC")}
"""By the kind of a picture: its decoder, and the property that this needs."""
_KINDS = frozenset({b"grid", b"iden", b"iovl", *_DECODERS})
"""Pictures that are not left to FFmpeg: the first three are made of others."""

_Box = tuple[bytes, memoryview]
_NOTHING = memoryview(b"")


def read_heif(path: Path) -> Rgb | None:
    """The picture of a file as shown; None if it is of a kind for others to read.

    Raises: VideoError if the file is damaged, or its picture is made of others, and not of tiles.
    """
    try:
        items = _Items(memoryview(read_regular(path)))
        return items.picture() if items.kinds.get(items.primary) in _KINDS else None
    except OSError as problem:
        raise VideoError(f"{path}: cannot be read ({problem.strerror})") from problem
    except ValueError as problem:
        raise VideoError(
            f"{path}: its picture cannot be read ({problem}); copy it again, or convert it to JPEG"
        ) from problem


class _Bytes:
    """Bytes that are taken one after another. Raises: ValueError if there are too few."""

    def __init__(self, rest: memoryview) -> None:
        self.rest = rest

    def take(self, num_bytes: int) -> memoryview:
        if not 0 <= num_bytes <= len(self.rest):
            raise ValueError("the file is damaged or cut short")
        taken, self.rest = self.rest[:num_bytes], self.rest[num_bytes:]
        return taken

    def number(self, num_bytes: int) -> int:
        return int.from_bytes(self.take(num_bytes), "big")


class _Items:
    """What a file holds: pictures, tiles and others, each with a number."""

    def __init__(self, file: memoryview) -> None:
        self._file = file
        meta = next((body[4:] for kind, body in _boxes(file) if kind == b"meta"), _NOTHING)
        self._boxes = dict(_boxes(meta))
        version, _, pitm = self._full(b"pitm")
        self.primary = pitm.number(_width(version))
        self.kinds = dict(self._all_kinds())

    def picture(self) -> Rgb:
        """The primary item."""
        use_natives()
        self._places, self._properties = dict(self._all_places()), dict(self._all_properties())
        item, display = self.primary, Display(Fraction(1))
        make = self._in_tiles if self.kinds[item] == b"grid" else self._decoded
        return np.ascontiguousarray(self._as_shown(item, make(item, display)))

    def _in_tiles(self, item: int, display: Display) -> Rgb:
        grid = _Bytes(memoryview(self._data(item)))
        size = _width(grid.number(2) & 1)
        rows, columns = grid.number(1) + 1, grid.number(1) + 1
        width, height = grid.number(size), grid.number(size)
        tiles = self._parts(item)
        if len(tiles) != rows * columns:
            raise ValueError(f"{len(tiles)} tiles; expected {columns}x{rows}")
        if width * height > MAX_PIXELS:
            raise ValueError(f"{width}x{height} pixels; expected at most {MAX_PIXELS}")
        out = np.empty((0, 0, 0, 0, 3), np.uint8)
        for number, tile in enumerate(tiles):
            rgb = self._as_shown(tile, self._decoded(tile, display))
            high, wide, _ = rgb.shape
            if number == 0:
                fits = 0 < height <= rows * high and 0 < width <= columns * wide
                if not fits or rows * high * columns * wide > MAX_PIXELS:
                    raise ValueError(
                        f"{columns}x{rows} tiles of {wide}x{high} pixels, which do not fit a "
                        f"picture of {width}x{height}"
                    )
                out = np.empty((rows, high, columns, wide, 3), np.uint8)
            if (high, wide) != (out.shape[1], out.shape[3]):
                raise ValueError(f"tile {number + 1} is of another size than the first")
            out[number // columns, :, number % columns] = rgb
        return out.reshape(rows * out.shape[1], -1, 3)[:height, :width]

    def _decoded(self, item: int, display: Display) -> Rgb:
        kind = self.kinds.get(item, b"")
        if kind not in _DECODERS:
            raise ValueError(
                f"it is of the kind {ascii(kind)[1:]}; expected hvc1, av01 or tiles of these"
            )
        name, needed = _DECODERS[kind]
        # One for each tile, as they may have settings of their own.
        decoder = CodecContext.create(name, "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.extradata = next((bytes(b) for k, b in self._of(item) if k == needed), None)
        decoder.options, decoder.thread_count = {"max_pixels": str(MAX_PIXELS)}, 1
        try:
            found = [*decoder.decode(av.Packet(self._data(item))), *decoder.decode(None)]
            if found and not found[0].is_corrupt:
                return display(found[0])
        except FFmpegError as problem:
            raise ValueError(f"it cannot be decoded: {problem.strerror}") from problem
        raise ValueError("it cannot be decoded")

    def _as_shown(self, item: int, rgb: Rgb) -> Rgb:
        """Cropped, turned and mirrored, in the order in which the file says it."""
        for kind, body in self._of(item):
            if kind == b"irot":  # quarters, counterclockwise
                rgb = np.rot90(rgb, _Bytes(body).number(1) & 3)
            elif kind == b"imir":  # 0: top and bottom are exchanged, 1: left and right
                rgb = np.flip(rgb, _Bytes(body).number(1) & 1)
            elif kind == b"clap":
                rgb = _cropped(rgb, _Bytes(body))
        return rgb

    def _of(self, item: int) -> list[_Box]:
        return self._properties.get(item, [])

    def _data(self, item: int) -> bytes:
        is_in_idat, extents = self._places.get(item, (False, []))
        whole = self._boxes.get(b"idat", _NOTHING) if is_in_idat else self._file
        parts = []
        for start, length in extents:
            rest = _Bytes(whole)
            rest.take(start)
            parts.append(rest.take(length or len(rest.rest)))
        if not 0 < sum(map(len, parts)) <= len(whole):
            raise ValueError("a part of it is not in the file")
        return b"".join(parts)

    def _full(self, kind: bytes) -> tuple[int, int, _Bytes]:
        return _full(self._boxes.get(kind, memoryview(bytes(6))))

    def _all_kinds(self) -> Iterator[tuple[int, bytes]]:
        version, _, iinf = self._full(b"iinf")
        iinf.take(_width(version))
        for _, body in _boxes(iinf.rest):
            version, _, infe = _full(body)
            if version >= 2:
                item, _ = infe.number(_width(version - 2)), infe.take(2)
                yield item, bytes(infe.take(4))

    def _parts(self, item: int) -> list[int]:
        version, _, iref = self._full(b"iref")
        for kind, body in _boxes(iref.rest):
            link = _Bytes(body)
            if kind == b"dimg" and link.number(_width(version)) == item:
                return [link.number(_width(version)) for _ in range(link.number(2))]
        return []

    def _all_places(self) -> Iterator[tuple[int, tuple[bool, list[tuple[int, int]]]]]:
        """Of each item, whether it is in the box `idat`, and where its parts begin, with lengths."""
        version, _, iloc = self._full(b"iloc")
        sizes = iloc.number(2)
        start_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
        index_size = sizes & 15 if version else 0
        for _ in range(iloc.number(_width(version > 1))):
            item = iloc.number(_width(version > 1))
            method = iloc.number(2) & 15 if version else 0
            other_file, base, num_parts = iloc.number(2), iloc.number(base_size), iloc.number(2)
            if num_parts > 1 and not length_size:
                raise ValueError("the file is damaged: parts of an item have no lengths")
            parts = []
            for _ in range(num_parts):
                iloc.take(index_size)
                parts.append((base + iloc.number(start_size), iloc.number(length_size)))
            if method <= 1 and not other_file:
                yield item, (method == 1, parts)

    def _all_properties(self) -> Iterator[tuple[int, list[_Box]]]:
        iprp = list(_boxes(self._boxes.get(b"iprp", _NOTHING)))
        known = [box for kind, body in iprp if kind == b"ipco" for box in _boxes(body)]
        for version, flags, ipma in (_full(body) for kind, body in iprp if kind == b"ipma"):
            size = 2 if flags & 1 else 1
            # The highest bit says that a reader must know the property.
            mask = (1 << 8 * size - 1) - 1
            for _ in range(ipma.number(4)):
                item = ipma.number(_width(version))
                numbers = [ipma.number(size) & mask for _ in range(ipma.number(1))]
                yield item, [known[n - 1] for n in numbers if 0 < n <= len(known)]


def _boxes(data: memoryview) -> Iterator[_Box]:
    """The kind and the body of each box."""
    left = _Bytes(data)
    while left.rest:
        size, kind, head = left.number(4), bytes(left.take(4)), 8
        if size == 1:  # it needs more than four bytes
            size, head = left.number(8), 16
        yield kind, left.take(size - head if size else len(left.rest))


def _full(body: memoryview) -> tuple[int, int, _Bytes]:
    """The version and the flags of a box, and what follows."""
    left = _Bytes(body)
    return left.number(1), left.number(3), left


def _width(is_wide: int) -> int:
    """The bytes of a number for which a box has two forms."""
    return 4 if is_wide > 0 else 2


def _cropped(rgb: Rgb, clap: _Bytes) -> Rgb:
    """What is left by a size, and how far its middle is to the right and below: fractions all."""
    numbers = np.frombuffer(clap.take(32), ">i4").tolist()
    if 0 in numbers[1::2]:
        raise ValueError("the file is damaged: a part to be shown without a size")
    width, height, right, down = map(Fraction, numbers[::2], numbers[1::2])
    spans = []
    for side, size, off in zip(rgb.shape, (height, width), (down, right), strict=False):
        start = (side - size) / 2 + off
        if not 0 <= start < start + size <= side:
            raise ValueError("the part to be shown lies outside of its picture")
        spans.append(slice(math.floor(start), math.ceil(start + size)))
    return rgb[tuple(spans)]
