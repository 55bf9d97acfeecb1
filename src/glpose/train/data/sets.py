"""Sets of labelled people, opened by name: pictures, and one label row for each person in them.

A small set is decoded once into a `PictureStore`; a set in its official layout, which may be many
gigabytes of pictures, is read file by file (`PictureFiles`). Joints are brought to the skeleton of
the network; what a set does not label is masked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from glpose.errors import BadConfig, BadInput
from glpose.formats.coco.labels import LabelledPicture, open_coco, read_keypoints
from glpose.formats.dataset import LabelledSequence
from glpose.formats.jhmdb.labels import open_subjhmdb
from glpose.formats.jhmdb.short import read_clips
from glpose.formats.posetrack.labels import open_posetrack
from glpose.imaging import read_image
from glpose.skeleton import JHMDB15, POSETRACK15, Skeleton, joint_map
from glpose.train.data.store import PictureFiles, Pictures, PictureStore, has_store, write_store
from glpose.train.recipe import DataRoots
from glpose.types import FrameTruth
from glpose.video.reader import open_video

# How a joint enters the loss: not at all, with its Gaussian, or as an empty map because it is
# known to lie outside the picture. The last teaches low scores for limbs that cannot be seen.
UNLABELLED, LABELLED, ABSENT = 0, 1, 2

# The 12 limb joints and the neck: what our JHMDB labels at the same places as the other sets.
LIMBS_AND_NECK = np.array([joint not in ("nose", "head_top") for joint in POSETRACK15.joints])

SETS = {
    "lspet": "lspet",
    "coco": "coco",
    "coco-val": "coco",
    "jhmdb": "jhmdb",
    "jhmdb-val": "jhmdb",
    "posetrack17": "posetrack17",
    "posetrack17-val": "posetrack17",
    "posetrack18": "posetrack18",
    "posetrack18-val": "posetrack18",
    **{f"subjhmdb{n}": "subjhmdb" for n in (1, 2, 3)},
    **{f"subjhmdb{n}-test": "subjhmdb" for n in (1, 2, 3)},
    "synth": "",
}
"""The sets that recipes may name, and the folder in `DataRoots` that each needs."""


def open_people(
    source: str,
    roots: DataRoots,
    cache_dir: Path,
    num_synth_scenes: int = 0,
    skeleton: Skeleton = POSETRACK15,
) -> Pictures:
    """Open a set; stores are made if they are not in `cache_dir` yet.

    Raises: BadConfig for an unknown set or a folder that was not given; BadInput for its files.
    """
    if source not in SETS:
        raise BadConfig(f"unknown set '{source}'; known: {', '.join(SETS)}")
    set_name = SETS[source]
    root = Path(getattr(roots, set_name)) if set_name else Path()
    if set_name and not getattr(roots, set_name):
        raise BadConfig(
            f"the recipe uses {set_name}, but its folder is not given; "
            f"pass --data {set_name}=FOLDER, or train on synth alone with --synth-only"
        )
    part = source.partition("-")[2]
    if set_name in ("posetrack17", "posetrack18"):
        year = 2000 + int(set_name[-2:])
        sequences = open_posetrack(root, year, part or "train")
        # The loaders of the HRNet family train on every joint that a file of 2017 has, and on those
        # with flag 1 only of 2018.
        least = 2 if year == 2018 else 1
        return _from_sequences(source, sequences, skeleton, least)
    if set_name == "subjhmdb":
        number = int(source.partition("-")[0][-1])
        sequences = open_subjhmdb(root, number, "test" if part else "train")
        if all(sequence.images for sequence in sequences):
            return _from_sequences(source, sequences, skeleton)
        return _stored(source, skeleton, cache_dir, lambda: _decoded(sequences, skeleton))
    if set_name == "coco" and not (root / "person_keypoints.json").is_file():
        return _from_pictures(source, *open_coco(root, part or "train"), skeleton)
    makers: dict[str, Callable[[], Iterator]] = {
        "lspet": lambda: _coco_like(root, skeleton, extend=0.15),
        "coco": lambda: _coco_like(root, skeleton),
        "coco-val": lambda: _coco_like(root, skeleton),
        "jhmdb": lambda: _jhmdb(root, "train", skeleton),
        "jhmdb-val": lambda: _jhmdb(root, "val", skeleton),
        "synth": lambda: _synth(num_synth_scenes, skeleton),
    }
    name = f"synth-{num_synth_scenes}" if source == "synth" else source
    return _stored(name, skeleton, cache_dir, makers[source])


def _stored(
    name: str, skeleton: Skeleton, cache_dir: Path, make: Callable[[], Iterator]
) -> PictureStore:
    folder = cache_dir / (name if skeleton is POSETRACK15 else f"{name}-{skeleton.name}")
    return PictureStore(folder) if has_store(folder) else write_store(folder, make())


def _labels(
    truth: FrameTruth,
    source: Skeleton,
    target: Skeleton,
    absent: np.ndarray,
    clip: int,
    least_visibility: int = 1,
) -> dict[str, np.ndarray]:
    """Label rows of one picture; `absent` marks joints known to lie outside it."""
    index = joint_map(source, target)
    known = index >= 0
    state = np.where(
        truth.visibility >= least_visibility, LABELLED, np.where(absent, ABSENT, UNLABELLED)
    )
    return {
        "xyxy": truth.people.xyxy,
        "xy": np.where(known[:, None], truth.xy[:, index], np.nan).astype(np.float32),
        "state": np.where(known, state[:, index], UNLABELLED).astype(np.int8),
        "clip": np.full(len(truth.people), clip, np.int64),
        "frame": np.full(len(truth.people), truth.frame, np.int64),
        "track": truth.people.track_id,
    }


def _none(truth: FrameTruth) -> np.ndarray:
    return np.zeros(truth.visibility.shape, bool)


def _from_sequences(
    source: str,
    sequences: list[LabelledSequence],
    skeleton: Skeleton,
    least_visibility: int = 1,
) -> PictureFiles:
    """All frames of the videos, and the labels of the people who have a joint and a box."""
    paths: list[Path] = []
    clip, frame, rows = [], [], []
    for number, sequence in enumerate(sequences):
        first = len(paths)
        paths += sequence.images
        clip += [number] * len(sequence.images)
        frame += range(len(sequence.images))
        for truth in sequence.truth():
            labels = _labels(
                truth, sequence.skeleton, skeleton, _none(truth), number, least_visibility
            )
            labels["picture"] = np.full(len(truth.people), first + truth.frame, np.int64)
            rows.append(_usable_rows(labels))
    names = tuple(sequence.name for sequence in sequences)
    return PictureFiles(paths, np.array(clip), np.array(frame), _joined(rows, source), names)


def _from_pictures(
    source: str, own: Skeleton, pictures: list[LabelledPicture], skeleton: Skeleton
) -> PictureFiles:
    """Still pictures: each is a clip of one frame."""
    rows = []
    for number, picture in enumerate(pictures):
        labels = _labels(picture.truth, own, skeleton, _none(picture.truth), number)
        labels["frame"] = np.zeros_like(labels["frame"])
        labels["picture"] = np.full(len(labels["frame"]), number, np.int64)
        rows.append(_usable_rows(labels))
    numbers = np.arange(len(pictures))
    paths = [picture.path for picture in pictures]
    _check_there([paths[number] for row in rows for number in np.unique(row["picture"])])
    names = tuple(path.stem for path in paths)
    return PictureFiles(paths, numbers, np.zeros_like(numbers), _joined(rows, source), names)


def _check_there(paths: list[Path]) -> None:
    """Now, not when training comes to them. Raises: BadInput naming the first that is missing."""
    # A listing of each folder, since asking for one of 100,000 files after the other takes long.
    folders = {path.parent for path in paths}
    there = {entry.path for folder in folders if folder.is_dir() for entry in os.scandir(folder)}
    missing = [path for path in paths if str(path) not in there]
    if missing:
        raise BadInput(
            f"{missing[0]}: not found; {len(missing)} of {len(paths)} pictures with labels are "
            "missing; unpack their archive again"
        )


def _usable_rows(labels: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without people who have no labelled joint, or a box without area."""
    size = labels["xyxy"][:, 2:] - labels["xyxy"][:, :2]
    kept = (size > 0).all(1) & (labels["state"] == LABELLED).any(1)
    return {name: values[kept] for name, values in labels.items()}


