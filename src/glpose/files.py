"""Files as wholes: written so that they are there complete or not at all, and their digests.

And the name that somebody may have meant, for messages.
"""

import difflib
import errno
import hashlib
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

_NO_SYNC_OF_FOLDERS = (errno.EINVAL, errno.ENOTSUP)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; when the block has ended without error it is renamed.

    After a crash, also one of the machine, `path` is complete: the old file or the new one. What an
    error leaves half written is removed.

    Raises: OSError if the disk refuses.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        _to_disk(part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    # The name is part of the folder, which has to reach the disk too.
    try:
        _to_disk(path.parent)
    except OSError as problem:
        if problem.errno not in _NO_SYNC_OF_FOLDERS:
            raise


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file as `whole_file` does; text as UTF-8, with its ends of lines as they are."""
    with whole_file(path) as part:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def _to_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def file_digest(path: Path) -> str:
    """The SHA-256 of a file as hexadecimal digits. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(data: bytes) -> str:
    """The SHA-256 of bytes as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def did_you_mean(name: str, known: Collection[str], otherwise: str = "") -> str:
    """A hint for a wrong name: the nearest that is known, or else `otherwise`, or all of them."""
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"did you mean '{near[0]}'?"
    return otherwise or f"known: {', '.join(known)}"
