"""Whole clips lifted, with and without one set of bones for a person, against the truth.

    python bench/lift_bones.py MOCAP_FOLDER [--weights lift_small] [--clips 80]

Clips of held-out actions by people with other proportions, seen by a camera that stands still, with
the errors in the picture that `lift_small` was trained for (synthetic views). Printed are MPJPE,
P-MPJPE and the error of velocities in millimetres (a frame) for a person of 1.70 m, and how far
bones are off their median length over a clip.
"""

import argparse
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scripts import at_least, run_script

from glpose.metrics.lifting import mpjpe, procrustes_mpjpe, velocity_error
from glpose.runtime.bones import with_steady_bones
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import open_lifter
from glpose.skeleton import LIMB13
from glpose.systems.dg_net.camera import turned, with_errors
from glpose.systems.dg_net.data import Motions, open_motions, other_body
from glpose.systems.dg_net.spec import MOCAP, RATE_HZ, MotionConfig
from glpose.train.recipe import data_roots

STATURE_MM = 1700
ROOTS = (LIMB13.index("left_hip"), LIMB13.index("right_hip"))
HOW = MotionConfig(sources=(MOCAP,), noise=0.022, gross_share=0.08, cut_share=0.0)

Clip = Float[np.ndarray, "frames joints 3"]


def seen(rng: np.random.Generator, motions: Motions, clip: int) -> Clip:
    """A clip in the frame of a still camera, in statures: y up, z towards the camera."""
    start, length = motions.start[clip], motions.length[clip]
    xyz, stature = other_body(rng, motions.xyz[start : start + length][None], LIMB13)
    middle = xyz[0][:, list(ROOTS)].mean((0, 1))
    above, around = np.deg2rad(rng.uniform(-12, 40)), rng.uniform(-np.pi, np.pi)
    camera = turned(0, np.array(above)) @ turned(1, np.array(around))
    away = np.exp(rng.uniform(np.log(3), np.log(10)))
    return ((xyz[0] - middle) @ camera.T - np.array([0, 0, away])) / stature[0]


def about_root(xyz: Clip) -> Clip:
    """Poses relative to the root, in the frame of a camera turned to it by the shortest way."""
    root = xyz[:, list(ROOTS)].mean(1)
    out = np.empty_like(xyz)
    for pose, place, made in zip(xyz, root, out, strict=True):
        a, b = place / np.linalg.norm(place), np.array([0, 0, -1.0])
        x, y, z = np.cross(a, b)
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        made[:] = (pose - place) @ (np.eye(3) + cross + cross @ cross / (1 + a @ b)).T
    return out


def off(clips: list[Clip]) -> Float[np.ndarray, " all"]:
    """How far bones are off their median length, as shares of it."""
    out = []
    for xyz in clips:
        for a, b in LIMB13.bones:
            length = np.linalg.norm(xyz[:, a] - xyz[:, b], axis=-1)
            out.append(np.abs(length / np.nanmedian(length) - 1))
    found = np.concatenate(out)
    return found[np.isfinite(found)]


def main() -> None:
    """Lift and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", default="lift_small")
    parser.add_argument("--clips", type=at_least(1), default=80)
    args = parser.parse_args()
    lifter = open_lifter(args.weights, EngineSpec(threads=1)).network
    roots = data_roots(mocap=str(args.folder))
    motions = open_motions(HOW, roots, LIMB13, held=True)[MOCAP]
    rng = np.random.default_rng(5)
    truth, raw = [], []
    for clip in rng.permutation(len(motions.length))[: args.clips]:
        if motions.length[clip] < lifter.card.window:
            continue
        xyz = seen(rng, motions, clip)
        if (xyz[..., 2] > -0.6).any():  # someone at the lens
            continue
        xy = xyz[..., :2] / -xyz[..., 2:] * np.array([1, -1])
        noisy, found = with_errors(rng, xy[None], LIMB13.mirror, HOW)
        pixels = 1000 * noisy[0]
        raw.append(lifter(pixels, 0.9 * found[0].astype(float), RATE_HZ).xyz)
        truth.append(about_root(xyz))
    print(f"{len(truth)} clips, {sum(map(len, truth))} frames")
    steady = [with_steady_bones(xyz, LIMB13, ROOTS) for xyz in raw]
    for name, guess in (("one window at a time", raw), ("one set of bones", steady)):
        g, t = (np.concatenate(x) * STATURE_MM for x in (guess, truth))
        moved = velocity_error(*([x * STATURE_MM for x in y] for y in (guess, truth)))
        bones = off(guess)
        print(
            f"{name:22} MPJPE {mpjpe(g, t):.1f}  P-MPJPE {procrustes_mpjpe(g, t):.1f}  velocity "
            f"{moved:.1f}  bones off by {100 * np.median(bones):.1f} %, 95 % within "
            f"{100 * np.quantile(bones, 0.95):.1f} %"
        )


if __name__ == "__main__":
    run_script(main)
