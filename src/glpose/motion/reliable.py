"""Which joints can be relied on: others enter no filter with them, and no angle."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from glpose.motion.series import Series
from glpose.skeleton import Skeleton

LEAST_SCORE = 0.2
"""Joints with a lower score are not used; HRNet's limit for joints that are seen."""


def reliable(series: Series, skeleton: Skeleton) -> Series:
    """The same without joints that cannot be relied on: of low scores, or of unsure sides.

    Hips and shoulders of unsure sides stay; middles of two are the same on both sides.
    """
    return only(series, ~is_low(series) & ~unsure_limbs(series, skeleton))


def is_low(series: Series) -> Bool[np.ndarray, "frames joints"]:
    """Joints with a score below `LEAST_SCORE`."""
    return series.score < LEAST_SCORE


def unsure_limbs(series: Series, skeleton: Skeleton) -> Bool[np.ndarray, "frames joints"]:
    """Elbows, wrists, knees and ankles in frames in which the sides are unsure."""
    limbs = np.array([_is_limb(name) for name in skeleton.joints])
    return series.unsure_sides[:, None] & limbs


def only(series: Series, kept: Bool[np.ndarray, "frames joints"]) -> Series:
    """The same with some joints; the others are NaN with a score of 0."""
    xy, found_xy = (np.where(kept[..., None], one, np.nan) for one in (series.xy, series.found_xy))
    return replace(series, xy=xy, found_xy=found_xy, score=np.where(kept, series.score, 0))


def _is_limb(joint: str) -> bool:
    return joint.startswith(("left_", "right_")) and joint.endswith(
        ("elbow", "wrist", "knee", "ankle")
    )
