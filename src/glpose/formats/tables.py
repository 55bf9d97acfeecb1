"""Poses as tables for spreadsheets and data frames: CSV, or Parquet with the extra `tables`.

The long form has a row for each joint of each person of each frame, the wide form a row for each
person of each frame. Names of columns end in their units. Cells are numbers as in `poses.jsonl`,
with a decimal point whatever the locale, words of our own, or names as `text_cell` has them, so that no
spreadsheet can take one for a formula. A cell is empty where a joint was not found. Places in space have
the unit of their results: metres, or heights of the person.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glpose.errors import BadInput, MissingExtra
from glpose.formats.results import frame_line
from glpose.formats.text.lines import as_text, cannot_write
from glpose.skeleton import Skeleton
from glpose.types import FramePoses

Row = Sequence[float | int | str | None]

_FRAME: dict[str, type] = {"time_s": float, "frame": int}
_PICTURE: dict[str, type] = {"picture": str}
_PERSON: dict[str, type] = {"person": int}
_BOX = ("box_x1_px", "box_y1_px", "box_x2_px", "box_y2_px", "box_score")
_JOINT: dict[str, type] = {"x_px": float, "y_px": float, "score": float}
_RAW: dict[str, type] = {"x_raw_px": float, "y_raw_px": float, "change": str}
_SPACE: dict[str, type] = {"x_3d": float, "y_3d": float, "z_3d": float}
_MARKS: dict[str, type] = {"sides": str, "source": str}


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a table with their types, and what makes the rows of a frame."""

    columns: dict[str, type]
    rows: Callable[[FramePoses], Iterator[Row]]


def text_cell(name: str) -> str:
    """A name from outside `as_text`, which no spreadsheet takes for a formula."""
    name = as_text(name)
    return f"./{name}" if name.startswith(("=", "+", "-", "@")) else name


def long_layout(
    skeleton: Skeleton, *, pictures: bool = False, raw: bool = False, in_space: bool = False
) -> Layout:
    """A row for each joint of a person in a frame.

    With the names of the frames' files if `pictures`, what the joint was before smoothing if `raw`, and
    its place in space if `in_space`.
    """

    def rows(poses: FramePoses) -> Iterator[Row]:
        for start, person in _people(poses, pictures=pictures):
            for name, joint in zip(
                skeleton.joints, _joints(person, raw=raw, in_space=in_space), strict=True
            ):
                yield *start, name, *joint, *map(person.get, _MARKS)

    columns = _of_joint(raw=raw, in_space=in_space)
    return Layout({**_of_person(pictures=pictures), "joint": str, **columns, **_MARKS}, rows)


def wide_layout(
    skeleton: Skeleton, *, pictures: bool = False, raw: bool = False, in_space: bool = False
) -> Layout:
    """A row for each person in a frame, with columns for each joint."""

    def rows(poses: FramePoses) -> Iterator[Row]:
        for start, person in _people(poses, pictures=pictures):
            joints = (
                value for joint in _joints(person, raw=raw, in_space=in_space) for value in joint
            )
            box = (*person["box_xyxy"], person["box_score"])
            yield *start, *box, *joints, *map(person.get, _MARKS)

    joints = {
        f"{name}_{part}": kind
        for name in skeleton.joints
        for part, kind in _of_joint(raw=raw, in_space=in_space).items()
    }
    columns = _of_person(pictures=pictures) | dict.fromkeys(_BOX, float)
    return Layout({**columns, **joints, **_MARKS}, rows)


def _of_person(*, pictures: bool) -> dict[str, type]:
    return {**_FRAME, **(_PICTURE if pictures else {}), **_PERSON}


def _of_joint(*, raw: bool, in_space: bool) -> dict[str, type]:
    return {**_JOINT, **(_RAW if raw else {}), **(_SPACE if in_space else {})}


