"""JSON files and MATLAB structures, read alike as trees; every error names the key.

MATLAB has no lists of length one, and its JSON exports put every scalar into one. So here a value
and a list of only this value are the same, and so are an absent key, null and `[]`.
"""

import gc
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from glpose.errors import BadInput
from glpose.files import read_regular
from glpose.formats.text.kinds import HEAD, kind_of
from glpose.formats.text.lines import cannot_read
from glpose.formats.text.mat import BrokenMat, read_mat

HUGE = 1e18  # beyond any pixel, score or image id


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a file, and the keys that lead to it."""

    file: Path
    where: str
    value: Any

    def error(self, found: str, expected: str) -> BadInput:
        """An error that names this value."""
        where = f"'{self.where}'" if self.where else "the file"
        return BadInput(
            f"{self.file}: {where} is {found}; expected {expected}; "
            "correct the file or take it from its archive again"
        )

    def get(self, key: str) -> "Node | None":
        """The value of a key, or None if absent."""
        value = only(self.value)
        if is_empty(value):
            return None
        if not isinstance(value, dict):
            raise self.error(brief(value), f"an object with '{key}'")
        value = value.get(key)
        if is_empty(value):
            return None
        return Node(self.file, f"{self.where}.{key}" if self.where else key, value)

    def at(self, key: str) -> "Node":
        """The value of a required key."""
        node = self.get(key)
        if node is None:
            where = f" in '{self.where}'" if self.where else ""
            value = only(self.value)
            known = ", ".join(value) if isinstance(value, dict) else "nothing"
            raise BadInput(
                f"{self.file}: the key '{key}' is missing or empty{where}; expected it beside what "
                f"is there ({known}); correct the file or take it from its archive again"
            )
        return node

    def items(self, key: str) -> "Iterator[Node]":
        """The elements of the list under a key; none if absent, one if it is not a list."""
        node = self.get(key)
        if node is None:
            return
        values = node.value if isinstance(node.value, list | np.ndarray) else [node.value]
        for i, value in enumerate(values):
            yield Node(self.file, f"{node.where}[{i}]", value)

    def number(self) -> float:
        """A finite number."""
        value = only(self.value)
        # JSON integers can have any length, so check the bound before converting.
        if isinstance(value, int | float | np.number | np.bool_) and abs(value) < HUGE:
            return float(value)
        raise self.error(brief(value), "a finite number")

    def whole(self) -> int:
        """An integer, or a float such as MATLAB's 3.0."""
        value = only(self.value)
        if isinstance(value, int) and abs(value) < 2**63:
            return int(value)  # not through float, which cannot hold every image id
        number = self.number()
        if number != int(number):
            raise self.error(brief(value), "a whole number")
        return int(number)

    def text(self) -> str:
        """Text."""
        value = only(self.value)
        if not isinstance(value, str):
            raise self.error(brief(value), "text")
        return value

    def texts(self) -> list[str]:
        """A list of texts."""
        values = self.value if isinstance(self.value, list | np.ndarray) else [self.value]
        if not all(isinstance(value, str) for value in values):
            raise self.error(brief(values), "a list of texts")
        return list(values)

    def numbers(self, count: int | None = None) -> Float64[np.ndarray, " count"]:
        """A flat list of finite numbers; `count` of them if given."""
        expected = f"{'' if count is None else f'{count} '}finite numbers"
        values = self.value if isinstance(self.value, list | np.ndarray) else [self.value]
        if count is not None and len(values) != count:
            raise self.error(f"a list of {len(values)}", expected)
        for i, value in enumerate(values):
            if not (isinstance(value, int | float | np.number) and abs(value) < HUGE):
                raise self.error(f"{brief(value)} at place {i}", expected)
        return np.array(values, np.float64)

    def numbers_or_none(self, count: int) -> Float64[np.ndarray, " count"] | None:
        """The same; None for null, and if one is NaN or infinite: some tools write so what is missing."""
        if is_empty(self.value):
            return None
        values = self.value if isinstance(self.value, list | np.ndarray) else [self.value]
        if any(isinstance(v, float | np.floating) and not np.isfinite(v) for v in values):
            return None
        return self.numbers(count)

    def entries(self, key: str) -> "list[Node]":
        """The objects of a list that must be there; it may be empty."""
        if not isinstance(self.value, dict) or not isinstance(self.value.get(key), list):
            raise self.error(brief(self.value), f"an object with the list '{key}'")
        found = list(self.items(key))
        for entry in found:
            if not isinstance(entry.value, dict):
                raise entry.error(brief(entry.value), "an object")
        return found


