"""Makes HEIC files: a picture whole, or in tiles as phones store it. ISO/IEC 23008-12."""

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

_ENCODERS = {
    "hvc1": ("libx265", b"hvcC", {"x265-params": "log-level=none:keyint=1"}),
    "av01": ("libsvtav1", b"av1C", {"svtav1-params": "lp=1", "preset": "10"}),
}


def write_heic(
    path: Path,
    tiles: Sequence[np.ndarray],
    *,
    columns: int | None = None,
    size_hw: tuple[int, int] | None = None,
    shown: Sequence[bytes] = (),
    thumbnail: bool = False,
    grid: bytes = b"",
    grid_in_mdat: bool = False,
    codec: str = "hvc1",
) -> Path:
    """One picture, or tiles in rows, side by side unless `columns` says how many are.

    `size_hw`: of what is left of the tiles, all of them if None. `shown`: what is done to it then,
    made by `turned`, `mirrored` and `cropped`. `thumbnail`: the last of the tiles is a small copy.
    """
    streams = [_encoded(rgb, codec) for rgb in tiles]
    num_tiles = len(tiles) - thumbnail
    columns = columns or num_tiles
    rows = num_tiles // columns
    is_grid = num_tiles > 1
    primary = len(tiles) + 1 if is_grid else 1
    height, width = size_hw or (tiles[0].shape[0] * rows, tiles[0].shape[1] * columns)
    ids = range(1, len(tiles) + 1)
    items = [_item(number, codec.encode()) for number in ids]
    links = [b""]
    grid = grid or struct.pack(">4B2H", 0, 0, rows - 1, columns - 1, width, height)
    properties = [config for config, _ in streams] + [_extent(*rgb.shape[:2]) for rgb in tiles]
    of_items = {number: [number, len(tiles) + number] for number in ids}
    if is_grid:
        items.append(_item(primary, b"grid"))
        properties.append(_extent(height, width))
        of_items[primary] = [len(properties)]
        links.append(_link(b"dimg", primary, *ids[:num_tiles]))
    if thumbnail:
        links.append(_link(b"thmb", len(tiles), primary))
    for change in shown:
        properties.append(change)
        of_items[primary].append(len(properties))
    used = b"".join(struct.pack(">HB", i, len(p)) + bytes(p) for i, p in of_items.items())
    media = [data for _, data in streams] + [grid] * grid_in_mdat

    def meta(start: int) -> bytes:
        places = b""
        for number, data in zip((*ids, primary), media, strict=False):
            places += struct.pack(">4H2I", number, 0, 0, 1, start, len(data))
            start += len(data)
        if is_grid and not grid_in_mdat:
            places += struct.pack(">4H2I", primary, 1, 0, 1, 0, len(grid))
        return _full(
            b"meta",
            0,
            _full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            _full(b"pitm", 0, struct.pack(">H", primary)),
            _full(b"iloc", 1, struct.pack(">BBH", 0x44, 0, len(items)), places),
            _full(b"iinf", 0, struct.pack(">H", len(items)), *items),
            _full(b"iref", 0, *links),
            _box(b"iprp", _box(b"ipco", *properties),
                 _full(b"ipma", 0, struct.pack(">I", len(of_items)), used)),
            _box(b"idat", grid),
        )  # fmt: skip

    head = _box(b"ftyp", b"heic" if codec == "hvc1" else b"avif", bytes(4), b"mif1heic")
    start = len(head) + len(meta(0)) + 8
    path.write_bytes(head + meta(start) + _box(b"mdat", *media))
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


def _item(number: int, kind: bytes) -> bytes:
    return _full(b"infe", 2, struct.pack(">HH", number, 0), kind, b"\0")


def _extent(height: int, width: int) -> bytes:
    return _full(b"ispe", 0, struct.pack(">II", width, height))


def _link(kind: bytes, source: int, *targets: int) -> bytes:
    return _box(kind, struct.pack(f">{2 + len(targets)}H", source, len(targets), *targets))


def _full(kind: bytes, version: int, *parts: bytes) -> bytes:
    return _box(kind, bytes([version, 0, 0, 0]), *parts)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body
