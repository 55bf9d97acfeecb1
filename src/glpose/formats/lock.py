"""One writer at a time in a folder of results, or of a training run."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from glpose.errors import BadInput
from glpose.formats.text.lines import cannot_write

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there
    fcntl = None  # type: ignore[assignment]

LOCK = ".glpose.lock"


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder while the block runs.

    The system gives the lock back when the process ends, however it ends. On a file system without
    locks there is none.

    Raises: BadInput, naming the other process, if one is writing there.
    """
    if fcntl is None:
        yield
        return
    path = folder / LOCK
    try:
        file = _open_locked(path)
    except OSError as problem:
        raise cannot_write(path, problem) from problem
    try:
        yield
    finally:
        # Before the lock is given up, so that it is our own file that is removed.
        path.unlink(missing_ok=True)
        os.close(file)


@contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """Wait until no other process is in such a block of a folder; without locks nobody waits."""
    file = None
    if fcntl is not None:
        with suppress(OSError):  # that the folder cannot be used is for others to say
            file = os.open(folder, os.O_RDONLY)
            fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if file is not None:
            os.close(file)


def _open_locked(path: Path) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(file, path)
            # The run before may have removed the file between our two calls.
            if path.exists() and path.stat().st_ino == os.fstat(file).st_ino:
                os.ftruncate(file, 0)
                os.write(file, f"process {os.getpid()} on {socket.gethostname()}".encode())
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def _lock(file: int, path: Path) -> None:
    assert fcntl is not None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        other = os.read(file, 200).decode("utf-8", "replace") or "another process"
        raise BadInput(
            f"{path.parent}: a run writes there already ({other}); wait for it, or choose another "
            "folder with -o"
        ) from problem
    except OSError as problem:
        if problem.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise
