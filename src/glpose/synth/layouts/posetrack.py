"""PoseTrack annotations of a scene, shared by the 2017 and 2018 layouts.

As in PoseTrack, only some frames are labelled; joints outside the picture and half of the hidden
ones are left out; a person in a crowd is not labelled but covered by an ignore region.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from glpose.skeleton import POSETRACK15
from glpose.synth.labels import PersonLabels
from glpose.synth.layouts.order import Order, Shot, rounded, shots
from glpose.synth.scene import SceneSpec

SIZE_HW = (270, 480)
_CROWD = 3  # people; in a crowd of this many the last one is in an ignore region


@dataclass(frozen=True, slots=True)
class MarkedJoint:
    """A joint as written; `joint` is its index in POSETRACK15, which is its official id."""

    joint: int
    xy: tuple[float, float]
    is_visible: bool


@dataclass(frozen=True, slots=True)
class MarkedPerson:
    """A person as written; without joints if only the head was annotated."""

    track_id: int
    head_xyxy: tuple[float, float, float, float]
    joints: tuple[MarkedJoint, ...]


@dataclass(frozen=True, slots=True, eq=False)
class MarkedFrame:
    """A picture and its annotations; none if it is not labelled."""

    rgb: UInt8[np.ndarray, "h w 3"]
    is_labeled: bool
    people: tuple[MarkedPerson, ...]
    ignore: tuple[tuple[tuple[float, float], ...], ...]

    @property
    def num_with_joints(self) -> int:
        """How many people have joints."""
        return sum(len(person.joints) > 0 for person in self.people)


def is_labelled(split: str, index: int, num_frames: int) -> bool:
    """The middle frames; in validation also every fourth of the others."""
    share = 4 if split == "train" else 3
    middle = num_frames // share <= index < num_frames - num_frames // share
    return middle or (split == "val" and index % 4 == 0)


def marked_frames(order: Order, number: int) -> Iterator[MarkedFrame]:
    """The frames of a video in order; every second video has an ignore region."""
    crowded = number % 2 == 1
    spec = SceneSpec(
        size_hw=order.size_hw or SIZE_HW,
        num_frames=order.frames_of(number),
        num_people=(_CROWD, _CROWD) if crowded else (1, _CROWD - 1),
        height_share=(0.5, 1.0),
        num_obstacles=(1, 1),
    )
    scene, rng = order.scene(number, spec), np.random.default_rng([order.seed, number, 1])
    split = order.split_of(number)
    for index, shot in enumerate(shots(scene)):
        if is_labelled(split, index, spec.num_frames):
            ignored = shot.people.get(_CROWD)
            yield MarkedFrame(
                shot.rgb, True, _people(shot, rng), () if ignored is None else _region(ignored)
            )
        else:
            yield MarkedFrame(shot.rgb, False, (), ())


def has_joints(order: Order, number: int) -> bool:
    """Whether somebody in the video has joints."""
    return any(frame.num_with_joints for frame in marked_frames(order, number))


def _people(shot: Shot, rng: np.random.Generator) -> tuple[MarkedPerson, ...]:
    out = []
    for track in shot.truth.people.track_id.tolist():
        if track == _CROWD:
            continue
        labels = shot.people[track]
        x1, y1, x2, y2 = rounded(labels.head_xyxy)
        # Track ids have gaps, as in the real files, so that they never equal the row in the frame.
        out.append(MarkedPerson(2 * track + 1, (x1, y1, x2, y2), _joints(labels, rng)))
    return tuple(out)


def _joints(labels: PersonLabels, rng: np.random.Generator) -> tuple[MarkedJoint, ...]:
    xy, visibility = labels.joints(POSETRACK15)
    kept = (visibility == 2) | ((visibility == 1) & (rng.random(len(visibility)) < 0.5))
    places = {int(joint): rounded(xy[joint]) for joint in np.flatnonzero(kept)}
    return tuple(
        MarkedJoint(joint, (x, y), bool(visibility[joint] == 2)) for joint, (x, y) in places.items()
    )


def _region(labels: PersonLabels) -> tuple[tuple[tuple[float, float], ...], ...]:
    """A hexagon around the visible part of a person; empty if nothing is visible."""
    box = labels.box()
    if box is None:
        return ()
    x1, y1, x2, y2 = (float(v) for v in box + np.array([-3, -3, 3, 3]))
    middle, reach = (y1 + y2) / 2, (x2 - x1) / 8
    return (((x1, y1), (x2, y1), (x2 + reach, middle), (x2, y2), (x1, y2), (x1 - reach, middle)),)
