"""Which folder the results of a source go to, so that videos of one name do not replace each other."""

import hashlib
import re
from contextlib import suppress
from itertools import chain, count
from operator import itemgetter
from pathlib import Path

from glpose.errors import one_line
from glpose.files import digest, resolved, text_bytes
from glpose.jobs.ended import read_record
from glpose.video.network import Address, without_user
from glpose.video.source import SourceEntry, numbered

Record = dict[str, object]

_MANY = 10**9  # of folders of a name
_GUESSES = 200_000  # of a digest, in the time that one would take


def file_record(entry: SourceEntry) -> Record | None:
    """What tells the file of a source from others, of pictures their folder; None if it has none.

    An address is without what may be secret, as everywhere.
    """
    if entry.error is not None:
        return None
    if entry.address is not None:
        return {
            "path": entry.address.label,
            "path_sha256": _address_digest(entry.address),
            "bytes": None,
        }
    if not entry.paths:
        return None
    names, size = list[str](), None
    if entry.is_whole:
        where = resolved(entry.paths[0].parent)
    elif len(entry.paths) == 1:
        where = resolved(entry.paths[0])
        with suppress(OSError):  # whoever reads it says so
            size = where.stat().st_size if where.is_file() else None
    else:  # other pictures of the folder are another file
        where, names = resolved(entry.paths[0].parent), [path.name for path in entry.paths]
    key = text_bytes("\0".join((str(where), *names)))
    return {"path": str(where), "path_sha256": digest(key), "bytes": size}


def _address_digest(address: Address) -> str:
    """Of all but user and password; slow where that is more than is shown, as it may be a short secret."""
    whole, shown = text_bytes(without_user(address.url)), text_bytes(address.label)
    if whole == shown:
        return digest(shown)
    return hashlib.pbkdf2_hmac("sha256", whole, shown, _GUESSES).hex()


def file_in(folder: Path) -> Record | None:
    """The `file_record` of the results in a folder; None if they have none, as of older versions."""
    return file_of(read_record(folder))


def file_of(record: dict[str, object]) -> Record | None:
    """The `file_record` in what a run says of itself."""
    file = record.get("file")
    return file if isinstance(file, dict) else None


def is_of(record: Record | None, own: Record | None) -> bool | None:
    """Whether results with one record are of the file of another; None if nobody knows.

    The path decides: copies are files of their own, and a file that has changed is the same one.
    """
    if record is None or own is None or not isinstance(record.get("path_sha256"), str):
        return None
    return record["path_sha256"] == own["path_sha256"]


class Places:
    """The folders in `output` for the results of a run, one for each of its sources."""

    def __init__(self, output: Path) -> None:
        self._output = output
        self._taken: set[str] = set()
        self._known: dict[str, Record | None] = {}

    def take(self, name: str) -> None:
        """A source of this run has a folder; all others get another one, also for the same file."""
        self._taken.add(name.casefold())

    def find(self, plain: str, own: Record | None) -> tuple[str, str]:
        """The name of the folder for a file, and what is to be said about it, if anything.

        Of `walk`, `walk-2`, `walk-3`, ... that is the one with results of this file, else the first
        without results of another. Case does not count, as on some file systems.
        """
        there = self._numbered(plain)
        is_own = {name: self._is_of(name, own) for name in there}
        others = [name for name in there if is_own[name] is False]
        closed = self._taken.union(map(str.casefold, others))
        mine = (name for name in there if is_own[name] and name.casefold() not in self._taken)
        new = (
            name
            for name in (numbered(plain, number) for number in count(1))
            if name.casefold() not in closed and self._is_of(name, own) is not False
        )
        name = next(chain(mine, new))
        # Those of this run are told apart by their own lines.
        earlier = [other for other in others if other.casefold() not in self._taken]
        if not earlier or _number(name, plain) < there[earlier[0]]:
            return name, ""
        # Without a path of the source: it may tell who is seen.
        return name, (
            f"{self._output / earlier[0]}: holds results of another file, or put aside; this one's are "
            f"in {self._output / name}"
        )

    def _numbered(self, plain: str) -> dict[str, int]:
        """The numbers of the folders of a name that are there, in order."""
        found: dict[str, int] = {}
        # Among thousands few begin so; a long name is cut to have room for a number.
        stem = numbered(plain, _MANY).rpartition("-")[0].casefold()
        with suppress(OSError, ValueError):  # whoever makes the folder says so
            for name in (path.name for path in self._output.iterdir()):
                if name.casefold().startswith(stem):
                    found[name] = _number(name, plain)
        in_order = sorted(found.items(), key=itemgetter(1, 0))
        return {name: number for name, number in in_order if number}

    def _is_of(self, name: str, own: Record | None) -> bool | None:
        """See `is_of`; what was of another file is not read again.

        Results whose folder had another name when they were made were put aside: they are to stay. So are
        those of 0.25.0, which told no name, of several pictures or an address: their record tells neither
        which pictures of the folder, nor what the address hides.
        """
        if is_of(self._known.get(name), own) is not False:
            record = read_record(self._output / name)
            file = self._known[name] = file_of(record)
            if "name" not in record and file is not None and file.get("bytes") is None:
                return False
            if str(record.get("name", name)).casefold() != name.casefold():
                return False
        return is_of(self._known[name], own)


def _number(name: str, plain: str) -> int:
    """The number of a folder among those of a name, from 1; 0 if it is none of them."""
    _, dash, digits = name.rpartition("-")
    for number in (1, int(digits) if dash and digits.isdecimal() else 1):
        if name.casefold() == numbered(plain, number).casefold():
            return number
    return 0


def without_folders(text: str, entry: SourceEntry, output: Path) -> str:
    """A message without address and folders of a source and of results, which may tell who is seen."""
    if entry.address is not None:
        text = text.replace(entry.address.label, entry.name)
    parents = {path.parent for path in entry.paths}
    parents |= {resolved(path) for path in parents}
    outputs = {output, Path(one_line(str(output)))}  # raw, and as errors name them
    parents |= {Path(one_line(str(path))) for path in parents}
    for folder in sorted((*parents, *outputs), key=lambda path: -len(str(path))):
        text = re.sub(rf"(?<![\w.-]){re.escape(str(folder))}[/\\]", "", text)
    for folder in parents:
        if folder.name:
            text = text.replace(str(folder), "its folder")
    return text
