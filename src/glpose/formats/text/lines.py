"""Strict reading of lines, JSON or plain, and writing of small files; errors name file and line."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64

from glpose.errors import BadInput, reason
from glpose.files import open_regular, read_regular, write_whole
from glpose.formats.text.kinds import check_kind

_EXPECTED = "JSON such as the poses.jsonl of glpose run; give that, or the folder it is in"
_LONGEST, _LONGEST_HEADER = 2**26, 2**20  # bytes of a line

_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

FARTHEST_PX = 1e6
"""Larger coordinates cannot be pixels of any picture."""


@dataclass(frozen=True, slots=True)
class Line:
    """One object of a file, with its line number."""

    path: Path
    number: int
    data: dict[str, Any]

    def error(self, found: str, expected: str, remedy: str = "correct the line") -> BadInput:
        """An error that names this line."""
        return BadInput(
            f"{self.path}, line {self.number}: found {found}; expected {expected}; {remedy}"
        )

    def inner(self, value: Any, name: str) -> "Line":
        """An object nested in this one."""
        if not isinstance(value, dict):
            raise self.error(f'"{name}" {_brief(value)}', "an object")
        return Line(self.path, self.number, value)

    def value(self, key: str, expected: str) -> Any:
        """The value of a key; `expected` is for the error if there is no such key."""
        if key not in self.data:
            known = ", ".join(self.data) or "nothing"
            raise self.error(f'no "{key}" (there is: {known})', f'"{key}" with {expected}')
        return self.data[key]

    def whole(self, key: str, least: int = 0) -> int:
        """An integer of at least `least`."""
        expected = f"a whole number from {least}"
        value = self.value(key, expected)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**63:
            raise self.error(f'"{key}" {_brief(value)}', expected)
        return value

    def number_at(self, key: str) -> float:
        """A finite number."""
        value = self.value(key, "a number")
        if not is_number(value):
            raise self.error(f'"{key}" {_brief(value)}', "a finite number")
        return float(value)

    def text(self, key: str) -> str:
        """Text, possibly empty."""
        value = self.value(key, "text")
        if not isinstance(value, str):
            raise self.error(f'"{key}" {_brief(value)}', "text")
        return value

    def list(self, key: str) -> list[Any]:
        """A list of anything."""
        value = self.value(key, "a list")
        if not isinstance(value, list):
            raise self.error(f'"{key}" {_brief(value)}', "a list")
        return value

    def score(self, key: str) -> float:
        """A number from 0 to 1."""
        value = self.number_at(key)
        if not 0 <= value <= 1:
            raise self.error(f'"{key}" {value}', "a score from 0 to 1")
        return value

    def box(self, key: str) -> Float64[np.ndarray, "4"]:
        """A box with `has_area`."""
        value, expected = self.list(key), "[x1, y1, x2, y2] in pixels"
        if len(value) != 4 or not all(is_pixel(v) for v in value):
            raise self.error(f'"{key}" {_brief(value)}', f"{expected}, four finite numbers")
        box = np.array(value, np.float64)
        if not has_area(box[None]).all():
            raise self.error(f'"{key}" {_brief(value)}', f"{expected} with x2 > x1 and y2 > y1")
        return box


def has_area(xyxy: Float[np.ndarray, "n 4"]) -> Bool[np.ndarray, " n"]:
    """Whether boxes have a size, even in float32 and rounded to the two decimals of our files."""
    rounded = np.round(xyxy.astype(np.float32).astype(np.float64), 2)
    return (rounded[:, 2] > rounded[:, 0]) & (rounded[:, 3] > rounded[:, 1])


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def is_pixel(value: Any) -> bool:
    """Whether a JSON value can be a coordinate in a picture."""
    return is_number(value) and abs(value) <= FARTHEST_PX


def first_value(path: Path, expected: str = _EXPECTED) -> tuple[Any, bool]:
    """What the first line of a file is as JSON, None if it is none, and whether JSON goes on behind it.

    It goes on where a whole result is one object on several lines, or on a single long one.

    Raises: BadInput saying what was `expected`, if the file cannot be read or is no text.
    """
    try:
        with open_regular(path) as file:
            lines = iter(partial(file.readline, _LONGEST_HEADER), b"")
            line = next((line for line in lines if line.strip()), b"")
            is_long = len(line) == _LONGEST_HEADER
            has_more = is_long and file.readline(_LONGEST).endswith(b"\n") and file.readline(1)
    except OSError as problem:
        raise cannot_read(path, problem, expected) from problem
    check_kind(path, line, expected)
    is_object = line.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    if is_object and is_long:
        return None, not has_more
    try:
        return json.loads(line.decode("utf-8-sig").strip()), False
    except json.JSONDecodeError as problem:
        # A line without an end is one that a killed run has cut off.
        return None, is_object and line.endswith(b"\n") and problem.pos >= len(problem.doc)
    except (ValueError, RecursionError):
        return None, False


def read_lines(path: Path, *, forgive_last: bool = False) -> Iterator[Line]:
    """The JSON objects of a file, one per line; empty lines are skipped.

    `forgive_last`: a truncated last line, as left by a killed run, is dropped silently.

    Raises: BadInput if the file cannot be read or a line is not one JSON object; NaN and Infinity
    are not JSON.
    """
    try:
        with open_regular(path) as file:
            for number, raw in enumerate(iter(partial(file.readline, _LONGEST + 1), b""), 1):
                if number == 1:
                    check_kind(path, raw, _EXPECTED)
                if len(raw) > _LONGEST:
                    raise BadInput(
                        f"{path}, line {number}: found a line of more than {_LONGEST >> 20} MB; "
                        "expected one JSON object of a frame on each line"
                    )
                if not raw.strip():
                    continue
                try:
                    yield Line(path, number, _parse(raw))
                except _Broken as problem:
                    cut_off = not raw.endswith(b"\n")
                    if cut_off and forgive_last:
                        return
                    hint = "; the line is cut off, remove it" if cut_off else "; correct the line"
                    raise BadInput(
                        f"{path}, line {number}: found {problem}; expected one JSON object{hint}"
                    ) from problem
    except OSError as problem:
        raise cannot_read(path, problem, "a file of JSON lines") from problem


def text_lines(path: Path, expected: str) -> list[str]:
    """The lines of a plain text file without the space around them, and without a byte order mark.

    Raises: BadInput saying what was `expected`, if it cannot be read or is not UTF-8.
    """
    try:
        text = read_regular(path).decode("utf-8-sig")
    except OSError as problem:
        raise cannot_read(path, problem, expected) from problem
    except UnicodeDecodeError as problem:
        raise BadInput(
            f"{path}: not text in UTF-8; expected {expected}; take it from its archive again"
        ) from problem
    return [line.strip() for line in text.splitlines()]


def dump(value: Any) -> str:
    """Compact JSON on one line; plain ASCII, so that any file name survives."""
    return json.dumps(value, allow_nan=False, separators=(", ", ": "), default=_plain)


def as_text(name: str) -> str:
    """A name from outside as text on one line: control characters and bytes that are no text are escaped."""
    return _NO_TEXT.sub(lambda found: found[0].encode("unicode_escape").decode(), name)


def cannot_read(path: Path, problem: OSError, expected: str) -> BadInput:
    """The error for a file or folder that the system does not let be read."""
    return BadInput(
        f"{path}: cannot be read ({reason(problem)}); expected {expected}; check the name"
    )


def cannot_write(path: Path, problem: OSError) -> BadInput:
    """The error for a file that cannot be written (disk full, folder not writable)."""
    return BadInput(
        f"{path}: cannot be written ({reason(problem)}); "
        "free some space or choose another folder with -o"
    )


@contextmanager
def looking_at(path: str | Path) -> Iterator[None]:
    """Raises: BadInput if the system does not let a path that a user gave be looked at.

    Its name may be too long, or a folder closed to this user; what is merely not there is no error.
    """
    try:
        yield
    except OSError as problem:
        raise BadInput(
            f"{problem.filename or path}: cannot be looked at ({reason(problem)}); "
            "expected a name that the system allows, in a folder that you may read; check both"
        ) from problem


def write_text(path: Path, text: str) -> None:
    """Write a small file with `files.write_whole`. Raises: BadInput if it cannot be written."""
    try:
        write_whole(path, text)
    except OSError as problem:
        raise cannot_write(path, problem) from problem


class _Broken(ValueError):
    """What is wrong with a line."""


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        data = json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse)
    except _Broken:
        raise
    except UnicodeDecodeError as problem:
        raise _Broken("bytes that are not UTF-8 text") from problem
    except json.JSONDecodeError as problem:
        raise _Broken(f"broken JSON ({problem.msg} at column {problem.colno})") from problem
    except (ValueError, RecursionError) as problem:  # too many digits, too deep nesting
        raise _Broken("JSON with absurd numbers or nesting") from problem
    if not isinstance(data, dict):
        raise _Broken(_brief(data))
    return data


def _refuse(constant: str) -> Any:
    raise _Broken(f"{constant}, which is not JSON")


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _plain(value: Any) -> Any:
    """Convert NumPy scalars and arrays to numbers and lists; anything else to text."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return str(value)
