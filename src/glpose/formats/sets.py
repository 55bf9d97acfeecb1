"""The table of data sets: names, how to open and check each set, and its terms of use.

Each set has one entry here and one reader in `formats`; all other code uses the table. Recipes name
a part of a set as SET, which is the training part, or SET-PART: "coco", "coco-val".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool

from glpose.errors import BadInput
from glpose.formats.check import Report
from glpose.formats.coco.boxes import BoxedPicture, open_person_boxes, read_boxes
from glpose.formats.coco.check import check_coco
from glpose.formats.coco.labels import open_coco, read_keypoints
from glpose.formats.dataset import LabelledPicture, LabelledPictures, LabelledSequence
from glpose.formats.jhmdb.check import check_subjhmdb
from glpose.formats.jhmdb.labels import open_subjhmdb
from glpose.formats.jhmdb.short import open_clips
from glpose.formats.posetrack.check import check_posetrack
from glpose.formats.posetrack.labels import open_posetrack
from glpose.formats.taught import Trust
from glpose.formats.text.tree import Node, by_id, read_tree, size_of
from glpose.formats.tracks_in_space import check_lift_set
from glpose.skeleton import COCO17, Skeleton
from glpose.types import FrameTruth, People

Labelled = list[LabelledSequence] | LabelledPictures
"""An opened set with joints: sequences of frames, or still pictures."""

WhoHasBoxes = Literal["all", "few", "large", "one"]
"""All people, all where they are few, all but small ones, or one person in each picture."""

# Enough people for a standard error below 0.5 of PCK.
_MOST_PEOPLE = 512


@dataclass(frozen=True, slots=True)
class Dataset:
    """One data set.

    `root` is the name of its folder (`--data ROOT=FOLDER`), "" if it needs none; sets may share
    one. `parts` are the parts that can be opened, the training part first. `open(root, part)`
    returns people with joints, `boxes(root, part)` people with boxes where these are stored apart
    from joints; both read labels only and raise BadInput, naming the file. `layout` is the name of
    the layout on disk for `glpose data check`, which runs `check(root)`. `terms` is the line for
    cards: what the set is and what it may be used for, to the best of our knowledge.

    `decoded(root)`: the set is so small that all its pictures are decoded once and kept. `grow`:
    boxes are around joints and grow by this share of the longer side to cover the body.
    `least_visibility`: the least visibility of a joint to train on. `unlabelled_is_outside`: joints
    of visibility 0 are known to be outside the picture. `who`: who in a picture has a box.
    `stretched`: the pictures have lost their aspect ratio.

    `not_counted` are joints that the set places differently from other sets, so validation leaves
    them out; validation takes every `stride`-th person, 0 chooses the stride by the set's size.

    `taught`: whose joints count where the teachers of `formats.taught` know the set's people too;
    None if they do not.
    """

    name: str
    terms: str
    root: str = ""
    parts: tuple[str, ...] = ()
    open: Callable[[Path, str], Labelled] | None = None
    boxes: Callable[[Path, str], list[BoxedPicture]] | None = None
    layout: str = ""
    check: Callable[[Path], Report] | None = None
    decoded: Callable[[Path], bool] | None = None
    grow: float = 0.0
    least_visibility: int = 1
    unlabelled_is_outside: bool = False
    who: WhoHasBoxes = "all"
    stretched: bool = False
    not_counted: tuple[str, ...] = ()
    stride: int = 0
    taught: Trust | None = None

    def counted_joints(self, skeleton: Skeleton) -> Bool[np.ndarray, " joints"]:
        """Which of a network's joints count in validation on this set."""
        return np.array([joint not in self.not_counted for joint in skeleton.joints])

    def stride_of(self, num_people: int) -> int:
        """The stride over people in validation, given their number."""
        return self.stride or max(1, -(-num_people // _MOST_PEOPLE))


def _always(root: Path) -> bool:
    del root
    return True


def _is_subset(root: Path) -> bool:
    """Whether the folder holds pictures chosen from COCO in our own layout, not all of COCO."""
    return (root / "person_keypoints.json").is_file()


def _is_of(image: Node, part: str, *, several: bool) -> bool:
    """Whether a picture of a file in COCO's format is of a part.

    Raises: BadInput if it names none although the set has `several`: it might be trained on and
    held out as well.
    """
    held_out, split = image.get("is_val2017"), image.get("split")
    if held_out is not None:
        return held_out.value == (part == "val")
    if several and split is None:
        raise BadInput(
            f"{image.file}: the picture {image.at('id').whole()} names no part; expected 'is_val2017' (true or false) or "
            "'split' with the name of its part, since some pictures are held out; add it to each"
        )
    return split is None or split.value == part


def _open_keypoints(root: Path, part: str, *, several: bool = False) -> LabelledPictures:
    """The people of a part of a file in COCO's format."""
    file, images = root / "person_keypoints.json", root / "images"
    is_wanted = partial(_is_of, part=part, several=several)
    return LabelledPictures(*read_keypoints(file, images, is_wanted))


def _open_coco(root: Path, part: str) -> LabelledPictures:
    if _is_subset(root):
        return _open_keypoints(root, part, several=True)
    return LabelledPictures(*open_coco(root, part))


def _open_boxed(root: Path, part: str, *, held_out_every: int) -> LabelledPictures:
    """Pictures whose people have boxes but no joints; the teachers may know these."""
    pictures = open_person_boxes(root, part, held_out_every)
    return LabelledPictures(
        COCO17,
        [LabelledPicture(p.path, _nobody(p.picture_id), size_hw=p.size_hw) for p in pictures],
    )


def _open_unlabelled(root: Path, part: str) -> LabelledPictures:
    """Pictures without labels, listed in `images.json`; the teachers may know their people."""
    del part
    images = by_id(read_tree(root / "images.json").entries("images"))
    return LabelledPictures(
        COCO17,
        [
            LabelledPicture(
                root / "images" / image.at("file_name").text(),
                _nobody(number),
                size_hw=size_of(image),
            )
            for number, image in images.items()
        ],
    )


def _nobody(picture_id: int) -> FrameTruth:
    num = len(COCO17.joints)
    xy, seen = np.zeros((0, num, 2), np.float32), np.zeros((0, num), np.int8)
    return FrameTruth(picture_id, 0.0, People.empty(), xy, seen)


def _keypoint_boxes(root: Path, part: str, *, several: bool = False) -> list[BoxedPicture]:
    file, images = root / "person_keypoints.json", root / "images"
    return read_boxes(file, images, partial(_is_of, part=part, several=several))


def _open_posetrack(root: Path, part: str, *, year: int) -> list[LabelledSequence]:
    return open_posetrack(root, year, part)


def _open_subjhmdb(root: Path, part: str, *, split: int) -> list[LabelledSequence]:
    return open_subjhmdb(root, split, "test" if part == "test" else "train")


DATASETS: dict[str, Dataset] = {
    entry.name: entry
    for entry in (
        Dataset(
            "lspet",
            "Leeds Sports Pose Extended (images from Flickr): research only",
            root="lspet",
            parts=("train",),
            open=_open_keypoints,
            boxes=_keypoint_boxes,
            decoded=_always,
            grow=0.05,
            who="one",
            taught="consensus",
        ),
        Dataset(
            "lsp",
            "Leeds Sports Pose, training half (images from Flickr): research only",
            root="lsp",
            parts=("train", "test"),
            open=partial(_open_keypoints, several=True),
            boxes=partial(_keypoint_boxes, several=True),
            decoded=_always,
            grow=0.05,
            who="one",
            taught="hand",
        ),
        Dataset(
            "coco",
            "COCO 2017 keypoints, all of it or a part: labels CC BY 4.0, images under Flickr terms",
            root="coco",
            parts=("train", "val"),
            open=_open_coco,
            boxes=partial(_keypoint_boxes, several=True),
            layout="coco",
            check=check_coco,
            decoded=_is_subset,
            who="large",
            taught="hand",
        ),
        Dataset(
            "jhmdb",  # our split of 14 actions
            "JHMDB, 375 training clips of 14 actions (clips from HMDB51): research only",
            root="jhmdb",
            parts=("train", "val"),
            open=open_clips,
            decoded=_always,
            unlabelled_is_outside=True,
            who="one",
            not_counted=("nose", "head_top"),
            stride=3,  # neighbouring frames are almost the same
        ),
        Dataset(
            "person_boxes",
            "VOC 2012 subset and Penn-Fudan pedestrians: research only",
            root="person_boxes",
            parts=("train", "val"),
            open=partial(_open_boxed, held_out_every=5),
            boxes=partial(open_person_boxes, held_out_every=5),
            decoded=_always,
            taught="consensus",
        ),
        Dataset(
            "person_boxes_2",
            "varied scenes (Open Images, COCO and others), stretched to squares: CC BY 4.0 claimed",
            root="person_boxes_2",
            parts=("train", "val"),
            open=partial(_open_boxed, held_out_every=10),
            boxes=partial(open_person_boxes, held_out_every=10),
            decoded=_always,
            who="few",
            stretched=True,
            taught="consensus",
        ),
        Dataset(
            "free_exercise",
            "gym photographs without labels: Unlicense by their repository, origin not said",
            root="free_exercise",
            parts=("train",),
            open=_open_unlabelled,
            decoded=_always,
            taught="consensus",
        ),
        Dataset(
            "badminton",
            "badminton players: CC BY 4.0 claimed for the labels, broadcast pictures",
            root="badminton",
            parts=("train",),
            open=_open_keypoints,
            decoded=_always,
            taught="hand",
        ),
        Dataset(
            "tud_side_walk",
            "TUD pedestrians in side view: research only",
            root="tud_side_walk",
            parts=("train",),
            open=_open_keypoints,
            decoded=_always,
            taught="hand",
        ),
        Dataset(
            "taught",
            "joints by MoveNet Thunder and Lightning and by BlazePose heavy: outputs of networks "
            "published under Apache-2.0 (MoveNet's files name no licence of their own)",
            root="taught",
        ),
        Dataset(
            "posetrack17",
            "PoseTrack 2017: research only",
            root="posetrack17",
            parts=("train", "val"),
            open=partial(_open_posetrack, year=2017),
            layout="posetrack17",
            check=partial(check_posetrack, year=2017),
        ),
        Dataset(
            "posetrack18",
            "PoseTrack 2018: research only",
            root="posetrack18",
            parts=("train", "val"),
            open=partial(_open_posetrack, year=2018),
            layout="posetrack18",
            check=partial(check_posetrack, year=2018),
            # The loaders of the HRNet family train on every joint in 2017 files, but only on joints
            # with flag 1 in 2018 files.
            least_visibility=2,
        ),
        *(
            Dataset(
                f"subjhmdb{split}",  # the official layout with its three splits
                f"Sub-JHMDB, training part of split {split} (clips from HMDB51): research only",
                root="subjhmdb",
                parts=("train", "test"),
                open=partial(_open_subjhmdb, split=split),
                layout="jhmdb",
                check=check_subjhmdb,
                who="one",
            )
            for split in (1, 2, 3)
        ),
        Dataset(
            "synth",  # rendered on demand, see `train.data.sets`
            "synthetic figures rendered by glpose: no restriction",
            parts=("train", "val"),
            unlabelled_is_outside=True,
            stride=7,  # neighbouring frames are almost the same
        ),
        Dataset(
            "videos",  # see `train.data.crops`
            "videos of whoever trained this, without labels: their terms are known to them",
            root="videos",
            parts=("train",),
        ),
        Dataset(
            "mocap",  # read by `formats.motion`: it has no pictures
            "Bandai-Namco Research Motiondataset, 585 clips: CC BY-NC 4.0, no commercial use",
            root="mocap",
        ),
        *(
            Dataset(  # read by `formats.tracks_in_space`: these have no pictures
                name, terms, root=name, layout=name, check=partial(check_lift_set, name=name)
            )
            for name, terms in (
                ("h36m", "Human3.6M, subjects 1, 5, 6, 7 and 8: research only"),
                ("humaneva", "HumanEva-I, training part: research only"),
                ("3dhp", "MPI-INF-3DHP, training part: research only"),
            )
        ),
        Dataset(
            "imagenet",
            "ImageNet-1k, by a published network that training starts from: research only",
        ),
    )
}


def sources() -> dict[str, tuple[Dataset, str]]:
    """The set and part behind each name that recipes may use, such as "coco-val"."""
    return {
        name if part == found.parts[0] else f"{name}-{part}": (found, part)
        for name, found in DATASETS.items()
        for part in found.parts
    }


def dataset(source: str) -> Dataset:
    """The set behind a name that recipes may use. Raises KeyError if there is none."""
    return sources()[source][0]


def root_names() -> tuple[str, ...]:
    """The names of all data folders, each once."""
    return tuple(dict.fromkeys(found.root for found in DATASETS.values() if found.root))


def checks() -> dict[str, Callable[[Path], Report]]:
    """The checks of sets on disk, by layout name."""
    return {found.layout: found.check for found in DATASETS.values() if found.check}


def usual_validation(roots: Mapping[str, str]) -> str:
    """The default validation set: JHMDB's clips if they are there, else other scenes of synth."""
    return "jhmdb-val" if roots.get("jhmdb") else "synth-val"
