"""Atomic writes of files and folders, file digests, "did you mean" hints for messages, and no files of matplotlib's."""

import difflib
import errno
import hashlib
import io
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

# Windows opens no folder, and others only one whose names may be read.
_NO_SYNC_OF_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.EACCES)

_PART, _LEFT_OVER_S = ".part", 24 * 3600.0
_TOKEN_BYTES = 6  # in the names of folders that are being written, so that only those are removed


MOST_BYTES = 2**31
"""Larger files are not read into memory."""


def open_regular(path: Path) -> io.BufferedReader:
    """Open an ordinary file for reading: a pipe would wait for ever, a device may have no end.

    Raises: OSError, also for these, and for a folder.
    """
    check_name(path)
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
        if os.fstat(file.fileno()).st_size > MOST_BYTES:
            raise OSError(errno.EFBIG, f"larger than {MOST_BYTES >> 20} MB", str(path))
        return file.read()  # not of MOST_BYTES, for which there must be memory at once


def check_name(path: Path) -> None:
    """Raises: OSError for what no file can be called, where the calls of the system raise others."""
    if not can_name(str(path)):
        raise OSError(errno.EINVAL, "not a name that a file can have", str(path))


def can_name(text: str) -> bool:
    """Whether names of files may have these characters: half of a pair of UTF-16 has no bytes."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block ends without error.

    Even after a crash of the machine, `path` is complete: the old file or the new one. After an
    error the partial file is removed.

    Raises: OSError if the file cannot be written.
    """
    check_name(path)
    part = path.with_name(path.name + _PART)
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
    """Write a file with `whole_file`; text as UTF-8, with line ends unchanged.

    Bytes of names that are no text are escaped.
    """
    with whole_file(path) as part:
        is_text = isinstance(content, str)
        part.write_bytes(content.encode("utf-8", "backslashreplace") if is_text else content)


@contextmanager
def whole_folder(folder: Path, last: str) -> Iterator[Path]:
    """Yield a new folder beside `folder`; it takes that name if the block ends without error.

    `last` is a file that every complete folder has. If another process has completed `folder` by
    then, that one stays, and one's own is dropped: nobody's files change while they are read. What
    writers that were killed left there is removed after a day.

    Raises: OSError if it cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for other in folder.parent.glob(f"*.{'[0-9a-f]' * 2 * _TOKEN_BYTES}{_PART}"):
        if other.is_dir() and time.time() - _last_change(other) > _LEFT_OVER_S:
            shutil.rmtree(other, ignore_errors=True)
    part = folder.with_name(f"{folder.name}.{secrets.token_hex(_TOKEN_BYTES)}{_PART}")
    part.mkdir()
    try:
        yield part
        for path in part.iterdir():
            _to_disk(path)
        try:
            part.rename(folder)
        except OSError:
            if not (folder / last).exists():  # somebody has deleted it, or a part of it
                shutil.rmtree(folder, ignore_errors=True)
                part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _last_change(folder: Path) -> float:
    """When anything in a folder was written last; infinity if it is removed meanwhile."""
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    except OSError:
        return float("inf")


_SYNCED = os.O_RDWR if os.name == "nt" else os.O_RDONLY
"""How a file is opened to be synced: Windows asks for what is opened for writing."""


def _to_disk(path: Path) -> None:
    opened = os.open(path, _SYNCED)
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
    except (OSError, ValueError):
        return False


def resolved(path: Path) -> Path:
    """A path without links; where nobody can follow them, such as in a circle, it is absolute alone."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return Path(os.path.abspath(path))  # noqa: PTH100


def file_digest(path: Path) -> str:
    """The SHA-256 of a file as hexadecimal digits. Raises OSError if it cannot be read."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(data: bytes) -> str:
    """The SHA-256 of bytes as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def text_bytes(text: str) -> bytes:
    """The bytes of a text for a digest: others for each other text, also of names that are not UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def did_you_mean(name: str, known: Collection[str], otherwise: str = "") -> str:
    """A hint for an unknown name: the closest known one, else `otherwise`, else all known names."""
    near = difflib.get_close_matches(name, known, 1)
    if near:
        return f"did you mean '{near[0]}'?"
    return otherwise or f"known: {', '.join(known)}"
