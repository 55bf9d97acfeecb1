"""A sun, or a lamp, that shines into the camera: for augmentation and robustness tests.

Light that is scattered and mirrored within a lens is added to the picture, as Wu et al. simulate it
(How to Train Neural Networks for Flare Removal, ICCV 2021), with simpler shapes of our own. The given
generator is the only source of randomness.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, UInt8

Rgb = UInt8[np.ndarray, "h w 3"]

_WARM = np.array([1.0, 0.9, 0.72], np.float32)


@dataclass(frozen=True, slots=True)
class Sun:
    """How a light looks; lengths are shares of a size that is given with its place, levels of white.

    `exposure` is what everything else keeps of its light, since the camera closes. `disc` is the
    radius that is white; `glow` (level) falls by `reach` (length) around it; `veil` lies over the
    whole picture. `halo` is radius, width and level of a ring of the colour `tint`; `rays` are angle
    in radians, width and level; `ghosts` are small discs on the line through the light and the
    picture's middle: place (0 the light, 1 the middle), radius and level.
    """

    exposure: float
    disc: float
    glow: float
    reach: float
    veil: float
    halo: tuple[float, float, float]
    tint: tuple[float, float, float]
    rays: tuple[tuple[float, float, float], ...]
    ghosts: tuple[tuple[float, float, float], ...]


def draw_sun(rng: np.random.Generator) -> Sun:
    """A light at random, from a lamp that hardly glares to the low sun behind leaves."""
    tint = rng.permutation([1.0, rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.6)])
    if rng.random() < 0.6:
        tint = np.sort(tint)[::-1]  # Red is the usual colour of what a lens of a phone adds.
    return Sun(
        exposure=float(rng.uniform(0.35, 1.0)),
        disc=float(rng.uniform(0.01, 0.07)),
        glow=float(rng.uniform(0.4, 1.0)),
        reach=float(rng.uniform(0.04, 0.4)),
        veil=float(rng.uniform(0.0, 0.4) * (rng.random() < 0.7)),
        halo=(
            float(rng.uniform(0.06, 0.2)),
            float(rng.uniform(0.015, 0.06)),
            float(rng.uniform(0.1, 0.7) * (rng.random() < 0.6)),
        ),
        tint=(float(tint[0]), float(tint[1]), float(tint[2])),
        rays=tuple(
            (
                float(rng.uniform(0, 2 * np.pi)),
                float(rng.uniform(0.01, 0.05)),
                float(rng.uniform(0.1, 0.5)),
            )
            for _ in range(rng.integers(0, 4))
        ),
        ghosts=tuple(
            (
                float(rng.uniform(0.4, 2)),
                float(rng.uniform(0.02, 0.1)),
                float(rng.uniform(0.1, 0.5)),
            )
            for _ in range(rng.integers(0, 3))
        ),
    )


def shine(rgb: Rgb, sun: Sun, at_xy: Float[np.ndarray, "2"], size_px: float) -> Rgb:
    """The picture with a light at a place, which may be outside; `size_px` is the size of 1."""
    light = _light(sun, at_xy.astype(np.float32) / size_px, rgb.shape[:2], size_px)
    # Both lights add up to white: 1 - (1 - a)(1 - b).
    dark = 255 - np.float32(sun.exposure) * rgb
    return np.rint(255 - dark * (1 - np.clip(light, 0, 1))).astype(np.uint8)


def _light(
    sun: Sun, at_xy: Float32[np.ndarray, "2"], size_hw: tuple[int, int], size_px: float
) -> Float32[np.ndarray, "h w 3"]:
    """The light that is added, 1 for white."""
    h, w = size_hw
    y = np.arange(h, dtype=np.float32)[:, None] / size_px
    x = np.arange(w, dtype=np.float32)[None] / size_px
    dx, dy = x - at_xy[0], y - at_xy[1]
    away = np.sqrt(dx * dx + dy * dy)
    beyond = np.maximum(away - sun.disc, 0)
    white = 1.4 * np.exp(-beyond / (0.25 * sun.disc)) + sun.glow * np.exp(-beyond / sun.reach)
    for angle, width, level in sun.rays:
        along, across = (
            dx * np.cos(angle) + dy * np.sin(angle),
            dx * np.sin(angle) - dy * np.cos(angle),
        )
        # It widens from the light on, and is seen on one side of it.
        spread = width * (0.3 + np.maximum(along, 0))
        white += level * np.exp(-((across / spread) ** 2) - np.maximum(along, 0)) * (along > 0)
    radius, width, level = sun.halo
    coloured = level * np.exp(-(((away - radius) / width) ** 2))
    middle = np.array([w, h], np.float32) / (2 * size_px)
    for place, radius, level in sun.ghosts:
        ghost = at_xy + place * (middle - at_xy)
        apart = np.sqrt((x - ghost[0]) ** 2 + (y - ghost[1]) ** 2)
        coloured += level * (apart < radius)
    tint = np.array(sun.tint, np.float32)
    return (white + sun.veil)[..., None] * _WARM + coloured[..., None] * tint
