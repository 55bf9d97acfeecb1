"""Angles of joints and segments in the plane of the picture, in degrees; drawn in docs/angles.md.

**Flexion** is how far the lower of two segments is turned against the upper one. It is 0 in upright
standing with hanging arms, and positive where a person bends: the knee takes the heel back, the hip
the knee forwards, the shoulder the elbow forwards, the elbow the wrist forwards. So it has to be
known which way is forwards; where nobody is seen from the side, it is NaN, and joint sets without a
nose have none.

**Segments** are measured anticlockwise as seen in the picture, from the direction to the right, from
the end nearer to the trunk to the other: an upright trunk has 90 degrees, a hanging arm -90.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from glpose.motion.series import TOLERANCE_S, Series, pieces
from glpose.skeleton import Skeleton, find_joints

FACING_S = 1.0
"""The side that a person faces is the median of so many seconds around, between cuts."""

LEAST_FACING = 0.1
"""How far the nose must be before or behind the shoulders, as a share of the trunk; ours."""

Joints = Float64[np.ndarray, "frames joints 2"]

SEGMENTS: dict[str, tuple[str, str]] = {
    "trunk": ("hips", "shoulders"),
    "head": ("head_bottom", "head_top"),
} | {
    f"{side}_{name}": (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for name, start, end in (
        ("thigh", "hip", "knee"),
        ("shank", "knee", "ankle"),
        ("upper_arm", "shoulder", "elbow"),
        ("forearm", "elbow", "wrist"),
    )
}
"""Segments by name, each with its joints; `hips` and `shoulders` are the middle of two."""


@dataclass(frozen=True, slots=True)
class Flexion:
    """The turn of `lower` against `upper`; positive if anticlockwise in who faces right.

    Values go from `least_deg` to `least_deg` + 360.
    """

    upper: str
    lower: str
    sign: int
    least_deg: float = -180.0


FLEXIONS: dict[str, Flexion] = {
    f"{side}_{name}_flexion": flexion
    for side in ("left", "right")
    for name, flexion in (
        ("hip", Flexion("trunk", f"{side}_thigh", 1)),
        ("knee", Flexion(f"{side}_thigh", f"{side}_shank", -1)),
        ("shoulder", Flexion("trunk", f"{side}_upper_arm", 1, -90.0)),
        ("elbow", Flexion(f"{side}_upper_arm", f"{side}_forearm", 1)),
    )
}
"""Flexions by name. The trunk is taken from the shoulders down to the hips here."""

ANGLE_NAMES = (*FLEXIONS, *(f"{name}_segment" for name in SEGMENTS))
"""All that `angles` can give, in its order."""


def angles(
    xy: Joints, facing: Float64[np.ndarray, " frames"], skeleton: Skeleton
) -> dict[str, Float64[np.ndarray, " frames"]]:
    """Flexions and segments by name, in degrees; those whose joints the skeleton lacks are left out.

    `facing` is 1 for right, -1 for left and NaN where it is not known, see `facing_of`.
    """
    directions = {
        name: end - start
        for name, (one, other) in SEGMENTS.items()
        if (start := _place(xy, one, skeleton)) is not None
        and (end := _place(xy, other, skeleton)) is not None
    }
    turned = {name: _turn_deg(along) for name, along in directions.items()}
    flexions, has_nose = {}, bool(find_joints(skeleton, ("nose",)))
    for name, how in FLEXIONS.items():
        if has_nose and how.upper in turned and how.lower in turned:
            upper = turned[how.upper] + (180 if how.upper == "trunk" else 0)
            turn = how.sign * facing * (turned[how.lower] - upper)
            flexions[name] = _wrapped(turn, how.least_deg)
    return flexions | {f"{name}_segment": values for name, values in turned.items()}


def facing_of(series: Series, skeleton: Skeleton) -> Float64[np.ndarray, " frames"]:
    """Which way a person faces: 1 for right, -1 for left, NaN if neither.

    As in the picture turned so that the trunk is upright: 1 if the camera sees the person's right
    side, also of who lies or stands on the hands. By the nose, which is before the shoulders; it is the
    same before and after smoothing, since the joints are taken as found.
    """
    middles = [_place(series.found_xy, name, skeleton) for name in ("shoulders", "hips", "nose")]
    shoulders, hips, nose = middles
    if shoulders is None or hips is None or nose is None:
        return np.full(len(series.rows), np.nan)
    up = shoulders - hips
    right = np.stack([-up[:, 1], up[:, 0]], axis=1)
    length = (up**2).sum(1)
    ahead = ((nose - shoulders) * right).sum(1) / np.where(length > 0, length, np.nan)
    out = np.full(len(ahead), np.nan)
    for piece in pieces(series):
        out[piece] = _facing(ahead[piece], series.time_s[piece])
    return out


def _facing(
    ahead: Float64[np.ndarray, " frames"], time_s: Float64[np.ndarray, " frames"]
) -> Float64[np.ndarray, " frames"]:
    """See `facing_of`; `ahead` is how far the nose is before the shoulders, or NaN."""
    out = np.full(len(ahead), np.nan)
    known = np.flatnonzero(np.isfinite(ahead))
    reach_s = FACING_S / 2 + TOLERANCE_S
    first = np.searchsorted(time_s[known], time_s - reach_s)
    last = np.searchsorted(time_s[known], time_s + reach_s, side="right")
    for row, (start, stop) in enumerate(zip(first, last, strict=True)):
        if stop > start:
            middle = np.median(ahead[known[start:stop]])
            out[row] = np.sign(middle) if abs(middle) >= LEAST_FACING else np.nan
    return out


def blanked(
    values: dict[str, Float64[np.ndarray, " frames"]], rows: Bool[np.ndarray, " frames"]
) -> dict[str, Float64[np.ndarray, " frames"]]:
    """The same with the angles of left and right NaN in these rows."""
    return {
        name: np.where(rows & name.startswith(("left_", "right_")), np.nan, one)
        for name, one in values.items()
    }


def least_shown(name: str, curves: Sequence[Float64[np.ndarray, " _"]]) -> float:
    """From which value on the curves of an angle are to be shown: the least one, or half a turn on.

    The latter where fewer of their steps are `wraps` then: a trunk that lies is now near 180, now
    near -180 degrees.
    """
    least_deg = FLEXIONS[name].least_deg if name in FLEXIONS else -180.0
    return min(
        (least_deg, least_deg + 180),
        key=lambda deg: sum(wraps(shown_from(deg, curve)).sum() for curve in curves),
    )


def shown_from(
    least_deg: float, values: Float64[np.ndarray, " frames"]
) -> Float64[np.ndarray, " frames"]:
    """The same angles, those below the least one a turn higher."""
    return np.where(values < least_deg, values + 360, values)


def wraps(values: Float64[np.ndarray, " frames"]) -> Bool[np.ndarray, " steps"]:
    """Steps from frame to frame that are shorter across the end of the range: no line is drawn there."""
    return np.abs(np.diff(values)) > 180


def _place(xy: Joints, name: str, skeleton: Skeleton) -> Float64[np.ndarray, "frames 2"] | None:
    """A joint, or the middle of two; None if the skeleton has it not."""
    names = [f"left_{name[:-1]}", f"right_{name[:-1]}"] if name in ("hips", "shoulders") else [name]
    rows = find_joints(skeleton, names)
    return xy[:, rows].mean(1) if len(rows) == len(names) else None


def _turn_deg(along: Float64[np.ndarray, "frames 2"]) -> Float64[np.ndarray, " frames"]:
    """The angle of a direction in the picture, anticlockwise from the right."""
    return np.degrees(np.arctan2(0.0 - along[:, 1], along[:, 0]))


def _wrapped(
    turn_deg: Float64[np.ndarray, " frames"], least_deg: float
) -> Float64[np.ndarray, " frames"]:
    return (turn_deg - least_deg) % 360 + least_deg
