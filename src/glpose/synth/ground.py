"""The position of a moving body: on the floor, moved by the foot that stands."""

import numpy as np
from jaxtyping import Float

from glpose.synth.figure import BONES, SIDES, Angles, Bones, Proportions, limited, pose
from glpose.synth.motion import Action

_SOLE = 0.039  # the ankle's height above the ground, as a fraction of the body's height
_BULK = np.array([0.08, 0.08, 0.09] + 2 * [0.04, 0.03, 0.02, 0.05, 0.04, 0.0])


def travel(
    p: Proportions, angles: Angles, action: Action
) -> tuple[Bones, Float[np.ndarray, "time 3"]]:
    """Bones on the floor (y = 0) and the path of the hips; the standing foot does not slide.

    The path starts above (0, 0). With `hang` the hands stay fixed instead of the feet.
    """
    air = np.broadcast_to(angles.get("air", 0.0), len(next(iter(angles.values()))))
    bones = pose(p, limited({n: v for n, v in angles.items() if n != "air"}))
    soles = _soles(p, bones)
    low = np.minimum(_lowest(p, bones), soles[..., 1].min((1, 2)))
    path = np.zeros((len(low), 3))
    path[:, 1] = air - low
    if action.hang:
        hands = bones.origin[:, [BONES.index(f"{s}_hand") for s in SIDES]].mean(1)
        path = np.array([0, 1.22 * p.height, 0]) - hands
    elif action.legs in ("walk", "run", "jump", "squat", "stand", "lunge", "pick_up", "kick"):
        path[:, [0, 2]] = _carried(soles)
    return Bones(bones.rotation, bones.origin + path[:, None]), path


def _lowest(p: Proportions, bones: Bones) -> Float[np.ndarray, " time"]:
    """Height of the lowest part of the body except the feet."""
    tips = [BONES.index(b) for b in ("left_hand", "right_hand", "head", "head", "chest", "chest")]
    ends = [(0, -0.1, 0), (0, -0.1, 0), (0, p.head, 0.06), (0, p.head, -0.07)]
    ends += [(0, 0.12, 0.07), (0, 0.12, -0.07)]
    reached = bones.place(tips, np.array(ends) * p.height)[..., 1]
    bulk = bones.origin[..., 1] - p.height * _BULK
    return np.concatenate([reached, bulk], 1).min(1)


def _soles(p: Proportions, bones: Bones) -> Float[np.ndarray, "time sides 2 3"]:
    """Heels and balls of both feet, on the underside."""
    feet = [BONES.index(f"{s}_foot") for s in SIDES for _ in range(2)]
    heel, ball = (0, -_SOLE, -0.03), (0, -_SOLE, 0.085)
    local = np.array([heel, ball, heel, ball]) * p.height
    return bones.place(feet, local).reshape(-1, 2, 2, 3)


def _carried(soles: Float[np.ndarray, "time sides 2 3"]) -> Float[np.ndarray, "time 2"]:
    """The path (x, z) of the body that keeps the lowest point of the soles fixed."""
    points = soles.reshape(len(soles), 4, 3)
    height = points[:-1, :, 1] + points[1:, :, 1]
    low = height.argmin(1)
    moved = np.diff(points[..., [0, 2]], axis=0)[np.arange(len(low)), low]
    return np.concatenate([np.zeros((1, 2)), -np.cumsum(moved, 0)])
