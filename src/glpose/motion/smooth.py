"""Clean tracks: outliers replaced, gaps filled up to a limit, noise filtered; nothing across cuts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.interpolate import PchipInterpolator

from glpose.errors import BadInput
from glpose.files import did_you_mean
from glpose.motion.filters import FILTERS, LEAST_SAMPLES
from glpose.motion.reliable import LEAST_SCORE, is_low, only, reliable, unsure_limbs
from glpose.motion.series import HOLE, Series, is_longer, pieces, rising, runs, usual_step_s
from glpose.skeleton import Skeleton
from glpose.types import BeforeSmoothing, FramePoses, People, marks_with_more

_SIDE = 3  # frames on each side that an outlier is told by
_LEAST_KNOWN = 5  # of these and itself, so that some are before it and some behind
_SIGMAS = 3.0  # as usual for Hampel's identifier
_LEAST_OFF = 0.03  # an outlier is off by at least this share of the person's size
_MAD_TO_SIGMA = 1.4826  # for normal noise

_UNSURE_S = 0.16
"""Longer gaps with unsure sides are not filled in: in real clips most are right, and a curve is worse."""


@dataclass(frozen=True, slots=True)
class SmoothSpec:
    """A filter of `motion.filters.FILTERS` with its cut-off, and the longest gap that is filled.

    A gap is as long as the time from the last sample before it to the first behind it.
    """

    filter: str = "butterworth"
    cutoff_hz: float = 6.0
    fill_s: float = 0.3

    def __post_init__(self) -> None:
        if self.filter not in FILTERS:
            hint = did_you_mean(self.filter, FILTERS)
            raise BadInput(f"there is no filter '{self.filter}'; {hint}")
        if not 0 < self.cutoff_hz < 1e6:
            raise BadInput(f"the cut-off is {self.cutoff_hz} Hz; expected more than 0")
        if not 0 <= self.fill_s < 1e6:
            raise BadInput(f"gaps up to {self.fill_s} s are to be filled; expected 0 or more")


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """A person's joints after smoothing, in pixels; NaN where they are still missing.

    `score` is that of the result, and of a filled joint the lower one of both ends of the gap.
    `is_outlier` marks replaced joints, `is_raw` those in pieces too short for the filter, or with
    fewer frames a second than twice its cut-off. `unsure_sides` are those of the person, and in frames
    without the person, in which joints were filled, those of the worse end of the gap.
    """

    xy: Float64[np.ndarray, "frames joints 2"]
    score: Float64[np.ndarray, "frames joints"]
    is_filled: Bool[np.ndarray, "frames joints"]
    is_outlier: Bool[np.ndarray, "frames joints"]
    is_raw: Bool[np.ndarray, "frames joints"]
    unsure_sides: Bool[np.ndarray, " frames"]


def check_cutoff(how: SmoothSpec, time_s: Float64[np.ndarray, " frames"]) -> None:
    """Raises: BadInput for a cut-off that frames of these times, which do not fall, cannot show."""
    limit_hz = 0.5 / usual_step_s(rising(time_s))
    if how.cutoff_hz >= limit_hz:
        raise BadInput(
            f"the cut-off is {how.cutoff_hz:g} Hz; expected less than {limit_hz:.3g} Hz, half of "
            "the frame rate; lower --cutoff"
        )


def smooth_person(series: Series, how: SmoothSpec, skeleton: Skeleton) -> Smoothed:
    """Smooth all joints of a person, so that nothing reaches those that can be relied on from others.

    The others, of low scores and limbs of unsure sides, are smoothed among themselves where gaps are too
    long to be filled in.
    """
    out = smooth_sure(series, how, skeleton)
    other = smooth(only(series, is_low(series) | unsure_limbs(series, skeleton)), how)
    # Between unsure sides nothing is filled in that would count as sure.
    is_told = (series.unsure_sides | _unsure_ends(series))[:, None] | (other.score < LEAST_SCORE)
    where = np.isnan(out.xy[..., 0]) & is_told
    for name in ("xy", "score", "is_filled", "is_outlier", "is_raw"):
        getattr(out, name)[where] = getattr(other, name)[where]
    _mark_filled(out, series)
    return out


def smooth_sure(series: Series, how: SmoothSpec, skeleton: Skeleton) -> Smoothed:
    """Smooth the joints that can be relied on, and fill in the others where gaps are short."""
    out = smooth(reliable(series, skeleton), how)
    unsure = unsure_limbs(series, skeleton)
    for joint in np.flatnonzero(unsure.any(0)):
        for first, stop in runs(out.is_filled[:, joint]):
            gap_s = series.time_s[stop] - series.time_s[first - 1]
            if unsure[first:stop, joint].any() and is_longer(gap_s, _UNSURE_S):
                gap = slice(first, stop), joint
                out.xy[gap], out.score[gap] = np.nan, 0
                out.is_filled[gap] = out.is_raw[gap] = False
    return out


def _mark_filled(out: Smoothed, series: Series) -> None:
    """Mark frames without the person in which joints were filled in between unsure sides."""
    out.unsure_sides[_unsure_ends(series) & out.is_filled.any(1)] = True


def _unsure_ends(series: Series) -> Bool[np.ndarray, " frames"]:
    """Frames without the person, before or after which the sides are unsure."""
    absent, present = np.flatnonzero(~series.is_present), np.flatnonzero(series.is_present)
    behind = np.searchsorted(present, absent)
    out = np.zeros(len(series.rows), bool)
    out[absent] = series.unsure_sides[present[[behind - 1, behind]]].any(0)
    return out


def smooth(series: Series, how: SmoothSpec) -> Smoothed:
    """Smooth a person's joints piece by piece, each joint on its own."""
    none = np.zeros(series.score.shape, bool)
    xy, score, filled, outlier, raw = (
        one.copy() for one in (series.xy, series.score, none, none, none)
    )
    out = Smoothed(xy, score, filled, outlier, raw, series.unsure_sides.copy())
    number = series.counted
    for piece in pieces(series):
        _smooth_piece(series[piece], number[piece], how, out, piece)
    _mark_filled(out, series)
    return out


