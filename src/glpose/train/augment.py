"""Random changes for training: one affine map for pixels and joints, and colours.

Each function draws from the generator it is given and from nothing else.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from glpose.crop import crop_from_image
from glpose.types import Affine, CropSpec

Rgb = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How crops are varied; the group's formulas (model specification, section 6).

    Rotation is normal with `rotation_deg`, clipped at 45, in a share of `rotation_share`; scale is
    1 + normal * `scale`, clipped to 0.65..1.35; `shift` moves the box by a share of its size, which
    the group does not do but boxes of a detector need.
    """

    rotation_deg: float = 45.0
    rotation_share: float = 0.6
    scale: float = 0.35
    shift: float = 0.0
    half_body_share: float = 0.3
    flip_share: float = 0.5
    colour: float = 0.0
    damage_share: float = 0.0


def random_map(
    rng: np.random.Generator,
    xyxy: Float[np.ndarray, "4"],
    xy: Float[np.ndarray, "joints 2"],
    valid: Bool[np.ndarray, " joints"],
    upper: Bool[np.ndarray, " joints"],
    spec: CropSpec,
    how: Augmentation,
) -> tuple[Affine, bool]:
    """A varied `crop_from_image`, and whether it mirrors (then swap left and right joints)."""
    if valid.sum() > 8 and rng.random() < how.half_body_share:
        xyxy = _half_body(rng, xyxy, xy, valid, upper)
    size = xyxy[2:] - xyxy[:2]
    xyxy = xyxy + np.tile(rng.uniform(-how.shift, how.shift, 2) * size, 2)
    scale = float(np.clip(1 + how.scale * rng.standard_normal(), 0.65, 1.35))
    rotation = 0.0
    if rng.random() < how.rotation_share:
        rotation = float(np.clip(rng.standard_normal() * how.rotation_deg, -45, 45))
    mirror = bool(rng.random() < how.flip_share)
    to_crop = crop_from_image(xyxy, spec, scale=scale, rotation_deg=rotation, mirror=mirror)
    return to_crop, mirror


def _half_body(
    rng: np.random.Generator,
    xyxy: np.ndarray,
    xy: np.ndarray,
    valid: np.ndarray,
    upper: np.ndarray,
) -> np.ndarray:
    """A box around the upper or lower joints, enlarged by half; the old box if there are few."""
    first, second = (valid & upper), (valid & ~upper)
    if rng.standard_normal() >= 0.5:
        first, second = second, first
    chosen = first if first.sum() > 2 else second
    if chosen.sum() < 2:
        return xyxy
    points = xy[chosen]
    centre = points.mean(0)
    size = np.ptp(points, axis=0) * 1.5
    return np.concatenate([centre - size / 2, centre + size / 2])


def jitter_colour(rng: np.random.Generator, rgb: Rgb, strength: float) -> Rgb:
    """Random brightness, contrast, channel gains and, sometimes, grey."""
    gain = rng.uniform(1 - strength, 1 + strength) * rng.uniform(
        1 - strength / 3, 1 + strength / 3, 3
    )
    shift = rng.uniform(-strength, strength) * 80
    table = np.clip(np.arange(256)[:, None] * gain + shift, 0, 255).astype(np.uint8)
    out = np.stack([table[rgb[..., c], c] for c in range(3)], -1)
    if rng.random() < 0.08:
        out = np.repeat(out.mean(-1, keepdims=True).astype(np.uint8), 3, -1)
    return out
