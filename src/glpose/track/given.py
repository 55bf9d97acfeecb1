"""People whom a user gives by boxes: from one scene to another nobody goes on."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import count

import numpy as np
from jaxtyping import Int64

from glpose.track.scenes import Scenes
from glpose.types import Frame, FrameAndPoses, People


class GivenPeople:
    """The people of each frame, with other track ids in each scene, so that joints do not cross cuts.

    One number often goes on over a cut: where boxes were drawn one by one, all have number 1. In the
    first scene the numbers are those given.
    """

    def __init__(self, people: Mapping[int, People], scenes: Scenes | None = None) -> None:
        self._people, self._scenes = people, scenes or Scenes()
        used = {number for those in people.values() for number in those.track_id.tolist()}
        self._unused = (number for number in count() if number not in used)
        self._number_of: dict[tuple[int, int], int] = {}
        """By scene and given number."""
        self._given: dict[int, int] = {}

    def __call__(self, frame: Frame) -> People:
        """The people of the next frame, which must be decodable."""
        assert frame.rgb is not None
        self._scenes.update(frame)
        people = self._people.get(frame.index, People.empty())
        if not self._scenes.scene:
            return people
        return replace(people, track_id=_mapped(people, self._number))

    def as_given(self, pairs: Iterable[FrameAndPoses]) -> Iterator[FrameAndPoses]:
        """Poses of these people with the numbers given."""
        for frame, poses in pairs:
            track_id = _mapped(poses.people, lambda number: self._given.get(number, number))
            yield frame, replace(poses, people=replace(poses.people, track_id=track_id))

    def _number(self, given: int) -> int:
        place = self._scenes.scene, given
        if place not in self._number_of:
            self._number_of[place] = next(self._unused)
            self._given[self._number_of[place]] = given
        return self._number_of[place]


def _mapped(people: People, number: Callable[[int], int]) -> Int64[np.ndarray, " n"]:
    return np.array([number(n) for n in people.track_id.tolist()], np.int64)
