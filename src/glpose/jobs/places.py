"""Which folder the results of a source go to, so that videos of one name do not replace each other."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from glpose.files import digest
from glpose.jobs.ended import read_record
from glpose.video.source import SourceEntry, numbered


def file_record(entry: SourceEntry) -> dict[str, object] | None:
    """What tells the file of a source from others, of pictures their folder; None if it has none.

    An address is without what may be secret, as everywhere.
    """
    size = None
    if entry.address is not None:
        path = entry.address.label
    elif entry.paths:
        where = entry.paths[0] if len(entry.paths) == 1 else entry.paths[0].parent
        path = str(where)
        with suppress(OSError):  # whoever reads it says so
            where = where.resolve()
            path, size = str(where), where.stat().st_size if where.is_file() else None
    else:
        return None
    return {"path": path, "path_sha256": digest(path.encode("utf-8", "replace")), "bytes": size}


def file_in(folder: Path) -> dict[str, object] | None:
    """The `file_record` of the results in a folder; None if they have none, as of older versions."""
    record = read_record(folder).get("file")
    return record if isinstance(record, dict) else None


def is_of(record: dict[str, object] | None, own: dict[str, object] | None) -> bool | None:
    """Whether results with one record are of the file of another; None if nobody knows.

    The path decides: copies are files of their own, and a file that has changed is the same one.
    """
    if record is None or own is None or not isinstance(record.get("path_sha256"), str):
        return None
    return record["path_sha256"] == own["path_sha256"]


def placed(entries: Sequence[SourceEntry], output: Path) -> list[SourceEntry]:
    """The entries, named after the folders of `output` that are to hold their results.

    Of `walk`, `walk-2`, `walk-3`, ... that is the first that does not hold results of another file.
    """
    there: dict[str, dict[str, object] | None] = {}
    found: list[SourceEntry] = []
    taken: set[str] = set()
    for entry in entries:
        own, number, others = file_record(entry), 1, ""
        name = entry.plain_name
        while True:
            if name not in there:
                there[name] = file_in(output / name)
            if is_of(there[name], own) is False:
                others = others or name
            elif name.casefold() not in taken:
                break
            number += 1
            name = numbered(entry.plain_name, number)
        taken.add(name.casefold())
        # Without a path: it may tell who is seen.
        said = f"{output / others}: holds results of another file of that name; this one's are in {output / name}"
        found.append(replace(entry, name=name, remark=said if others else ""))
    return found
