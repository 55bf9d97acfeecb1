"""PoseTrack, Sub-JHMDB and COCO for evaluation: sequences to predict, files, scores."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np

from glpose.errors import BadInput
from glpose.evaluation.predict import frames_of, in_skeleton, predict, true_people
from glpose.evaluation.scoring.coco import RESULTS, score_coco
from glpose.evaluation.scoring.jhmdb import score_jhmdb
from glpose.evaluation.scoring.posetrack import score_posetrack
from glpose.evaluation.scoring.report import Report
from glpose.formats.coco.labels import annotation_file, open_coco
from glpose.formats.coco.results import read_keypoint_truth, write_keypoint_results
from glpose.formats.dataset import LabelledSequence
from glpose.formats.detections import DetectionFile, match_detections, read_detections
from glpose.formats.jhmdb.labels import open_subjhmdb
from glpose.formats.posetrack.file import are_writable
from glpose.formats.posetrack.labels import (
    check_scorable,
    find_base,
    open_posetrack,
    write_prediction_file,
)
from glpose.formats.results import write_whole_result
from glpose.formats.text.lines import looking_at, write_text
from glpose.formats.text.tree import brief, read_tree
from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import Estimator
from glpose.skeleton import COCO17, POSETRACK15
from glpose.track.link import link
from glpose.types import Detections, FramePoses, People
from glpose.video.reader import open_video
from glpose.video.source import open_images

Metric = Literal["posetrack", "jhmdb", "coco"]

_PICTURES_AT_ONCE = 100


@runtime_checkable
class OfficialSet(Protocol):
    """The evaluated part of a set; its sequences are predicted and saved one by one."""

    usual: PoseOptions
    """Default options, as in the papers on this set."""
    part: str
    names: list[str]
    notes: list[str]
    """Lines on the boxes of detections: how many are used, and what was left out."""

    def file(self, name: str) -> str:
        """Path of the predictions of a sequence, relative to their folder."""
        ...

    def predict(
        self, name: str, estimate: Estimator, options: PoseOptions, seed: int
    ) -> Iterable[FramePoses]:
        """The poses of all frames to be scored. Raises BadInput if the sequence cannot be read."""
        ...

    def write(self, path: Path, name: str, poses: list[FramePoses], estimate: Estimator) -> None:
        """Save the predictions of a sequence, atomically.

        Raises: BadInput, caused by an OSError if there is no place for them.
        """
        ...

    def score(self, folder: Path, names: Collection[str], estimate: Estimator) -> Report:
        """The official scores of these sequences' predictions."""
        ...


def open_set(
    metric: Metric, root: Path, split: str | None, boxes: Path | None, limit: int | None = None
) -> OfficialSet:
    """The set of a metric, with ground-truth boxes or those of a file of detections.

    Of the first `limit` sequences it is checked before hours of predictions that they can be scored.

    Raises: BadInput saying what is missing and where it is expected.
    """
    makers: dict[Metric, Callable[[Path, str | None, Path | None], OfficialSet]] = {
        "posetrack": partial(PoseTrackSet, limit=limit),
        "jhmdb": JhmdbSet,
        "coco": CocoSet,
    }
    if metric not in makers:
        raise BadInput(f"--metric {metric}: unknown; expected {', '.join(get_args(Metric))}")
    with looking_at(root):
        if not root.is_dir():
            raise BadInput(
                f"--data {root}: no such folder; expected the set in its official layout"
            )
        return makers[metric](root, split, boxes)


class PoseTrackSet:
    """PoseTrack 2017 or 2018; labelled frames are predicted."""

    usual = PoseOptions(score="product", min_box=0.2, neighbours="all", candidates="video")

    def __init__(
        self, root: Path, split: str | None, boxes: Path | None, limit: int | None = None
    ) -> None:
        self.part = split or "val"
        self._labels = find_base(root, self.part) / "annotations" / self.part
        check_scorable(self._labels, limit)
        # The reader tells 2017 from 2018 by the labels themselves.
        sequences = open_posetrack(root, 2018, self.part)
        self._sequences = {sequence.name: sequence for sequence in sequences}
        self.names = list(self._sequences)
        self._boxes, self.notes = _matched(boxes, sequences)

    def file(self, name: str) -> str:
        """The name of the label file, as poseval expects."""
        return f"{name}.json"

    def predict(
        self, name: str, estimate: Estimator, options: PoseOptions, seed: int
    ) -> Iterable[FramePoses]:
        """See `OfficialSet`; with detected boxes, track ids are row numbers."""
        sequence = self._sequences[name]
        truth = sequence.truth()
        found = predict(
            frames_of(sequence),
            true_people(truth) if self._boxes is None else _linked(self._boxes[name], options),
            {frame.frame for frame in truth},
            estimate,
            options,
            clip_boxes=self._boxes is None,
            cut_scores=False,
            seed=seed,
        )
        skeleton = estimate.card.joints
        for poses in found:
            # Some track ids of the truth cannot be written; AP ignores track ids.
            has_numbers = self._boxes is None and are_writable(poses.people.track_id.tolist())
            yield in_skeleton(poses if has_numbers else _numbered(poses), skeleton, POSETRACK15)

    def write(self, path: Path, name: str, poses: list[FramePoses], estimate: Estimator) -> None:
        """See `OfficialSet`; in the 2017 format, which is common for both years."""
        del estimate
        write_prediction_file(path, self._sequences[name], poses)

    def score(self, folder: Path, names: Collection[str], estimate: Estimator) -> Report:
        """AP only: the track ids are not tracking results, so MOT is left out."""
        del estimate
        return score_posetrack(self._labels, folder, mot=False, only=names)


