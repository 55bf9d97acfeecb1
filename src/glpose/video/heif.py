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
from av.video.frame import VideoFrame

from glpose.errors import VideoError
from glpose.files import read_regular
from glpose.forked import use_natives
from glpose.imaging import MAX_PIXELS, Rgb
from glpose.video.reader import Display, check_size

_DECODERS = {b"av01": ("libdav1d", b"av1C"), b"hvc1": ("hevc", b"hvcC")}
"""By the kind of a picture: its decoder, and the property that this needs."""
_KINDS = frozenset({b"grid", b"iden", b"iovl", *_DECODERS})
"""Pictures that are not left to FFmpeg: the first three are made of others."""

_UNSPECIFIED, _BT601 = 2, 6  # matrix coefficients and, the first, transfers. ITU-T H.273
_MATRICES = frozenset({1, 4, 5, 6, 7, 9})  # those that FFmpeg converts
_LIMITED, _FULL = 1, 2  # AVColorRange

_Box = tuple[bytes, memoryview]
_NOTHING = memoryview(b"")


def read_heif(path: Path) -> Rgb | None:
    """The picture of a file as shown; None if it is of a kind for others to read.

    Raises: VideoError if the file is damaged, or its picture is made of others, and not of tiles.
    """
    try:
        items = _Items(path)
        return items.picture() if items.kinds.get(items.primary) in _KINDS else None
    except VideoError:  # which says itself what is to be done
        raise
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

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, memoryview(read_regular(path))
        self._display = Display(Fraction(1))
        meta = next((body[4:] for kind, body in _boxes(self._file) if kind == b"meta"), _NOTHING)
        self._boxes = dict(_boxes(meta))
        version, _, pitm = self._full(b"pitm")
        self.primary = pitm.number(_width(version))
        self.kinds = dict(self._all_kinds())

    def picture(self) -> Rgb:
        """The primary item."""
        use_natives()
        self._places, self._properties = dict(self._all_places()), dict(self._all_properties())
        items = [self.primary]
        if self.kinds[self.primary] == b"iden":  # another item as shown, to be changed further
            items = self._parts(self.primary) + items
            if len(items) != 2:
                raise ValueError(f"a copy of {len(items) - 1} pictures; expected of one")
        make = self._in_tiles if self.kinds.get(items[0]) == b"grid" else self._decoded
        rgb = make(*items)
        for item in items:
            rgb = self._as_shown(item, rgb)
        return np.ascontiguousarray(rgb)

    def _in_tiles(self, item: int, *users: int) -> Rgb:
        grid = _Bytes(memoryview(self._data(item)))
        size = _width(grid.number(2) & 1)
        rows, columns = grid.number(1) + 1, grid.number(1) + 1
        width, height = grid.number(size), grid.number(size)
        check_size(width, height, self._path)
        tiles = self._parts(item)
        if len(tiles) != rows * columns:
            raise ValueError(f"{len(tiles)} tiles; expected {columns}x{rows}")
        out, high, wide = np.empty((height, width, 3), np.uint8), 0, 0
        for number, tile in enumerate(tiles):
            rgb = self._as_shown(tile, self._decoded(tile, item, *users))
            if number == 0:
                high, wide, _ = rgb.shape
                if not (0 < height <= rows * high and 0 < width <= columns * wide):
                    raise ValueError(
                        f"{columns}x{rows} tiles of {wide}x{high} pixels, which do not fit a "
                        f"picture of {width}x{height}"
                    )
            if rgb.shape[:2] != (high, wide):
                raise ValueError(f"tile {number + 1} is of another size than the first")
            row, column = divmod(number, columns)
            place = out[row * high :, column * wide :][:high, :wide]
            place[:] = rgb[: place.shape[0], : place.shape[1]]
        return out

    def _decoded(self, item: int, *users: int) -> Rgb:
        """An item, with the colours that it says, or the first of its users that says any."""
        kind = self.kinds.get(item, b"")
        if kind not in _DECODERS:
            raise ValueError(
                f"it is of the kind {ascii(kind)[1:]}; expected hvc1, av01 or tiles of these"
            )
        for extent in self._of(item, b"ispe"):
            size = _Bytes(extent[4:])
            check_size(size.number(4), size.number(4), self._path)
        name, needed = _DECODERS[kind]
        # One for each tile, as they may have settings of their own.
        decoder = CodecContext.create(name, "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.extradata = next(map(bytes, self._of(item, needed)), None)
        decoder.options, decoder.thread_count = {"max_pixels": str(MAX_PIXELS)}, 1
        said = [c[4:] for i in (item, *users) for c in self._of(i, b"colr") if c[:4] == b"nclx"]
        try:
            found = [*decoder.decode(av.Packet(self._data(item))), *decoder.decode(None)]
            if found and not found[0].is_corrupt:
                _set_colours(found[0], said)
                return self._display(found[0])
        except FFmpegError as problem:
            raise ValueError(f"it cannot be decoded: {problem.strerror}") from problem
        raise ValueError("it cannot be decoded")

    def _as_shown(self, item: int, rgb: Rgb) -> Rgb:
        """Cropped, turned and mirrored, in the order in which the file says it."""
        for kind, body in self._properties.get(item, []):
            if kind == b"irot":  # quarters, counterclockwise
                rgb = np.rot90(rgb, _Bytes(body).number(1))
            elif kind == b"imir":  # 0: top and bottom are exchanged, 1: left and right
                rgb = np.flip(rgb, _Bytes(body).number(1) & 1)
            elif kind == b"clap":
                rgb = _cropped(rgb, _Bytes(body))
        return rgb

    def _of(self, item: int, kind: bytes) -> list[memoryview]:
        """The properties of a kind that an item has."""
        return [body for one, body in self._properties.get(item, []) if one == kind]

    def _data(self, item: int) -> bytes:
        is_in_idat, extents = self._places.get(item, (False, []))
        whole = self._boxes.get(b"idat", _NOTHING) if is_in_idat else self._file
        parts = []
        for start, length in extents:
            rest = _Bytes(whole)
            rest.take(start)
            parts.append(rest.take(length))
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
        for _ in range(iloc.number(_width(version > 1))):
            item = iloc.number(_width(version > 1))
            method = iloc.number(2) if version else 0
            other_file, base = iloc.number(2), iloc.number(base_size)
            parts = []
            for _ in range(iloc.number(2)):
                iloc.take(sizes & 15)  # an index, for methods that are not read
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


def _set_colours(picture: VideoFrame, said: list[memoryview]) -> None:
    """What the file says goes before what the codec does; BT.601 where neither says anything."""
    if said:
        nclx = _Bytes(said[0])
        _, transfer, matrix, flags = (nclx.number(size) for size in (2, 2, 2, 1))
        picture.color_range = _FULL if flags >> 7 else _LIMITED
        picture.color_trc = transfer if transfer != _UNSPECIFIED else picture.color_trc
        picture.colorspace = matrix if matrix in _MATRICES else picture.colorspace
    if picture.colorspace == _UNSPECIFIED:
        picture.colorspace = _BT601


def _boxes(data: memoryview) -> Iterator[_Box]:
    """The kind and the body of each box."""
    left = _Bytes(data)
    while left.rest:
        size, kind, head = left.number(4), bytes(left.take(4)), 8
        if size == 1:  # it needs more than four bytes
            size, head = left.number(8), 16
        yield kind, left.take(size - head)


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
        # To whole pixels, of which none is added where the part begins within one.
        length = max(1, math.floor(size + Fraction(1, 2)))
        first = min(math.floor(start + Fraction(1, 2)), side - length)
        spans.append(slice(first, first + length))
    return rgb[tuple(spans)]
