"""Files that are to be replaced, kept until something has come in their place."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from glpose.formats.results import OLD, POSES


class Aside:
    """Moves files of a folder into a hidden one in it, until they are removed or put back.

    A process that is killed in between leaves that folder, `OLD` and some letters; see `recover`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._place = folder, Path()
        self._files: list[Path] = []

    @property
    def left(self) -> list[Path]:
        """What processes left that were killed."""
        return sorted(self._folder.glob(f"{OLD}*"))

    def recover(self) -> None:
        """Move back what the last process left that was killed before anything came in its place.

        What it had begun with is replaced; call this only where that is nothing. Raises: OSError.
        """
        if not self.left:
            return
        place = max(self.left, key=lambda place: place.stat().st_mtime_ns)
        # The poses last: as long as they are not there, whoever comes next goes on with this.
        for file in sorted(place.iterdir(), key=lambda file: file.name == POSES):
            file.replace(self._folder / file.name)
        place.rmdir()

    def move(self, files: Iterable[Path]) -> None:
        """Move files away. Raises: OSError, also for a folder; all are where they were then."""
        try:
            for file in files:
                if file.is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
                if not self._files:
                    self._place = Path(tempfile.mkdtemp(prefix=OLD, dir=self._folder))
                file.rename(self._place / file.name)
                self._files.append(file)
        except OSError:
            self.put_back()
            raise

    def remove(self) -> None:
        """Remove what was moved away, if anything, also by processes that were killed. Raises: OSError."""
        self._empty(lambda file: (self._place / file.name).unlink())
        for place in self.left:
            shutil.rmtree(place)

    def put_back(self) -> None:
        """Move everything back where it was. Raises: OSError."""
        self._empty(lambda file: (self._place / file.name).rename(file))

    def _empty(self, away: Callable[[Path], object]) -> None:
        if not self._files:
            return
        while self._files:
            away(self._files[-1])
            self._files.pop()
        self._place.rmdir()
