"""PoseTrack 2017 and 2018: labels, predictions and whole sets, always in the 15 scored joints.

Start with `open_posetrack`, or `read_truth_file` for a single file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glpose.errors import BadInput
from glpose.formats.dataset import LabelledSequence
from glpose.formats.posetrack import form17, form18
from glpose.formats.posetrack.file import (
    Form,
    SequenceFile,
    check_tracks,
    first_picture,
    read_file,
)
from glpose.formats.posetrack.images import ImageFolders, list_pictures, place_frames
from glpose.formats.posetrack.people import (
    NUM_JOINTS,
    FileFrame,
    FilePeople,
    dummy_person,
    headless,
    nobody,
    people_of,
    poses_of,
    truth_of,
)
from glpose.formats.text.lines import dump, write_text
from glpose.skeleton import POSETRACK15
from glpose.types import FramePoses, FrameTruth


def read_truth_file(path: Path) -> tuple[FrameTruth, ...]:
    """The truth of all frames of a file, including unlabelled ones (they have nobody).

    `frame` is the index in the file. Numbers are as in the file, in float64. People without joints
    are kept, all NaN and with a box of zeros. Visibility 1 is a labelled joint with flag 0; it is
    scored like the others.

    Raises: BadInput, naming the key.
    """
    frames = read_file(path, predicted=False).frames
    return tuple(truth_of(i, frame, np.float64) for i, frame in enumerate(frames))


def read_prediction_file(path: Path) -> tuple[FramePoses, ...]:
    """The predictions of all frames of a file; `frame` is the index in the file.

    Joints and poses without a score get -9999, as in poseval; other numbers are unchanged, in
    float64. Boxes are around the joints. The track id of poses without one is their index in the
    frame.

    Raises: BadInput, naming the key; also if a track id repeats within a frame or is above 9999,
    which poseval rejects too.
    """
    return tuple(poses_of(i, frame) for i, frame in enumerate(read_predictions(path).frames))


def read_predictions(path: Path) -> SequenceFile:
    """A file of predictions with the names of its pictures; raises as `read_prediction_file`."""
    source = read_file(path, predicted=True)
    for i, frame in enumerate(source.frames):
        check_tracks(f"{path}: frame {i}", frame.people.track_id.tolist())
    return source


@dataclass(frozen=True, slots=True, eq=False)
class SequenceLabels:
    """The `truth` of a PoseTrack sequence; reads its file when called."""

    sequence: str
    file: Path
    folder: Path
    images: tuple[Path, ...]

    def __call__(self) -> tuple[FrameTruth, ...]:
        """The labelled frames; raises BadInput if a frame has no picture."""
        if not self.images:
            raise BadInput(
                f"{self.folder}: there are no pictures of the sequence {self.sequence}; "
                f"expected those of {self.file}; unpack the archive of pictures there"
            )
        return tuple(
            truth_of(place, frame, np.float32)
            for place, frame in self.frames().items()
            if frame.labelled
        )

    def frames(self) -> dict[int, FileFrame]:
        """All frames of the file by index in `images`, or in the file if there are no pictures."""
        return self._placed(read_file(self.file, predicted=False))

    def image_ids(self) -> dict[int, int]:
        """Picture ids by index in `images`; none in files of the 2017 form."""
        source = read_file(self.file, predicted=False)
        if source.form == "2017":
            return {}
        return {place: frame.number or 0 for place, frame in self._placed(source).items()}

    def _placed(self, source: SequenceFile) -> dict[int, FileFrame]:
        if not self.images:
            return dict(enumerate(source.frames))
        places = place_frames(self.sequence, source, self.images, self.folder)
        return dict(zip(places, source.frames, strict=True))


def open_posetrack(root: Path, year: int, split: str) -> list[LabelledSequence]:
    """The sequences of a split, sorted by name; no labels are read before `truth()` is called.

    `root` has `annotations/<split>/` and `images/`, or a folder `posetrack_data` with them. If a
    sequence has a `.json` and a `.mat` file, the `.json` is used. `truth()` checks that all
    pictures are there; a sequence without any has no `images`. Visibility is 1 for labelled joints
    with flag 0, which the 2018 loaders of the HRNet family do not train on.

    Raises: BadInput if there are no label files, saying where they are expected.
    """
    if year not in (2017, 2018):
        raise BadInput(f"PoseTrack {year} is not known; expected 2017 or 2018")
    base = find_base(root, split)
    folders = ImageFolders(base)
    return [_sequence(file, folders, split) for file in label_files(base / "annotations" / split)]


def _sequence(file: Path, folders: ImageFolders, split: str) -> LabelledSequence:
    named = first_picture(file)
    folder = folders.find(file.stem, split, named)
    images = () if folder is None else list_pictures(folder)
    expected = folder or folders.expected(file.stem, split, named)
    labels = SequenceLabels(file.stem, file, expected, images)
    return LabelledSequence(file.stem, POSETRACK15, labels, images)


def check_scorable(folder: Path, limit: int | None = None) -> None:
    """Raises: BadInput naming the label file, of the first `limit`, that no predictions could be scored by.

    Files that cannot be read are passed over: whoever reads them for predictions says so.
    """
    num_people, unread = 0, False
    for file in label_files(folder)[:limit]:
        try:
            source = read_file(file, predicted=False)
        except BadInput:
            unread = True
            continue
        for i, frame in enumerate(source.frames):
            num_people += len(frame.people)
            for track in headless(frame):
                raise BadInput(
                    f"{file}: frame {i}: the person with track id {track} has joints but no head "
                    "box, by which errors are measured; add the box"
                )
    if not num_people and not unread:
        raise BadInput(
            f"{folder}: no frame has a person; expected labelled people, nothing can be scored; "
            "take the annotations from their archive again"
        )


def find_base(root: Path, split: str) -> Path:
    """The folder with `annotations` and `images`. Raises BadInput, saying what is expected."""
    for base in (root, root / "posetrack_data"):
        if (base / "annotations" / split).is_dir():
            return base
    raise BadInput(
        f"{root}: there is no folder annotations/{split}; expected one label file a video in it; "
        "unpack the archive of labels there"
    )


def label_files(folder: Path) -> list[Path]:
    """The label files of a folder by name, one per sequence. Raises BadInput if there are none."""
    found: dict[str, Path] = {}
    for suffix in (".mat", ".json"):  # the later one wins
        for path in folder.glob(f"*{suffix}"):
            if not path.name.startswith("."):
                found[path.stem] = path
    if not found:
        raise BadInput(
            f"{folder}: there are no label files; expected one .json or .mat a video; "
            "unpack the archive of labels there"
        )
    return [found[name] for name in sorted(found)]


def write_prediction_file(
    path: Path,
    sequence: LabelledSequence,
    poses: Sequence[FramePoses],
    *,
    layout: Form = "2017",
    dummy: bool = True,
) -> None:
    """Write predictions as poseval reads them: one entry for each frame of the label file.

    `poses` are matched by `frame`, an index into the sequence's images; joints as POSETRACK15. NaN
    joints and poses without joints are left out. `dummy`: frames that would be empty get joint 0 at
    (0, 0) with score -100, which keeps poseval from counting a whole frame without predictions as
    one miss.

    Raises: BadInput if poses do not fit the sequence or the file cannot be written (it is written
    atomically).
    """
    found = _by_frame(sequence, poses)
    frames = _frames_of(sequence)
    rows = [
        FileFrame(frame.name, frame.number, frame.labelled, _written(found.get(place), dummy=dummy))
        for place, frame in frames.items()
    ]
    write = form17.document if layout == "2017" else form18.document
    write_text(path, dump(write(rows)) + "\n")


def _by_frame(sequence: LabelledSequence, poses: Sequence[FramePoses]) -> dict[int, FramePoses]:
    num_images = len(sequence.images)
    found: dict[int, FramePoses] = {}
    for frame in poses:
        where = f"{sequence.name}: frame {frame.frame}"
        if frame.frame in found:
            raise BadInput(f"{where} is predicted twice; expected each frame once")
        if frame.frame < 0 or 0 < num_images <= frame.frame:
            raise BadInput(f"{where} is predicted; the sequence has {num_images} pictures")
        if frame.xy.shape[1:] != (NUM_JOINTS, 2):
            raise BadInput(
                f"{where} has {frame.xy.shape[1]} joints; expected the {NUM_JOINTS} of "
                f"{POSETRACK15.name}; convert them first"
            )
        check_tracks(where, frame.people.track_id.tolist())
        found[frame.frame] = frame
    return found


def _frames_of(sequence: LabelledSequence) -> dict[int, FileFrame]:
    labels = sequence.truth
    if isinstance(labels, SequenceLabels):
        return labels.frames()
    if not sequence.images:
        raise BadInput(f"{sequence.name}: has no pictures; expected one for each frame to write")
    return {
        i: FileFrame(f"images/{path.parent.name}/{path.name}", None, labelled=True, people=nobody())
        for i, path in enumerate(sequence.images)
    }


def _written(poses: FramePoses | None, *, dummy: bool) -> FilePeople:
    people = nobody() if poses is None else people_of(poses)
    return dummy_person() if dummy and not len(people) else people
