"""StickClips: a figure of sticks that moves, with exact joints and exact flow. Synthetic.

A clip is a function of its seed. The figure has 13 joints (`JOINTS`) and 12 limbs, wide bars with a
colour of the clip and a texture that moves with them, before blurred noise. Used by the experiments
that show whether a method works at all, where a network of 0.2 million parameters learns in minutes.
"""

from dataclasses import dataclass

import cv2
import numpy as np

JOINTS = (
    "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist",
    "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip
LIMBS = (
    (1, 3), (3, 5), (2, 4), (4, 6), (7, 9), (9, 11), (8, 10), (10, 12), (1, 2), (7, 8), (1, 7), (2, 8),
)  # fmt: skip
_HALF_WIDTH, _HEAD_RADIUS, _REACH = 1.8, 4.5, 5.0
_TEXTURE = 32


@dataclass(frozen=True)
class StickClip:
    """`pictures` float32 (time, size, size, 3), about -2 to 2; `xy` (time, joints, 2) in pixels."""

    pictures: np.ndarray
    xy: np.ndarray
    scale: float

    def flow(self, a: int, b: int) -> np.ndarray:
        """Where each pixel of frame a moves until frame b: (size, size, 2) in pixels, (x, y).

        A pixel near a limb moves with the nearest one; all others stay.
        """
        size = self.pictures.shape[1]
        pixels = _pixels(size)
        best = np.full((size, size), _REACH * self.scale)
        out = np.zeros((size, size, 2))
        for limb in LIMBS:
            along, across, apart = _in_limb(pixels, *self.xy[a, limb])
            start, end = self.xy[b, limb]
            way, side = _axes(start, end)
            moved = start + along[..., None] * way + across[..., None] * side
            near = apart < best
            best = np.where(near, apart, best)
            out = np.where(near[..., None], moved - pixels, out)
        moves = self.xy[b, 0] - self.xy[a, 0]
        apart = np.linalg.norm(pixels - self.xy[a, 0], axis=-1)
        is_head = apart < min(_HEAD_RADIUS * self.scale, best.max())
        return np.where(is_head[..., None], moves, out).astype(np.float32)


def stick_clip(seed: int, num_frames: int = 1, size: int = 64) -> StickClip:
    """A clip whose middle frame is that at time 0."""
    rng = np.random.default_rng([seed, 13])
    scale = size / 64
    time = np.arange(num_frames) - num_frames // 2
    xy = _joints(rng, time, size, scale)
    colour = rng.uniform(-1.5, 1.5, (len(LIMBS) + 1, 3))
    textures = [_noise(rng, (_TEXTURE, _TEXTURE), 1.2) for _ in range(len(LIMBS) + 1)]
    backdrop = 0.75 * np.stack([_noise(rng, (size, size), 1.2 * scale) for _ in range(3)], -1)
    pixels = _pixels(size)
    pictures = np.repeat(backdrop[None], num_frames, 0)
    for t in range(num_frames):
        for number, limb in enumerate(LIMBS):
            along, across, apart = _in_limb(pixels, *xy[t, limb])
            drawn = apart < _HALF_WIDTH * scale
            look = _looked_up(textures[number], along / scale, across / scale)
            paint = colour[number] + 0.6 * look[..., None]
            pictures[t] = np.where(drawn[..., None], paint, pictures[t])
        way = (pixels - xy[t, 0]) / scale
        drawn = np.linalg.norm(way, axis=-1) < _HEAD_RADIUS
        look = _looked_up(textures[-1], way[..., 0], way[..., 1])
        pictures[t] = np.where(drawn[..., None], colour[-1] + 0.6 * look[..., None], pictures[t])
    return StickClip(pictures.astype(np.float32), xy, scale)


def _joints(rng: np.random.Generator, time: np.ndarray, size: int, scale: float) -> np.ndarray:
    """Joints in pixels: (time, joints, 2). Angles are from straight down, in radians."""
    centre = (size - 1) / 2 + scale * (
        rng.uniform([-6, -3], [6, 3]) + time[:, None] * rng.uniform([-2, -1], [2, 1])
    )

    def swing(amplitude: float, pace: float = 1.0) -> np.ndarray:
        return amplitude * np.sin(0.7 * pace * time + rng.uniform(0, 2 * np.pi))

    def below(start: np.ndarray, angle: np.ndarray, length: float) -> np.ndarray:
        return start + scale * length * np.stack([np.sin(angle), np.cos(angle)], -1)

    xy = np.zeros((len(time), len(JOINTS), 2))
    xy[:, 0] = centre + scale * np.array([0, -20])
    for side, sign in enumerate((-1, 1)):
        shoulder = centre + scale * np.array([6 * sign, -13])
        hip = centre + scale * np.array([4 * sign, 4])
        arm = 0.5 * sign + swing(0.9)
        thigh = 0.15 * sign + swing(0.45)
        elbow, knee = below(shoulder, arm, 9), below(hip, thigh, 11)
        forearm, shank = arm + swing(0.9, 1.3), 0.1 * sign + swing(0.45)
        places = (shoulder, elbow, below(elbow, forearm, 9), hip, knee, below(knee, shank, 11))
        for joint, place in zip(range(1 + side, 13, 2), places, strict=True):
            xy[:, joint] = place
    return xy


def _pixels(size: int) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1).astype(np.float64)


def _axes(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    way = (end - start) / np.linalg.norm(end - start)
    return way, np.array([-way[1], way[0]])


def _in_limb(
    pixels: np.ndarray, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels in a limb's own axes, along and across, and their distance from it."""
    way, side = _axes(start, end)
    along, across = (pixels - start) @ way, (pixels - start) @ side
    beyond = along - np.clip(along, 0, np.linalg.norm(end - start))
    return along, across, np.hypot(beyond, across)


def _noise(rng: np.random.Generator, size_hw: tuple[int, int], sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(rng.normal(size=size_hw), (0, 0), sigma)


def _looked_up(texture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The texture at these places, bilinear, repeated without end."""
    x, y = (np.mod(v + _TEXTURE / 2, _TEXTURE - 1).astype(np.float32) for v in (x, y))
    return cv2.remap(texture.astype(np.float32), x, y, cv2.INTER_LINEAR)
