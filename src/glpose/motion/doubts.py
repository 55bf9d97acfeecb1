"""Where results should be looked at: spans in which something is unsure or missing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float64

from glpose.motion.series import Series, found_ids, is_longer, num_missing, pieces, rising, runs
from glpose.types import FramePoses

Kind = Literal[
    "sides unsure",
    "low scores",
    "gap",
    "jump",
    "put there",
    "numbers change",
    "not decoded",
    "frames missing",
]

LOW_SCORE = 0.5
"""The scores of a person are low if the mean of all joints, missing ones as 0, is below; ours."""

_JOINED_S = 0.2  # marks of a kind that are no further apart are one span; ours


@dataclass(frozen=True, slots=True)
class Doubt:
    """A span of rows, `first` to `last`, both included; `person` is None if it is about everybody.

    * sides unsure: left and right limbs may be exchanged.
    * low scores: see `LOW_SCORE`.
    * gap: the person is not found, but is before and after.
    * jump: the joints move at once as no motion makes them: a cut, or another person, see `cuts_of`.
    * put there: the person was not found in these frames, but in those around them.
    * numbers change: nobody keeps the number from the frame before: most likely a cut.
    * not decoded: there is no picture.
    * frames missing: from one frame to the next there is a hole, see `num_missing`.
    """

    kind: Kind
    person: int | None
    first: int
    last: int


def doubts_of(frames: Sequence[FramePoses], people: Mapping[int, Series]) -> list[Doubt]:
    """All spans in order of time. `people` are those of the frames, see `series_of`."""
    time_s = rising(np.array([poses.time_s for poses in frames], np.float64))
    lost = np.array([poses.status == "undecodable" for poses in frames])
    is_hole = num_missing(time_s, np.array([poses.frame for poses in frames], np.int64)) > 0
    at_hole = np.r_[is_hole, False] | np.r_[False, is_hole]
    found = [
        *_spans("frames missing", None, at_hole[: len(time_s)], time_s, joined_s=0.0),
        *_spans("not decoded", None, lost, time_s),
        *_spans("numbers change", None, _changes(frames), time_s, joined_s=0.0),
    ]
    put = _put_there(frames, people)
    for number, one in people.items():
        first = int(one.rows[0])
        found += [
            Doubt(doubt.kind, number, first + doubt.first, first + doubt.last)
            for doubt in _of_person(number, one, put[number])
        ]
    return sorted(found, key=lambda doubt: (doubt.first, doubt.last, doubt.kind))


def _of_person(number: int, one: Series, put: Bool[np.ndarray, " frames"]) -> list[Doubt]:
    jumps = np.zeros(len(one.rows), bool)
    jumps[[piece.start for piece in pieces(one)[1:]]] = True
    low = one.is_present & (one.score.mean(1) < LOW_SCORE)
    return [
        *_spans("sides unsure", number, one.unsure_sides, one.time_s),
        *_spans("low scores", number, low, one.time_s),
        *_spans("gap", number, ~one.is_present, one.time_s, joined_s=0.0),
        *_spans("jump", number, jumps, one.time_s, joined_s=0.0),
        *_spans("put there", number, put, one.time_s),
    ]


def _changes(frames: Sequence[FramePoses]) -> Bool[np.ndarray, " frames"]:
    """Frames in which there are people, as in the one before, but all with other numbers."""
    who = [found_ids(poses) for poses in frames]
    return np.array([False, *(bool(a and b and not a & b) for a, b in pairwise(who))])


def _put_there(
    frames: Sequence[FramePoses], people: Mapping[int, Series]
) -> dict[int, Bool[np.ndarray, " _"]]:
    put = {number: np.zeros(len(one.rows), bool) for number, one in people.items()}
    for row, poses in enumerate(frames):
        if poses.propagated is not None:
            for number in poses.people.track_id[poses.propagated].tolist():
                put[number][row - people[number].rows[0]] = True
    return put


def _spans(
    kind: Kind,
    person: int | None,
    marked: Bool[np.ndarray, " frames"],
    time_s: Float64[np.ndarray, " frames"],
    *,
    joined_s: float = _JOINED_S,
) -> list[Doubt]:
    """Runs of marked rows; those that are no more than `joined_s` apart are one."""
    spans: list[Doubt] = []
    for first, stop in runs(marked):
        if spans and not is_longer(time_s[first] - time_s[spans[-1].last], joined_s):
            first = spans.pop().first  # noqa: PLW2901
        spans.append(Doubt(kind, person, first, stop - 1))
    return spans
