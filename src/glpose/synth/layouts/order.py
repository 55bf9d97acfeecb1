"""Shared by all layouts: the order, its random scenes and their labelled pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from glpose.synth.labels import PersonLabels, label_frame
from glpose.synth.scene import Scene, SceneSpec, render_scene
from glpose.types import Frame, FrameTruth

SPLITS = ("train", "val")


@dataclass(frozen=True, slots=True)
class Order:
    """What to write. `num_frames` is the length of the longest video; others are a little shorter.

    With `size_hw` None the layout decides the size; `mat` writes MATLAB files instead of JSON.
    """

    seed: int = 0
    num_videos: int = 8
    num_frames: int = 24
    size_hw: tuple[int, int] | None = None
    mat: bool = False

    def frames_of(self, number: int) -> int:
        """The length of a video."""
        return max(1, self.num_frames - number % 3)

    def split_of(self, number: int) -> str:
        """The last quarter of the videos, at least one, is for validation."""
        num_val = max(1, self.num_videos // 4)
        return "train" if number < self.num_videos - num_val else "val"

    def lot(self, number: int) -> np.random.Generator:
        """A separate generator for each video, so that videos do not depend on each other."""
        return np.random.default_rng([self.seed, number])

    def scene(self, number: int, spec: SceneSpec) -> Scene:
        """The scene of a video."""
        return render_scene(spec, int(self.lot(number).integers(2**31)))


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


def write_text(path: Path, text: str) -> None:
    """Write a text file, creating its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8", newline="\n")
