"""Training augmentation: one affine map for pixels and joints, and colour jitter.

Each function draws only from the generator it is given.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from glpose.config import check_ranges
from glpose.crop import crop_from_image
from glpose.errors import BadConfig
from glpose.imaging import map_levels
from glpose.types import Affine, CropSpec

Rgb = UInt8[np.ndarray, "h w 3"]

_MOST_HIDDEN, _TRIES, _BORDER_PX = 0.4, 4, 3.0


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How crops are augmented, with the formulas of Pose-Group/DCPose ("the group" below).

    A share `rotation_share` of the samples is rotated by normal * `rotation_deg`, clipped to
    +-`rotation_limit_deg` (45 in the paper, twice `rotation_deg` in the group's code). Scale is 1 +
    normal * `scale`, clipped to 1 +- `scale_limit`. `shift` moves the box by up to this share of
    its size; the group does not do this, but detector boxes need it. `stretch` is the standard
    deviation of the logarithm of a factor, at most twice that, by which people are made wider or
    narrower: some sets hold pictures of changed aspect. A share `turned_share` is turned by one to
    three quarters as well, for people upside down or lying. A share `neighbour_share` gets somebody
    of another picture beside or before them, see `place_beside`. Into a share `glare_share` a light
    shines (`glpose.glare`), before, behind or beside the person.
    """

    rotation_deg: float = 45.0
    rotation_share: float = 0.6
    scale: float = 0.35
    shift: float = 0.0
    half_body_share: float = 0.3
    flip_share: float = 0.5
    colour: float = 0.0
    damage_share: float = 0.0
    rotation_limit_deg: float = 45.0
    scale_limit: float = 0.35
    stretch: float = 0.0
    turned_share: float = 0.0
    neighbour_share: float = 0.0
    glare_share: float = 0.0

    def __post_init__(self) -> None:
        where, share, turn = "augmentation.", (0, 1), (0, 360)
        check_ranges(self, where, rotation_deg=turn, rotation_limit_deg=turn, rotation_share=share)
        check_ranges(self, where, scale=(0, 10), scale_limit=(0, 0.99), stretch=share, shift=share)
        check_ranges(self, where, half_body_share=share, flip_share=share, turned_share=share)
        check_ranges(self, where, damage_share=share, neighbour_share=share, colour=share)
        check_ranges(self, where, glare_share=share)

    def refuse(self, names: Iterable[str], why: str) -> None:
        """Raises: BadConfig for settings that would change nothing: "expected 0, since {why}"."""
        for name in names:
            if share := getattr(self, name):
                raise BadConfig(f"augmentation.{name} is {share}; expected 0, since {why}")


@dataclass(frozen=True, slots=True)
class Look:
    """One draw of an augmentation, shared by all crops of a sample."""

    shift_xy: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    rotation_deg: float = 0.0
    mirror: bool = False
    stretch: float = 1.0
    quarters: int = 0

    def crop_from_image(self, xyxy: Float[np.ndarray, "4"], spec: CropSpec) -> Affine:
        """The map from image to crop for a person's box, augmented.

        After an odd number of quarter turns the box has the person's height for its width.
        """
        if self.quarters % 2:
            centre, half = (xyxy[:2] + xyxy[2:]) / 2, (xyxy[2:] - xyxy[:2]) / 2
            xyxy = np.concatenate([centre - half[::-1], centre + half[::-1]])
        shift = np.tile(self.shift_xy, 2) * np.tile(xyxy[2:] - xyxy[:2], 2)
        crop_from_box = crop_from_image(
            xyxy + shift,
            spec,
            scale=self.scale,
            rotation_deg=self.rotation_deg + 90 * self.quarters,
            mirror=self.mirror,
        )
        if self.stretch == 1.0:
            return crop_from_box
        middle_x = float(xyxy[0] + xyxy[2]) / 2
        wider = np.array([[self.stretch, 0, (1 - self.stretch) * middle_x], [0, 1, 0]])
        return crop_from_box @ Affine(wider.astype(np.float64))


def draw_look(rng: np.random.Generator, how: Augmentation) -> Look:
    """Draw shift, scale, rotation, mirroring, stretch and quarter turns."""
    shift_x, shift_y = rng.uniform(-how.shift, how.shift, 2).tolist()
    low, high = 1 - how.scale_limit, 1 + how.scale_limit
    scale = float(np.clip(1 + how.scale * rng.standard_normal(), low, high))
    rotation = 0.0
    if rng.random() < how.rotation_share:
        limit = how.rotation_limit_deg
        rotation = float(np.clip(rng.standard_normal() * how.rotation_deg, -limit, limit))
    mirror = bool(rng.random() < how.flip_share)
    stretch = 1.0
    if how.stretch:
        stretch = float(np.exp(how.stretch * np.clip(rng.standard_normal(), -2, 2)))
    quarters = 0
    if how.turned_share and rng.random() < how.turned_share:
        quarters = int(rng.integers(1, 4))
    return Look((shift_x, shift_y), scale, rotation, mirror, stretch, quarters)