class JhmdbSet:
    """Sub-JHMDB, the test part of a split; all frames are predicted, one person in each."""

    usual = PoseOptions(neighbours="all", candidates="video")

    def __init__(self, root: Path, split: str | None, boxes: Path | None) -> None:
        self.part = split or "1"
        if self.part not in ("1", "2", "3"):
            raise BadInput(f"--split {split}: no split of Sub-JHMDB; expected 1, 2 or 3")
        self._root = root
        sequences = open_subjhmdb(root, int(self.part), "test")
        self._sequences = {sequence.name: sequence for sequence in sequences}
        self.names = list(self._sequences)
        self._boxes, self.notes = _matched(boxes, sequences)

    def file(self, name: str) -> str:
        """As `glpose score jhmdb` expects."""
        return f"{name}.jsonl"

    def predict(
        self, name: str, estimate: Estimator, options: PoseOptions, seed: int
    ) -> Iterable[FramePoses]:
        """See `OfficialSet`; the best detection of a frame is taken as the person.

        Raises: BadInput if the video ends before its labels.
        """
        sequence = self._sequences[name]
        truth = sequence.truth()
        people = true_people(truth) if self._boxes is None else _best(self._boxes[name])
        keys = {frame.frame for frame in truth}
        count = 0
        for poses in predict(frames_of(sequence), people, keys, estimate, options, seed=seed):
            count += 1
            yield poses
        if count < len(keys):
            raise BadInput(
                f"{sequence.video or name}: {count} of {len(keys)} labelled frames are in the "
                "video; take it from its archive again"
            )

    def write(self, path: Path, name: str, poses: list[FramePoses], estimate: Estimator) -> None:
        """See `OfficialSet`; in the format of `glpose run`."""
        sequence = self._sequences[name]
        video = open_images(sequence.images, name) if sequence.images else None
        if video is None:
            assert sequence.video is not None
            video = open_video(sequence.video)
        info, skeleton = replace(video.info, name=name), estimate.card.joints
        write_whole_result(path, poses, info, skeleton)

    def score(self, folder: Path, names: Collection[str], estimate: Estimator) -> Report:
        """PCK by box and torso; without a belly in the skeleton it is interpolated."""
        has_belly = "belly" in estimate.card.joints.joints
        return score_jhmdb(self._root, folder, int(self.part), belly=not has_belly, only=names)


