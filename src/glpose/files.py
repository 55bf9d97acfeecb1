"""Atomic file writes, file digests, "did you mean" hints for messages, and no files of matplotlib's."""

import difflib
import errno
import hashlib
import io
import os
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

_NO_SYNC_OF_FOLDERS = (errno.EINVAL, errno.ENOTSUP)


MOST_BYTES = 2**31
"""Larger files are not read into memory."""


def open_regular(path: Path) -> io.BufferedReader:
    """Open an ordinary file for reading: a pipe would wait for ever, a device may have no end.

    Raises: OSError, also for these, and for a folder.
    """
    # Opening a pipe without a writer blocks, unless it is asked not to.
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(file).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(file, "rb")
    os.close(file)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "not an ordinary file, but a pipe or a device", str(path))


def read_regular(path: Path) -> bytes:
    """The bytes of an ordinary file. Raises OSError, also if there are more than `MOST_BYTES`."""
    with open_regular(path) as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise OSError(errno.EFBIG, f"larger than {MOST_BYTES >> 20} MB", str(path))
    return data


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block ends without error.

    Even after a crash of the machine, `path` is complete: the old file or the new one. After an
    error the partial file is removed.

    Raises: OSError if the file cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        _to_disk(part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    # The rename is stored in the folder, so the folder has to be synced too.
    try:
        _to_disk(path.parent)
    except OSError as problem:
        if problem.errno not in _NO_SYNC_OF_FOLDERS:
            raise


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file with `whole_file`; text as UTF-8, with line ends unchanged."""
    with whole_file(path) as part:
        part.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def _to_disk(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def no_cache_of_fonts() -> Iterator[None]:
    """Have matplotlib, while it is imported, keep its list of fonts from the user's home."""
    if "MPLCONFIGDIR" in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MPLCONFIGDIR"] = folder
        try:
            yield
        finally:
            del os.environ["MPLCONFIGDIR"]


def is_same_file(path: Path, other: Path) -> bool:
    """Whether both are there and one file or folder."""
    try:
        return path.samefile(other)
    except OSError:
        return False


def file_digest(path: Path) -> str:
    """The SHA-256 of a file as hexadecimal digits. Raises OSError if it cannot be read."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(data: bytes) -> str:
    """The SHA-256 of bytes as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def did_you_mean(name: str, known: Collection[str], otherwise: str = "") -> str:
    """A hint for an unknown name: the closest known one, else `otherwise`, else all known names."""
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"did you mean '{near[0]}'?"
    return otherwise or f"known: {', '.join(known)}"
