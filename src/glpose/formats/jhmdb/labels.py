"""Sub-JHMDB in the official layout: MATLAB joints and masks, frames as pictures, split lists.

    joint_positions/<action>/<video>/joint_positions.mat     pos_img, 2 x 15 x frames, from 1
    puppet_mask/<action>/<video>/puppet_mask.mat             part_mask, height x width x frames
    Rename_Images/<action>/<video>/00001.png                 or a video in one of VIDEO_FOLDERS
    sub_splits/<action>_test_split_{1,2,3}.txt               <video>.avi <1 for training, 2 for test>

Pixels in memory count from 0. The three splits divide the same clips differently; never join them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Shaped

from glpose.errors import BadInput, pasted, reason
from glpose.files import read_regular
from glpose.formats.dataset import LabelledSequence
from glpose.formats.text.lines import text_lines
from glpose.formats.text.mat import BrokenMat, read_mat
from glpose.skeleton import JHMDB15
from glpose.types import FrameTruth, People

Part = Literal["train", "test"]
SPLITS = (1, 2, 3)
PARTS: dict[Part, int] = {"train": 1, "test": 2}
RATE_HZ = 30.0  # of the HMDB videos that the clips come from
VIDEO_FOLDERS = ("ReCompress_Videos", "videos")
_PICTURES, _VIDEOS = (".png", ".jpg", ".jpeg"), (".avi", ".mp4")
# Video names contain dots and brackets, so the last `.avi` ends the name.
_LINE = re.compile(r"(?P<video>\S.*)\.avi\s+(?P<part>[12])")


def open_subjhmdb(root: Path, split: int, part: Part) -> list[LabelledSequence]:
    """The clips of one part of a split, sorted by action and name; `truth()` reads the labels.

    Each frame has one person; the box is the first and last column and row of the mask. All 15
    joints have visibility 2, since all of them count. A frame with an empty mask has nobody.

    Raises: BadInput, naming the file, for a list that is missing, empty or has a wrong line, or if
    a listed clip lacks its joints, mask or frames. `truth()` raises it for damaged files and for
    different numbers of joints, masks and pictures.
    """
    if split not in SPLITS or part not in PARTS:
        raise BadInput(
            f"split {split}, part '{part}': expected split 1, 2 or 3, part train or test"
        )
    clips = [
        Clip(root, action, video)
        for path in split_lists(root, split)
        for action in [action_of(path)]
        for video, number in read_list(path)
        if number == PARTS[part]
    ]
    if not clips:
        raise BadInput(f"{root / 'sub_splits'}: split {split} lists no clip for {part}")
    frames = [clip.frames() for clip in clips]
    missing = [clip.missing(*found) for clip, found in zip(clips, frames, strict=True)]
    if lacking := [line for line in missing if line]:
        raise BadInput(
            f"{lacking[0]}; {len(lacking)} of the {len(clips)} clips of split {split} ({part}) are "
            f"incomplete; see: glpose data check jhmdb {pasted(root)}"
        )
    return [
        LabelledSequence(clip.name, JHMDB15, ClipLabels(clip, images), images, video)
        for clip, (images, video) in zip(clips, frames, strict=True)
    ]


def split_lists(root: Path, split: int) -> list[Path]:
    """The lists of a split, one per action. Raises BadInput if there are none."""
    folder, ending = root / "sub_splits", f"_test_split_{split}.txt"
    found = sorted(p for p in folder.glob(f"*{ending}") if not p.name.startswith("."))
    if not found:
        raise BadInput(
            f"{folder}: no list *{ending}; expected one for each action; "
            f"unpack sub_splits.zip in {root}"
        )
    return found


def action_of(path: Path) -> str:
    """The action of a list."""
    return path.name.rpartition("_test_split_")[0]


def read_list(path: Path) -> list[tuple[str, int]]:
    """The videos of a list, without `.avi`, and 1 (training) or 2 (test) for each.

    Raises: BadInput, naming the line; also if a video is listed twice or the list is empty.
    """
    out: dict[str, int] = {}
    for number, line in enumerate(text_lines(path, "lines '<video>.avi <1 or 2>'"), 1):
        if not line:
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise BadInput(
                f"{path}, line {number}: found {line[:80]!r}; expected '<video>.avi <1 or 2>'"
            )
        if found["video"] in out:
            raise BadInput(f"{path}, line {number}: {found['video']} comes twice; expected it once")
        out[found["video"]] = int(found["part"])
    if not out:
        raise BadInput(f"{path}: lists no videos; unpack sub_splits.zip again")
    return list(out.items())


@dataclass(frozen=True, slots=True)
class Clip:
    """A listed clip and where its files are expected."""

    root: Path
    action: str
    title: str

    @property
    def name(self) -> str:
        """Action and video; videos of different actions may share a name."""
        return f"{self.action}/{self.title}"

    @property
    def joints(self) -> Path:
        """The file of joint positions."""
        return self.root / "joint_positions" / self.action / self.title / "joint_positions.mat"

    @property
    def mask(self) -> Path:
        """The file of masks."""
        return self.root / "puppet_mask" / self.action / self.title / "puppet_mask.mat"

    @property
    def folder(self) -> Path:
        """The folder of pictures."""
        return self.root / "Rename_Images" / self.action / self.title

    def frames(self) -> tuple[tuple[Path, ...], Path | None]:
        """The pictures sorted by number; the video if there are none."""
        images = self._images()
        return images, None if images else self._video()

    def missing(self, images: tuple[Path, ...], video: Path | None) -> str:
        """What is missing and where it is expected, given `frames()`; empty if nothing is."""
        if not self.joints.is_file():
            return f"{self.joints}: not found; expected joints from joint_positions.zip"
        if not self.mask.is_file():
            return f"{self.mask}: not found; expected masks from puppet_mask.zip"
        if not images and video is None:
            return (
                f"{self.folder}: no pictures 00001.png and so on; expected those of "
                f"Rename_Images.tar.gz, or a video {VIDEO_FOLDERS[0]}/{self.name}.avi"
            )
        return ""

    def _images(self) -> tuple[Path, ...]:
        try:
            names = [path.name for path in self.folder.iterdir()]
        except OSError:
            return ()
        numbers = {
            int(stem): name
            for name in names
            for stem, _, suffix in [name.rpartition(".")]
            if stem.isdecimal() and f".{suffix.lower()}" in _PICTURES
        }
        return tuple(self.folder / numbers[number] for number in sorted(numbers))

    def _video(self) -> Path | None:
        places = (
            self.root / folder / self.action / f"{self.title}{suffix}"
            for folder in VIDEO_FOLDERS
            for suffix in _VIDEOS
        )
        return next((path for path in places if path.is_file()), None)


@dataclass(slots=True, eq=False)
class ClipLabels:
    """The `truth` of a clip: reads its two files at the first call; of masks only boxes are kept.

    `images` are none for a video, whose length is not known before it is decoded.
    """

    clip: Clip
    images: tuple[Path, ...]
    _truth: tuple[FrameTruth, ...] = field(default=(), init=False)

    def __call__(self) -> tuple[FrameTruth, ...]:
        """All frames. Raises BadInput, naming file and key."""
        if not self._truth:
            self._truth = tuple(_read_truth(self.clip, self.images))
        return self._truth


def _read_truth(clip: Clip, images: tuple[Path, ...]) -> Iterator[FrameTruth]:
    xy, boxes = read_joints(clip.joints), read_boxes(clip.mask)
    if len(xy) != len(boxes):
        raise BadInput(
            f"{clip.mask}: {len(boxes)} frames of part_mask, but {len(xy)} of pos_img in "
            f"{clip.joints}; expected as many"
        )
    if len(images) not in (0, len(xy)):
        raise BadInput(
            f"{clip.joints}: {len(xy)} frames of joints, but {len(images)} pictures in "
            f"{clip.folder}; expected as many; unpack Rename_Images.tar.gz again"
        )
    for frame, path in enumerate(images, 1):
        if int(path.stem) != frame:
            raise BadInput(
                f"{clip.folder}: the picture of frame {frame} is {path.name}; expected the numbers "
                f"1 to {len(images)}, each once; unpack Rename_Images.tar.gz again"
            )
    for i, (points, box) in enumerate(zip(xy, boxes, strict=True)):
        num = 0 if box is None else 1
        people = People(
            np.array([box] * num, np.float32).reshape(num, 4),
            np.ones(num, np.float32),
            np.ones(num, np.int64),
        )
        visibility = np.full((num, len(JHMDB15.joints)), 2, np.int8)
        yield FrameTruth(i, i / RATE_HZ, people, points[None][:num], visibility)


def read_joints(path: Path) -> Float32[np.ndarray, "frames 15 2"]:
    """The joints of a `joint_positions.mat`, pixels from 0. Raises BadInput."""
    xy = read_positions(path)
    if not np.isfinite(xy).all():
        frame = int(np.flatnonzero(~np.isfinite(xy).all((1, 2)))[0])
        raise BadInput(f"{path}: pos_img of frame {frame + 1} is not finite; expected pixels")
    return xy


def read_positions(path: Path) -> Float32[np.ndarray, "frames 15 2"]:
    """The same, with whatever numbers the file has."""
    positions = _read_stack(path, "pos_img", (2, len(JHMDB15.joints)))
    return (positions.transpose(2, 1, 0).astype(np.float64) - 1).astype(np.float32)


def read_boxes(path: Path) -> list[Float32[np.ndarray, "4"] | None]:
    """The box of each mask of a `puppet_mask.mat`, pixels from 0; None where it is empty.

    Raises: BadInput if the file is damaged.
    """
    masks = _read_stack(path, "part_mask", (None, None)) != 0
    return [box_of(masks[..., i]) for i in range(masks.shape[-1])]


def box_of(mask: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "4"] | None:
    """First and last column and row of a mask as xyxy; None if it is empty."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if len(rows) == 0:
        return None
    return np.array([columns[0], rows[0], columns[-1], rows[-1]], np.float32)


def _read_stack(
    path: Path, key: str, size: tuple[int | None, int | None]
) -> Shaped[np.ndarray, "_rows _columns _frames"]:
    """An array of a MAT file, frames last; a single frame without a frame axis gets one."""
    expected = f"{size[0] or 'height'} x {size[1] or 'width'} x frames"
    try:
        found = read_mat(read_regular(path), [key])
    except (OSError, BrokenMat) as problem:
        raise BadInput(
            f"{path}: not a whole MAT file ({reason(problem)}); expected the key '{key}', {expected}; "
            "unpack it from its archive again"
        ) from problem
    if key not in found:
        raise BadInput(f"{path}: the key '{key}' is missing; expected it, {expected}")
    stack = np.atleast_3d(np.asarray(found[key]))
    fits = all(want in (None, side) for want, side in zip(size, stack.shape, strict=False))
    if stack.ndim != 3 or not stack.size or not fits or stack.dtype.kind not in "biuf":
        shape = " x ".join(str(side) for side in np.shape(found[key]))
        raise BadInput(f"{path}: '{key}' is {shape} of {stack.dtype}; expected {expected} numbers")
    return stack