def random_box(
    rng: np.random.Generator,
    xyxy: Float[np.ndarray, "4"],
    xy: Float[np.ndarray, "joints 2"],
    valid: Bool[np.ndarray, " joints"],
    upper: Bool[np.ndarray, " joints"],
    how: Augmentation,
) -> Float[np.ndarray, "4"]:
    """The box or, for a share of the people with more than 8 joints, a half-body box."""
    if valid.sum() > 8 and rng.random() < how.half_body_share:
        return _half_body(rng, xyxy, xy, valid, upper)
    return xyxy


def _half_body(
    rng: np.random.Generator,
    xyxy: np.ndarray,
    xy: np.ndarray,
    valid: np.ndarray,
    upper: np.ndarray,
) -> np.ndarray:
    """A box around the upper or lower joints; the full box if there are too few.

    With the usual padding of 1.25, its crop covers 1.5 times the joints' extent (the group's
    factor).
    """
    first, second = (valid & upper), (valid & ~upper)
    if rng.standard_normal() >= 0.5:
        first, second = second, first
    chosen = first if first.sum() > 2 else second
    if chosen.sum() < 2:
        return xyxy
    points = xy[chosen]
    centre = points.mean(0)
    size = np.ptp(points, axis=0) * (1.5 / 1.25)
    return np.concatenate([centre - size / 2, centre + size / 2])


def place_beside(
    rng: np.random.Generator,
    own_xyxy: Float[np.ndarray, "4"],
    other_xyxy: Float[np.ndarray, "4"],
    joints_xy: Float[np.ndarray, "joints 2"],
) -> Float[np.ndarray, "4"] | None:
    """Where a neighbour's box may stand beside or before a person, all in pixels of the crop.

    At most two fifths of the person's joints are hidden by the ellipse in that box, in which the
    neighbour is seen: hidden joints are still to be told, from those that are seen. None if no place
    is found. Pasting what hides people is usual: Sarandi et al., How Robust is 3D Human Pose
    Estimation to Occlusion?, 2018; people beside people say that a crop is about one of them.
    """
    half = (other_xyxy[2:] - other_xyxy[:2]) / 2
    middle, size = (own_xyxy[:2] + own_xyxy[2:]) / 2, own_xyxy[2:] - own_xyxy[:2]
    for _ in range(_TRIES):
        side = 1 if rng.random() < 0.5 else -1
        away_x = side * (size[0] / 2 + half[0]) * rng.uniform(0.25, 1.0)
        centre = middle + [away_x, 0.12 * size[1] * rng.standard_normal()]
        hidden = (((joints_xy - centre) / half) ** 2).sum(-1) < 1
        if hidden.sum() <= _MOST_HIDDEN * len(joints_xy):
            return np.concatenate([centre - half, centre + half])
    return None


def paste_ellipse(rgb: Rgb, other: Rgb, xyxy: Float[np.ndarray, "4"]) -> Rgb:
    """The picture with another one of its size in the ellipse in a box, whose border is soft."""
    centre, half = (xyxy[:2] + xyxy[2:]) / 2, (xyxy[2:] - xyxy[:2]) / 2
    rows, columns = np.ogrid[: rgb.shape[0], : rgb.shape[1]]
    away = np.sqrt(((columns - centre[0]) / half[0]) ** 2 + ((rows - centre[1]) / half[1]) ** 2)
    inside_px = (1 - away) * max(float(half.min()), 1.0)
    seen = (1 + np.clip(2 * inside_px / _BORDER_PX, -1, 1))[..., None] / 2
    return np.rint(rgb + seen * (other.astype(np.float32) - rgb)).astype(np.uint8)


def jitter_colour(rng: np.random.Generator, rgb: Rgb, strength: float) -> Rgb:
    """Random brightness, contrast, channel gains and, sometimes, greyscale."""
    gain = rng.uniform(1 - strength, 1 + strength) * rng.uniform(
        1 - strength / 3, 1 + strength / 3, 3
    )
    shift = rng.uniform(-strength, strength) * 80
    table = np.clip(np.arange(256)[:, None] * gain + shift, 0, 255).astype(np.uint8)
    out = map_levels(rgb, table)
    if rng.random() < 0.08:
        out = np.repeat(out.mean(-1, keepdims=True).astype(np.uint8), 3, -1)
    return out


def recolour(seed: int, rgb: Rgb, strength: float) -> Rgb:
    """`jitter_colour` by a seed, which all crops of a sample share; as it is at strength 0."""
    return jitter_colour(np.random.default_rng(seed), rgb, strength) if strength else rgb
