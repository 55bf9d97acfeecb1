"""Motion capture from `.npz` files: joints in space over time, as arrays with names.

A file holds `xyz_m` (frames, joints, 3) in metres with y up, all clips one after the other,
`clip_name` and `clip_frames`, the names of the `joints`, and `rate_hz`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from glpose.errors import BadInput
from glpose.formats.numpy_objects import read_objects
from glpose.skeleton import Skeleton

# The point between the shoulders at the base of the neck.
_SAME = {"thorax": "neck"}
_EXPECTED = "xyz_m, clip_name, clip_frames, joints and rate_hz"


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """A clip of motion capture: metres in a world with y up."""

    name: str
    xyz: Float32[np.ndarray, "frames joints 3"]
    rate_hz: float


def read_motions(path: Path, joints: Skeleton) -> list[Motion]:
    """The clips of a file with the joints of a skeleton, in file order.

    Raises: BadInput if the file cannot be read, lacks a joint, or its arrays do not fit together.
    """
    arrays = read_objects(path)
    try:
        xyz, names = arrays["xyz_m"].astype(np.float32), arrays["clip_name"].tolist()
        lengths, rate_hz = (
            [int(n) for n in arrays["clip_frames"].tolist()],
            float(arrays["rate_hz"]),
        )
        found = [_SAME.get(joint, joint) for joint in arrays["joints"].tolist()]
    except (KeyError, ValueError, TypeError, AttributeError) as problem:
        raise BadInput(
            f"{path}: not a file of motions ({problem}); expected {_EXPECTED}"
        ) from problem
    missing = [joint for joint in joints.joints if joint not in found]
    if missing:
        raise BadInput(
            f"{path}: has no joint '{missing[0]}' (found: {', '.join(map(str, found))}); "
            f"expected the joints of {joints.name}"
        )
    if xyz.shape != (sum(lengths), len(found), 3) or len(lengths) != len(names):
        raise BadInput(
            f"{path}: xyz_m has the shape {xyz.shape}, but {len(names)} clips of together "
            f"{sum(lengths)} frames and {len(found)} joints are named; write the file again"
        )
    if not np.isfinite(xyz).all() or not rate_hz > 0:
        raise BadInput(f"{path}: holds values that are not finite; expected metres for every joint")
    xyz = xyz[:, [found.index(joint) for joint in joints.joints]]
    parts = np.split(xyz, np.cumsum(lengths)[:-1])
    return [Motion(str(n), part, rate_hz) for n, part in zip(names, parts, strict=True)]
