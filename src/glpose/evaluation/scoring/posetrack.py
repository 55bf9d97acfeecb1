"""PoseTrack: AP and MOT from files of annotations and predictions."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from glpose.errors import BadInput
from glpose.evaluation.scoring.report import Report, check_there
from glpose.formats.posetrack.file import MAX_TRACK_ID, SequenceFile, plain, read_file
from glpose.formats.posetrack.labels import read_predictions
from glpose.formats.posetrack.people import are_dummies, poses_of, truth_of
from glpose.metrics.posetrack import first_repeated
from glpose.metrics.posetrack_ap import PoseTrackAp, posetrack_ap
from glpose.metrics.posetrack_mot import PoseTrackMot, posetrack_mot
from glpose.skeleton import POSETRACK15
from glpose.types import FramePoses, FrameTruth

_KINDS = (".json", ".mat")
_VERSIONS_2018 = {
    74: "validation part of 0.2; numbers of today go by 0.45, with 170 sequences",
    170: "validation part of 0.45, of which poseval should score 8923 frames",
}


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    """A sequence: all frames of its annotation and prediction files, which are its `names`.

    `renamed` is the first picture with another name in the predictions: its name there and in the
    truth.
    """

    names: tuple[str, str]
    truth: tuple[FrameTruth, ...]
    num_labelled: int
    is_2018: bool
    guess: tuple[FramePoses, ...]
    renamed: tuple[str, str] | None


def score_posetrack(
    truth: Path,
    predictions: Path,
    *,
    quirks: bool = True,
    mot: bool | None = None,
    only: Collection[str] | None = None,
) -> Report:
    """AP, and MOT if `mot` is true or, by default, if track ids are more than row numbers.

    `only`, if given, names the sequences of a folder to score.

    Raises: BadInput naming the file that is missing, invalid or of the wrong length.
    """
    files = _pairs(truth, predictions, only)
    pairs = [_read(*both) for both in files]
    true, guess = [pair.truth for pair in pairs], [pair.guess for pair in pairs]
    names = [pair.names for pair in pairs]
    if not _num_people(true):
        raise BadInput(
            f"{truth}: no frame has a person; expected labelled people, nothing can be scored; "
            "take the annotations from their archive again"
        )
    ap = posetrack_ap(true, guess, names=names, quirks=quirks)
    counts = {
        "num_sequences": len(pairs),
        "num_frames": sum(map(len, true)),
        "num_labelled_frames": sum(pair.num_labelled for pair in pairs),
        "num_scored_frames": ap.num_frames,
        "num_people": _num_people(true),
        "num_poses": sum(int((~are_dummies(f)).sum()) for frames in guess for f in frames),
    }
    lines = [
        f"PoseTrack, {'as poseval counts' if quirks else 'without the quirks of poseval'}",
        "truth: {num_sequences} sequences, {num_frames} frames, {num_labelled_frames} labelled, "
        "{num_scored_frames} scored (with people), {num_people} people".format(**counts),
        "predictions: {num_poses} poses".format(**counts),
        *_renamed_lines(pairs),
        *_foreign_lines(predictions, {path for _, path in files}),
        *_version_lines(pairs),
        *_joint_lines(ap, guess),
        "AP",
        ap.table(),
    ]
    plain = {"metric": "posetrack", "quirks": quirks, **counts}
    plain["ap"] = {"columns": ap.groups(), **ap.official()}
    plain["mot"] = None
    if mot is None and not _is_tracked(guess):
        lines.append("MOT is left out: track ids are places in the frame (--mot asks for it)")
    elif mot is not False:
        for (path, _), frames in zip(files, true, strict=True):
            _check_tracks(path, frames)
        scores = posetrack_mot(true, guess, names=names, quirks=quirks)
        lines += _mot_lines(scores)
        plain["mot"] = {
            "columns": scores.groups(),
            "num_frames": scores.num_frames,
            "motp_correct": scores.motp.tolist(),
            **scores.official(),
        }
    return Report(lines, plain)


def _pairs(truth: Path, predictions: Path, only: Collection[str] | None) -> list[tuple[Path, Path]]:
    """Pairs of annotation and prediction files with the same name."""
    true = [path for path in _annotations(truth) if only is None or path.stem in only]
    if not predictions.is_dir():
        if truth.is_dir():
            raise BadInput(
                f"{predictions}: a file, but the truth is a folder; expected a folder with a file "
                "of the same name for each of its files"
            )
        return [(truth, predictions)]
    places = [
        next(
            (place for kind in _KINDS if (place := predictions / f"{path.stem}{kind}").is_file()),
            predictions / f"{path.stem}.json",
        )
        for path in true
    ]
    check_there(places, predictions, "sequences")
    return list(zip(true, places, strict=True))


def _annotations(truth: Path) -> list[Path]:
    """The annotation files of a folder, one per sequence; JSON is preferred to MAT."""
    if not truth.is_dir():
        return [truth]
    found = {p.stem: p for kind in reversed(_KINDS) for p in sorted(truth.glob(f"*{kind}"))}
    files = [found[stem] for stem in sorted(found) if not stem.startswith(".")]
    if not files:
        raise BadInput(
            f"{truth}: has no annotations, *.json or *.mat; expected those of one part, such as "
            "the folder annotations/val"
        )
    return files


def _read(truth: Path, predictions: Path) -> _Pair:
    file, guess = read_file(truth, predicted=False), read_predictions(predictions)
    if len(guess.frames) != len(file.frames):
        raise BadInput(
            f"{predictions}: holds {len(guess.frames)} frames, but {truth} has "
            f"{len(file.frames)}; expected one for every frame of the truth, in its order, "
            "labelled or not"
        )
    _check_order(file, guess, predictions)
    return _Pair(
        names=(str(truth), str(predictions)),
        truth=tuple(truth_of(i, frame, np.float64) for i, frame in enumerate(file.frames)),
        num_labelled=sum(frame.labelled for frame in file.frames),
        is_2018=file.form == "2018",
        guess=tuple(poses_of(i, frame) for i, frame in enumerate(guess.frames)),
        renamed=_first_renamed(file, guess),
    )


def _check_order(truth: SequenceFile, guess: SequenceFile, path: Path) -> None:
    """Raises: BadInput if pictures that both files know come in another order in the predictions.

    Frames are scored by their place, as in poseval. Pictures are known by name, or, where no name
    is in both files, by the number that files of the same form give them. Copies of the set that
    number their pictures anew share some names with it, but in the same order.
    """
    found, expected = _names(guess), _names(truth)
    if truth.form == guess.form and set(found).isdisjoint(expected):
        found, expected = _numbers(guess), _numbers(truth)
    place = {name: i for i, name in enumerate(expected) if name}
    shared = [place[name] for name in found if name in place]
    if found == expected or all(a < b for a, b in pairwise(shared)):
        return
    i = next(i for i, name in enumerate(found) if name != expected[i])
    raise BadInput(
        f"{path}: frame {i} is of the picture {found[i] or 'without a name'}, but the truth has "
        f"{expected[i]} there; expected the pictures in the order of the truth, since frames are "
        "scored by their place; put them in that order"
    )


def _names(file: SequenceFile) -> list[str]:
    return [plain(frame.name).name for frame in file.frames]


def _numbers(file: SequenceFile) -> list[str]:
    return ["" if frame.number is None else str(frame.number) for frame in file.frames]


def _first_renamed(truth: SequenceFile, guess: SequenceFile) -> tuple[str, str] | None:
    pairs = (
        (plain(g.name), plain(t.name)) for g, t in zip(guess.frames, truth.frames, strict=True)
    )
    return next(
        ((str(g), str(t)) for g, t in pairs if g.name and g.parts[-2:] != t.parts[-2:]), None
    )


def _check_tracks(path: Path, frames: Sequence[FrameTruth]) -> None:
    """Raises: BadInput naming the annotation file if MOT cannot follow people by their track ids."""
    for i, frame in enumerate(frames):
        high = frame.people.track_id.max(initial=0)
        if high >= MAX_TRACK_ID:
            raise BadInput(
                f"{path}: frame {i} has the track_id {high}; expected less than {MAX_TRACK_ID}, as "
                "poseval does; correct the file, or leave MOT out with --no-mot"
            )
        again = first_repeated(frame.people.track_id)
        if again is not None:
            raise BadInput(
                f"{path}: frame {i} has the track_id {again} twice; expected each person once, "
                "since MOT follows people by it; correct the file, or leave MOT out with --no-mot"
            )


def _is_tracked(guess: Sequence[Sequence[FramePoses]]) -> bool:
    """Whether track ids differ from row numbers, which many tools write without tracking."""
    return any(
        (poses.people.track_id != np.arange(len(poses.people))).any()
        for frames in guess
        for poses in frames
    )


def _num_people(videos: Sequence[Sequence[FrameTruth]]) -> int:
    return sum(len(frame.people) for frames in videos for frame in frames)


def _foreign_lines(folder: Path, used: set[Path]) -> list[str]:
    """Predictions without ground truth, perhaps of another part or another data set."""
    there = {path for kind in _KINDS for path in folder.glob(f"*{kind}")}
    foreign = sorted(path.name for path in there if path not in used and path.name[0] != ".")
    return [f"ignored: {len(foreign)} files without truth, such as {foreign[0]}"] if foreign else []


def _renamed_lines(pairs: Sequence[_Pair]) -> list[str]:
    """Predictions whose pictures are called otherwise than those of the truth."""
    renamed = [pair.renamed for pair in pairs if pair.renamed]
    return [
        f"pictures have other names in {len(renamed)} files, such as {found} for {expected}; they "
        "are taken in the order of the file"
        for found, expected in renamed[:1]
    ]


def _version_lines(pairs: Sequence[_Pair]) -> list[str]:
    """The version of 2018's validation labels: scores depend on it, but files do not state it."""
    if not all(pair.is_2018 for pair in pairs) or len(pairs) not in _VERSIONS_2018:
        return []
    return [f"label version: {len(pairs)} sequences are the {_VERSIONS_2018[len(pairs)]}"]


def _joint_lines(ap: PoseTrackAp, guess: Sequence[Sequence[FramePoses]]) -> list[str]:
    """Joints that are only in the predictions or only in the truth."""
    predicted = np.zeros(len(POSETRACK15.joints), bool)
    for frames in guess:
        for poses in frames:
            predicted |= np.isfinite(poses.xy[~are_dummies(poses)]).all(-1).any(0)
    never = [j for j, found in zip(POSETRACK15.joints, predicted, strict=True) if not found]
    no_truth = [j for j, value in zip(POSETRACK15.joints, ap.ap, strict=False) if np.isnan(value)]
    lines = [f"never predicted: {', '.join(never)}"] if never else []
    if no_truth:
        lines.append(f"without truth, left out of the total: {', '.join(no_truth)}")
    return lines


def _mot_lines(scores: PoseTrackMot) -> list[str]:
    lines = [f"MOT (frames: {scores.num_frames})", scores.table()]
    if scores.quirks:
        lines.append(
            f"MOTP above is what poseval prints with today's motmetrics; the correct total is "
            f"{scores.motp[-1]:.1f}"
        )
    return lines
