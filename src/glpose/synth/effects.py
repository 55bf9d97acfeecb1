"""Image degradation: bad light, colour casts, defocus, noise, compression."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from glpose.imaging import blur, map_levels, recompress, resize


@dataclass(frozen=True, slots=True)
class Effects:
    """Degradation of all frames of a scene; the defaults apply none.

    `shutter` is the fraction of the frame time with the shutter open (motion blur), `flicker` the
    relative change of brightness over time, `shrink` the factor by which resolution is reduced.
    """

    shutter: float = 0.0
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    flicker: float = 0.0
    blur_px: float = 0.0
    shrink: float = 1.0
    noise: float = 0.0
    quality: int = 100


def random_effects(rng: np.random.Generator, damage: float) -> Effects:
    """Random degradation scaled by `damage`; most scenes get some of it, few get all of it."""

    def lot(share: float) -> float:
        return float(rng.random() * (rng.random() < share) * damage)

    tint = 1 + damage * (0.06 * rng.normal(size=3) + rng.normal(0, 0.12))
    red, green, blue = (float(np.clip(t, 0.45, 1.6)) for t in tint)
    return Effects(
        gain=(red, green, blue),
        gamma=float(np.exp(damage * rng.normal(0, 0.18))),
        flicker=0.12 * lot(0.25),
        blur_px=1.5 * lot(0.3),
        shrink=1 + 1.2 * lot(0.3),
        noise=14 * lot(0.6),
        quality=round(92 - 60 * min(lot(0.7), 1.0)),
    )


def degrade(
    rgb: UInt8[np.ndarray, "h w 3"], effects: Effects, rng: np.random.Generator, time_s: float
) -> UInt8[np.ndarray, "h w 3"]:
    """Apply all effects except the shutter."""
    h, w = rgb.shape[:2]
    if effects.shrink > 1.05:
        small = (max(8, round(h / effects.shrink)), max(8, round(w / effects.shrink)))
        rgb = resize(resize(rgb, small), (h, w))
    if effects.blur_px > 0.3:
        rgb = blur(rgb, effects.blur_px)
    level = 1 + effects.flicker * np.sin(9.0 * time_s)
    curve = 255 * (np.arange(256) / 255) ** effects.gamma * level
    table = np.clip(curve[:, None] * np.array(effects.gain), 0, 255).astype(np.uint8)
    if not (table == np.arange(256)[:, None]).all():
        rgb = map_levels(rgb, table)
    if effects.noise > 0.5:
        rgb = _noisy(rgb, effects.noise, rng)
    return recompress(rgb, effects.quality) if effects.quality < 95 else rgb


def _noisy(rgb: np.ndarray, size: float, rng: np.random.Generator) -> np.ndarray:
    # Random bytes are much faster than normal deviates, and the sum of four is close to normal.
    raw = np.frombuffer(rng.bytes(rgb.size), np.uint8).reshape(rgb.shape).astype(np.int16)
    bell = raw + np.roll(raw, 1, 0) + np.roll(raw, 7, 1) + np.roll(raw, (3, 5), (0, 1)) - 510
    step = round(size * 256 / 148)  # 148: the standard deviation of such a sum
    return np.clip(rgb + ((bell * step) >> 8), 0, 255).astype(np.uint8)
