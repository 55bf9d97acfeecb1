"""Find the pictures of a PoseTrack file and match them to its frames.

Frames have irregular names in the archives (various start numbers, `0012_crop.jpg`), and most
people use a copy renamed from 00000001.jpg on, while the label files keep the old names.
"""

import os
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath

from glpose.errors import BadInput
from glpose.formats.posetrack.file import SequenceFile, plain
from glpose.formats.text.lines import cannot_read

_SUFFIXES = (".jpg", ".jpeg", ".png")


class ImageFolders:
    """The picture folders of a set: `<base>/images/<source or split>/<sequence>/`."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self._by_name: dict[str, list[Path]] = {}
        for group in _folders(base / "images"):
            for folder in _folders(group):
                self._by_name.setdefault(folder.name, []).append(folder)

    def find(self, sequence: str, group: str, named: PurePosixPath | None) -> Path | None:
        """The folder of a sequence, or None.

        `named` is a picture that its label file names. If it is None, or its folder does not exist,
        the sequence's name is used: files of 2017 are called `000342_mpii_relpath_...`,
        their folders `000342_mpii`.
        """
        if named is not None:
            folder = self.expected(sequence, group, named)
            if folder.is_dir():
                return folder
        names = sorted(
            (name for name in self._by_name if f"{sequence}_".startswith(f"{name}_")), key=len
        )
        found = self._by_name[names[-1]] if names else []
        if len(found) > 1:
            found = [folder for folder in found if folder.parent.name == group]
        return found[0] if len(found) == 1 else None

    def expected(self, sequence: str, group: str, named: PurePosixPath | None) -> Path:
        """Where the pictures of a sequence should be."""
        if named is None or named.is_absolute() or ".." in named.parts:
            return self.base / "images" / group / sequence
        inside = named.parent if named.parts[0] == "images" else "images" / named.parent
        return self.base / inside


def list_pictures(folder: Path) -> tuple[Path, ...]:
    """The pictures of a folder, sorted by the number before `.` or `_`, without hidden files.

    Raises: BadInput if the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:  # fast: a set has a thousand folders
            names = [e.name for e in entries if e.name.lower().endswith(_SUFFIXES)]
    except OSError as problem:
        raise cannot_read(folder, problem, "a folder of pictures") from problem
    names = [name for name in names if not name.startswith(".")]
    return tuple(folder / name for name in sorted(names, key=_number))


def _number(name: str) -> tuple[int, str]:
    digits = re.match(r"\d+", name)
    return (int(digits[0]) if digits else -1, name)


def place_frames(
    sequence: str, source: SequenceFile, images: Sequence[Path], folder: Path
) -> list[int]:
    """The index of each frame of a file among the pictures.

    By name if all names in the file exist; else, of a copy that was renamed, by position if there are
    as many pictures as frames, or by the frame numbers of 2017 files, which count from 1. A copy was
    renamed if its pictures are numbered without a gap from 0 or 1, or if it has none of the names.

    Raises: BadInput, naming sequence and frame, if a frame has no picture, or if all names exist
    but in another order.
    """
    place = {path.name: i for i, path in enumerate(images)}
    names = [plain(frame.name).name for frame in source.frames]
    by_name = [place.get(name, -1) for name in names]
    if _rising(by_name):
        return by_name
    if -1 not in by_name:
        late = next(i for i, (a, b) in enumerate(pairwise(by_name), 1) if a >= b)
        raise BadInput(
            f"{folder}: sequence {sequence} has frame {late} ({names[late]}) after "
            f"{names[late - 1]} in its label file; expected the pictures in the order of their "
            "numbers, each once; take the labels from their archive again"
        )
    is_named = max(by_name) >= 0
    if not is_named or _is_renumbered(images):
        if len(images) == len(names):
            return list(range(len(names)))
        if len(images) > len(names) and source.form == "2017":
            numbers = [(frame.number or 0) - 1 for frame in source.frames]
            if _rising(numbers) and numbers[-1] < len(images):
                return numbers
    missing = by_name.index(-1) if is_named and -1 in by_name else min(len(images), len(names) - 1)
    raise BadInput(
        f"{folder}: sequence {sequence} has {len(names)} frames in its label file and "
        f"{len(images)} pictures; frame {missing} ({names[missing]}) has none; "
        "take the pictures from their archive again"
    )


def _is_renumbered(images: Sequence[Path]) -> bool:
    numbers = [_number(path.name)[0] for path in images]
    return numbers[0] in (0, 1) and all(b == a + 1 for a, b in pairwise(numbers))


def _rising(places: list[int]) -> bool:
    return places[0] >= 0 and all(a < b for a, b in pairwise(places))


def _folders(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return sorted(
                Path(e.path) for e in entries if not e.name.startswith(".") and e.is_dir()
            )
    except OSError:  # missing folders are reported when a sequence needs them
        return []
