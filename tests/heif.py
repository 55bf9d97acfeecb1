"""Makes HEIC files: a picture whole, or in tiles as phones store it. ISO/IEC 23008-12."""

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

_ENCODERS = {
    "hvc1": ("libx265", b"hvcC", {"x265-params": "log-level=none:keyint=1"}),
    "av01": ("libsvtav1", b"av1C", {"svtav1-params": "lp=1", "preset": "10"}),
}


@dataclass(frozen=True, slots=True)
class _Item:
    """A picture; `parts`: the numbers of those that it is made of."""

    kind: bytes
    data: bytes
    properties: Sequence[bytes]
    parts: Sequence[int] = ()
    is_in_idat: bool = False


def write_heic(
    path: Path,
    tiles: Sequence[np.ndarray],
    *,
    columns: int | None = None,
    size_hw: tuple[int, int] | None = None,
    shown: Sequence[bytes] = (),
    tiles_shown: Sequence[bytes] = (),
    copy_shown: Sequence[bytes] | None = None,
    thumbnail: bool = False,
    grid: bytes = b"",
    grid_in_mdat: bool = False,
    codec: str = "hvc1",
    wide: bool = False,
) -> Path:
    """One picture, or tiles in rows, side by side unless `columns` says how many are.

    `size_hw`: of what is left of the tiles, all of them if None. `shown`: properties of the picture,
    e.g. what is done to it then, made by `turned`, `mirrored`, `cropped` and `coloured`;
    `tiles_shown`: those of each tile; `copy_shown`: those of a copy of the picture, which then is
    the one to be shown. `thumbnail`: the last of the tiles is a small copy. `wide`: all numbers are
    of the larger form, data comes first, and in two parts.
    """
    num_tiles = len(tiles) - thumbnail
    columns = columns or num_tiles
    rows = num_tiles // columns
    height, width = size_hw or (tiles[0].shape[0] * rows, tiles[0].shape[1] * columns)
    items = []
    for rgb in tiles:
        settings, data = _encoded(rgb, codec)
        properties = [settings, extent(*rgb.shape[:2]), *(tiles_shown if num_tiles > 1 else shown)]
        items.append(_Item(codec.encode(), data, properties))
    if num_tiles > 1:
        grid = grid or struct.pack(">4B2H", 0, 0, rows - 1, columns - 1, width, height)
        ids = range(1, num_tiles + 1)
        items.append(_Item(b"grid", grid, [extent(height, width), *shown], ids, not grid_in_mdat))
    primary = len(items) if num_tiles > 1 else 1
    if copy_shown is not None:
        items.append(_Item(b"iden", b"", copy_shown, [primary]))
        primary = len(items)
    thumbnails = {len(tiles): primary} if thumbnail else {}
    head = _box(b"ftyp", b"heic" if codec == "hvc1" else b"avif", bytes(4), b"mif1heic")
    media = b"".join(item.data for item in items if not item.is_in_idat)
    if wide:
        start = len(head) + 16
        large = struct.pack(">I4sQ", 1, b"mdat", 16 + len(media)) + media
        path.write_bytes(head + large + _meta(items, primary, thumbnails, start, wide=True))
        return path
    start = len(head) + len(_meta(items, primary, thumbnails, 0)) + 8
    path.write_bytes(head + _meta(items, primary, thumbnails, start) + _box(b"mdat", media))
    return path


def turned(quarters: int) -> bytes:
    """Turn it counterclockwise."""
    return _box(b"irot", bytes([quarters]))


def mirrored(axis: int) -> bytes:
    """Exchange top and bottom (0), or left and right (1)."""
    return _box(b"imir", bytes([axis]))


def cropped(size_hw: tuple[int, int], off_yx: tuple[int, int]) -> bytes:
    """Leave a part of it whose middle is off by halves of a pixel."""
    (height, width), (down, right) = size_hw, off_yx
    return _box(b"clap", struct.pack(">8i", width, 1, height, 1, right, 2, down, 2))


