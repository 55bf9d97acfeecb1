"""From the joints of a track in the picture to poses in space.

A `Lifter` sees a window of samples of one person's track and gives the pose of the middle one. The
window is the same in training: its samples are as far apart in time, `bridged` fills short gaps,
`person_frame` takes away where in the picture the person is and how large.

Poses are in the frame of a camera turned to the person: x to the right of the picture, y up, z
towards the camera; the origin is the root (the middle of the hips). A single camera does not tell
how large a person is, so lengths are in statures of the person, or in metres where the weights say
so. Weights for the cameras of one data set see the place in the picture instead (`camera_frame`),
and their poses are in the frame of the camera itself.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from glpose.errors import BadInput
from glpose.runtime.card import LiftCard

RunLifter = Callable[
    [Float32[np.ndarray, "n window joints 3"], Float32[np.ndarray, "n window joints"]],
    Float32[np.ndarray, "n joints 3"],
]
"""A graph: (x, y, confidence) of each sample, and which joints are known, to poses."""

LEAST_SCORE = 0.2
"""Joints of a lower score are taken for missing."""

MOST_GAP = 10
"""The longest gap, in frames, that is bridged by interpolation."""

MOST_STEP = MOST_GAP + 1.5
"""Frames further from each other, in the usual steps around them, have a longer gap between them."""

LEAST_JOINTS = 3
"""With fewer joints neither the place nor the size of a person is known."""

_CHUNK = 256


@dataclass(frozen=True, slots=True, eq=False)
class LiftedTrack:
    """The poses of a track, NaN where a joint or the whole person could not be lifted.

    `padded`: the window passes an end of the track, where the last sample is repeated. `bridged`: a
    joint of the pose was interpolated in the picture. `longest` is the number of frames, a usual step
    apart, of the longest run that could have been lifted, also if it is too short.
    """

    xyz: Float32[np.ndarray, "frames joints 3"]
    padded: Bool[np.ndarray, " frames"]
    bridged: Bool[np.ndarray, " frames"]
    longest: int


class Lifter:
    """Lifts tracks; `card` says for which joints and windows."""

    def __init__(self, run: RunLifter, card: LiftCard) -> None:
        self.card, self.run = card, run

    def step(self, rate_hz: float) -> float:
        """Frames from sample to sample in a video of this rate."""
        return rate_hz / self.card.rate_hz

    def least_frames(self, rate_hz: float) -> int:
        """The shortest run of frames that is lifted: half a window with its middle."""
        half = self.card.window // 2 * self.step(rate_hz)
        return math.ceil(round(half, 2)) + 1  # rates such as 29.97 are those they stand for

    def __call__(
        self,
        xy: Float[np.ndarray, "frames joints 2"],
        score: Float[np.ndarray, "frames joints"],
        rate_hz: float,
        size_wh: tuple[int, int] | None = None,
        *,
        at: Float64[np.ndarray, " frames"] | None = None,
        in_steps: Float64[np.ndarray, " frames"] | None = None,
        least_frames: int | None = None,
    ) -> LiftedTrack:
        """Lift one person's joints (those of the card) in consecutive frames, in image pixels.

        Frames are `1 / rate_hz` seconds apart, or `at` so many of these as it says, rising. `in_steps`
        is the same in the steps that are usual around each frame, where rates change: by it gaps are
        short or long, and frames further apart than `MOST_STEP` end a run as a long gap does.
        Joints with NaN or a score below `LEAST_SCORE` are missing. Gaps up to `MOST_GAP` frames are
        bridged; longer ones end a run of frames, and runs shorter than `least_frames` are left out.
        A sample between two frames is on the line between them, and lacks joints that either lacks.
        A joint is NaN in space where it is missing in the picture and cannot be bridged. The size
        of the picture is asked for by weights whose frame is that of the camera.
        """
        if self.card.frame == "person":
            size_wh = None
        elif not size_wh or min(size_wh) < 1:
            raise BadInput(
                f"the size of the picture is not known; '{self.card.name}' lifts joints by their "
                "place in it, expected a file of poses that says it"
            )
        found = finite(xy) & (score >= LEAST_SCORE)
        at = np.arange(len(xy), dtype=np.float64) if at is None else at
        in_steps = at if in_steps is None else in_steps
        filled = bridged(np.where(found[..., None], xy, np.nan), MOST_GAP, in_steps)
        known = finite(filled)
        usable = known.sum(1) >= LEAST_JOINTS
        least = least_frames or self.least_frames(rate_hz)
        half = self.card.window // 2
        reach = np.arange(-half, half + 1) * self.step(rate_hz)
        keys, places, is_beyond = [], [], []
        could_be = _without_steps(runs(usable), in_steps)
        lengths = [1 + round(at[end - 1] - at[first]) for first, end in could_be]
        for (first, end), length in zip(could_be, lengths, strict=True):
            if length >= least:
                own = np.arange(first, end)
                wanted = at[own, None] + reach
                inside = np.clip(wanted, at[first], at[end - 1])
                keys.append(own)
                places.append(np.interp(inside, at[own], own))
                is_beyond.append((inside != wanted).any(1))
        lifted = LiftedTrack(
            np.full((*xy.shape[:2], 3), np.nan, np.float32),
            np.zeros(len(xy), bool),
            np.zeros(len(xy), bool),
            max(lengths, default=0),
        )
        if not keys:
            return lifted
        key, place = np.concatenate(keys), np.concatenate(places)
        lifted.padded[key] = np.concatenate(is_beyond)
        lifted.bridged[key] = (known[key] & ~found[key]).any(1)
        for start in range(0, len(key), _CHUNK):
            rows, some = key[start : start + _CHUNK], place[start : start + _CHUNK]
            before, after = np.floor(some).astype(int), np.ceil(some).astype(int)
            share = (some - before)[..., None, None].astype(filled.dtype)
            sampled = (1 - share) * filled[before] + share * filled[after]
            xyz = self._lift(sampled, found[before] & found[after], size_wh)
            lifted.xyz[rows] = np.where(known[rows][..., None], xyz, np.nan)
        return lifted

    def _lift(
        self,
        xy: Float[np.ndarray, "n window joints 2"],
        found: Bool[np.ndarray, "n window joints"],
        size_wh: tuple[int, int] | None,
    ) -> Float32[np.ndarray, "n joints 3"]:
        """The mean of what the network makes of the windows and of their mirror images."""
        placed = person_frame(xy) if size_wh is None else camera_frame(xy, np.array(size_wh))
        joints, known = network_inputs(placed, found)
        mirror = list(self.card.joints.mirror)
        flip = np.array([-1, 1, 1], np.float32)
        both = self.run(
            np.concatenate([joints, joints[:, :, mirror] * flip]),
            np.concatenate([known, known[:, :, mirror]]),
        )
        straight, turned = np.split(both, 2)
        return (straight + turned[:, mirror] * flip) / 2


def network_inputs(
    placed: Float[np.ndarray, "n window joints 2"], found: Bool[np.ndarray, "n window joints"]
) -> tuple[Float32[np.ndarray, "n window joints 3"], Float32[np.ndarray, "n window joints"]]:
    """(x, y, confidence) of joints in a frame, 0 where NaN, and 1 where a joint is known.

    The confidence is 1 for joints that were `found` and 0 for those that were interpolated.
    """
    known = finite(placed)
    joints = np.concatenate(
        [np.where(known[..., None], placed, 0.0), (found & known)[..., None]], -1
    )
    return joints.astype(np.float32), known.astype(np.float32)


def camera_frame(
    xy: Float[np.ndarray, "n window joints 2"], size_wh: Int64[np.ndarray, "*n 2"]
) -> Float[np.ndarray, "n window joints 2"]:
    """Pixels with the middle of the picture at the origin, half its width as unit, and y up.

    Both axes have the same unit, as in Pavllo et al., CVPR 2019. `size_wh` is that of all pictures,
    or of those of each window.
    """
    width, height = np.atleast_2d(size_wh).astype(float).T[:, :, None, None]
    return np.stack([2 * xy[..., 0] / width - 1, (height - 2 * xy[..., 1]) / width], -1)


def person_frame(
    xy: Float[np.ndarray, "n window joints 2"],
) -> Float[np.ndarray, "n window joints 2"]:
    """Window by window, with the person's middle at the origin, the size 1, and y up.

    The middle is the mean of the joints of the middle sample that are not NaN. The size is the
    longer side of the box around the joints, the median over the window. Moving or scaling the
    picture changes nothing.
    """
    middle = xy[:, xy.shape[1] // 2]
    known = finite(middle)[..., None]
    centre = np.where(known, middle, 0).sum(1) / np.maximum(known.sum(1), 1)
    is_nan = np.isnan(xy)
    low, high = (
        np.where(is_nan, np.inf, xy).min(2), np.where(is_nan, -np.inf, xy).max(2)
    )  # fmt: skip
    side = (high - low).max(-1)
    size = np.nanmedian(np.where(np.isfinite(side), side, np.nan), 1)
    flip = np.array([1.0, -1.0])
    return (xy - centre[:, None, None]) / np.maximum(size, 1e-6)[:, None, None, None] * flip


def finite(points: Float[np.ndarray, "*shape axes"]) -> Bool[np.ndarray, "*shape"]:
    """Which points have all their coordinates."""
    return np.asarray(np.isfinite(points).all(-1))


def bridged(
    xy: Float[np.ndarray, "frames *joints 2"],
    most: int,
    at: Float64[np.ndarray, " frames"] | None = None,
) -> Float[np.ndarray, "frames *joints 2"]:
    """Gaps of at most `most` frames filled by a straight line in time; longer ones stay NaN.

    `at` says when each frame was taken, in usual steps from frame to frame, where these differ.
    """
    at = np.arange(len(xy), dtype=np.float64) if at is None else at
    there = finite(xy)
    frames = np.arange(len(xy)).reshape(-1, *[1] * (there.ndim - 1))
    before = np.maximum.accumulate(np.where(there, frames, -1), 0)
    after = np.flip(np.minimum.accumulate(np.flip(np.where(there, frames, len(xy)), 0), 0), 0)
    filled = xy.copy()
    where = np.nonzero(~there & (before >= 0) & (after < len(xy)))
    is_short = at[after[where]] - at[before[where]] <= most + 1.5
    where = tuple(places[is_short] for places in where)
    start, stop = before[where], after[where]
    share = ((at[where[0]] - at[start]) / (at[stop] - at[start]))[:, None].astype(xy.dtype)
    rest = where[1:]
    filled[where] = (1 - share) * xy[(start, *rest)] + share * xy[(stop, *rest)]
    return filled


def _without_steps(
    parts: list[tuple[int, int]], at: Float64[np.ndarray, " frames"]
) -> list[tuple[int, int]]:
    """Runs that end where the next frame is further than `MOST_STEP`."""
    cuts = [1 + a + np.flatnonzero(np.diff(at[a:b]) > MOST_STEP) for a, b in parts]
    ends = ([a, *own.tolist(), b] for (a, b), own in zip(parts, cuts, strict=True))
    return [part for own in ends for part in pairwise(own)]


def runs(usable: Bool[np.ndarray, " frames"]) -> list[tuple[int, int]]:
    """First frame and end of each run of true values."""
    edges: Int64[np.ndarray, " edges"] = np.flatnonzero(np.diff(np.r_[0, usable.astype(int), 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
