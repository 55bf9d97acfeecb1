"""Synthetic versions of the damage found in videos, for augmentation and robustness tests.

The given generator is the only source of randomness.
"""

import numpy as np
from jaxtyping import UInt8

from glpose.imaging import blur, filter_picture, resize

Rgb = UInt8[np.ndarray, "h w 3"]

DAMAGE = ("blur", "motion", "noise", "shrink", "cover")


def damage(rng: np.random.Generator, rgb: Rgb, kind: str, strength: float = 1.0) -> Rgb:
    """Degrade a crop: defocus, motion blur, noise, low resolution, or an occluder.

    At strength 1 a blur has a sigma of 2 to 3.5 % of the crop's height, noise a standard deviation
    of 35 to 60 grey levels, shrinking leaves 24 to 36 rows, and a third of the crop's central part
    (the person) is covered.
    """
    h, w = rgb.shape[:2]
    if kind == "blur":
        return blur(rgb, strength * rng.uniform(0.02, 0.035) * h)
    if kind == "motion":
        return filter_picture(rgb, _motion_kernel(rng, strength * h * rng.uniform(0.08, 0.14)))
    if kind == "noise":
        noise = rng.standard_normal(rgb.shape, np.float32) * strength * rng.uniform(35, 60)
        return np.clip(rgb + noise, 0, 255).astype(np.uint8)
    if kind == "shrink":
        rows = int(rng.uniform(24, 36) / strength)
        return resize(resize(rgb, (rows, max(8, rows * w // h))), (h, w))
    return _cover(rng, rgb, strength)


def _motion_kernel(rng: np.random.Generator, length_px: float) -> np.ndarray:
    half = max(1, int(length_px / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    angle = rng.uniform(0, np.pi)
    t = np.linspace(-half, half, 8 * half)
    x, y = np.rint(t * np.cos(angle)).astype(int), np.rint(t * np.sin(angle)).astype(int)
    kernel[y + half, x + half] = 1
    return kernel / kernel.sum()


def _cover(rng: np.random.Generator, rgb: Rgb, strength: float) -> Rgb:
    """Paint a noisy patch over about a third of the padded crop's inner part."""
    h, w = rgb.shape[:2]
    share = strength / 3 * 0.8 * 0.8
    tall = rng.random() < 0.4
    ph, pw = (0.8, share / 0.8) if tall else (share / 0.8, 0.8)
    y = int((0.1 + rng.random() * (0.8 - ph)) * h)
    x = int((0.1 + rng.random() * (0.8 - pw)) * w)
    out = rgb.copy()
    rows, cols = int(ph * h), int(pw * w)
    coarse = rng.integers(0, 256, (3, 3, 3)) * 0.3 + rng.integers(0, 256, 3) * 0.7
    out[y : y + rows, x : x + cols] = resize(coarse.astype(np.uint8), (rows, cols))
    return out
