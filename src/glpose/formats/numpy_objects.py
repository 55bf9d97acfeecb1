"""Dictionaries that NumPy pickled into `.npz` files, without running what else a pickle can hold.

Many public sets are published this way; `np.load(..., allow_pickle=True)` would run any program that
somebody put into such a file.
"""

import pickle
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from glpose.errors import BadInput
from glpose.files import open_regular

# What a pickle of arrays, numbers, text and containers names; NumPy moved its own in version 2.
_ARRAYS = {
    ("numpy", "ndarray"): ("numpy", "ndarray"),
    ("numpy", "dtype"): ("numpy", "dtype"),
    ("_codecs", "encode"): ("_codecs", "encode"),
    **{
        (f"numpy.{core}.multiarray", name): ("numpy._core.multiarray", name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    },
    **{
        (f"numpy.{core}.numeric", "_frombuffer"): ("numpy._core.numeric", "_frombuffer")
        for core in ("core", "_core")
    },
}


class _OnlyArrays(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """Only what arrays are made of."""
        if (module, name) not in _ARRAYS:
            raise pickle.UnpicklingError(f"holds {module}.{name}, which is no array")
        return super().find_class(*_ARRAYS[module, name])


def read_objects(path: Path) -> dict[str, Any]:
    """The arrays and pickled objects of a `.npz` file, by name.

    Raises: BadInput if the file cannot be read, or holds anything but arrays, numbers, text,
    dictionaries, lists and tuples.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            return {
                name.removesuffix(".npy"): _read(BytesIO(archive.read(name)))
                for name in archive.namelist()
            }
    except OSError as problem:
        raise BadInput(f"{path}: cannot be read ({problem.strerror or problem})") from problem
    except Exception as problem:  # a pickle that is damaged can raise anything
        raise BadInput(
            f"{path}: not a .npz file of arrays and dictionaries ({problem}); download it again"
        ) from problem


def _read(file: BytesIO) -> Any:
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else _later_header
    shape, _, dtype = header(file)
    if dtype.hasobject:
        found = _OnlyArrays(file, encoding="latin1").load()
        return found.item() if shape == () else found
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


_later_header = np.lib.format.read_array_header_2_0