class CocoSet:
    """COCO keypoints; a hundred single pictures are treated as one sequence."""

    usual = PoseOptions(flip=True, score="rescored", oks_nms=0.9)

    def __init__(self, root: Path, split: str | None, boxes: Path | None) -> None:
        self.part = split or "val"
        _, pictures = open_coco(root, self.part)
        # What scoring asks of the truth is checked before hours of predictions.
        self._truth = annotation_file(root, self.part)
        skeleton, self._category, _ = read_keypoint_truth(self._truth)
        if skeleton is not COCO17:
            raise BadInput(f"{self._truth}: has joints of {skeleton.name}; expected those of COCO")
        self._parts = {
            f"pictures-{start:06d}": pictures[start : start + _PICTURES_AT_ONCE]
            for start in range(0, len(pictures), _PICTURES_AT_ONCE)
        }
        self.names = list(self._parts)
        self._boxes: dict[str, Detections] | None = None
        self.notes = []
        if boxes is None:
            return
        file = read_detections(boxes)
        self._boxes = file.boxes
        found = {
            name: [self._found(picture.path, picture.truth.frame) for picture in part]
            for name, part in self._parts.items()
        }
        if not any(len(own) for part in found.values() for own in part):
            raise BadInput(
                f"{boxes}: holds no box of the {len(pictures)} pictures of {self.part}2017; "
                "expected detections with the image_id of these"
            )
        self.notes = _notes(file, found)

    def file(self, name: str) -> str:
        """Results in COCO's format."""
        return f"{name}.json"

    def predict(
        self, name: str, estimate: Estimator, options: PoseOptions, seed: int
    ) -> Iterable[FramePoses]:
        """See `OfficialSet`; `frame` is the id of the picture."""
        skeleton = estimate.card.joints
        for picture in self._parts[name]:
            people, number = picture.truth.people, picture.truth.frame
            if self._boxes is not None:
                found = self._found(picture.path, number)
                people = People(found.xyxy, found.score, np.arange(len(found)))
            lone = LabelledSequence(str(number), COCO17, tuple, images=(picture.path,))
            for poses in predict(
                frames_of(lone),
                {0: people},
                {0},
                estimate,
                options,
                cut_scores=False,
                seed=seed,
            ):
                yield replace(in_skeleton(poses, skeleton, COCO17), frame=number)

    def write(self, path: Path, name: str, poses: list[FramePoses], estimate: Estimator) -> None:
        """See `OfficialSet`."""
        del name, estimate
        found = {p.frame: (p.xy, p.score, p.people.score.tolist()) for p in poses}
        write_keypoint_results(path, found, self._category)

    def score(self, folder: Path, names: Collection[str], estimate: Estimator) -> Report:
        """AP and AR of all sequences, merged into one file beside their folder."""
        del estimate
        joined = []
        for name in names:
            kept = read_tree(folder / self.file(name))
            if not isinstance(kept.value, list):
                raise kept.error(brief(kept.value), "a list of results")
            joined += kept.value
        results = folder.parent / RESULTS
        write_text(results, json.dumps(joined) + "\n")
        pictures = {p.truth.frame for name in names for p in self._parts[name]}
        return score_coco(self._truth, results, only=pictures)

    def _found(self, path: Path, number: int) -> Detections:
        assert self._boxes is not None
        for key in (str(number), f"{path.parent.name}/{path.name}", path.name):
            if key in self._boxes:
                return self._boxes[key]
        return Detections.empty()


def _matched(
    boxes: Path | None, sequences: list[LabelledSequence]
) -> tuple[dict[str, tuple[Detections, ...]] | None, list[str]]:
    """The detections of each sequence, None without a file, and the notes on them."""
    if boxes is None:
        return None, []
    file = read_detections(boxes)
    found = match_detections(file.boxes, sequences)
    of_sequence = {sequence.name: own for sequence, own in zip(sequences, found, strict=True)}
    return of_sequence, _notes(file, of_sequence)


def _notes(file: DetectionFile, found: Mapping[str, Sequence[Detections]]) -> list[str]:
    counts = {name: [len(boxes) for boxes in own] for name, own in found.items()}
    of_pictures = [count for own in counts.values() for count in own]
    without = [name for name, own in counts.items() if not any(own)]
    num_foreign = sum(map(len, file.boxes.values())) - sum(of_pictures)
    num_with = sum(count > 0 for count in of_pictures)
    told = [f"boxes: {sum(of_pictures)}, in {num_with} of {len(of_pictures)} pictures"]
    if without:
        told.append(f"no boxes in {len(without)} of {len(found)} sequences, such as {without[0]}")
    for count, why in (
        (file.num_others, "of other categories than 1 (person)"),
        (file.num_flat, "without area"),
        (num_foreign, "of pictures that are not in this part of the set"),
    ):
        if count > 0:
            told.append(f"{count} boxes {why} were left out")
    return told


def _linked(boxes: tuple[Detections, ...], options: PoseOptions) -> Mapping[int, People]:
    """Link the detections of a sequence into tracks, for networks that follow people over time."""
    strong = {}
    for frame, found in enumerate(boxes):
        rows = found.score >= options.min_box
        strong[frame] = Detections(found.xyxy[rows], found.score[rows])
    return link(strong)


def _best(boxes: tuple[Detections, ...]) -> Mapping[int, People]:
    best = {}
    for frame, found in enumerate(boxes):
        if len(found):
            row = [int(found.score.argmax())]
            best[frame] = People(found.xyxy[row], found.score[row], np.ones(1, np.int64))
    return best


def _numbered(poses: FramePoses) -> FramePoses:
    return replace(poses, people=replace(poses.people, track_id=np.arange(len(poses.people))))
