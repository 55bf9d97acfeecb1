"""Columns of foreign files: what cannot be converted at once is read value by value."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.formats.text.rows import Rows, top
from glpose.formats.text.tree import Node


def rows(*values: Any) -> Rows:
    return top(Node(Path("a.json"), "", {"list": [{"v": value} for value in values]})).rows("list")


def test_mixed_columns_are_what_even_ones_are() -> None:
    for even, mixed in (((1, 2.5), (1, [2.5])), (([1], [2.5]), ([True], 2.5))):
        np.testing.assert_array_equal(rows(*even).numbers("v"), [1, 2.5])
        np.testing.assert_array_equal(rows(*mixed).numbers("v"), [1, 2.5])
    assert rows(3, 4.0, [], None).wholes("v", np.arange(4)).tolist() == [3, 4, 2, 3]
    assert rows(2**62 + 1, [5]).wholes("v").tolist() == [2**62 + 1, 5]
    assert rows([1, 2], [], [True, 4]).lists("v", 2, -1.0).tolist() == [[1, 2], [-1, -1], [1, 4]]


def test_complaints_name_the_row_also_of_some_rows() -> None:
    with pytest.raises(BadInput, match=r"'list\[2\].v' is nan; expected a finite number"):
        rows(1, 2, float("nan")).take(np.array([0, 2])).numbers("v")
    with pytest.raises(BadInput, match=r"'list\[1\].v' is a list of 3; expected 2 finite numbers"):
        rows([1, 2], [1, 2, 3]).lists("v", 2, 0.0)
    with pytest.raises(BadInput, match=r"the key 'v' is missing or empty in 'list\[1\]'"):
        rows(1, []).numbers("v")
    with pytest.raises(BadInput, match=r"'list\[0\].v' is 1.5; expected a whole number"):
        rows(1.5, 2).wholes("v")
