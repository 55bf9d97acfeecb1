"""What looks wrong in lifted skeletons, as numbers: bones that stretch, crossed legs, flips of the trunk.

    glpose lift out/walk
    python bench/lift_look.py out/walk/poses_3d.jsonl [--track N]

For each person with at least half a second in space:

    bones     how far each bone is from its own median length, in percent: the median over the
              frames, and what 95 % of them are within; and how its left and right differ
    crossed   share of frames where the left ankle (knee) is right of the right one, along the line
              from hip to hip; walking people cross their feet a little, never their knees
    feet      how the lower ankle's height under the hips varies, 5 to 95 %, in percent of the
              stature: a person who walks upright bobs by about 5
    flips     share of steps from a frame to the next in which the trunk turns by more than 90 degrees,
              and in which its facing changes between towards the camera and away from it
    steady    the median change of a joint's velocity from frame to frame, statures per second; the
              same of the joints in the picture, in sizes of the person

No truth is needed, and none is claimed: a skeleton may keep its bones and be wrong.
"""

import argparse
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int64
from scripts import at_least, run_script

from glpose.errors import BadInput
from glpose.formats.results import load
from glpose.runtime.lift import finite
from glpose.skeleton import LIMB13

_AT = LIMB13.index
_BONES = (
    "shoulder-elbow",
    "elbow-wrist",
    "hip-knee",
    "knee-ankle",
    "shoulder-hip",
    "neck-shoulder",
)

Clip = Float[np.ndarray, "frames joints 3"]


def end_of(name: str, side: str) -> int:
    """The joint of a side, or the one in the middle."""
    return _AT(name) if name in LIMB13.joints else _AT(f"{side}_{name}")


def lengths(xyz: Clip) -> dict[str, Float[np.ndarray, "frames"]]:
    """The length of each bone over time."""
    out = {}
    for bone in _BONES:
        a, b = bone.split("-")
        for side in ("left", "right"):
            out[f"{side} {bone}"] = np.linalg.norm(
                xyz[:, end_of(a, side)] - xyz[:, end_of(b, side)], axis=-1
            )
    hips = xyz[:, _AT("left_hip")] - xyz[:, _AT("right_hip")]
    return {**out, "hip-hip": np.linalg.norm(hips, axis=-1)}


def facing(xyz: Clip) -> Float[np.ndarray, "frames 3"]:
    """The direction in which the trunk faces, of length 1."""
    hips = (xyz[:, _AT("left_hip")] + xyz[:, _AT("right_hip")]) / 2
    to_left = sum(
        xyz[:, _AT(f"left_{part}")] - xyz[:, _AT(f"right_{part}")] for part in ("shoulder", "hip")
    )
    ahead = np.cross(to_left, xyz[:, _AT("neck")] - hips)
    return ahead / np.linalg.norm(ahead, axis=-1, keepdims=True)


def crossed(xyz: Clip, part: str) -> float:
    """Share of frames where a joint of the left is on the right of its counterpart."""
    to_left = xyz[:, _AT("left_hip")] - xyz[:, _AT("right_hip")]
    apart = xyz[:, _AT(f"left_{part}")] - xyz[:, _AT(f"right_{part}")]
    return float(np.mean((to_left * apart).sum(-1) < 0))


def turns(xyz: Clip, follows: Bool[np.ndarray, " steps"]) -> tuple[float, float]:
    """Shares of steps between neighbouring frames in which the trunk flips, and its facing."""
    ahead = facing(xyz)
    turned = (ahead[1:] * ahead[:-1]).sum(-1) < 0
    sign = np.sign(ahead[1:, 2]) != np.sign(ahead[:-1, 2])
    return float(turned[follows].mean()), float(sign[follows].mean())


def shakes(
    points: Float[np.ndarray, "frames joints axes"],
    follows: Bool[np.ndarray, " steps"],
    rate_hz: float,
) -> float:
    """Median length of second differences of three frames in a row, as a change of velocity."""
    change = np.diff(points, 2, axis=0)[follows[1:] & follows[:-1]]
    return float(np.median(np.linalg.norm(change, axis=-1)) * rate_hz)


def tell(
    name: str,
    frame: Int64[np.ndarray, " frames"],
    xyz: Clip,
    xy: Float[np.ndarray, "frames joints 2"],
    rate_hz: float,
) -> None:
    """Print the numbers of a person; nothing is compared across frames without the person."""
    print(f"{name}: {len(xyz)} frames")
    found = lengths(xyz)
    all_off = []
    for bone, length in found.items():
        off = 100 * np.abs(length / np.median(length) - 1)
        all_off.append(off)
        other = found.get(bone.replace("left", "right"))
        side = ""
        if bone.startswith("left") and other is not None:
            side = f"  left / right {np.median(length) / np.median(other):.2f}"
        print(
            f"  {bone:22} {np.median(length):.3f}  off by {np.median(off):4.1f} %, "
            f"95 % within {np.quantile(off, 0.95):5.1f} %{side}"
        )
    every = np.concatenate(all_off)
    print(
        f"  bones together: median {np.median(every):.1f} %, 95 % {np.quantile(every, 0.95):.1f} %"
    )
    print(f"  crossed: ankles {crossed(xyz, 'ankle'):.3f}, knees {crossed(xyz, 'knee'):.3f}")
    low = 100 * xyz[:, [_AT("left_ankle"), _AT("right_ankle")], 1].min(1)
    print(f"  lower foot: {np.quantile(low, 0.95) - np.quantile(low, 0.05):.1f} % of the stature")
    follows = np.diff(frame) == 1
    if not (follows[1:] & follows[:-1]).any():
        print("  never in three frames in a row: neither flips nor steadiness can be told")
        return
    turned, sign = turns(xyz, follows)
    print(f"  flips: {turned:.4f} over 90 degrees, {sign:.4f} towards and away")
    size = np.median((xy.max(1) - xy.min(1)).max(-1))
    shaken = [shakes(points, follows, rate_hz) for points in (xyz, xy / size)]
    print(f"  steady: {shaken[0]:.3f} in space, {shaken[1]:.3f} in the picture")


def main() -> None:
    """Print the numbers of each person."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("poses", type=Path)
    parser.add_argument("--track", type=at_least(1))
    args = parser.parse_args()
    result = load(args.poses)
    index, rate_hz = [result.skeleton.index(j) for j in LIMB13.joints], result.video.rate_hz
    tracks: dict[int, list[tuple[int, np.ndarray, np.ndarray]]] = {}
    for poses in result.frames:
        if poses.lifted is None:
            continue
        for row, track in enumerate(poses.people.track_id.tolist()):
            xyz = poses.lifted.xyz[row, index]
            if finite(xyz).all():
                tracks.setdefault(track, []).append((poses.frame, xyz, poses.xy[row, index]))
    chosen = {t: rows for t, rows in tracks.items() if args.track in (None, t)}
    if not any(len(rows) >= rate_hz / 2 for rows in chosen.values()):
        raise BadInput(
            f"{args.poses}: nobody is in space for half a second; make it with glpose lift"
        )
    for track, rows in chosen.items():
        if len(rows) >= rate_hz / 2:
            frame, xyz, xy = map(np.stack, zip(*rows, strict=True))
            tell(f"person {track}", frame, xyz, xy, rate_hz)


if __name__ == "__main__":
    run_script(main)
