"""Dictionaries that NumPy pickled into `.npz` files, without running what else a pickle can hold.

Many public sets are published this way; `np.load(..., allow_pickle=True)` would run any program that
somebody put into such a file.
"""

import pickle
import re
import zipfile
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from glpose.errors import BadInput, reason
from glpose.files import MOST_BYTES, open_regular


class _Kind:
    """What a pickle says of a `numpy.dtype`: one of numbers, text, bytes or objects."""

    def __init__(self, code: str, *_: object) -> None:
        if not re.fullmatch(r"[?biufcSUO]\d*", code):
            raise pickle.UnpicklingError(f"holds numbers of the kind {code!r:.20}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        _, order, subdtype, names, fields, *_ = state
        if (subdtype, names, fields) != (None, None, None):
            raise pickle.UnpicklingError("holds records, not arrays of one kind")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """What a pickle says of a `numpy.ndarray`; `made` makes it."""

    value: np.ndarray | None = None

    def __setstate__(self, state: tuple) -> None:
        _, shape, kind, is_fortran, data = state
        self.value = _array(data, kind, shape, "F" if is_fortran else "C")


class _ArrayType:
    """Stands for the type `numpy.ndarray`, which a pickle names but may not call."""


def _array(data: Any, kind: _Kind, shape: Sequence[int], order: Any = "C") -> np.ndarray:
    if kind.dtype.hasobject:
        flat = np.empty(len(data), object)
        flat[:] = data
    else:
        flat = np.frombuffer(data, kind.dtype)
    return flat.reshape(shape, order=order)


def _scalar(kind: _Kind, data: bytes) -> Any:
    return np.frombuffer(data, kind.dtype)[0]


def _encode(text: str, encoding: str) -> bytes:
    """As `_codecs.encode`, with which pickles of protocol 2 hold bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"holds text as {encoding!r:.20}")
    return text.encode("latin1")


# What a pickle of arrays, numbers, text and containers names, and what stands for it. None of NumPy's
# own: its `__setstate__` trusts the bytes of a file, which may be pointers. NumPy moved them in version 2.
_ARRAYS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): _ArrayType,
    ("numpy", "dtype"): _Kind,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): lambda: b"",  # no bytes at all, in protocol 2
    **{
        (f"numpy.{core}.{module}", name): ours
        for core in ("core", "_core")
        for module, name, ours in (
            ("multiarray", "_reconstruct", lambda *_: _Array()),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _array),
        )
    },
}


class _OnlyArrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """Only what arrays are made of."""
        if (module, name) not in _ARRAYS:
            raise pickle.UnpicklingError(f"holds {module}.{name}, which is no array")
        return _ARRAYS[module, name]


def _made(found: Any) -> Any:
    """The same with arrays in place of what stands for them, also inside containers."""
    if isinstance(found, _Array):
        found = found.value
    if isinstance(found, np.ndarray) and found.dtype.hasobject:
        made = np.empty(found.shape, object)
        for place, held in np.ndenumerate(found):
            made[place] = _made(held)
        return made
    if isinstance(found, dict):
        return {_made(key): _made(held) for key, held in found.items()}
    if isinstance(found, list | tuple):
        return type(found)(_made(held) for held in found)
    return found


def read_objects(path: Path) -> dict[str, Any]:
    """The arrays and pickled objects of a `.npz` file, by name.

    Raises: BadInput if the file cannot be read, or holds anything but arrays, numbers, text,
    dictionaries, lists and tuples, or more than `files.MOST_BYTES`.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            _check_size(archive)
            return {
                name.removesuffix(".npy"): _read(BytesIO(archive.read(name)))
                for name in archive.namelist()
            }
    except OSError as problem:
        raise BadInput(f"{path}: cannot be read ({reason(problem)})") from problem
    except Exception as problem:  # a pickle that is damaged can raise anything
        raise BadInput(
            f"{path}: not a .npz file of arrays and dictionaries ({problem}); download it again"
        ) from problem


def _check_size(archive: zipfile.ZipFile) -> None:
    num_bytes = sum(entry.file_size for entry in archive.infolist())
    if num_bytes > MOST_BYTES:
        raise ValueError(f"{num_bytes / 1e9:.1f} GB when unpacked")


def _read(file: BytesIO) -> Any:
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else _later_header
    shape, _, dtype = header(file)
    if dtype.hasobject:
        found = _made(_OnlyArrays(file, encoding="latin1").load())
        return found.item() if shape == () else found
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


_later_header = np.lib.format.read_array_header_2_0
