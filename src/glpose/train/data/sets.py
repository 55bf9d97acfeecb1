"""Sets of labelled people, opened by name: pictures, and one label row for each person in them.

`formats.sets` lists the sets. A small set is decoded once into a `PictureStore`; a set in its
official layout, which may be many gigabytes of pictures, is read file by file (`PictureFiles`).
Joints are mapped to the skeleton of the network; joints that a set does not label are masked.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from glpose.errors import BadConfig, BadInput
from glpose.formats.dataset import LabelledPictures, LabelledSequence
from glpose.formats.sets import DATASETS, Dataset, Labelled, dataset, sources
from glpose.formats.taught import read_taught, with_taught
from glpose.geometry import grown
from glpose.skeleton import POSETRACK15, Skeleton, joint_map
from glpose.train.data.store import (
    PictureFiles,
    Pictures,
    PictureStore,
    content_digest,
    has_store,
    write_store,
)
from glpose.types import FrameTruth
from glpose.video.reader import open_video
from glpose.video.source import open_images

# How a joint enters the loss: not at all, with its Gaussian, or with an empty map because it is
# known to lie outside the picture. The last teaches low scores for limbs out of view.
UNLABELLED, LABELLED, ABSENT = 0, 1, 2


def open_people(
    source: str,
    roots: Mapping[str, str],
    cache_dir: Path,
    num_synth_scenes: int = 0,
    skeleton: Skeleton = POSETRACK15,
    *,
    taught: bool = False,
) -> Pictures:
    """Open a set; a store missing from `cache_dir`, or of other labels, is written first.

    `taught` merges the set's labels with those of the teachers, see `formats.taught`. People with an
    empty box are left out.

    Raises: BadConfig if the set is unknown or its folder is not given; BadInput for bad files, and
    if nobody has a labelled joint.
    """
    opened = _opened(source, roots, cache_dir, num_synth_scenes, skeleton, taught=taught)
    if not (opened.labels.get("state", np.zeros(0)) == LABELLED).any():
        layout = dataset(source).layout
        remedy = (
            f"see what it holds: glpose data check {layout} DIR" if layout else "check its labels"
        )
        raise BadInput(
            f"the set {source} has no labelled person: nobody with a box and a joint of the network; "
            f"{remedy}"
        )
    return opened


def _opened(
    source: str,
    roots: Mapping[str, str],
    cache_dir: Path,
    num_synth_scenes: int,
    skeleton: Skeleton,
    *,
    taught: bool,
) -> Pictures:
    known = {name: entry for name, entry in sources().items() if entry[0].open or not entry[0].root}
    if source not in known:
        raise BadConfig(f"unknown set '{source}'; known: {', '.join(known)}")
    found, part = known[source]
    name = source if found.open else f"{source}-{num_synth_scenes}"
    taught = taught and found.taught is not None
    tags = (name, *[skeleton.name] * (skeleton is not POSETRACK15), *["taught"] * taught)
    if found.grow:
        tags = (*tags, f"grown-{found.grow:g}")
    if found.open is None:
        scenes = range(num_synth_scenes)
        if part != found.parts[0]:  # others than those, a quarter of their number
            scenes = range(num_synth_scenes, num_synth_scenes + max(1, num_synth_scenes // 4))
        store = cache_dir / "-".join((*tags, content_digest()))
        return opened_store(store, _synth(found, scenes, skeleton), f"the set {source}")
    root = folder_of(found, roots)
    decoded = found.decoded is not None and found.decoded(root)
    labelled = found.open(root, part)
    if isinstance(labelled, LabelledPictures):
        if taught and found.taught:
            by_teachers = folder_of(DATASETS["taught"], roots) / f"{found.name}.npz"
            labelled = with_taught(labelled, read_taught(by_teachers), found.taught)
        if not decoded:
            return _from_pictures(found, labelled, skeleton)
        labelled = replace(labelled, pictures=[p for p in labelled.pictures if len(p.truth.people)])
        pictures = _decoded_pictures(found, labelled, skeleton)
    elif decoded or not all(sequence.images for sequence in labelled):
        pictures = _decoded_frames(found, labelled, skeleton)
    else:
        return _from_sequences(found, labelled, skeleton)
    store = cache_dir / "-".join((*tags, labels_digest(labelled)))
    return opened_store(store, pictures, f"the set {source} in {root}")


def labels_digest(labelled: Labelled, *settings: object) -> str:
    """The `content_digest` of an opened set: of its labels and of the files of its pictures."""
    if isinstance(labelled, LabelledPictures):
        truths = [picture.truth for picture in labelled.pictures]
        files = [picture.path for picture in labelled.pictures]
    else:
        truths = [truth for sequence in labelled for truth in sequence.truth()]
        files = [path for s in labelled for path in (*s.images, *([s.video] if s.video else []))]
    arrays = (
        array
        for truth in truths
        for people in [truth.people]
        for array in (
            np.array(truth.frame),
            people.xyxy,
            people.track_id,
            truth.xy,
            truth.visibility,
        )
    )
    return content_digest(*settings, labels=arrays, files=files)


def digests_of(opened: Mapping[str, Pictures]) -> dict[str, str]:
    """Digests of the labels of opened sets by their names, wherever their files are.

    What is rendered is left out: its recipe tells all.
    """
    found: dict[str, str] = {}
    for name, pictures in opened.items():
        if sources()[name][0].root:
            whole = hashlib.sha256()
            for label, rows in sorted(pictures.labels.items()):
                whole.update(f"{label} {rows.dtype} {rows.shape}".encode())
                whole.update(rows.tobytes())
            found[name] = whole.hexdigest()
    return found


def opened_store(
    folder: Path, pictures: Iterable[tuple[np.ndarray, dict[str, np.ndarray]]], of: str
) -> PictureStore:
    """Open the store in the folder, written first if needed; `of` names the data in messages."""
    return PictureStore(folder) if has_store(folder) else write_store(folder, pictures, of)


def folder_of(found: Dataset, roots: Mapping[str, str]) -> Path:
    """The folder of a set on this machine. Raises: BadConfig if it is not given."""
    folder = roots.get(found.root)
    if not folder:
        raise BadConfig(
            f"the recipe uses {found.root}, but its folder is not given; "
            f"pass --data {found.root}=FOLDER, or train on synth alone with --synth-only"
        )
    return Path(folder)


def frames_with_people(
    sequences: Iterable[LabelledSequence],
) -> Iterator[tuple[int, np.ndarray, FrameTruth]]:
    """The frames with labelled people: index of the sequence, RGB picture, ground truth."""
    for number, sequence in enumerate(sequences):
        truths = {truth.frame: truth for truth in _truths(sequence) if len(truth.people)}
        if not truths:
            continue
        if sequence.video is not None:
            frames = open_video(sequence.video).frames()
        else:
            frames = open_images(sequence.images, sequence.name).frames()
        for frame in frames:
            if frame.rgb is not None and frame.index in truths:
                yield number, frame.rgb, truths[frame.index]


def _truths(sequence: LabelledSequence) -> Iterator[FrameTruth]:
    """The labelled frames of a video. Raises: BadInput for boxes with exchanged corners."""
    for truth in sequence.truth():
        _check_boxes(truth, f"{sequence.name}, frame {truth.frame}")
        yield truth


def _check_boxes(truth: FrameTruth, where: str) -> None:
    xyxy = truth.people.xyxy
    inverted = xyxy[(xyxy[:, 2:] < xyxy[:, :2]).any(1)].tolist()
    if inverted:
        raise BadInput(
            f"{where}: the box {inverted[0]} has exchanged corners; expected x1 <= x2 and y1 <= y2; correct "
            "the labels"
        )


def _labels(
    found: Dataset, truth: FrameTruth, source: Skeleton, target: Skeleton, clip: int
) -> dict[str, np.ndarray]:
    """The label rows of one picture; boxes are `grown`, and who has an empty one is left out."""
    index = joint_map(source, target)
    # The paper's joint set takes JHMDB's face as the nose; one that has real noses does not.
    unlike = ["left_eye" in target.joints and joint in found.not_counted for joint in target.joints]
    known = (index >= 0) & ~np.array(unlike)
    absent = (truth.visibility == 0) & found.unlabelled_is_outside
    state = np.where(
        truth.visibility >= found.least_visibility, LABELLED, np.where(absent, ABSENT, UNLABELLED)
    )
    xyxy = grown(truth.people.xyxy, found.grow)
    rows = {
        "xyxy": xyxy,
        "xy": np.where(known[:, None], truth.xy[:, index], np.nan).astype(np.float32),
        "state": np.where(known, state[:, index], UNLABELLED).astype(np.int8),
        "clip": np.full(len(truth.people), clip, np.int64),
        "frame": np.full(len(truth.people), truth.frame, np.int64),
        "track": truth.people.track_id,
    }
    has_box = (xyxy[:, 2:] > xyxy[:, :2]).all(1)
    return {name: values[has_box] for name, values in rows.items()}


def _from_sequences(
    found: Dataset, sequences: list[LabelledSequence], skeleton: Skeleton
) -> PictureFiles:
    """All frames of the videos, with labels of the people that have a joint and a box."""
    paths: list[Path] = []
    clip, frame, rows = [], [], []
    for number, sequence in enumerate(sequences):
        first = len(paths)
        paths += sequence.images
        clip += [number] * len(sequence.images)
        frame += range(len(sequence.images))
        for truth in _truths(sequence):
            labels = _labels(found, truth, sequence.skeleton, skeleton, number)
            labels["picture"] = first + labels["frame"]
            rows.append(_with_joints(labels))
    names = tuple(sequence.name for sequence in sequences)
    return PictureFiles(paths, np.array(clip), np.array(frame), _joined(rows), names)


def _from_pictures(found: Dataset, labelled: LabelledPictures, skeleton: Skeleton) -> PictureFiles:
    """Still pictures, each as a clip of one frame."""
    pictures, rows = labelled.pictures, []
    for number, picture in enumerate(pictures):
        _check_boxes(picture.truth, str(picture.path))
        labels = _labels(found, picture.truth, labelled.skeleton, skeleton, number)
        labels["frame"] = np.zeros_like(labels["frame"])
        labels["picture"] = np.full(len(labels["frame"]), number, np.int64)
        rows.append(_with_joints(labels))
    numbers = np.arange(len(pictures))
    paths = [picture.path for picture in pictures]
    _check_there([paths[number] for row in rows for number in np.unique(row["picture"])])
    names = tuple(path.stem for path in paths)
    sizes = [picture.size_hw for picture in pictures]
    still = np.zeros_like(numbers)
    return PictureFiles(paths, numbers, still, _joined(rows), names, sizes)


def _check_there(paths: list[Path]) -> None:
    """Check up front that the files exist. Raises: BadInput naming the first missing one."""
    # List each folder: checking 100,000 files one by one is slow.
    folders = {path.parent for path in paths}
    there = {entry.path for folder in folders if folder.is_dir() for entry in os.scandir(folder)}
    missing = [path for path in paths if str(path) not in there]
    if missing:
        raise BadInput(
            f"{missing[0]}: not found; {len(missing)} of {len(paths)} pictures with labels are "
            "missing; unpack their archive again"
        )


def _with_joints(labels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Drop people without a labelled joint, who are of no use among so many."""
    kept = (labels["state"] == LABELLED).any(1)
    return {name: values[kept] for name, values in labels.items()}


def _joined(rows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The rows of all pictures; nothing if there are none."""
    names = rows[0] if rows else ()
    return {name: np.concatenate([row[name] for row in rows]) for name in names}


def _decoded_frames(
    found: Dataset, sequences: list[LabelledSequence], skeleton: Skeleton
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    for number, rgb, truth in frames_with_people(sequences):
        yield rgb, _labels(found, truth, sequences[number].skeleton, skeleton, number)


def _decoded_pictures(
    found: Dataset, labelled: LabelledPictures, skeleton: Skeleton
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    for picture in labelled.pictures:
        truth = picture.truth
        _check_boxes(truth, str(picture.path))
        yield picture.read(), _labels(found, truth, labelled.skeleton, skeleton, truth.frame)


def _synth(
    found: Dataset, scenes: range, skeleton: Skeleton
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    from glpose.synth import SceneSpec, render_scene

    spec = SceneSpec(size_hw=(240, 320), num_frames=10)
    for number in scenes:
        for frame, truth in render_scene(spec, seed=number).frames():
            if frame.rgb is not None and len(truth.people):
                yield frame.rgb, _labels(found, truth, POSETRACK15, skeleton, number)