def _smooth_piece(
    series: Series,
    number: Float64[np.ndarray, " frames"],
    how: SmoothSpec,
    out: Smoothed,
    piece: slice,
) -> None:
    time_s, size_px = series.time_s, series.size_px
    longest_s = max(how.fill_s, HOLE * usual_step_s(time_s))
    xy, out.is_outlier[piece] = without_outliers(series.xy, time_s, number, size_px)
    for joint in range(xy.shape[1]):
        gaps = fillable(np.isfinite(xy[:, joint, 0]), time_s, how.fill_s)
        xy[:, joint] = _filled(xy[:, joint], time_s, gaps)
        for gap in gaps:
            ends = series.score[[gap.start - 1, gap.stop], joint]
            out.score[piece][gap, joint] = ends.min()
            out.is_filled[piece][gap, joint] = True
    for run, joints in _runs(np.isfinite(xy[..., 0]), time_s, longest_s):
        if run.stop - run.start < LEAST_SAMPLES or _is_slow(time_s[run], how.cutoff_hz):
            out.is_raw[piece][run, joints] = True
            continue
        scaled = FILTERS[how.filter](time_s[run], xy[run, joints] / size_px, how.cutoff_hz)
        xy[run, joints] = scaled * size_px
    out.xy[piece] = xy


def _is_slow(time_s: Float64[np.ndarray, " frames"], cutoff_hz: float) -> bool:
    """Whether frames come too slowly for motion at the cut-off to show in them."""
    mean_s = (time_s[-1] - time_s[0]) / (len(time_s) - 1)
    return bool(cutoff_hz >= 0.5 / max(mean_s, usual_step_s(time_s)))


def without_outliers(
    xy: Float64[np.ndarray, "frames joints 2"],
    time_s: Float64[np.ndarray, " frames"],
    number: Float64[np.ndarray, " frames"],
    size_px: float,
) -> tuple[Float64[np.ndarray, "frames joints 2"], Bool[np.ndarray, "frames joints"]]:
    """Hampel's identifier on moving joints: outliers replaced by the motion around, and which these are.

    A line is laid through the seven frames around, with the median of all slopes (Theil and Sen) and
    the median place. An outlier is farther from it than three standard deviations, estimated by the
    median distance. `number` are whole and rise by more than one where frames are missing: these count
    as frames without the joint. Source: Hampel, The Influence Curve and Its Role in Robust Estimation,
    JASA 1974, who has no line, since nothing moves; the least distance, for joints at rest, is ours.
    """
    steps = np.minimum(np.diff(number), 2 * _SIDE + 1).astype(
        np.int64
    )  # no window reaches over more
    at = np.r_[0, steps.cumsum()]
    num = at[-1] + 1 + 2 * _SIDE
    padded, padded_s = np.full((num, *xy.shape[1:]), np.nan), np.full(num, np.nan)
    padded[_SIDE + at], padded_s[_SIDE + at] = xy, time_s
    windows = np.lib.stride_tricks.sliding_window_view
    around = windows(padded, 2 * _SIDE + 1, axis=0)[at]
    since_s = windows(padded_s, 2 * _SIDE + 1)[at] - time_s[:, None]
    is_known = np.isfinite(around[..., 0, :])
    tells = (is_known.sum(-1) >= _LEAST_KNOWN) & np.isfinite(xy[..., 0])
    window, time = around[tells], since_s[np.nonzero(tells)[0]][:, None]
    one, other = np.triu_indices(2 * _SIDE + 1, 1)
    slopes = (window[..., other] - window[..., one]) / (time[..., other] - time[..., one])
    level = window - np.nanmedian(slopes, axis=-1)[..., None] * time
    middle = np.nanmedian(level, axis=-1)
    off = np.linalg.norm(level - middle[..., None], axis=-2)
    spread = _MAD_TO_SIGMA * np.nanmedian(off, axis=-1)
    outlier, moved = np.zeros(tells.shape, bool), xy.copy()
    outlier[tells] = off[:, _SIDE] > np.maximum(_SIGMAS * spread, _LEAST_OFF * size_px)
    moved[outlier] = middle[outlier[tells]]
    return moved, outlier


