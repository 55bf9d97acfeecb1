"""Read a PoseTrack file as frames; its content, not its name or year, says which form it has."""

import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from glpose.errors import BadInput
from glpose.files import open_regular
from glpose.formats.posetrack import form17, form18
from glpose.formats.posetrack.people import FileFrame
from glpose.formats.text.tree import read_tree

Form = Literal["2017", "2018"]

MAX_TRACK_ID = 10_000
"""poseval accepts only track ids below this."""

_HEAD_BYTES = 1 << 16
_PICTURE = rb"[^\"\0]+?\.(?:jpe?g|png)"


@dataclass(frozen=True, slots=True, eq=False)
class SequenceFile:
    """The content of one file, frame by frame, labelled or not."""

    form: Form
    frames: tuple[FileFrame, ...]


def read_file(path: Path, *, predicted: bool) -> SequenceFile:
    """Read a file of either form.

    Raises: BadInput, naming the key, if it is truncated, of another kind, empty or invalid.
    """
    root = read_tree(path)
    keys = root.value if isinstance(root.value, dict) else {}
    form: Form
    if "annolist" in keys:
        form, frames = "2017", tuple(form17.read_frames(root, predicted=predicted))
    elif "images" in keys and "annotations" in keys:
        form, frames = "2018", tuple(form18.read_frames(root, predicted=predicted))
    else:
        found = ", ".join(f"'{key}'" for key in list(keys)[:8] if not key.startswith("__"))
        raise BadInput(
            f"{path}: no file of PoseTrack, its keys are {found or 'none'}; expected 'annolist' "
            "(2017) or 'images' and 'annotations' (2018)"
        )
    if not frames:
        key = "annolist" if form == "2017" else "images"
        raise BadInput(f"{path}: '{key}' is empty; expected the frames of a video")
    # Predictions need not name every picture, nor its folder.
    folders = sorted({plain(frame.name).parent.name for frame in frames} - {""})
    if len(folders) > 1:
        raise BadInput(
            f"{path}: holds frames of {len(folders)} videos ({', '.join(folders[:3])}); "
            "expected one file a video, as PoseTrack comes"
        )
    return SequenceFile(form, frames)


def plain(name: str) -> PurePosixPath:
    """A path from a file, with forward slashes."""
    return PurePosixPath(name.replace("\\", "/"))


def check_tracks(where: str, tracks: list[int]) -> None:
    """Raises: BadInput if a track id repeats within a frame or is too large for poseval."""
    for track in tracks:
        if track >= MAX_TRACK_ID:
            raise BadInput(
                f"{where}: track_id {track}; expected less than {MAX_TRACK_ID}, as poseval does; "
                "number the tracks of each video from 0"
            )
    for track in twice(tracks):
        raise BadInput(
            f"{where}: track_id {track} is there {tracks.count(track)} times; "
            "expected each person once"
        )


def are_writable(tracks: list[int]) -> bool:
    """Whether `check_tracks` lets the track ids of a frame pass."""
    return not twice(tracks) and max(tracks, default=0) < MAX_TRACK_ID


def twice(numbers: Iterable[int]) -> list[int]:
    """The numbers that occur more than once, ascending."""
    seen: set[int] = set()
    return sorted({n for n in numbers if n in seen or seen.add(n)})


def first_picture(path: Path) -> PurePosixPath | None:
    """The path of the first picture that a file names, from its first bytes; None if not found.

    Only this path tells which picture folder belongs to a sequence, and reading all files of a set
    takes minutes. Read errors are not reported here but when the whole file is read.
    """
    try:
        with open_regular(path) as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return None
    if head.startswith(b"MATLAB"):
        return _first_of_mat(head)
    found = re.search(rb'"(?:file_)?name"\s*:\s*\[?\s*("' + _PICTURE + rb'")', head)
    try:
        return plain(json.loads(found[1])) if found else None
    except ValueError:
        return None


def _first_of_mat(head: bytes) -> PurePosixPath | None:
    data = head[128:]  # the file header is followed by elements: an 8-byte tag, then data
    if data[:1] == b"\x0f" or data[3:4] == b"\x0f":  # miCOMPRESSED, in either byte order
        try:
            data = zlib.decompressobj().decompress(data[8:], 4 * _HEAD_BYTES)
        except zlib.error:
            return None
    # Text has one byte per character, or two, one of them zero.
    found = re.search(rb"images[\\/]" + _PICTURE, data.replace(b"\0", b""))
    return plain(found[0].decode("latin-1")) if found else None
