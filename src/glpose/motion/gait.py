"""Strides of people who walk or run and are seen from the side.

A stride goes from one greatest lead of a foot over the other to the next of the same foot. That is
about when the heel strikes (Zeni, Richards and Higginson, Two Simple Methods for Determining Gait
Events, Gait and Posture 2008; there against the sacrum, which would need both feet to be told apart
for sure). The limits below are ours.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64
from scipy.signal import find_peaks

from glpose.motion.angles import FACING_S
from glpose.motion.series import Series, is_longer, pieces
from glpose.skeleton import Skeleton

LEAST_LEAD = 0.15
"""How far the lead of a foot must rise and fall around a stride's ends, in lengths of the person."""

SHORTEST_S, LONGEST_S = 0.4, 2.5
"""Strides of sprinters and of people who stroll."""

MOST_LEAN_DEG = 60.0
"""How far the trunk may lean: a person who walks is upright, also at the start of a sprint."""

MOST_OFF = 0.25
"""Strides are regular if they differ from the median by no more than this share of it."""

LEAST_KNOWN = 0.8
"""The share of a stride's frames in which the feet must be known, and the angles for their range."""


@dataclass(frozen=True, slots=True)
class Side:
    """The strides of one foot: their number, mean time, and the mean ranges of that side's angles.

    NaN where nothing could be measured.
    """

    strides: int
    stride_s: float
    knee_range_deg: float
    hip_range_deg: float


@dataclass(frozen=True, slots=True)
class Gait:
    """How a person walks or runs: steps a minute, and both sides; `events_s` are the ends of strides."""

    cadence_per_min: float
    left: Side
    right: Side
    events_s: dict[str, list[float]]

    @property
    def stride_s(self) -> float:
        """The mean time of a stride, in seconds."""
        return 120 / self.cadence_per_min


def gait_of(
    series: Series,
    facing: Float64[np.ndarray, " frames"],
    angles: dict[str, Float64[np.ndarray, " frames"]],
    skeleton: Skeleton,
) -> Gait | None:
    """The gait of a person; None without two regular strides, upright and seen from the side.

    `series` has smoothed joints, NaN where sides are unsure; `angles` are those of `motion.angles`.
    """
    if not {"left_ankle", "right_ankle"} <= set(skeleton.joints):
        return None
    left, right = (series.xy[:, skeleton.index(f"{side}_ankle"), 0] for side in ("left", "right"))
    lead = facing * (left - right)
    if "trunk_segment" in angles:
        upright = np.sin(np.radians(angles["trunk_segment"]))
        lead[upright < np.cos(np.radians(MOST_LEAN_DEG))] = np.nan
    for piece in pieces(series):
        lead[piece] /= series[piece].size_px
        lead[piece][_turns(facing[piece], series.time_s[piece])] = np.nan
    number = series.counted
    strides = {
        side: [
            (piece.start + a, piece.start + b)
            for piece in pieces(series)
            for a, b in _strides(sign * lead[piece], series.time_s[piece], number[piece])
        ]
        for side, sign in _SIGNS.items()
    }

    def lasts_s(stride: tuple[int, int]) -> float:
        first, last = series.time_s[list(stride)]
        return float(last - first)

    all_s = [lasts_s(stride) for found in strides.values() for stride in found]
    if len(all_s) < 2:
        return None
    usual_s = float(np.median(all_s))
    regular = {
        side: [one for one in found if abs(lasts_s(one) - usual_s) <= MOST_OFF * usual_s]
        for side, found in strides.items()
    }
    kept_s = [lasts_s(stride) for found in regular.values() for stride in found]
    if len(kept_s) < 2:
        return None
    sides = {
        side: _side(side, found, series.time_s, number, angles) for side, found in regular.items()
    }
    events = {
        side: sorted({float(series.time_s[row]) for stride in found for row in stride})
        for side, found in regular.items()
    }
    return Gait(120 / float(np.mean(kept_s)), sides["left"], sides["right"], events)


def _turns(
    facing: Float64[np.ndarray, " frames"], time_s: Float64[np.ndarray, " frames"]
) -> Bool[np.ndarray, " frames"]:
    """Frames in which a person may turn: which way they face is known for the time around only.

    Those at either end of that time tell it themselves, as the last one does of who leaves.
    """
    known = np.flatnonzero(np.isfinite(facing))
    out = np.zeros(len(facing), bool)
    for a, b in pairwise(known.tolist()):
        if facing[a] != facing[b]:
            out |= is_longer(FACING_S / 2, time_s[a] - time_s) & is_longer(
                FACING_S / 2, time_s - time_s[b]
            )
    return out


_SIGNS = {"left": 1, "right": -1}


def _strides(
    lead: Float64[np.ndarray, " frames"],
    time_s: Float64[np.ndarray, " frames"],
    number: Float64[np.ndarray, " frames"],
) -> list[tuple[int, int]]:
    """The first and last rows of strides of one foot; the other one has the lead in between."""
    known = np.isfinite(lead)
    if known.sum() < 3:
        return []
    bridged = np.interp(time_s, time_s[known], lead[known])
    peaks, _ = find_peaks(bridged, prominence=LEAST_LEAD)
    peaks = [row for row in peaks.tolist() if _is_inside(known, number, row) and bridged[row] > 0]
    return [
        (a, b)
        for a, b in pairwise(peaks)
        if not is_longer(SHORTEST_S, time_s[b] - time_s[a])
        and not is_longer(time_s[b] - time_s[a], LONGEST_S)
        and known[a:b].sum() / (number[b] - number[a]) >= LEAST_KNOWN
        and bridged[a:b].min() < 0
        and not _may_hide_an_end(lead[a : b + 1], number[a : b + 1])
    ]


def _is_inside(
    known: Bool[np.ndarray, " frames"], number: Float64[np.ndarray, " frames"], row: int
) -> bool:
    """Whether the lead is known around a row too; at the edge of a gap any value may be a peak."""
    around = slice(max(0, row - 2), row + 3)
    return bool(known[around].all() and (np.diff(number[around]) == 1).all())


def _may_hide_an_end(
    lead: Float64[np.ndarray, " frames"], number: Float64[np.ndarray, " frames"]
) -> bool:
    """Whether the foot may have been farthest ahead in a gap, and the stride be two.

    So it is ahead on both sides of the gap, and the other foot was so before and is so after that.
    """
    known = np.flatnonzero(np.isfinite(lead))
    return any(
        lead[a] > 0 and lead[b] > 0 and np.nanmin(lead[: a + 1]) < 0 and np.nanmin(lead[b:]) < 0
        for a, b in pairwise(known.tolist())
        if number[b] - number[a] > 1
    )


def _side(
    side: str,
    strides: list[tuple[int, int]],
    time_s: Float64[np.ndarray, " frames"],
    number: Float64[np.ndarray, " frames"],
    angles: dict[str, Float64[np.ndarray, " frames"]],
) -> Side:
    def mean_range(joint: str) -> float:
        values = angles.get(f"{side}_{joint}_flexion")
        if values is None:
            return float("nan")
        ranges = [
            np.nanmax(values[a : b + 1]) - np.nanmin(values[a : b + 1])
            for a, b in strides
            if np.isfinite(values[a : b + 1]).sum() / (number[b] - number[a] + 1) >= LEAST_KNOWN
        ]
        return float(np.mean(ranges)) if ranges else float("nan")

    times = [time_s[b] - time_s[a] for a, b in strides]
    mean_s = float(np.mean(times)) if times else float("nan")
    return Side(len(strides), mean_s, mean_range("knee"), mean_range("hip"))
