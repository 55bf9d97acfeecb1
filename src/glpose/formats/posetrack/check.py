"""Check that a PoseTrack set on disk is complete, and find the version of its labels."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from glpose.errors import BadInput
from glpose.formats.check import Part, Problem, Report
from glpose.formats.posetrack.file import MAX_TRACK_ID, SequenceFile, plain, read_file, twice
from glpose.formats.posetrack.images import place_frames
from glpose.formats.posetrack.labels import SequenceLabels, find_base, open_posetrack
from glpose.formats.posetrack.people import headless

_SPLITS = ("train", "val", "test")

# Videos in each split, from the GLPose paper. The rest of 2017's 514 is for testing.
_VIDEOS = {2017: {"train": 250, "val": 50, "test": 214}, 2018: {"train": 593, "val": 170}}

# Frames with people in the validation set, as printed by poseval (mks0601/TF-SimpleHumanPose,
# issues 1 and 33); the older labels came as 74 files.
_VAL_VERSIONS_2018 = {8923: "v0.45, the current ones", 3902: "v0.2, outdated"}
_OLD_VAL_FILES_2018 = 74


@dataclass(slots=True)
class _Tally:
    """Counts and problems from reading the files of a split one by one."""

    counts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)
    no_folder: list[str] = field(default_factory=list)
    no_picture: list[str] = field(default_factory=list)
    headless: list[str] = field(default_factory=list)
    tracks_twice: list[str] = field(default_factory=list)
    tracks_high: list[str] = field(default_factory=list)


def check_posetrack(root: Path, year: int) -> Report:
    """Read all labels of a set and list all its folders; pictures are not opened.

    A file that cannot be used is reported and does not end the check. Raises: BadInput if there is
    no split at all.
    """
    parts, problems = [], []
    for split in _SPLITS:
        try:
            base = find_base(root, split)
            sequences = [s.truth for s in open_posetrack(root, year, split)]
        except BadInput as problem:
            if split != "test":  # its labels were not published
                problems.append(Problem(f"no split '{split}'", 1, (str(problem),)))
            continue
        labels = [truth for truth in sequences if isinstance(truth, SequenceLabels)]
        parts.append(_part(base, year, split, labels))
    if not parts:
        raise BadInput(
            f"{root}: no labels of PoseTrack; expected {root / 'annotations'}/train and /val with "
            "one .json or .mat file a video; unpack the archive of labels there"
        )
    return Report(f"posetrack{year % 100}", tuple(parts), (), tuple(problems))


def _part(base: Path, year: int, split: str, sequences: Sequence[SequenceLabels]) -> Part:
    tally = _Tally()
    for labels in sequences:
        _count(labels, tally)
    counts, kinds = tally.counts, tally.kinds
    listed = ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())) or "none can be used"
    return Part(
        split,
        usable=bool(kinds),
        counts={
            "label files": f"{len(sequences)} ({listed})",
            "frames": f"{counts['frames']}, {counts['labelled']} labelled, "
            f"{counts['with people']} with people",
            "people": f"{counts['people']} in {counts['poses']} poses with joints",
            "pictures": f"{counts['pictures']}, folders: {counts['folders']} of {len(sequences)}",
        },
        notes=tuple(_notes(year, split, len(sequences), tally)),
        problems=tuple(_problems(base, year, split, tally)),
    )


def _count(labels: SequenceLabels, tally: _Tally) -> None:
    tally.counts["folders"] += bool(labels.images)
    tally.counts["pictures"] += len(labels.images)
    if not labels.images:
        tally.no_folder.append(str(labels.folder))
    try:
        source = read_file(labels.file, predicted=False)
    except BadInput as problem:
        tally.unreadable.append(str(problem))
        return
    suffix = labels.file.suffix[1:].upper()
    tally.kinds[f"{suffix} of {source.form}"] += 1
    _count_people(labels.file, source, tally)
    if not labels.images:
        return
    try:
        place_frames(labels.sequence, source, labels.images, labels.folder)
    except BadInput as problem:
        tally.no_picture.append(str(problem))


def _count_people(file: Path, source: SequenceFile, tally: _Tally) -> None:
    tracks: set[int] = set()
    for i, frame in enumerate(source.frames):
        ids = frame.people.track_id.tolist()
        tracks.update(ids)
        where = f"{file}: frame {i} ({plain(frame.name).name})"
        tally.headless += [f"{where}, track_id {track}" for track in headless(frame)]
        tally.tracks_twice += [f"{where}, track_id {track}" for track in twice(ids)]
        high = [track for track in ids if track >= MAX_TRACK_ID]
        tally.tracks_high += [f"{where}, track_id {track}" for track in high]
        tally.counts["frames"] += 1
        tally.counts["labelled"] += frame.labelled
        tally.counts["with people"] += bool(ids)
        tally.counts["poses"] += int(frame.people.visibility.any(-1).sum())
    tally.counts["people"] += len(tracks)


def _notes(year: int, split: str, num_files: int, tally: _Tally) -> list[str]:
    notes = []
    expected = _VIDEOS[year].get(split)
    if expected is not None and num_files != expected:
        notes.append(f"the paper counts {expected} videos in this split, here are {num_files}")
    if year == 2018 and split == "val":
        notes.append(label_version(num_files, tally.counts["with people"]))
    return notes


def label_version(num_files: int, num_frames: int) -> str:
    """The version of 2018 validation labels, from the numbers of files and frames with people."""
    version = _VAL_VERSIONS_2018.get(num_frames)
    if version is None and num_files == _OLD_VAL_FILES_2018:
        version = "v0.2, outdated"
    if version:
        return f"labels {version}, by {num_frames} frames with people in {num_files} files"
    known = "; ".join(f"{n} are {name}" for n, name in _VAL_VERSIONS_2018.items())
    return f"version of the labels unknown: {num_frames} frames with people ({known})"


def _problems(base: Path, year: int, split: str, tally: _Tally) -> list[Problem]:
    form = str(year)
    strange = {kind: n for kind, n in tally.kinds.items() if not kind.endswith(form)}
    images = base / "images" / ("<source>" if year == 2017 else split) / "<video>"
    found = [
        Problem(
            "label files that cannot be used",
            len(tally.unreadable),
            tuple(tally.unreadable),
            "take them from the archive of labels again",
        ),
        Problem(
            f"label files of another year's form ({', '.join(strange)})",
            sum(strange.values()),
            (),
            f"check that this is PoseTrack {year}; they are read all the same",
        ),
        Problem(
            "split in which nobody has joints",
            # The labels of the test videos are not public.
            int(split != "test" and bool(tally.kinds) and not tally.counts["poses"]),
            (),
            "take its labels from the archive again",
        ),
        Problem(
            "videos without pictures",
            len(tally.no_folder),
            tuple(tally.no_folder),
            f"unpack the archive of pictures so that they are in {images}",
        ),
        Problem(
            "videos with frames that have no picture",
            len(tally.no_picture),
            tuple(tally.no_picture),
            "unpack the pictures of these videos again; the names of the archive and "
            "00000001.jpg and so on are both understood",
        ),
        Problem(
            "people with joints but no head box",
            len(tally.headless),
            tuple(tally.headless),
            "they can be trained on, but errors are measured by the head: add the boxes before "
            "this part is scored",
        ),
        Problem(
            "people with the track of another one in the same frame",
            len(tally.tracks_twice),
            tuple(tally.tracks_twice),
            "AP is not affected, scores of tracking are",
        ),
        Problem(
            f"track numbers of {MAX_TRACK_ID} or more",
            len(tally.tracks_high),
            tuple(tally.tracks_high),
            "glpose reads them, poseval does not",
        ),
    ]
    return [problem for problem in found if problem.count]
