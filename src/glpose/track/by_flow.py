"""Identities for poses that exist without any: boxes expected by motion, poses carried along flow.

Unlike in `tracker`, no pose is dropped, moved or added. The idea is that of Chang et al., Towards
Accurate Human Pose Estimation in Videos of Crowded Scenes (ACM MM 2020, arXiv 2010.10008), and of
Xiao et al., Simple Baselines for Human Pose Estimation and Tracking (ECCV 2018): people who cross
overlap in their boxes, but not in their joints. Weights and limits are ours.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from jaxtyping import Float, Float64

from glpose.flow import Motion, Motions
from glpose.geometry import box_area, box_iou, oks
from glpose.skeleton import Skeleton
from glpose.track import motion as box_motion
from glpose.track.assign import assign
from glpose.track.scenes import Scenes
from glpose.types import Frame, FrameAndPoses, FramePoses


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """Settings.

    The cost of a pair of person and pose is the mean of 1 - IoU and 1 - OKS with the weights
    `iou_weight` and `oks_weight`; the IoU is that with the expected box, the OKS that with the last
    pose, carried along the flow. A pair needs an IoU above `least_iou` or an OKS above `least_oks`.
    A person who is missing keeps the number for `max_gap_frames` of 30 a second, see `scenes`; the pose is carried for
    `carry_frames`, since chains of flow drift. Then, and where there is no flow, the IoU decides.
    """

    iou_weight: float = 0.5
    oks_weight: float = 0.3
    least_iou: float = 0.1
    least_oks: float = 0.3
    max_gap_frames: int = 30
    carry_frames: int = 5


@dataclass(slots=True, eq=False)
class _Linked:
    """A person so far; `xy` are the last joints as they are now, NaN where they are not known."""

    number: int
    state: box_motion.BoxState
    xy: Float64[np.ndarray, "joints 2"]
    seen: int


class Linker:
    """Gives track ids from 1 to the poses of a video, frame by frame; none is used again."""

    def __init__(self, joints: Skeleton, how: LinkSpec = LinkSpec()) -> None:
        self._joints, self._how = joints, how
        self._people: list[_Linked] = []
        self._aside: dict[int, list[_Linked]] = {}
        """The people of other scenes, which may be shown again."""
        self._scene = 0
        self._last_number, self._frame = 0, -1
        self.pace = 1
        """How many frames count as one, see `scenes.pace_of`."""

    @property
    def carries(self) -> bool:
        """Whether there are poses to carry to the next frame."""
        return any(np.isfinite(person.xy).any() for person in self._people)

    def update(self, poses: FramePoses, motion: Motion | None, *, scene: int = 0) -> FramePoses:
        """The poses of the next frame with track ids.

        `motion` is that from the last frame to this one, None if it is not known. People are those of
        a `scene`: in others nobody goes on.
        """
        self._expect(poses.frame, motion, scene)
        cost = self._cost(poses)
        number = np.zeros(len(poses.people), np.int64)
        xyxy, xy = poses.people.xyxy, poses.xy.astype(np.float64)
        for place, row in zip(*assign(cost, 1.0), strict=True):
            person = self._people[place]
            gap = (poses.frame - person.seen) / self.pace
            person.state = box_motion.correct(person.state, xyxy[row], gap)
            person.xy, person.seen = xy[row], poses.frame
            number[row] = person.number
        for row in np.flatnonzero(number == 0):
            self._last_number += 1
            state = box_motion.start(xyxy[row])
            self._people.append(_Linked(self._last_number, state, xy[row], poses.frame))
            number[row] = self._last_number
        return replace(poses, people=replace(poses.people, track_id=number))

    def _expect(self, frame: int, motion: Motion | None, scene: int) -> None:
        """Move everybody to this frame, and forget who has been away for too long."""
        if scene != self._scene:
            self._aside[self._scene] = self._people
            self._people, self._scene = self._aside.pop(scene, []), scene
        self._people = self._moved(self._people, frame, motion)
        aside = {number: self._moved(people, frame, None) for number, people in self._aside.items()}
        self._aside = {number: people for number, people in aside.items() if people}
        for person in chain(*self._aside.values()):
            if frame - person.seen > self._how.carry_frames * self.pace:
                person.state = box_motion.stop(person.state)
        self._frame = frame

    def _moved(self, people: list[_Linked], frame: int, motion: Motion | None) -> list[_Linked]:
        """People where they are in this frame, without those who have been away for too long."""
        how, frames = self._how, frame - self._frame
        longest = how.max_gap_frames * self.pace
        people = [p for p in people if frame - p.seen - 1 <= longest]
        for person in people:
            lost = person.seen < self._frame
            state = box_motion.hold_size(person.state) if lost else person.state
            person.state = box_motion.predict(state, frames / self.pace)
            if motion is None or frame - person.seen > how.carry_frames:
                person.xy = np.full_like(person.xy, np.nan)
            else:
                person.xy, _ = motion.move(person.xy)
        return people

    def _cost(self, poses: FramePoses) -> Float[np.ndarray, "people poses"]:
        """What each pair of person and pose costs, from 0 to 1; infinite for pairs that cannot be."""
        how, num = self._how, len(self._people)
        joints = len(self._joints.joints)
        expected = np.array([box_motion.to_xyxy(p.state) for p in self._people]).reshape(num, 4)
        carried = np.array([p.xy for p in self._people]).reshape(num, joints, 2)
        xyxy = poses.people.xyxy.astype(np.float64)
        near = box_iou(expected, xyxy)
        alike = oks(carried, poses.xy, box_area(expected), box_area(xyxy), self._joints.oks_sigma)
        weight = np.where(np.isfinite(carried).any((1, 2)), how.oks_weight, 0.0)[:, None]
        cost = (how.iou_weight * (1 - near) + weight * (1 - alike)) / (how.iou_weight + weight)
        can_be = (near > how.least_iou) | ((weight > 0) & (alike > how.least_oks))
        return np.where(can_be, cost, np.inf)


def with_links(
    pairs: Iterable[FrameAndPoses],
    joints: Skeleton,
    motions: Motions,
    how: LinkSpec = LinkSpec(),
    rate_hz: float = float("nan"),
) -> Iterator[FrameAndPoses]:
    """The frames of a video with track ids from 1 in place of those that their poses have.

    No frame is held back. Where a scene begins everybody gets a new number, but keeps the old one if the
    scene before is back soon.
    """
    linker, scenes = Linker(joints, how), Scenes(rate_hz)
    before: Frame | None = None
    for frame, poses in pairs:
        is_cut = frame.rgb is not None and scenes.update(frame)
        linker.pace = scenes.pace
        has_motion = before is not None and linker.carries and not is_cut and how.oks_weight > 0
        motion = motions.between(before, frame) if before is not None and has_motion else None
        yield frame, linker.update(poses, motion, scene=scenes.scene)
        before = frame
