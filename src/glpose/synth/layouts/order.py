"""Shared by all layouts: the order, its random scenes and their labelled pictures."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from glpose.skeleton import Skeleton
from glpose.synth.labels import PersonLabels, label_frame
from glpose.synth.scene import Scene, SceneSpec, render_scene
from glpose.types import Frame, FrameTruth

SPLITS = ("train", "val")


@dataclass(frozen=True, slots=True)
class Order:
    """What to write. `num_frames` is the length of the longest video; others are a little shorter.

    With `size_hw` None the layout decides the size; `mat` writes MATLAB files instead of JSON.
    `redrawn` says how often the scene of a video was drawn again, see `with_joints`.
    """

    seed: int = 0
    num_videos: int = 8
    num_frames: int = 24
    size_hw: tuple[int, int] | None = None
    mat: bool = False
    redrawn: Mapping[int, int] = field(default_factory=dict)

    def frames_of(self, number: int) -> int:
        """The length of a video."""
        return max(1, self.num_frames - number % 3)

    def split_of(self, number: int) -> str:
        """The last quarter of the videos, at least one, is for validation."""
        num_val = max(1, self.num_videos // 4)
        return "train" if number < self.num_videos - num_val else "val"

    def scene(self, number: int, spec: SceneSpec) -> Scene:
        """The scene of a video; videos do not depend on each other."""
        again = [1 + self.redrawn[number]] if number in self.redrawn else []
        lot = np.random.default_rng([self.seed, number, *again])
        return render_scene(spec, int(lot.integers(2**31)))


def with_joints(order: Order, has_joints: Callable[[Order, int], bool]) -> Order:
    """The order, with another first scene of each part in which no video has joints.

    In small sets everybody may be too small or out of sight.
    """
    for part in SPLITS:
        numbers = [n for n in range(order.num_videos) if order.split_of(n) == part]
        if not any(has_joints(order, number) for number in numbers):
            first = numbers[0]
            others = (replace(order, redrawn={**order.redrawn, first: i}) for i in count(1))
            order = next(other for other in others if has_joints(other, first))
    return order


@dataclass(slots=True)
class Written:
    """What was written, for a message to the user."""

    num_videos: int = 0
    num_pictures: int = 0
    num_people: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture with its ground truth and the full labels of its people, by track."""

    rgb: UInt8[np.ndarray, "h w 3"]
    truth: FrameTruth
    people: dict[int, PersonLabels]


def shots(scene: Scene) -> Iterator[Shot]:
    """All pictures of a scene, in order."""
    for index in range(scene.spec.num_frames):
        frame, truth, people = label_frame(scene, index)
        yield Shot(picture_of(frame), truth, people)


def picture_of(frame: Frame) -> UInt8[np.ndarray, "h w 3"]:
    """The pixels of a rendered frame, which always exist."""
    assert frame.rgb is not None
    return frame.rgb


def rounded(values: np.ndarray) -> list[float]:
    """Coordinates rounded to two decimals, as in the official files."""
    return [round(float(v), 2) for v in np.asarray(values).ravel()]


def category(skeleton: Skeleton) -> dict[str, Any]:
    """People and their joints, as files of COCO's format name them."""
    return {
        "supercategory": "person",
        "id": 1,
        "name": "person",
        "keypoints": list(skeleton.joints),
        "skeleton": [[a + 1, b + 1] for a, b in skeleton.bones],
    }


def write_text(path: Path, text: str) -> None:
    """Write a text file, creating its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", newline="\n")
