"""Makes HEIC files: a picture whole, or in tiles as phones store it. ISO/IEC 23008-12."""

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np


def write_heic(
    path: Path, tiles: Sequence[np.ndarray], *, quarter_turns: int = 0, thumbnail: bool = False
) -> Path:
    """One picture, or tiles side by side, to be shown turned counterclockwise.

    `thumbnail`: the last of them is a small copy and no tile.
    """
    streams = [_encoded(rgb) for rgb in tiles]
    num_tiles = len(tiles) - thumbnail
    is_grid = num_tiles > 1
    primary = len(tiles) + 1 if is_grid else 1
    height, width = tiles[0].shape[:2]
    ids = range(1, len(tiles) + 1)
    items = [_item(number, b"hvc1") for number in ids]
    links = [b""]
    grid = struct.pack(">4B2H", 0, 0, 0, num_tiles - 1, width * num_tiles, height)
    properties = [config for config, _ in streams] + [_extent(*rgb.shape[:2]) for rgb in tiles]
    of_items = {number: [number, len(tiles) + number] for number in ids}
    if is_grid:
        items.append(_item(primary, b"grid"))
        properties.append(_extent(height, width * num_tiles))
        of_items[primary] = [len(properties)]
        links.append(_link(b"dimg", primary, *ids[:num_tiles]))
    if thumbnail:
        links.append(_link(b"thmb", len(tiles), primary))
    if quarter_turns:
        properties.append(_box(b"irot", bytes([quarter_turns])))
        of_items[primary].append(len(properties))
    used = b"".join(struct.pack(">HB", i, len(p)) + bytes(p) for i, p in of_items.items())

    def meta(start: int) -> bytes:
        places = b""
        for number, (_, data) in zip(ids, streams, strict=True):
            places += struct.pack(">4H2I", number, 0, 0, 1, start, len(data))
            start += len(data)
        if is_grid:
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

    head = _box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    start = len(head) + len(meta(0)) + 8
    path.write_bytes(head + meta(start) + _box(b"mdat", *(data for _, data in streams)))
    return path


def _encoded(rgb: np.ndarray) -> tuple[bytes, bytes]:
    """The settings of a decoder, as a box, and the data."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream(
            "libx265", rate=25, options={"x265-params": "log-level=none:keyint=1"}
        )
        stream.height, stream.width = rgb.shape[:2]
        stream.pix_fmt, stream.codec_context.codec_tag = "yuv420p", "hvc1"
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        picture.pts = 0
        out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    written = file.getvalue()
    start = written.index(b"hvcC") - 4
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
