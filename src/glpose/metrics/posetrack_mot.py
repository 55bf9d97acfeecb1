"""PoseTrack's tracking scores of joints (CLEAR-MOT), equal to the official tool's.

Each joint is tracked separately: objects are the labelled joints with their person's track id,
hypotheses the predicted ones with their pose's. A pair may match up to half a head size. The last
match of an object is kept while it is allowed; the rest is matched one-to-one, as many as possible,
at the least total distance; an object matched to a new hypothesis is a switch.

Sums are over all videos, and MOTA = 1 - (misses + switches + false positives) / objects; precision
and recall count detections = matches + switches; MOTP = 1 - sum of distances / detections.

`quirks=True` reproduces these quirks of the official tool (names as in docs/metrics.md), besides
`unlabelled-frames`, `empty-people` and `visibility` of `posetrack_ap`:

* `last-frame`: the last frame with true people of every video is not scored. Off: it is. (The
  official tool crashes on a video with a single such frame; here it is not scored, and if there is
  nothing else, all numbers are NaN.)
* `dummy-frame`: a frame with people on one side only counts one miss and one false positive for
  each joint, however many people there are. Off: each missed or wrong joint counts.
* `printed-motp`: with motmetrics 1.4.0 (not with 1.0.2) the official tool also sums distances of
  events other than matches, so that its MOTP is too low. `motp` is the correct number,
  `motp_printed` the official one, which `table` and `official` show if `quirks` is set.
* `motp-zero`: MOTP of a joint that is never detected is 0 and counts in the total. Off: NaN.
* `empty-list`: a person with an empty list of joints, as every person without joints has in files
  of the 2018 layout, still makes the frame one with people (for `dummy-frame`); one without a list,
  as in those of 2017, does not. `listed` of the frames tells. AP is not affected.

Source: py-motmetrics 1.4.0 (MIT) and leonid-pishchulin/poseval (BSD), read, not
copied; Bernardin and Stiefelhagen, Evaluating Multiple Object Tracking Performance: The CLEAR MOT
Metrics, 2008.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from scipy.optimize import linear_sum_assignment

from glpose.errors import BadInput
from glpose.metrics.posetrack import (
    MATCH_LIMIT,
    NUM_JOINTS,
    ComparedFrame,
    check_ids,
    compare_videos,
    first_repeated,
    grouped,
    official_lists,
    table_row,
    with_total,
)
from glpose.types import FramePoses, FrameTruth


def _zeros() -> np.ndarray:
    return np.zeros(NUM_JOINTS, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class MotCounts:
    """Counts of events for each joint over all scored frames; distances are in head sizes."""

    objects: Int64[np.ndarray, "15"] = field(default_factory=_zeros)
    detections: Int64[np.ndarray, "15"] = field(default_factory=_zeros)
    switches: Int64[np.ndarray, "15"] = field(default_factory=_zeros)
    misses: Int64[np.ndarray, "15"] = field(default_factory=_zeros)
    false_positives: Int64[np.ndarray, "15"] = field(default_factory=_zeros)
    distance: Float64[np.ndarray, "15"] = field(default_factory=lambda: 0.0 * _zeros())
    printed_distance: Float64[np.ndarray, "15"] = field(default_factory=lambda: 0.0 * _zeros())


@dataclass(frozen=True, slots=True, eq=False)
class PoseTrackMot:
    """In percent; each has the 15 joints, then their mean without NaN.

    `motp_printed` is what the official tool calls MOTP (see `printed-motp` above).
    """

    mota: Float64[np.ndarray, "16"]
    motp: Float64[np.ndarray, "16"]
    motp_printed: Float64[np.ndarray, "16"]
    precision: Float64[np.ndarray, "16"]
    recall: Float64[np.ndarray, "16"]
    counts: MotCounts
    num_frames: int
    quirks: bool = True

    @property
    def total(self) -> float:
        """The mean MOTA of the joints."""
        return float(self.mota[NUM_JOINTS])

    def groups(self) -> dict[str, float]:
        """MOTA of Head, Shou, Elb, Wri, Hip, Knee, Ankl, and Total."""
        return grouped(self.mota, skip_nan=not self.quirks)

    def table(self) -> str:
        """Three lines as the official tool prints them."""
        motp = self.motp_printed if self.quirks else self.motp
        totals = [float(values[NUM_JOINTS]) for values in (motp, self.precision, self.recall)]
        return (
            f"&{' MOTA &' * 8} MOTP & Prec & Rec  \\\\\n"
            "& Head & Shou & Elb  & Wri  & Hip  & Knee & Ankl & Total& Total& Total& Total\\\\\n"
            f"{table_row([*self.groups().values(), *totals])}"
        )

    def official(self) -> dict[str, Any]:
        """What the official tool saves as `total_MOT_metrics.json`."""
        motp = self.motp_printed if self.quirks else self.motp
        return official_lists(
            {"mota": self.mota, "motp": motp, "pre": self.precision, "rec": self.recall}
        )


def posetrack_mot(
    truth: Sequence[Sequence[FrameTruth]],
    guess: Sequence[Sequence[FramePoses]],
    *,
    names: Sequence[tuple[str, str]] | None = None,
    quirks: bool = True,
) -> PoseTrackMot:
    """MOTA, MOTP, precision and recall of each joint over all videos together.

    Give all frames of each video, in order; people carry their track ids, and the score of a joint
    is not used. See above for `quirks`; `names` as in
    `compare_videos`.

    Raises: BadInput as `posetrack.compare_videos`, and for a track id in a true frame that
    repeats or is 10000 or more.
    """
    _check_true_ids(truth, names)
    videos = compare_videos(truth, guess, names)
    counts, num_frames = MotCounts(), 0
    for video in videos:
        scored = video[:-1] if quirks else video
        num_frames += len(scored)
        tracks = _Tracks(scored)
        for frame in scored:
            if quirks and not (len(frame.truth_id) and len(frame.guess_id)):
                counts.objects[:] += 1
                counts.misses[:] += 1
                counts.false_positives[:] += 1
            else:
                tracks.add(frame, counts)
    return _percentages(counts, num_frames, quirks=quirks)


class _Tracks:
    """The state within one video: the last match for each joint and id; -1 for none."""

    def __init__(self, frames: Sequence[ComparedFrame]) -> None:
        nobody = [np.zeros(0, np.int64)]
        self._truth_ids = np.unique(np.concatenate(nobody + [f.truth_id for f in frames]))
        self._guess_ids = np.unique(np.concatenate(nobody + [f.guess_id for f in frames]))
        shape, other = (NUM_JOINTS, len(self._truth_ids)), (NUM_JOINTS, len(self._guess_ids))
        self._last_guess, self._was_matched = np.full(shape, -1), np.zeros(shape, bool)
        # Updated only by new pairs, not by those that are kept.
        self._last_truth = np.full(other, -1)
        self._was_used = np.zeros(other, bool)

    def add(self, frame: ComparedFrame, counts: MotCounts) -> None:
        """Match the next frame and count."""
        truth = np.searchsorted(self._truth_ids, frame.truth_id)
        guess = np.searchsorted(self._guess_ids, frame.guess_id)
        distance = frame.distance.transpose(2, 1, 0)
        near = distance <= MATCH_LIMIT
        kept = near & (self._last_guess[:, truth, None] == guess)
        kept &= kept.cumsum(1) == 1  # if two share their last hypothesis, the first keeps it
        rest = near & ~kept.any(2, keepdims=True) & ~kept.any(1, keepdims=True)
        new = _match_rest(rest, frame)
        matched = kept | new

        joint, row, column = np.nonzero(new)
        an_object, hypothesis = truth[row], guess[column]
        before = self._last_guess[joint, an_object]
        switch = (before >= 0) & (before != hypothesis)
        owner = self._last_truth[joint, hypothesis]
        transfer = (owner >= 0) & (owner != an_object)
        first_use = switch & ~self._was_used[joint, hypothesis]
        first_match = transfer & ~self._was_matched[joint, an_object]

        num_matched = matched.sum((1, 2))
        counts.objects[:] += frame.labelled.sum(0)
        counts.detections[:] += num_matched
        counts.misses[:] += frame.labelled.sum(0) - num_matched
        counts.false_positives[:] += frame.predicted.sum(0) - num_matched
        counts.switches[:] += np.bincount(joint[switch], minlength=NUM_JOINTS)
        of_matches = np.where(matched, distance, 0).sum((1, 2))
        counts.distance[:] += of_matches
        # Events in the official sum besides the matches: every near pair, and a pair once more for
        # each of: transfer, switch to a new hypothesis, transfer to a new object.
        times = np.sum([transfer, first_use, first_match], 0)
        again = distance[joint, row, column] * times
        counts.printed_distance[:] += of_matches + np.where(near, distance, 0).sum((1, 2))
        counts.printed_distance[:] += np.bincount(joint, again, minlength=NUM_JOINTS)

        self._last_guess[joint, an_object] = hypothesis
        self._last_truth[joint, hypothesis] = an_object
        self._was_matched[:, truth] |= matched.any(2)
        self._was_used[:, guess] |= matched.any(1)


def _match_rest(rest: np.ndarray, frame: ComparedFrame) -> np.ndarray:
    """The most allowed pairs (joint, object, hypothesis), at the least total distance."""
    rivals = (rest.sum(1) > 1).any(1) | (rest.sum(2) > 1).any(1)
    chosen = rest.copy()
    for joint in np.flatnonzero(rivals):
        objects = np.flatnonzero(frame.labelled[:, joint])
        hypotheses = np.flatnonzero(frame.predicted[:, joint])
        square = np.ix_(objects, hypotheses)
        allowed = rest[joint][square]
        cost = frame.distance[:, :, joint].T[square]
        # A forbidden pair costs more than any set of allowed ones, so the most pairs win.
        highest = cost[allowed].max() + 1
        cost = np.where(allowed, cost, 2 * min(cost.shape) * highest + 1)
        rows, columns = linear_sum_assignment(cost)
        chosen[joint] = False
        chosen[joint, objects[rows], hypotheses[columns]] = allowed[rows, columns]
    return chosen


def _percentages(counts: MotCounts, num_frames: int, *, quirks: bool) -> PoseTrackMot:
    wrong = counts.misses + counts.switches + counts.false_positives
    claims = counts.false_positives + counts.detections
    no_motp = 0.0 if quirks and num_frames else np.nan
    return PoseTrackMot(
        with_total(100 * (1 - _ratio(wrong, counts.objects))),
        with_total(100 * (1 - _ratio(counts.distance, counts.detections, 1 - no_motp))),
        with_total(100 * (1 - _ratio(counts.printed_distance, counts.detections, 1 - no_motp))),
        with_total(100 * _ratio(counts.detections, claims)),
        with_total(100 * _ratio(counts.detections, counts.objects)),
        counts,
        num_frames,
        quirks,
    )


def _ratio(part: np.ndarray, whole: np.ndarray, otherwise: float = np.nan) -> np.ndarray:
    """`part / whole`, or `otherwise` where the whole is 0."""
    return np.divide(part, whole, out=np.full(len(whole), otherwise), where=whole > 0)


def _check_true_ids(
    truth: Sequence[Sequence[FrameTruth]], names: Sequence[tuple[str, str]] | None
) -> None:
    for v, frames in enumerate(truth):
        for i, frame in enumerate(frames):
            place = f"{names[v][0] if names else f'video {v}'}, frame {i} of the truth"
            check_ids(frame.people.track_id, place)
            again = first_repeated(frame.people.track_id)
            if again is not None:
                raise BadInput(f"{place}: track id {again} twice; people are tracked by their ids")