def read_tree(path: Path) -> Node:
    """The whole file as a tree; its content decides whether it is JSON or MATLAB.

    Raises: BadInput if it cannot be read or is neither.
    """
    try:
        raw = read_regular(path)
    except OSError as problem:
        raise cannot_read(path, problem, "a JSON or MAT file") from problem
    if raw.startswith(b"MATLAB") or (path.suffix == ".mat" and raw.lstrip()[:1] != b"{"):
        return Node(path, "", _read_mat(path, raw))
    try:
        with _no_collector():
            return Node(path, "", json.loads(raw.decode("utf-8-sig")))
    except (ValueError, RecursionError) as problem:  # not text, invalid, cut off, nested too deeply
        kind = kind_of(path, raw[:HEAD])
        found = f"it is {kind}" if kind else f"{problem}; {len(raw)} bytes"
        raise BadInput(
            f"{path}: not JSON ({found}); expected a whole JSON file; "
            "check the name, or take it from where it came again"
        ) from problem


def by_id(entries: Iterable[Node]) -> dict[int, Node]:
    """Objects by their `id`. Raises: BadInput if two have the same: one of them would be lost."""
    found: dict[int, Node] = {}
    for entry in entries:
        number = entry.at("id").whole()
        if number in found:
            first = found[number].where
            raise entry.at("id").error(f"{number}, as that of '{first}'", "each id once")
        found[number] = entry
    return found


def size_of(image: Node) -> tuple[int, int] | None:
    """Height and width of a picture as its entry in a file of COCO's format says, if it does."""
    height, width = image.get("height"), image.get("width")
    return None if height is None or width is None else (height.whole(), width.whole())


@contextmanager
def _no_collector() -> Iterator[None]:
    """Turn off garbage collection: it is slow with a million new lists, and there are no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read_mat(path: Path, raw: bytes) -> dict[str, Any]:
    if raw.startswith(b"MATLAB 7.3"):
        raise BadInput(
            f"{path}: a MAT file of version 7.3; expected version 7 or older; "
            "save it in MATLAB with -v7, or convert it to JSON"
        )
    try:
        return {name: _squeezed(value) for name, value in read_mat(raw).items()}
    except BrokenMat as problem:
        raise BadInput(
            f"{path}: not a whole MAT file ({problem}; {len(raw)} bytes); "
            "take it from its archive again"
        ) from problem


def _squeezed(value: Any) -> Any:
    """Arrays without axes of length one, as JSON would have them."""
    if isinstance(value, dict):
        return {name: _squeezed(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_squeezed(inner) for inner in value]
    if isinstance(value, np.ndarray):
        return value.item() if value.size == 1 else value.squeeze()
    return value


def brief(value: Any) -> str:
    """A value for a message, shortened to fit in a line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def only(value: Any) -> Any:
    """The element of a list of length one; anything else unchanged."""
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    if isinstance(value, np.ndarray) and value.size == 1:
        return value.reshape(-1)[0]
    return value


def is_empty(value: Any) -> bool:
    """Whether a value counts as absent."""
    if isinstance(value, np.ndarray):
        return value.size == 0
    return value is None or (isinstance(value, list | str) and not value)