def _joined(rows: list[dict[str, np.ndarray]], source: str) -> dict[str, np.ndarray]:
    if not any(len(row["clip"]) for row in rows):
        raise BadInput(
            f"the set {source} has no labelled person; check its folder with: glpose data check"
        )
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _decoded(sequences: Iterable[LabelledSequence], skeleton: Skeleton) -> Iterator:
    """Pictures of sequences that are video files."""
    for number, sequence in enumerate(sequences):
        assert sequence.video is not None
        truths = {truth.frame: truth for truth in sequence.truth()}
        for frame in open_video(sequence.video).frames():
            truth = truths.get(frame.index)
            if frame.rgb is not None and truth is not None and len(truth.people):
                yield frame.rgb, _labels(truth, sequence.skeleton, skeleton, _none(truth), number)


def _coco_like(root: Path, skeleton: Skeleton, extend: float = 0.0) -> Iterator:
    """Pictures with people; `extend` makes boxes of joints into boxes of bodies."""
    own, pictures = read_keypoints(root / "person_keypoints.json", root / "images")
    for picture in pictures:
        truth = picture.truth
        if len(truth.people) == 0:
            continue
        labels = _labels(truth, own, skeleton, _none(truth), truth.frame)
        side = (labels["xyxy"][:, 2:] - labels["xyxy"][:, :2]).max(-1, keepdims=True)
        labels["xyxy"] = labels["xyxy"] + np.array([-1, -1, 1, 1]) * side * extend / 2
        yield read_image(picture.path), labels


def _jhmdb(root: Path, split: str, skeleton: Skeleton) -> Iterator:
    for number, clip in enumerate(read_clips(root, split)):
        for frame, truth in zip(open_video(clip.video).frames(), clip.truth, strict=False):
            if frame.rgb is None or len(truth.people) == 0:
                continue
            yield frame.rgb, _labels(truth, JHMDB15, skeleton, truth.visibility == 0, number)


def _synth(num_scenes: int, skeleton: Skeleton) -> Iterator:
    from glpose.synth import SceneSpec, render_scene

    spec = SceneSpec(size_hw=(240, 320), num_frames=10)
    for number in range(num_scenes):
        for frame, truth in render_scene(spec, seed=number).frames():
            if frame.rgb is None or len(truth.people) == 0:
                continue
            yield frame.rgb, _labels(truth, POSETRACK15, skeleton, truth.visibility == 0, number)