def fillable(
    known: Bool[np.ndarray, " frames"], time_s: Float64[np.ndarray, " frames"], fill_s: float
) -> list[slice]:
    """The gaps between known samples that are not longer than `fill_s`."""
    at = np.flatnonzero(known)
    within = (np.diff(at) > 1) & ~is_longer(np.diff(time_s[at]), fill_s)
    return [slice(int(at[i]) + 1, int(at[i + 1])) for i in np.flatnonzero(within)]


def _filled(
    xy: Float64[np.ndarray, "frames 2"], time_s: Float64[np.ndarray, " frames"], gaps: list[slice]
) -> Float64[np.ndarray, "frames 2"]:
    """The same with the gaps interpolated."""
    if not gaps:
        return xy
    known = np.isfinite(xy[:, 0])
    curve = PchipInterpolator(time_s[known], xy[known])
    for gap in gaps:
        xy[gap] = curve(time_s[gap])
    return xy


def _runs(
    known: Bool[np.ndarray, "frames joints"],
    time_s: Float64[np.ndarray, " frames"],
    longest_s: float,
) -> Iterator[tuple[slice, Int64[np.ndarray, " together"]]]:
    """Stretches of known samples, each with the joints that are known in the same frames.

    No time between two of their samples is longer than `longest_s`.
    """
    patterns, pattern_of = np.unique(known, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        at = np.flatnonzero(pattern)
        breaks = np.flatnonzero((np.diff(at) > 1) | is_longer(np.diff(time_s[at]), longest_s)) + 1
        for part in np.split(at, breaks) if len(at) else []:
            yield slice(int(part[0]), int(part[-1]) + 1), np.flatnonzero(pattern_of == number)


def smoothed_frames(
    frames: Sequence[FramePoses], people: Mapping[int, tuple[Series, Smoothed]]
) -> Iterator[FramePoses]:
    """The frames with smoothed joints, by the track ids of `people`, and the raw ones beside them.

    A person who was missed for a moment appears, marked as propagated, in a box between those
    before and after.
    """
    first = {number: int(series.rows[0]) for number, (series, _) in people.items()}
    missed: dict[int, list[int]] = {}
    for number, (series, smoothed) in people.items():
        for at in np.flatnonzero(~series.is_present & smoothed.is_filled.any(1)):
            missed.setdefault(int(series.rows[at]), []).append(number)
    for row, poses in enumerate(frames):
        numbers = [*poses.people.track_id.tolist(), *missed.get(row, ())]
        if not numbers:
            yield poses
            continue
        parts = [(*people[number], row - first[number]) for number in numbers]
        boxes = [_box(series, at) for series, _, at in parts]
        unsure = [smoothed.unsure_sides[at] for _, smoothed, at in parts[len(poses.people) :]]
        unsure_sides, propagated = marks_with_more(poses, np.array(unsure, bool))
        yield replace(
            poses,
            people=People(
                np.array([box for box, _ in boxes], np.float32),
                np.array([score for _, score in boxes], np.float32),
                np.array(numbers, np.int64),
            ),
            xy=np.stack([smoothed.xy[at] for _, smoothed, at in parts]),
            score=np.stack([smoothed.score[at] for _, smoothed, at in parts]),
            side_evidence=None,
            other_places=None,
            lifted=None,  # from joints that are others now
            unsure_sides=unsure_sides,
            propagated=propagated,
            before=BeforeSmoothing(
                np.stack([series.xy[at] for series, _, at in parts]),
                np.stack([smoothed.is_filled[at] for _, smoothed, at in parts]),
                np.stack([smoothed.is_outlier[at] for _, smoothed, at in parts]),
            ),
        )


def _box(series: Series, at: int) -> tuple[Float64[np.ndarray, " 4"], float]:
    """The box of a person and its score; in a gap between the boxes of both ends, the lower score."""
    if series.is_present[at]:
        return series.box_xyxy[at], float(series.box_score[at])
    present = np.flatnonzero(series.is_present)
    ends = present[np.searchsorted(present, at) - 1 :][:2]
    edges = series.box_xyxy[ends]
    box = [np.interp(series.time_s[at], series.time_s[ends], edge) for edge in edges.T]
    return np.array(box), float(series.box_score[ends].min())
