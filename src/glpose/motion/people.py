"""How a person moves: angles raw and filtered, which way they face, and their gait."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float64

from glpose.motion.angles import angles, blanked, facing_of
from glpose.motion.gait import Gait, gait_of
from glpose.motion.reliable import only, reliable
from glpose.motion.series import Series, series_of
from glpose.motion.smooth import SmoothSpec, smooth_sure
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
    sure = reliable(series, skeleton)
    facing, unsure = facing_of(sure, skeleton), series.unsure_sides
    raw = blanked(angles(sure.xy, facing, skeleton), unsure)
    smoothed = sure
    if how is not None:
        made = smooth_sure(series, how, skeleton)
        unsure = made.unsure_sides
        smoothed = replace(sure, xy=made.xy, is_filled=made.is_filled)
    filtered = blanked(angles(smoothed.xy, facing, skeleton), unsure)
    # Where feet were not found, a stride may have ended; what is filled in does not tell.
    gait = gait_of(only(smoothed, ~smoothed.is_filled), facing, filtered, skeleton)
    return Motion(series, facing, unsure, raw, filtered, gait)
