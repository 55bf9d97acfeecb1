"""MAT files: read as SciPy's writer means them, and no damage does worse than one error."""

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from glpose.formats.text.mat import BrokenMat, read_mat
from glpose.formats.text.tree import read_tree

CONTENT = {
    "numbers": np.arange(24.0).reshape(2, 3, 4),
    "bytes": np.arange(12, dtype=np.uint8).reshape(3, 2, 2),
    "mask": np.array([[True, False]]),
    "text": "hällo",
    "rows": np.array(["ab", "cd"]),
    "cell": np.array(["x", 3.0, np.zeros((2, 2))], object),
    "nested": {"p": 1, "q": {"r": [1, 2, 3], "none": []}},
    "array": np.array([(1, "a"), (2, "b")], dtype=[("n", "O"), ("t", "O")]),
}


def written(content: dict[str, Any], *, packed: bool) -> bytes:
    out = io.BytesIO()
    savemat(out, content, do_compression=packed)
    return out.getvalue()


@pytest.mark.parametrize("packed", [True, False])
def test_every_kind_of_value_is_read_as_it_was_written(*, packed: bool) -> None:
    found = read_mat(written(CONTENT, packed=packed))
    assert list(found) == list(CONTENT)
    for name in ("numbers", "bytes", "mask"):
        np.testing.assert_array_equal(found[name], CONTENT[name])
        assert found[name].dtype == CONTENT[name].dtype
    assert found["text"] == "hällo"
    assert found["rows"] == ["ab", "cd"]
    assert found["cell"][0] == "x"
    assert found["cell"][1].tolist() == [[3.0]]
    assert found["nested"]["q"]["r"].tolist() == [[1, 2, 3]]
    assert found["nested"]["q"]["none"].size == 0
    assert [(row["n"].item(), row["t"]) for row in found["array"]] == [(1, "a"), (2, "b")]


def test_only_the_variables_asked_for() -> None:
    assert list(read_mat(written(CONTENT, packed=True), ["text"])) == ["text"]


def test_as_a_tree_it_is_like_json(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(written(CONTENT, packed=True))
    tree = read_tree(path)
    assert tree.at("nested").at("p").whole() == 1
    assert tree.at("nested").at("q").at("r").numbers(3).tolist() == [1, 2, 3]
    assert [row.at("t").text() for row in tree.items("array")] == ["a", "b"]


@given(st.data(), st.booleans())
def test_damage_is_one_error(data: st.DataObject, packed: bool) -> None:
    raw = bytearray(written(CONTENT, packed=packed))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(124, len(raw) - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(raw)) | st.just(len(raw)))
    with suppress(BrokenMat):
        read_mat(bytes(raw[:kept]))


def test_an_announced_size_is_not_believed() -> None:
    """2^31 rows of no characters: a list of so many empty rows would take minutes."""
    raw = bytearray(written({"a": ""}, packed=False))
    place = raw.index(b"\x05\0\0\0\x08\0\0\0")  # the dimensions
    raw[place + 8 : place + 16] = (2**31 - 1).to_bytes(4, "little") + bytes(4)
    assert read_mat(bytes(raw))["a"] == ""
