"""How a person moves: angles raw and filtered, which way they face, and their gait."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64

from glpose.motion.angles import angles, blanked, facing_of, seen
from glpose.motion.gait import Gait, gait_of
from glpose.motion.series import Series, series_of
from glpose.motion.smooth import SmoothSpec, smooth
from glpose.skeleton import Skeleton
from glpose.types import FramePoses


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """A person's angles in degrees by name, as in `motion.angles`, with a value for each row.

    They are NaN where joints are missing, those of left and right where `is_unsure`, flexions where
    `facing` (1 right, -1 left, see `facing_of`) is NaN. `gait` is None if the person does not walk
    upright past the camera.
    """

    series: Series
    facing: Float64[np.ndarray, " frames"]
    is_unsure: Bool[np.ndarray, " frames"]
    raw: dict[str, Float64[np.ndarray, " frames"]]
    filtered: dict[str, Float64[np.ndarray, " frames"]]
    gait: Gait | None


def motions_of(
    frames: Sequence[FramePoses], skeleton: Skeleton, how: SmoothSpec | None
) -> dict[int, Motion]:
    """How each person moves, by track id; with None for `how` the joints are taken as they are."""
    return {number: _motion(one, skeleton, how) for number, one in series_of(frames).items()}


def _motion(series: Series, skeleton: Skeleton, how: SmoothSpec | None) -> Motion:
    # Before the filter, so that what is wrong does not reach the frames around it.
    reliable = seen(series, skeleton)
    facing, unsure = facing_of(reliable, skeleton), series.unsure_sides
    raw = blanked(angles(reliable.xy, facing, skeleton), unsure)
    smoothed = reliable if how is None else replace(reliable, xy=smooth(reliable, how).xy)
    filtered = blanked(angles(smoothed.xy, facing, skeleton), unsure)
    gait = gait_of(seen(smoothed, skeleton), facing, filtered, skeleton)
    return Motion(series, facing, unsure, raw, filtered, gait)
