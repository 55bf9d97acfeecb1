"""Files that are to be replaced, kept until something has come in their place."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from glpose.formats.results import OLD, POSES, left_aside


class Aside:
    """Moves files of a folder into a hidden one in it, until they are removed or put back.

    A process that is killed in between leaves that folder, `OLD` and some letters; see `recover`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._place = folder, Path()
        self._files: list[Path] = []
        self._places: list[Path] = []

    def recover(self) -> None:
        """Move back what the last process left that was killed before anything came in its place.

        What others left before it stays: it was to be replaced by this. What is in the way is replaced; call
        this only where that is nothing. Raises: OSError.
        """
        for place in left_aside(self._folder)[:1]:
            # Poses last: until they are back, a process that is killed here leaves something to recover.
            for file in sorted(place.iterdir(), key=lambda file: file.name == POSES):
                file.replace(self._folder / file.name)
            place.rmdir()

    def move(self, files: Iterable[Path]) -> None:
        """Move files away. Raises: OSError, also for a folder; all are where they were then."""
        self._places = list(self._folder.glob(f"{OLD}*"))
        try:
            for file in files:
                if file.is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
                if not self._files:
                    self._place = Path(tempfile.mkdtemp(prefix=OLD, dir=self._folder))
                    self._places.append(self._place)
                file.rename(self._place / file.name)
                self._files.append(file)
        except OSError:
            self.put_back()
            raise

    def remove(self) -> None:
        """Remove what was moved away, if anything, and what killed processes had left. Raises: OSError."""
        while self._places:
            shutil.rmtree(self._places[-1])
            self._places.pop()
        self._files.clear()

    def put_back(self) -> None:
        """Move everything back where it was. Raises: OSError."""
        while self._files:
            file = self._files[-1]
            (self._place / file.name).rename(file)
            self._files.pop()
        if self._place in self._places:
            self._place.rmdir()
            self._places.remove(self._place)
