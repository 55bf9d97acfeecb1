"""Which folder the results of a source go to, so that videos of one name do not replace each other."""

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from glpose.files import digest, is_same_file, open_regular
from glpose.jobs.ended import read_record
from glpose.video.source import SourceEntry, numbered

_START_BYTES = 2**20


def file_record(entry: SourceEntry) -> dict[str, object] | None:
    """What tells the file of a source from others, of pictures the first one; None if it has none.

    An address is without what may be secret, as everywhere.
    """
    if entry.address is not None:
        return {"path": entry.address.label, "bytes": None, "start_sha256": None}
    if not entry.paths:
        return None
    path, size, start = entry.paths[0], None, None
    try:
        with open_regular(path) as file:
            size, start = os.fstat(file.fileno()).st_size, digest(file.read(_START_BYTES))
    except OSError:  # a pipe, or gone: whoever reads it says so
        pass
    return {"path": str(path), "bytes": size, "start_sha256": start}


def file_in(folder: Path) -> dict[str, object] | None:
    """The `file_record` of the results in a folder; None if they have none, as of older versions."""
    record = read_record(folder).get("file")
    return record if isinstance(record, dict) else None


def is_of(record: dict[str, object] | None, entry: SourceEntry) -> bool | None:
    """Whether results with this `file_record` are of this source; None if nobody knows.

    A file that is not where it was has been moved if another one begins as it did.
    """
    own = None if record is None else file_record(entry)
    if record is None or own is None:
        return None
    path, there = str(own["path"]), record.get("path")
    if isinstance(there, str):
        with suppress(OSError, ValueError):
            if there == path or is_same_file(Path(there), Path(path)):
                return True
            if Path(there).is_file():
                return False
    content = own["bytes"], own["start_sha256"]
    before = record.get("bytes"), record.get("start_sha256")
    if None in before:
        return None if there is None else False
    return content == before


def placed(entries: Sequence[SourceEntry], output: Path) -> list[SourceEntry]:
    """The entries, named after the folders of `output` that are to hold their results.

    That is the one that holds results of the same file; else the first that holds none of another.
    """
    there, names = _folders(output), dict[int, str]()
    for place, entry in enumerate(entries):
        for name in there[entry.plain_name.casefold()]:
            if name not in names.values() and is_of(file_in(output / name), entry):
                names[place] = name
                break
    taken = {name.casefold() for name in names.values()}
    found: list[SourceEntry] = []
    for place, entry in enumerate(entries):
        if place in names:
            found.append(replace(entry, name=names[place]))
            continue
        found.append(_free(entry, output, taken))
        taken.add(found[-1].name.casefold())
    return found


def _folders(output: Path) -> defaultdict[str, list[str]]:
    """The names of folders by the name that they would have without their number, and by their own."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    for folder in sorted(output.iterdir()):
        names[folder.name.casefold()].append(folder.name)
        if match := re.fullmatch(r"(.+)-\d+", folder.name):
            names[match[1].casefold()].append(folder.name)
    return names


def _free(entry: SourceEntry, output: Path, taken: set[str]) -> SourceEntry:
    """The entry with the first name that is not taken, and whose folder holds no results of another."""
    number, remark = 1, ""
    while True:
        name = numbered(entry.plain_name, number)
        number += 1
        record = file_in(output / name)
        if is_of(record, entry) is False:
            whose = (record or {}).get("path") or "another file of that name"
            remark = remark or f"{output / name}: holds results of {whose}"
        elif name.casefold() not in taken:
            remark = remark and f"{remark}; those of {entry.label} are in {output / name}"
            return replace(entry, name=name, remark=remark)