def _joints(person: dict[str, Any], *, raw: bool, in_space: bool) -> list[Row]:
    """The cells of a person's joints; empty where it was not smoothed, or not lifted."""
    cells: list[Row] = person["joints"]
    num = len(cells)
    if raw:
        before = person.get("raw", [(None, None)] * num)
        changes = dict.fromkeys(person.get("filled", ()), "filled")
        changes |= dict.fromkeys(person.get("outliers", ()), "outlier")
        both = zip(cells, before, strict=True)
        cells = [(*joint, *place, changes.get(j)) for j, (joint, place) in enumerate(both)]
    if in_space:
        space = person.get("joints_3d", [(None, None, None)] * num)
        cells = [(*joint, *place) for joint, place in zip(cells, space, strict=True)]
    return cells


def _people(poses: FramePoses, *, pictures: bool) -> Iterator[tuple[Row, dict[str, Any]]]:
    """The people of a frame as in the file, each with the first cells of its rows."""
    line = frame_line(poses)
    name = poses.picture and text_cell(poses.picture)
    of_frame = (line["time_s"], line["frame"], *((name,) if pictures else ()))
    for person in line["people"]:
        yield (*of_frame, person["track_id"]), person


class CsvTable:
    """A table as CSV: UTF-8, commas, a header line; each block of rows is flushed."""

    def __init__(self, path: Path, columns: dict[str, type]) -> None:
        """Open the file, replacing an existing one, and write the header."""
        self._path = path
        try:
            self._file = path.open("w", encoding="utf-8", newline="")
        except OSError as problem:
            raise cannot_write(path, problem) from problem
        self._rows = csv.writer(self._file, lineterminator="\n")
        try:
            self.write([tuple(columns)])
        except BadInput:
            with suppress(OSError):  # what could not be written is tried once more
                self._file.close()
            raise

    def write(self, rows: Iterable[Row]) -> None:
        """Append rows. Raises: BadInput if they cannot be written."""
        try:
            self._rows.writerows(rows)
            self._file.flush()
        except OSError as problem:
            raise cannot_write(self._path, problem) from problem

    def __enter__(self) -> "CsvTable":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._file.close()
        except OSError as problem:
            if error is None:  # otherwise the first error is the useful one
                raise cannot_write(self._path, problem) from problem


class ParquetTable:
    """A table as Parquet, in groups of rows; cells that are missing are null."""

    _GROUP = 2**16

    def __init__(self, path: Path, columns: dict[str, type]) -> None:
        """Open the file. Raises: MissingExtra without pyarrow, BadInput if it cannot be written."""
        try:
            import pyarrow as pa  # pyright: ignore[reportMissingImports]
            from pyarrow import parquet  # pyright: ignore[reportMissingImports]
        except ImportError as problem:
            raise MissingExtra("pyarrow", "tables") from problem
        kinds = {float: pa.float64(), int: pa.int64(), str: pa.string()}
        self._path, self._pa = path, pa
        self._schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
        self._held: list[Row] = []
        try:
            self._out = path.open("wb")  # pyarrow takes no names that are not UTF-8
            self._file = parquet.ParquetWriter(self._out, self._schema)
        except OSError as problem:
            raise cannot_write(path, problem) from problem

    def write(self, rows: Iterable[Row]) -> None:
        """Append rows; they are written group by group."""
        self._held.extend(rows)
        if len(self._held) >= self._GROUP:
            self._flush()

    def _flush(self) -> None:
        arrays = [
            self._pa.array(cells, field.type)
            for cells, field in zip(zip(*self._held, strict=True), self._schema, strict=True)
        ]
        try:
            self._file.write_table(self._pa.Table.from_arrays(arrays, schema=self._schema))
        except OSError as problem:
            raise cannot_write(self._path, problem) from problem
        self._held.clear()

    def __enter__(self) -> "ParquetTable":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        with self._out:
            if error is None and self._held:
                self._flush()
            self._file.close()


TABLES: dict[str, type[CsvTable] | type[ParquetTable]] = {
    ".csv": CsvTable,
    ".parquet": ParquetTable,
}
"""What writes a file of each suffix."""