def coloured(transfer: int, matrix: int, is_full: bool) -> bytes:
    """How colours are coded, in numbers of ITU-T H.273."""
    return _box(b"colr", b"nclx", struct.pack(">3HB", 1, transfer, matrix, is_full << 7))


def extent(height: int, width: int) -> bytes:
    """The size before it is changed."""
    return _full(b"ispe", 0, struct.pack(">II", width, height))


def _encoded(rgb: np.ndarray, codec: str) -> tuple[bytes, bytes]:
    """The settings of a decoder, as a box, and the data."""
    encoder, settings, options = _ENCODERS[codec]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream(encoder, rate=25, options=options)
        stream.height, stream.width = rgb.shape[:2]
        stream.pix_fmt, stream.codec_context.codec_tag = "yuv420p", codec
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        picture.pts = 0
        out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    written = file.getvalue()
    start = written.index(settings) - 4
    size = int.from_bytes(written[start : start + 4])
    with av.open(io.BytesIO(written)) as given:
        data = b"".join(bytes(packet) for packet in given.demux(video=0))
    return written[start : start + size], data


def _meta(
    items: Sequence[_Item],
    primary: int,
    thumbnails: dict[int, int],
    start: int,
    *,
    wide: bool = False,
) -> bytes:
    """All that is said of items, numbered from 1, whose data is at `start`, one after another."""
    number = "I" if wide else "H"
    kinds, links, of_items = [], [], struct.pack(">I", len(items))
    properties = [one for item in items for one in item.properties]
    last = 0
    for own, item in enumerate(items, 1):
        kinds.append(_full(b"infe", 2 + wide, struct.pack(f">{number}H", own, 0), item.kind, b"\0"))
        if item.parts:
            links.append(_link(b"dimg", number, own, *item.parts))
        of_items += struct.pack(f">{number}B", own, len(item.properties))
        for _ in item.properties:
            last += 1
            of_items += struct.pack(">H", last | 1 << 15) if wide else bytes([last | 1 << 7])
    links += [_link(b"thmb", number, own, of) for own, of in thumbnails.items()]
    return _full(
        b"meta",
        0,
        _full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
        _full(b"pitm", wide, struct.pack(f">{number}", primary)),
        _places(items, start, wide),
        _full(b"iinf", wide, struct.pack(f">{number}", len(items)), *kinds),
        _full(b"iref", wide, *links),
        _box(b"iprp", _box(b"ipco", *properties),
             _box(b"ipma", bytes([wide, 0, 0, wide]), of_items)),
        _box(b"idat", *(item.data for item in items if item.is_in_idat)),
    )  # fmt: skip


def _places(items: Sequence[_Item], start: int, wide: bool) -> bytes:
    """Of version 2 if wide, 1 if an item is in the box `idat`, else 0."""
    version = 2 if wide else int(any(item.is_in_idat for item in items))
    stored = {own: item for own, item in enumerate(items, 1) if item.data}

    def places() -> Iterator[bytes]:
        begin = start
        for own, item in stored.items():
            method, length = [item.is_in_idat] if version else [], len(item.data)
            at = 0 if item.is_in_idat else begin
            if wide:
                half = length // 2
                yield struct.pack(">I2HIH", own, *method, 0, at, 2)
                yield struct.pack(">IQIIQI", 1, 0, half, 2, half, length - half)
            else:
                yield struct.pack(f">{3 + version}H2I", own, *method, 0, 1, at, length)
            begin += 0 if item.is_in_idat else length

    sizes = struct.pack(">BBI", 0x84, 0x44, len(stored)) if wide else b""
    sizes = sizes or struct.pack(">BBH", 0x44, 0, len(stored))
    return _full(b"iloc", version, sizes, *places())


def _link(kind: bytes, number: str, source: int, *targets: int) -> bytes:
    return _box(
        kind, struct.pack(f">{number}H{len(targets)}{number}", source, len(targets), *targets)
    )


def _full(kind: bytes, version: int, *parts: bytes) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]), *parts)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body
