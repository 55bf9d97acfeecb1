"""Who is upside down: their crops are turned, so that the network sees them upright.

Networks of poses know people who stand, sit and lie; few of their pictures show somebody in a
handstand or a somersault. In a video the pose of the frame before says which way up the next crop
has to be. Source: the rotated region of interest of Bazarevsky et al., BlazePose, 2020. Ours: turns
by a half only, so that crops of neighbouring frames nearly always fit each other.
"""

import numpy as np
from jaxtyping import Bool, Float

from glpose.skeleton import Skeleton

_MOST_DEG = 100.0
"""A body that is turned further than this against its crop gets the other one."""
# A person is turned as the line from the feet, or what is seen next to them, to the neck.
_TOPS = (("head_bottom",), ("left_shoulder", "right_shoulder"))
_FEET = (("left_ankle", "right_ankle"), ("left_knee", "right_knee"), ("left_hip", "right_hip"))


def is_upside_down(
    xy: Float[np.ndarray, "joints 2"],
    sure: Bool[np.ndarray, " joints"],
    joints: Skeleton,
    *,
    before: bool,
) -> bool:
    """Whether the next crop of a person should be turned by a half; `before` says if the last was.

    `xy` are image pixels. What was before stays where too few joints are sure, and while the person
    is not turned by more than 100 degrees against it.
    """
    top, foot = (_middle(xy, sure, joints, names) for names in (_TOPS, _FEET))
    if top is None or foot is None:
        return before
    right, down = top - foot
    off_deg = abs(float(np.degrees(np.arctan2(right, down if before else -down))))
    return before != (off_deg > _MOST_DEG)


def _middle(
    xy: np.ndarray, sure: np.ndarray, joints: Skeleton, choices: tuple[tuple[str, ...], ...]
) -> Float[np.ndarray, "2"] | None:
    """The middle of the first of some groups of joints that has sure ones."""
    for names in choices:
        rows = [joints.index(name) for name in names if name in joints.joints]
        rows = [row for row in rows if sure[row]]
        if rows:
            return xy[rows].mean(0)
    return None
