"""Who is upside down: their crops are turned, so that the network sees them upright.

Networks of poses know people who stand, sit and lie; few of their pictures show somebody in a
handstand or a somersault. In a video the pose of the frame before says which way up the next crop
has to be. Source: the rotated region of interest of Bazarevsky et al., BlazePose, 2020. Ours: turns
by a half only, so that crops of neighbouring frames nearly always fit each other.
"""

import numpy as np
from jaxtyping import Bool, Float

from glpose.skeleton import Skeleton, find_joints

_MOST_DEG = 100.0  # a body that is turned further than this against its crop gets the other one
_STANDS_DEG = 45.0  # a body that leans less than this will not be upside down in the next frame
# A person is turned as the line from the feet, or else the knees, to the neck. Hips would not do: the
# trunks of people who bend hang down, and half figures would be kept upside down.
_TOPS = (("head_bottom",), ("left_shoulder", "right_shoulder"))
_FEET = (("left_ankle", "right_ankle"), ("left_knee", "right_knee"))


def body_turn_deg(
    xy: Float[np.ndarray, "joints 2"], sure: Bool[np.ndarray, " joints"], joints: Skeleton
) -> float:
    """How far a body is turned clockwise, -180 to 180 degrees; `xy` are image pixels.

    NaN where neck or feet are not sure.
    """
    top, foot = (_middle(xy, sure, joints, names) for names in (_TOPS, _FEET))
    if top is None or foot is None or np.hypot(*(top - foot)) < 1:
        return np.nan
    right, down = top - foot
    return float(np.degrees(np.arctan2(right, -down)))


def is_upside_down(turn_deg: float, *, before: bool) -> bool:
    """Whether the next crop of a person should be upside down; `before` says if the last was.

    That stays while the person is not turned by more than 100 degrees against it. Who is turned
    nobody knows how, NaN, is upright.
    """
    off_deg = _against(turn_deg, upside_down=before)
    return not np.isnan(off_deg) and before != (off_deg > _MOST_DEG)


def may_turn(turn_deg: float, *, upside_down: bool) -> bool:
    """Whether a body is turned by more than 45 degrees against its crop, or that is unknown."""
    return not _against(turn_deg, upside_down=upside_down) <= _STANDS_DEG


def _against(turn_deg: float, *, upside_down: bool) -> float:
    """The turn of a body against a crop, 0 to 180 degrees."""
    return abs((turn_deg + 180 * upside_down + 180) % 360 - 180)


def _middle(
    xy: np.ndarray, sure: np.ndarray, joints: Skeleton, choices: tuple[tuple[str, ...], ...]
) -> Float[np.ndarray, "2"] | None:
    """The middle of the first of some groups of joints that has sure ones."""
    for names in choices:
        rows = [row for row in find_joints(joints, names) if sure[row]]
        if rows:
            return xy[rows].mean(0)
    return None
