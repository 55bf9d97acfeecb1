"""PCK by the person's box: the share of joints within a fraction of the box's longer side."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32


@dataclass(frozen=True, slots=True, eq=False)
class Pck:
    """In percent: for each joint (NaN where none was labelled) and for all joints pooled."""

    per_joint: Float[np.ndarray, " joints"]
    pooled: float


def pck(
    guess_xy: Float[np.ndarray, "people joints 2"],
    truth_xy: Float[np.ndarray, "people joints 2"],
    counted: Bool[np.ndarray, "people joints"],
    truth_xyxy: Float32[np.ndarray, "people 4"],
    limit: float,
) -> Pck:
    """A counted joint is right if its distance is at most `limit` times the box's longer side.

    A guess of NaN is wrong. The limit is inclusive, as in the evaluation of Sub-JHMDB
    (docs/metrics.md).
    """
    side = (truth_xyxy[:, 2:] - truth_xyxy[:, :2]).max(-1)
    distance = np.linalg.norm(guess_xy - truth_xy, axis=-1)
    right = (distance <= limit * side[:, None]) & counted
    total = counted.sum(0)
    share = np.divide(right.sum(0), total, out=np.full(len(total), np.nan), where=total > 0)
    pooled = right.sum() / counted.sum() if counted.any() else np.nan
    return Pck(100 * share, float(100 * pooled))
