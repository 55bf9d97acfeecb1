"""Random cameras that look at a moving person, and the errors of joints found in their pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from glpose.runtime.lift import bridged
from glpose.systems.dg_net.spec import MotionConfig

_MOST_GAP = 5
"""Samples, at 15 of them in a second; the runtime bridges 10 frames of a video of 30."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Joints in pictures (y down, focal length 1), NaN where missing, and the poses in space.

    `found` are joints that were not interpolated. `pose` is that of the middle sample in the frame
    of a camera turned to the person, see `runtime.lift`.
    """

    xy: Float[np.ndarray, "n window joints 2"]
    found: Bool[np.ndarray, "n window joints"]
    pose: Float[np.ndarray, "n joints 3"]


def turned(axis: int, angle: Float[np.ndarray, "*samples"]) -> Float[np.ndarray, "*samples 3 3"]:
    """Rotations about an axis by angles in radians."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    out = np.zeros((*angle.shape, 3, 3))
    out[..., axis, axis] = 1
    out[..., i, i] = out[..., j, j] = np.cos(angle)
    out[..., j, i] = np.sin(angle)
    out[..., i, j] = -out[..., j, i]
    return out


def look(
    rng: np.random.Generator,
    xyz: Float[np.ndarray, "n window joints 3"],
    root: tuple[int, ...],
    how: MotionConfig,
) -> tuple[Float[np.ndarray, "n window joints 2"], Float[np.ndarray, "n joints 3"]]:
    """Joints as a random camera sees each window, and the pose of its middle sample.

    The camera stands still and turns evenly, or in a share of the windows follows the person.
    """
    num, window = xyz.shape[:2]
    paths = xyz[:, :, list(root)].mean(2)
    origin = paths[:, window // 2]
    around = turned(1, rng.uniform(-np.pi, np.pi, num))
    above = turned(0, np.deg2rad(rng.uniform(*how.above_deg, num)))
    rolled = turned(2, np.deg2rad(rng.normal(0, how.roll_deg, num)))
    camera_from_world = (rolled @ above @ around)[:, None, None]
    seen = (camera_from_world @ (xyz - origin[:, None, None])[..., None])[..., 0]
    middle = seen[:, window // 2]
    pose = middle - middle[:, list(root)].mean(1, keepdims=True)
    low, high = np.log(how.distance_m)
    away = np.exp(rng.uniform(low, high, num))
    # The camera itself looks past the person: the picture is that of a camera turned further.
    off = np.deg2rad(how.off_middle_deg)
    pan, tilt = rng.uniform(-off, off, num), rng.uniform(-off, off, num) / 2
    over_time = np.linspace(-1, 1, window)
    drift = rng.normal(0, 0.05, num)[:, None] * over_time
    ray = seen - np.array([0, 0, 1.0]) * away[:, None, None, None]
    turns = turned(0, tilt)[:, None] @ turned(1, pan[:, None] + drift)
    ray = (turns[:, :, None] @ ray[..., None])[..., 0]
    # A joint close to the lens would lie beyond any picture.
    xy = ray[..., :2] / np.maximum(-ray[..., 2:], 0.3) * np.array([1, -1])
    follows = rng.random(num) < how.follow_share
    centre = xy[:, :, list(root)].mean(2)
    moved = np.where(follows[:, None, None], centre - centre[:, window // 2, None], 0)
    return xy - moved[:, :, None], pose


def with_errors(
    rng: np.random.Generator,
    xy: Float[np.ndarray, "n window joints 2"],
    mirror: tuple[int, ...],
    how: MotionConfig,
) -> tuple[Float[np.ndarray, "n window joints 2"], Bool[np.ndarray, "n window joints"]]:
    """The same with the errors of `how`; missing joints are NaN, or bridged and not found."""
    num, window, joints = xy.shape[:3]
    size = np.median((xy.max(2) - xy.min(2)).max(-1), 1)[:, None, None, None]
    noise = rng.normal(size=xy.shape)
    keep = how.likeness
    for t in range(1, window):
        noise[:, t] = keep * noise[:, t - 1] + np.sqrt(1 - keep**2) * noise[:, t]
    off = how.noise * noise
    # A gross error lasts about as long as a joint is missing.
    lasts = 1 / how.missed_run
    gross = _in_runs(rng, how.gross_share, lasts, (num, window, joints))
    direction = rng.uniform(-np.pi, np.pi, (num, 1, joints))
    length = how.gross * rng.uniform(0.7, 1.6, (num, 1, joints))
    away = length[..., None] * np.stack([np.cos(direction), np.sin(direction)], -1)
    xy = xy + size * (off + np.where(gross[..., None], away, 0))
    missed = _in_runs(rng, how.missed_share, lasts, (num, window, joints))
    missed |= _cut(rng, how.cut_share, num, mirror)[:, None]
    moved = np.moveaxis(np.where(missed[..., None], np.nan, xy), 1, 0)
    return np.moveaxis(bridged(moved, _MOST_GAP), 0, 1), ~missed


def _in_runs(
    rng: np.random.Generator, share: float, ends: float, shape: tuple[int, int, int]
) -> Bool[np.ndarray, "n window joints"]:
    """True in runs that end with probability `ends` at each sample, together a given share."""
    starts = share * ends / max(1 - share, 1e-9)
    chance = rng.random(shape)
    on = np.zeros(shape, bool)
    on[:, 0] = chance[:, 0] < share
    for t in range(1, shape[1]):
        on[:, t] = np.where(on[:, t - 1], chance[:, t] >= ends, chance[:, t] < starts)
    return on


def _cut(
    rng: np.random.Generator, share: float, num: int, mirror: tuple[int, ...]
) -> Bool[np.ndarray, "n joints"]:
    """In a share of the samples a joint of the middle, one joint or a pair is missing throughout."""
    joint = rng.integers(len(mirror), size=num)
    rows = np.arange(num)
    out = np.zeros((num, len(mirror)), bool)
    out[rows, joint] = True
    both = rng.random(num) < 0.5
    out[rows[both], np.array(mirror)[joint[both]]] = True
    return out & (rng.random(num) < share)[:, None]


def see(
    rng: np.random.Generator,
    xyz: Float[np.ndarray, "n window joints 3"],
    root: tuple[int, ...],
    mirror: tuple[int, ...],
    how: MotionConfig,
) -> Seen:
    """Windows of motion as a random camera and our own network see them."""
    xy, pose = look(rng, xyz, root, how)
    xy, found = with_errors(rng, xy, mirror, how)
    return Seen(xy, found, pose)
