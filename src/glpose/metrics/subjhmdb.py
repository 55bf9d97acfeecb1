"""PCK on Sub-JHMDB: one person per clip, 15 joints in every frame, all frames pooled.

Three ways to average are in use; all are given. What papers call "mAP" here is this PCK.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64

from glpose.skeleton import JHMDB15

Norm = Literal["box", "torso"]
NORMS: tuple[Norm, ...] = ("box", "torso")
"""What errors are relative to; published tables use the box."""

COLUMNS = {
    "Head": ("face",),
    "Shoulder": ("right_shoulder", "left_shoulder"),
    "Elbow": ("right_elbow", "left_elbow"),
    "Wrist": ("right_wrist", "left_wrist"),
    "Hip": ("right_hip", "left_hip"),
    "Knee": ("right_knee", "left_knee"),
    "Ankle": ("right_ankle", "left_ankle"),
}
"""The columns of the published tables; none includes neck or belly."""


@dataclass(frozen=True, slots=True, eq=False)
class SubJhmdbPck:
    """Fractions in 0..1, NaN without frames; joints as JHMDB15.

    `mean_of_columns` is the average in the tables of LSTM-PM and K-FPN, `mean_of_joints` that in
    the code of K-FPN and mmpose, `mean_of_13` leaves out neck and belly, as LSTM-PM's page does.
    """

    per_joint: Float64[np.ndarray, " joints"]
    num_frames: int

    @property
    def columns(self) -> dict[str, float]:
        """Head, Shoulder, ... Ankle: plain means of right and left."""
        return {
            name: float(np.mean([self.per_joint[JHMDB15.index(joint)] for joint in joints]))
            for name, joints in COLUMNS.items()
        }

    @property
    def mean_of_columns(self) -> float:
        """Mean of the 7 columns: the head weighs as much as both shoulders."""
        return float(np.mean(list(self.columns.values())))

    @property
    def mean_of_joints(self) -> float:
        """Mean of all 15 joints."""
        return float(self.per_joint.mean())

    @property
    def mean_of_13(self) -> float:
        """Mean of the joints without neck and belly."""
        left_out = [JHMDB15.index("neck"), JHMDB15.index("belly")]
        return float(np.delete(self.per_joint, left_out).mean())


def subjhmdb_pck(
    guess_xy: Float[np.ndarray, "frames 15 2"],
    truth_xy: Float[np.ndarray, "frames 15 2"],
    truth_xyxy: Float[np.ndarray, "frames 4"],
    *,
    norm: Norm = "box",
    limit: float = 0.2,
    strict: bool = False,
) -> SubJhmdbPck:
    """A joint is right if its distance is at most `limit` times the person's size in that frame.

    The size is the longer side of the mask's box ("box"), or the true distance from left shoulder
    to right hip ("torso"; the guessed one if that is below one pixel). All joints of all frames
    count, even outside the picture; NaN in a guess is wrong. `strict` requires a distance below the
    limit, as mmpose does, instead of at most the limit.

    Source: the evaluation code of LSTM Pose Machines and K-FPN; see docs/metrics.md.
    """
    guess, truth = guess_xy.astype(np.float64), truth_xy.astype(np.float64)
    if norm == "box":
        size = (truth_xyxy[:, 2:].astype(np.float64) - truth_xyxy[:, :2]).max(-1)
    else:
        size = _torso(truth)
        size = np.where(size < 1, _torso(guess), size)
    distance = np.linalg.norm(guess - truth, axis=-1)
    reach = limit * size[:, None]
    right: Bool[np.ndarray, "frames 15"] = distance < reach if strict else distance <= reach
    share = right.mean(0) if len(right) else np.full(len(JHMDB15.joints), np.nan)
    return SubJhmdbPck(share, len(right))


def interpolate_belly(xy: Float[np.ndarray, "*frames 15 2"]) -> Float[np.ndarray, "*frames 15 2"]:
    """Fill in a NaN belly from shoulders and hips.

    For skeletons without a belly: x is the mean of the four joints, y lies 0.65 of the way from the
    mean of the shoulders to that of the hips. Source: the evaluation of LSTM Pose Machines.
    """
    left, right = (
        [JHMDB15.index(f"{side}_{part}") for side in ("left", "right")]
        for part in ("shoulder", "hip")
    )
    shoulder, hip = xy[..., left, :].mean(-2), xy[..., right, :].mean(-2)
    x = (shoulder[..., 0] + hip[..., 0]) / 2
    y = shoulder[..., 1] + 0.65 * (hip[..., 1] - shoulder[..., 1])
    belly = JHMDB15.index("belly")
    xy = xy.copy()
    missing = np.isnan(xy[..., belly, :]).any(-1, keepdims=True)
    xy[..., belly, :] = np.where(missing, np.stack([x, y], -1), xy[..., belly, :]).astype(xy.dtype)
    return xy


def _torso(xy: Float64[np.ndarray, "frames 15 2"]) -> Float64[np.ndarray, " frames"]:
    span = xy[:, JHMDB15.index("left_shoulder")] - xy[:, JHMDB15.index("right_hip")]
    return np.linalg.norm(span, axis=-1)
