"""A person has one set of bones: poses in space of a track with lengths that do not change.

A network that sees one window at a time gives a person other bones in each frame. The lengths are
taken from the whole track, left as right, and joints are moved as little as these allow (projection
of constraints one after the other: Mueller et al., Position Based Dynamics, JVCIR 2007). The lengths
are still guesses.
"""

import numpy as np
from jaxtyping import Float32

from glpose.skeleton import Skeleton

_ROUNDS = 10
_LEAST = 1e-6


def with_steady_bones(
    xyz: Float32[np.ndarray, "frames joints 3"], skeleton: Skeleton, roots: tuple[int, ...]
) -> Float32[np.ndarray, "frames joints 3"]:
    """The poses of one person, with each bone close to its median length over the frames.

    A bone and its mirror image get the same length. Joints that are NaN stay so, and bones that lead
    to them pull at nothing. The origin is the mean of `roots` again where these are not NaN.
    """
    out = xyz.astype(np.float64)
    lengths = {bone: _length(out, bone) for bone in skeleton.bones}
    mirror = skeleton.mirror
    steady = []
    for a, b in skeleton.bones:
        both = [lengths[a, b]]
        for other in ((mirror[a], mirror[b]), (mirror[b], mirror[a])):
            both += [lengths[other]] if other in lengths else []
        found = np.concatenate(both)
        if np.isfinite(found).any():
            steady.append((a, b, float(np.nanmedian(found))))
    for _ in range(_ROUNDS):
        for a, b, length in steady:
            apart = out[:, b] - out[:, a]
            now = np.linalg.norm(apart, axis=-1, keepdims=True)
            step = np.nan_to_num(apart * (1 - length / np.maximum(now, _LEAST)) / 2)
            out[:, a] += step
            out[:, b] -= step
    root = out[:, list(roots)].mean(1, keepdims=True)
    return (out - np.nan_to_num(root)).astype(np.float32)


def _length(xyz: np.ndarray, bone: tuple[int, int]) -> np.ndarray:
    a, b = bone
    return np.linalg.norm(xyz[:, a] - xyz[:, b], axis=-1)
