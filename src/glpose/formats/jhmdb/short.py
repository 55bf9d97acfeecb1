"""JHMDB clips: joint positions from MATLAB files, boxes of the person masks from JSON.

The layout read here is `joint_positions/<action>/<clip>/joint_positions.mat`, a video
`videos/<action>/<clip>.mp4`, `person_boxes.json` and lists of clips (`train.txt`, `val.txt`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np

from glpose.errors import BadInput
from glpose.formats.dataset import LabelledSequence
from glpose.formats.jhmdb.labels import read_positions
from glpose.formats.text.lines import text_lines
from glpose.formats.text.tree import Node, read_tree
from glpose.imaging import inside_picture
from glpose.skeleton import JHMDB15
from glpose.types import FrameTruth, People

_SPLITS = ("train", "val")


@dataclass(frozen=True, slots=True, eq=False)
class JhmdbClip:
    """One clip: its video and one person in (almost) every frame, joints as JHMDB15."""

    name: str
    video: Path
    size_hw: tuple[int, int]
    truth: tuple[FrameTruth, ...]


def open_clips(root: Path, split: str) -> list[LabelledSequence]:
    """The clips of a split, one video per sequence; the first `truth()` reads the labels.

    Raises: BadInput if the list of the split is missing; `truth()` raises what `read_clips` does.
    """
    read = cache(lambda: {clip.name: clip.truth for clip in read_clips(root, split)})
    return [
        LabelledSequence(name, JHMDB15, partial(_truth_of, read, name), video=_video(root, name))
        for name in clip_names(root, split)
    ]


def _truth_of(
    read: Callable[[], dict[str, tuple[FrameTruth, ...]]], name: str
) -> tuple[FrameTruth, ...]:
    return read()[name]


def _video(root: Path, name: str) -> Path:
    return root / "videos" / f"{name}.mp4"


def clip_names(root: Path, split: str) -> list[str]:
    """The clips named in `<root>/<split>.txt`.

    Raises: BadInput if the list is missing or empty, or names a clip twice or one of another split.
    """
    names = _listed(root, split)
    for name, num in Counter(names).items():
        if num > 1:
            raise BadInput(
                f"{root / split}.txt: names {name} {num} times, so that it would count as often; "
                "expected each clip once; remove the other lines"
            )
    for other in set(_SPLITS) - {split}:
        if (root / f"{other}.txt").is_file():
            others = set(_listed(root, other))
            if both := [name for name in names if name in others]:
                more = f" and {len(both) - 1} more" if len(both) > 1 else ""
                raise BadInput(
                    f"{root / split}.txt: names {both[0]}{more} as {other}.txt does, so that it would "
                    "be trained and scored on; expected each clip in one of them; remove it from the other"
                )
    return names


def _listed(root: Path, split: str) -> list[str]:
    path = root / f"{split}.txt"
    if not path.is_file():
        raise BadInput(f"{path}: not found; expected the list of clips of the split '{split}'")
    lines = [line for line in text_lines(path, "lines of clips") if line and line[0] != "#"]
    if not lines:
        raise BadInput(f"{path}: lists no clips")
    return [line.split()[0] for line in lines]


def read_clips(root: Path, split: str, size_hw: tuple[int, int] = (240, 320)) -> list[JhmdbClip]:
    """Read the labels of a split; videos are not opened. A frame without a mask has no person.

    Joints are 1-based in the files and 0-based here. Joints outside the picture have visibility 0:
    the annotators guessed them.

    Raises: BadInput, naming the file and what it lacks.
    """
    boxes = read_tree(root / "person_boxes.json")
    return [
        _read_clip(root, name, _boxes_of(boxes, name), size_hw) for name in clip_names(root, split)
    ]


def _boxes_of(boxes: Node, name: str) -> list[list[float] | None]:
    """The boxes of a clip's frames; one that is not finite counts as missing."""
    clip = boxes.at(name)
    clip.at("xyxy")
    found = [box.numbers_or_none(4) for box in clip.items("xyxy")]
    return [None if box is None else box.tolist() for box in found]


def _read_clip(
    root: Path, name: str, xyxy: list[list[float] | None], size_hw: tuple[int, int]
) -> JhmdbClip:
    path = root / "joint_positions" / name / "joint_positions.mat"
    xy = read_positions(path)
    if len(xy) != len(xyxy):
        raise BadInput(f"{path}: {len(xy)} frames of joints, but {len(xyxy)} boxes")
    inside = inside_picture(xy, size_hw)
    truth = []
    for i, box in enumerate(xyxy):
        n = 0 if box is None else 1
        people = People(
            np.array([box] * n, np.float32).reshape(n, 4),
            np.ones(n, np.float32),
            np.ones(n, np.int64),
        )
        visibility = np.where(inside[i], 2, 0).astype(np.int8)[None][:n]
        truth.append(FrameTruth(i, i / 25.0, people, xy[i][None][:n], visibility))
    return JhmdbClip(name, _video(root, name), size_hw, tuple(truth))
