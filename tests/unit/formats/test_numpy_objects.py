"""Pickled dictionaries of arrays are read; programs in a pickle are not run."""

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.formats import numpy_objects
from glpose.formats.numpy_objects import _made, _OnlyArrays, read_objects


def test_dictionaries_lists_and_arrays_come_back(tmp_path: Path):
    held = {"S1": {"Walking 1": [np.arange(6.0).reshape(2, 3), np.float32(2.5)], "name": "é"}}
    np.savez_compressed(tmp_path / "a.npz", positions=held, plain=np.arange(3), words=np.array("x"))
    found = read_objects(tmp_path / "a.npz")
    np.testing.assert_array_equal(found["positions"]["S1"]["Walking 1"][0], [[0, 1, 2], [3, 4, 5]])
    assert found["positions"]["S1"]["Walking 1"][1] == 2.5
    assert found["positions"]["S1"]["name"] == "é"
    np.testing.assert_array_equal(found["plain"], [0, 1, 2])


def test_files_of_the_old_numpy_are_read(tmp_path: Path):
    """In version 1 the functions that make arrays were in numpy.core; old pickles name it so."""
    array = np.empty((), object)
    array[()] = {"a": np.arange(4, dtype=np.float32)}
    file = io.BytesIO()
    header = {"descr": "|O", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(file, header)
    data = pickle.dumps(array, 2).replace(b"numpy._core", b"numpy.core")
    assert b"numpy.core" in data
    with zipfile.ZipFile(tmp_path / "old.npz", "w") as archive:
        archive.writestr("data.npy", file.getvalue() + data)
    np.testing.assert_array_equal(read_objects(tmp_path / "old.npz")["data"]["a"], [0, 1, 2, 3])


class _Program:
    def __reduce__(self) -> tuple:
        return os.mkdir, (os.environ["GLPOSE_TEST_FOLDER"],)


def test_a_program_in_the_file_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = tmp_path / "made"
    monkeypatch.setenv("GLPOSE_TEST_FOLDER", str(made))
    np.savez(tmp_path / "bad.npz", data=np.array({"a": _Program()}, object))
    with pytest.raises(BadInput, match=r"bad.npz: not a .npz file .*mkdir, which is no array"):
        read_objects(tmp_path / "bad.npz")
    assert not made.exists()


def test_other_files_are_refused_in_one_line(tmp_path: Path):
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(BadInput, match=r"text.npz: not a .npz file"):
        read_objects(tmp_path / "text.npz")
    with pytest.raises(BadInput, match=r"none.npz: cannot be read \(No such file"):
        read_objects(tmp_path / "none.npz")


class _Called:
    """A pickle that makes an array of pointers out of bytes by calling the type of arrays."""

    def __reduce__(self) -> tuple:
        return np.ndarray, ((1,), "O", b"AAAAAAA\0")


class _Flagless:
    """The dtype of objects without the mark that says so: bytes would be taken for pointers."""

    def __reduce__(self) -> tuple:
        return np.dtype, ("O", False, True), (3, "|", None, None, None, -1, -1, 0)


class _Pointers:
    def __reduce__(self) -> tuple:
        make, arguments, *_ = np.zeros(1).__reduce__()
        return make, arguments, (1, (1,), _Flagless(), False, b"AAAAAAA\0")


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_all_kinds_of_arrays_come_back(protocol: int):
    arrays = [
        np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.zeros((2, 1), ">f4"), np.array(["a", "bcé"]), np.array([b"xy"]), np.array([True, False]),
        np.array([[1, "x"], [None, 2.5]], object), np.zeros((0, 17, 2)), np.array(3),
    ]  # fmt: skip
    data = pickle.dumps({"held": arrays, "one": (np.float32(0.5), np.int64(7))}, protocol)
    found = _made(_OnlyArrays(io.BytesIO(data), encoding="latin1").load())
    assert found["one"] == (0.5, 7)
    for array, expected in zip(found["held"], arrays, strict=True):
        assert (array.dtype, array.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("held", [_Called(), _Pointers()])
def test_bytes_of_a_file_never_become_pointers(tmp_path: Path, held: object):
    """`_Pointers` comes back as bytes at the most; reading what is at an address would crash."""
    array = np.empty((), object)
    array[()] = {"a": held}
    np.savez(tmp_path / "bad.npz", data=array)
    try:
        found = read_objects(tmp_path / "bad.npz")["data"]["a"].tolist()
    except BadInput:
        return
    assert found == [b"AAAAAAA\0"] * 8


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    np.savez_compressed(tmp_path / "a.npz", data=np.zeros(100_000))
    monkeypatch.setattr(numpy_objects, "MOST_BYTES", 800_000)
    with pytest.raises(BadInput, match=r"a.npz: not a .npz file .*0.0 GB when unpacked"):
        read_objects(tmp_path / "a.npz")
