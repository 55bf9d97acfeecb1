"""Many objects of a label file that have the same keys, read column by column.

Label files hold a million numbers, each in an object of its own. A column of plain numbers is
converted at once; any other is read value by value through `Node`, whose errors name the key.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from glpose.formats.text.tree import HUGE, Node, is_empty, only


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Objects in file order, and for each the index of its owner (the object that holds it).

    `node` returns one of them with the keys that lead to it.
    """

    values: list[Any]
    owner: Int64[np.ndarray, " rows"]
    node: Callable[[int], Node]

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, key: str) -> "Rows":
        """The elements of the lists under a key, owned by these rows, as in `Node.items`."""
        values: list[Any] = []
        owner: list[int] = []
        place: list[int] = []
        for i, value in enumerate(self.raw(key)):
            if not is_empty(value):
                items = value if isinstance(value, list | np.ndarray) else [value]
                values += items
                owner += [i] * len(items)
                place += range(len(items))

        def node(row: int) -> Node:
            parent = self.node(owner[row])
            where = f"{parent.where}.{key}" if parent.where else key
            return Node(parent.file, f"{where}[{place[row]}]", values[row])

        found = [value if type(value) is dict else only(value) for value in values]
        return Rows(found, np.array(owner, np.int64), node)

    def take(self, rows: Int64[np.ndarray, " taken"]) -> "Rows":
        """Some of the rows, in the order given."""
        chosen = rows.tolist()
        return Rows(
            [self.values[i] for i in chosen], self.owner[rows], lambda i: self.node(chosen[i])
        )

    def slices(self, num_owners: int) -> list[slice]:
        """The rows of each owner; rows must be sorted by owner."""
        bounds = np.searchsorted(self.owner, np.arange(num_owners + 1)).tolist()
        return [slice(start, stop) for start, stop in pairwise(bounds)]

    def raw(self, key: str) -> list[Any]:
        """The values of a key as in the file, None where missing."""
        try:
            return [value.get(key) for value in self.values]
        except AttributeError:  # not all are objects
            nodes = [self.node(i).get(key) for i in range(len(self))]
            return [None if node is None else node.value for node in nodes]

    def numbers(self, key: str, missing: float | None = None) -> Float64[np.ndarray, " rows"]:
        """A finite number per row; where absent `missing`, or BadInput if that is None."""
        return _column(self, key, np.float64, Node.number, missing)

    def wholes(
        self, key: str, missing: Int64[np.ndarray, " rows"] | None = None
    ) -> Int64[np.ndarray, " rows"]:
        """An integer per row; where absent `missing`, or BadInput if that is None."""
        return _column(self, key, np.int64, Node.whole, missing)

    def lists(self, key: str, count: int, missing: float) -> Float64[np.ndarray, "rows count"]:
        """A flat list of finite numbers per row; all `missing` where absent."""
        values = self.raw(key)
        out = np.full((len(values), count), missing)
        there = [i for i, value in enumerate(values) if not is_empty(value)]
        if there:
            found = _plain([values[i] for i in there])
            if found is None or found.shape[1:] != (count,):
                found = [self.node(i).at(key).numbers(count) for i in there]
            out[there] = found
        return out


def top(root: Node) -> Rows:
    """A whole file as the only row."""
    return Rows([only(root.value)], np.zeros(1, np.int64), lambda _: root)


def _column(
    rows: Rows, key: str, dtype: type, convert: Callable[[Node], float], missing: Any
) -> np.ndarray:
    values = rows.raw(key)
    found = _plain(values)
    # MATLAB's exports put each number into a list of one.
    if found is not None and found.size == len(values) and np.can_cast(found.dtype, dtype):
        return found.reshape(-1).astype(dtype)
    there = [i for i, value in enumerate(values) if not is_empty(value)]
    if missing is None or len(there) == len(values):
        return np.array([convert(rows.node(i).at(key)) for i in range(len(rows))], dtype)
    out = np.full(len(values), missing, dtype)
    out[there] = _column(rows.take(np.array(there, np.int64)), key, dtype, convert, None)
    return out


def _plain(values: Sequence[Any]) -> np.ndarray | None:
    """Numbers or flat lists of them as one array; None if they are anything else or too large."""
    try:
        found = np.array(values)
    except (ValueError, OverflowError):  # lists of different lengths
        return None
    if found.ndim > 2 or found.dtype.kind not in "iuf":
        return None
    return found if (np.abs(found.astype(np.float64)) < HUGE).all() else None
