"""Read MAT files of versions 5 to 7: arrays of numbers, text, cells and structures, no objects.

Own code, since readers in C cross the bounds of damaged files. Everything here is a slice of bytes
whose length is checked first. Source: The MathWorks, MAT-File Format, chapter 1 (Level 5).
"""

import math
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

_HEADER = 128
_MOST_BYTES = 2**31  # of a variable after decompression
_MOST_DEPTH = 32
_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}  # fmt: skip
_TEXTS = {1: "latin-1", 2: "latin-1", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _CHAR, _SPARSE = 1, 2, 4, 5
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}  # fmt: skip
_COMPLEX, _LOGICAL = 0x0800, 0x0200


class BrokenMat(ValueError):
    """What is wrong with the bytes."""


def read_mat(data: bytes, names: Collection[str] | None = None) -> dict[str, Any]:
    """The variables of a file, or those with the `names`.

    Numbers are arrays in MATLAB's axes, at least two. A row of characters is a `str`, several rows
    a list of them, a cell array a flat list, a structure a dictionary and an array of structures a
    flat list of those, both in MATLAB's order.

    Raises: BrokenMat.
    """
    if len(data) < _HEADER or data[126:128] not in (b"IM", b"MI"):
        raise BrokenMat("its header is not that of a MAT file of version 5 to 7")
    order = "<" if data[126:128] == b"IM" else ">"
    found = {}
    for outer in _elements(memoryview(data)[_HEADER:], order):
        packed = outer[0] == _COMPRESSED
        kind, content = next(_elements(_unpacked(outer[1]), order)) if packed else outer
        if kind != _MATRIX:
            raise BrokenMat(f"an element of type {kind} in place of a variable")
        name, value = _variable(content, order, names)
        if names is None or name in names:
            found[name] = value
    return found


def _unpacked(content: memoryview) -> memoryview:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(content, _MOST_BYTES)
    except zlib.error as problem:
        raise BrokenMat(f"compressed data that is damaged ({problem})") from problem
    if not unpacker.eof or not data:
        raise BrokenMat("compressed data that is cut off, has no end, or is empty")
    return memoryview(data)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """(type, content) of the elements that follow each other."""
    place = 0
    while place < len(data):
        if len(data) - place < 8:
            raise BrokenMat("it ends within an element")
        first, size = np.frombuffer(data[place : place + 8], f"{order}u4").tolist()
        if first >> 16:  # up to four bytes within the tag itself
            kind, size, begin = first & 0xFFFF, first >> 16, place + 4
            place = end = place + 8
            if size > 4:
                raise BrokenMat(f"a short element of {size} bytes")
            end = begin + size
        else:
            kind, begin = first, place + 8
            end = begin + size
            place = end if kind == _COMPRESSED else begin + -(-size // 8) * 8
        if end > len(data):
            raise BrokenMat(f"an element of {size} bytes, of which {len(data) - begin} are there")
        yield kind, data[begin:end]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The elements of an array, taken one after the other."""

    left: Iterator[tuple[int, memoryview]]
    order: str

    def next(self) -> tuple[int, memoryview]:
        found = next(self.left, None)
        if found is None:
            raise BrokenMat("an array that lacks a part")
        return found

    def numbers(self) -> np.ndarray:
        kind, content = self.next()
        if kind not in _NUMBERS:
            raise BrokenMat(f"an element of type {kind} in place of numbers")
        dtype = np.dtype(self.order + _NUMBERS[kind])
        if len(content) % dtype.itemsize:
            raise BrokenMat(f"{len(content)} bytes of {dtype.itemsize}-byte numbers")
        return np.frombuffer(content, dtype)

    def name(self) -> str:
        _, content = self.next()
        return bytes(content).decode("latin-1").rstrip("\0")


def _variable(content: memoryview, order: str, names: Collection[str] | None) -> tuple[str, Any]:
    parts, flags, shape, name = _begin(content, order)
    if names is not None and name not in names:
        return name, None
    return name, _value(parts, flags, shape, 0)


def _begin(content: memoryview, order: str) -> tuple[_Parts, int, tuple[int, ...], str]:
    parts = _Parts(_elements(content, order), order)
    flags = parts.numbers()
    shape = tuple(parts.numbers().tolist())
    if not len(flags) or len(shape) < 2 or min(shape) < 0:
        raise BrokenMat(f"an array of the size {list(shape)}")
    return parts, int(flags[0]), shape, parts.name()


def _value(parts: _Parts, flags: int, shape: tuple[int, ...], depth: int) -> Any:
    kind, count = flags & 0xFF, math.prod(shape)
    if depth > _MOST_DEPTH:
        raise BrokenMat("arrays nested too deeply")
    if kind == _CELL:
        return [_inner(parts, depth) for _ in range(count)]
    if kind == _STRUCT:
        return _structures(parts, shape, depth)
    if kind == _CHAR:
        return _text(parts, shape)
    if kind in _CLASSES:
        return _array(parts, flags, shape)
    raise BrokenMat("a sparse array" if kind == _SPARSE else f"a value of class {kind}")


def _inner(parts: _Parts, depth: int) -> Any:
    kind, content = parts.next()
    if kind != _MATRIX:
        raise BrokenMat(f"an element of type {kind} in place of an array")
    if not len(content):
        return np.zeros((0, 0))
    inner, flags, shape, _ = _begin(content, parts.order)
    return _value(inner, flags, shape, depth + 1)


def _structures(parts: _Parts, shape: tuple[int, ...], depth: int) -> Any:
    lengths = parts.numbers()
    _, content = parts.next()
    width = int(lengths[0]) if len(lengths) else 0
    if width < 1 or len(content) % width:
        raise BrokenMat("field names of no length")
    raw = bytes(content)
    names = [
        raw[i : i + width].partition(b"\0")[0].decode("latin-1") for i in range(0, len(raw), width)
    ]
    if not names:  # nothing would be read, however many the size announces
        return {} if math.prod(shape) == 1 else []
    found = [{name: _inner(parts, depth) for name in names} for _ in range(math.prod(shape))]
    return found[0] if len(found) == 1 else found


def _text(parts: _Parts, shape: tuple[int, ...]) -> str | list[str]:
    kind, content = parts.next()
    if kind in (3, 4):  # code units, not UTF-16
        units = np.frombuffer(content[: len(content) // 2 * 2], f"{parts.order}u2")
        text = "".join(map(chr, units.tolist()))
    elif kind in _TEXTS:
        names = {"<": "-le", ">": "-be"}
        coding = _TEXTS[kind] + (names[parts.order] if kind in (17, 18) else "")
        text = bytes(content).decode(coding, "replace")
    else:
        raise BrokenMat(f"an element of type {kind} in place of text")
    if len(text) != math.prod(shape):
        raise BrokenMat(f"{len(text)} characters in an array of {math.prod(shape)}")
    rows = shape[0] if text else 0  # however many the size announces
    return text if rows <= 1 else [text[row::rows] for row in range(rows)]


def _array(parts: _Parts, flags: int, shape: tuple[int, ...]) -> np.ndarray:
    values = parts.numbers()
    if len(values) != math.prod(shape):
        raise BrokenMat(f"{len(values)} numbers in an array of {math.prod(shape)}")
    if flags & _COMPLEX:
        raise BrokenMat("complex numbers")
    # Numbers are stored as small as they fit, whatever their class.
    dtype = np.dtype("bool" if flags & _LOGICAL else _CLASSES[flags & 0xFF])
    with np.errstate(all="ignore"):
        return values.astype(dtype).reshape(shape, order="F")
