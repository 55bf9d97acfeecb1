"""PoseTrack 2017 and 2018: labels, predictions and whole sets, always in the 15 joints of scoring.

Start with `read_truth_file`. What a file holds, not its name or year, says of which form it is.
"""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from glpose.errors import BadInput
from glpose.formats import posetrack17, posetrack18
from glpose.formats.posetrack_people import FileFrame, poses_of, truth_of
from glpose.formats.tree import read_tree
from glpose.types import FramePoses, FrameTruth

Form = Literal["2017", "2018"]

MAX_TRACK_ID = 10_000
"""poseval takes track ids below this only."""


@dataclass(frozen=True, slots=True, eq=False)
class SequenceFile:
    """All that one file says, frame by frame, labelled or not."""

    form: Form
    frames: tuple[FileFrame, ...]


def read_file(path: Path, *, predicted: bool) -> SequenceFile:
    """A file of either form.

    Raises: BadInput, naming the key, if it is cut off, of another kind, without frames, or wrong.
    """
    root = read_tree(path)
    keys = root.value if isinstance(root.value, dict) else {}
    form: Form
    if "annolist" in keys:
        form, frames = "2017", tuple(posetrack17.read_frames(root, predicted=predicted))
    elif "images" in keys and "annotations" in keys:
        form, frames = "2018", tuple(posetrack18.read_frames(root, predicted=predicted))
    else:
        found = ", ".join(f"'{key}'" for key in list(keys)[:8] if not key.startswith("__"))
        raise BadInput(
            f"{path}: no file of PoseTrack, its keys are {found or 'none'}; expected 'annolist' "
            "(2017) or 'images' and 'annotations' (2018)"
        )
    if not frames:
        key = "annolist" if form == "2017" else "images"
        raise BadInput(f"{path}: '{key}' is empty; expected the frames of a video")
    folders = sorted({PurePosixPath(f.name.replace("\\", "/")).parent.name for f in frames})
    if len(folders) > 1:
        raise BadInput(
            f"{path}: holds frames of {len(folders)} videos ({', '.join(folders[:3])}); "
            "expected one file a video, as PoseTrack comes"
        )
    return SequenceFile(form, frames)


def read_truth_file(path: Path) -> tuple[FrameTruth, ...]:
    """The truth of all frames of a file, those not labelled included (they have nobody).

    `frame` is the place in the file. People without joints are there, all NaN and with a box of
    zeros. Visibility 1 is a labelled joint with the flag 0: scoring counts it like the others.

    Raises: BadInput, naming the key.
    """
    frames = read_file(path, predicted=False).frames
    return tuple(truth_of(i, frame) for i, frame in enumerate(frames))


def read_prediction_file(path: Path) -> tuple[FramePoses, ...]:
    """The predictions of all frames of a file; `frame` is the place in the file.

    Joints and poses without a score have -9999, as in poseval; scores are otherwise as they are.
    Boxes are those of the joints. Who has no track gets their place in the frame for one.

    Raises: BadInput, naming the key; also if a track is in a frame twice or above 9999, which
    poseval does not take either.
    """
    frames = read_file(path, predicted=True).frames
    for i, frame in enumerate(frames):
        check_tracks(f"{path}: frame {i}", [person.track_id for person in frame.people])
    return tuple(poses_of(i, frame) for i, frame in enumerate(frames))


def check_tracks(where: str, tracks: list[int]) -> None:
    """Raises: BadInput if a track of a frame comes twice or has a number poseval does not take."""
    for track in tracks:
        if track >= MAX_TRACK_ID:
            raise BadInput(
                f"{where}: track_id {track}; expected less than {MAX_TRACK_ID}, as poseval does; "
                "number the tracks of each video from 0"
            )
        if tracks.count(track) > 1:
            raise BadInput(
                f"{where}: track_id {track} is there {tracks.count(track)} times; "
                "expected each person once"
            )
