"""Errors of poses in space, as papers on lifting report them.

Poses are relative to their root, in one unit (millimetres, by custom). A joint counts where guess
and truth are both finite; a pose without any such joint is left out.

* MPJPE ("protocol 1"): the mean distance of the joints. Catalin Ionescu et al., Human3.6M, TPAMI
  2014.
* P-MPJPE ("protocol 2"): the same after the similarity transform, without reflection, that fits the
  guess best (Umeyama, TPAMI 1991). A guess with all joints in one point is put at the truth's mean.
* N-MPJPE: the same after the best scale alone, <guess, truth> / <guess, guess> (Rhodin et al., CVPR
  2018).
* MPJVE: the mean error of velocities, first differences of consecutive frames (Pavllo et al., CVPR
  2019).
* 3D-PCK: the share of joints within 150 mm, and AUC: the mean of that share over 31 limits from 0
  to 150 mm (Mehta et al., 3DV 2017).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from glpose.errors import BadInput

LIMIT_MM = 150.0
LIMITS_MM = np.linspace(0, LIMIT_MM, 31)
"""Every 5 mm, both ends included, as the evaluation of MPI-INF-3DHP has it."""

Poses = Float[np.ndarray, "poses joints 3"]
Pose = Float[np.ndarray, "joints 3"]
Clip = Float[np.ndarray, "_ joints 3"]


Align = Callable[[Pose, Pose], Pose]


def joint_errors(guess: Poses, truth: Poses) -> Float[np.ndarray, "poses joints"]:
    """The distance of each joint, NaN where it does not count."""
    return np.linalg.norm(guess.astype(np.float64) - truth, axis=-1)


def mpjpe(guess: Poses, truth: Poses) -> float:
    """Mean distance of the joints, in the unit of the poses; NaN if none counts."""
    return _mean(joint_errors(guess, truth))


def procrustes_mpjpe(guess: Poses, truth: Poses) -> float:
    """MPJPE after the best similarity transform of each pose. Poses of one joint are left out."""
    return _mean(joint_errors(_each(procrustes, guess, truth), truth))


def scaled_mpjpe(guess: Poses, truth: Poses) -> float:
    """MPJPE after the best scale of each pose (N-MPJPE)."""
    return _mean(joint_errors(_each(_scaled, guess, truth), truth))


def velocity_error(guess: Sequence[Clip], truth: Sequence[Clip]) -> float:
    """Mean error of the first differences in each clip (MPJVE), unit per frame; over all clips."""
    errors = [
        joint_errors(np.diff(g, axis=0), np.diff(t, axis=0)).ravel()
        for g, t in zip(guess, truth, strict=True)
    ]
    return _mean(np.concatenate(errors)) if errors else float("nan")


def pck_3d(guess: Poses, truth: Poses, limit: float = LIMIT_MM) -> float:
    """Share of joints within a limit, in percent; a joint that the guess lacks is wrong."""
    errors, counted = _against_truth(guess, truth)
    return _percent(errors[counted] <= limit)


def auc_3d(guess: Poses, truth: Poses) -> float:
    """The mean 3D-PCK over `LIMITS_MM`, in percent."""
    errors, counted = _against_truth(guess, truth)
    return _percent(errors[counted][:, None] <= LIMITS_MM)


def per_action(errors: Mapping[str, float]) -> dict[str, float]:
    """The errors of actions with their plain mean as "mean": each action weighs the same.

    Custom of Human3.6M. Raises: BadInput without any action.
    """
    if not errors:
        raise BadInput("no action was scored; expected at least one")
    return {**errors, "mean": float(np.mean(list(errors.values())))}


def procrustes(guess: Pose, truth: Pose) -> Pose:
    """The guess after the rotation, scale and shift that fit it best to the truth; no reflection."""
    if not np.ptp(guess, axis=0).any():  # sums of a point's offsets from its mean are rounding
        return np.broadcast_to(truth.mean(0), truth.shape)
    guess_middle, truth_middle = guess.mean(0), truth.mean(0)
    a, b = guess - guess_middle, truth - truth_middle
    u, values, vt = np.linalg.svd(a.T @ b)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = (values * sign).sum() / np.square(a).sum()
    return scale * a @ rotation + truth_middle


def _scaled(guess: Pose, truth: Pose) -> Pose:
    size = np.square(guess).sum()
    return guess * ((guess * truth).sum() / size) if size else guess


def _each(align: Align, guess: Poses, truth: Poses) -> Poses:
    """Align pose by pose, by the joints that count; poses of one joint stay NaN."""
    out = np.full(guess.shape, np.nan)
    for row, (one, other) in enumerate(zip(guess, truth, strict=True)):
        counted = np.isfinite(one).all(-1) & np.isfinite(other).all(-1)
        a, b = one[counted].astype(np.float64), other[counted].astype(np.float64)
        if counted.sum() > 1:
            out[row, counted] = align(a, b)
    return out


def _against_truth(
    guess: Poses, truth: Poses
) -> tuple[Float[np.ndarray, "poses joints"], Bool[np.ndarray, "poses joints"]]:
    errors = joint_errors(guess, truth)
    counted = np.asarray(np.isfinite(truth).all(-1))
    return np.where(np.isfinite(errors), errors, np.inf), counted


def _mean(values: Float[np.ndarray, "*shape"]) -> float:
    counted = values[np.isfinite(values)]
    return float(counted.mean()) if len(counted) else float("nan")


def _percent(right: Bool[np.ndarray, "*shape"]) -> float:
    return float(100 * right.mean()) if right.size else float("nan")
