"""PoseTrack's average precision of joints, equal to the official tool's.

`quirks=True` reproduces these quirks of the official tool (names as in docs/metrics.md):

* `unlabelled-frames`: frames without a true person are dropped with their predictions, even if
  nobody is there. Always so: the files do not distinguish empty from unlabelled frames.
* `empty-people`: a frame whose people have no joints stays; all predictions there are wrong.
  Always so.
* `hidden-joints`: a joint that the assigned person lacks (hidden, unlabelled) is a false positive.
  Always so; it is what makes joint scores matter.
* `visibility`: neither visibility nor the pose's own score is used. Always so.
* `missing-score`: a joint without a score ranks last, with -9999; the readers set this score.
* `no-overlap`: a single near joint is enough to assign a pose to a person. Always so.
* `first-of-equals`: of people or poses with the same share of near joints the first in the file
  wins. Always so.
* `unseen-joint`: a joint that is neither labelled nor predicted anywhere has AP 0, which counts in
  the total. Off: NaN, left out.
* `unpredicted-joint`: a labelled joint that is never predicted has precision 0. Off: NaN, left out
  of the total. (Its AP and recall are 0 either way.)
* `tie-order`: joints of equal score keep the reversed order of NumPy's unstable sort, so the AP
  depends on the order of frames and people. Off: they enter the curve together.
* `nan-group`: a column of the table is NaN if one of its joints is. Off: the mean of the others.

Source: leonid-pishchulin/poseval (BSD), read, not copied; see docs/metrics.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from glpose.metrics.posetrack import (
    MATCH_LIMIT,
    NUM_JOINTS,
    ComparedFrame,
    compare_videos,
    grouped,
    official_lists,
    table_row,
    with_total,
)
from glpose.types import FramePoses, FrameTruth


@dataclass(frozen=True, slots=True, eq=False)
class PoseTrackAp:
    """In percent; each has the 15 joints, then their mean without NaN.

    `precision` and `recall` are those of all predictions, without a score threshold.
    """

    ap: Float64[np.ndarray, "16"]
    precision: Float64[np.ndarray, "16"]
    recall: Float64[np.ndarray, "16"]
    num_frames: int
    quirks: bool = True

    @property
    def total(self) -> float:
        """The mean AP of the joints: the number in the papers' column "Mean"."""
        return float(self.ap[NUM_JOINTS])

    def groups(self) -> dict[str, float]:
        """AP of Head, Shou, Elb, Wri, Hip, Knee, Ankl, and Total."""
        return grouped(self.ap, skip_nan=not self.quirks)

    def table(self) -> str:
        """Two lines as the official tool prints them."""
        header = "& Head & Shou & Elb  & Wri  & Hip  & Knee & Ankl & Total\\\\"
        return f"{header}\n{table_row(list(self.groups().values()))}"

    def official(self) -> dict[str, Any]:
        """What the official tool saves as `total_AP_metrics.json`."""
        return official_lists({"ap": self.ap, "pre": self.precision, "rec": self.recall})


def posetrack_ap(
    truth: Sequence[Sequence[FrameTruth]],
    guess: Sequence[Sequence[FramePoses]],
    *,
    names: Sequence[tuple[str, str]] | None = None,
    quirks: bool = True,
) -> PoseTrackAp:
    """AP, precision and recall of each joint over all videos together.

    Give all frames of each video, including those without labels; joints as POSETRACK15; true
    people without joints have NaN coordinates; `names` as in `compare_videos`. `quirks`:
    as the official tool, see above.

    Raises: BadInput as `posetrack.compare_videos`.
    """
    frames = [frame for video in compare_videos(truth, guess, names) for frame in video]
    predicted = np.concatenate([f.predicted for f in frames])
    score = np.concatenate([f.score for f in frames])
    right = np.concatenate([matched_joints(f) for f in frames])
    num_labelled = np.sum([f.labelled.sum(0) for f in frames], 0)
    rows = np.zeros((NUM_JOINTS, 3))
    for j in range(NUM_JOINTS):
        of_joint = predicted[:, j]
        rows[j] = _score_joint(
            score[of_joint, j], right[of_joint, j], int(num_labelled[j]), quirks=quirks
        )
    ap, precision, recall = (with_total(100 * column) for column in rows.T)
    return PoseTrackAp(ap, precision, recall, len(frames), quirks)


def matched_joints(frame: ComparedFrame) -> Bool[np.ndarray, "guess joints"]:
    """Which predicted joints are right: near the same joint of the person assigned to their pose.

    Each pose chooses the person whose labelled joints it matches to the largest share; each person
    takes, of the poses that chose them, the one with the largest share. Ties go to the first.
    """
    near = frame.distance <= MATCH_LIMIT
    right = np.zeros_like(frame.predicted)
    if 0 in near.shape:
        return right
    share = near.sum(2) / np.maximum(frame.labelled.sum(1), 1)
    is_best = share.argmax(1)[:, None] == np.arange(share.shape[1])
    share = np.where(is_best, share, 0)
    people = np.flatnonzero(share.max(0) > 0)
    poses = share.argmax(0)[people]
    right[poses] = near[poses, people]
    return right


def _score_joint(
    score: np.ndarray, right: np.ndarray, num_labelled: int, *, quirks: bool
) -> tuple[float, float, float]:
    """AP, final precision and recall of one joint in 0..1."""
    if not len(score):
        if quirks:
            return 0.0, 0.0, 0.0
        nothing = 0.0 if num_labelled else np.nan
        return nothing, np.nan, nothing
    # Not a stable sort: ties have to come out as in the official tool.
    order = np.argsort(score)[::-1]
    found, rank = np.cumsum(right[order]), np.arange(1, len(score) + 1)
    if not num_labelled:
        return np.nan, float(found[-1] / rank[-1]), np.nan
    if not quirks:
        last_of_equals = np.append(np.diff(score[order]) != 0, True)
        found, rank = found[last_of_equals], rank[last_of_equals]
    precision, recall = found / rank, found / num_labelled
    return _area(recall, precision), float(precision[-1]), float(recall[-1])


def _area(recall: np.ndarray, precision: np.ndarray) -> float:
    """Area under the curve, with the best precision at that or any higher recall."""
    recall = np.concatenate([[0.0], recall, [1.0]])
    best = np.maximum.accumulate(np.concatenate([[0.0], precision, [0.0]])[::-1])[::-1]
    step = np.flatnonzero(np.diff(recall)) + 1
    return float(np.sum((recall[step] - recall[step - 1]) * best[step]))
