"""Constant-velocity Kalman filter for boxes.

Centre x, centre y, width and height each have an independent filter of position and speed: with
diagonal noise all other entries of the usual 8x8 covariance are zero. Standard deviations are
fractions of the box height, as in SORT, DeepSORT and ByteTrack; speeds are pixels per frame.
All functions take any number of boxes.

Source: Bewley et al., Simple Online and Realtime Tracking, ICIP 2016; noise of Wojke et al.,
DeepSORT, ICIP 2017, except that position has no noise of its own here, which smooths more, and that
speed has twice theirs.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float64

MEASURED = 1 / 20
"""Standard deviation of a detected coordinate, in box heights."""

ACCELERATION = 1 / 80
"""Standard deviation of the change of speed in one frame, in box heights. (Ours: on real boxes
1/160 lags behind people who jump, 1/40 smooths too little.)"""

FIRST_SPEED = 1 / 16
"""Standard deviation of the unknown initial speed, in box heights per frame."""

JUMP = 3.5
"""A measurement this many standard deviations off is a jump: the person was occluded, or the
camera was knocked. (Ours.)"""

Four = Float64[np.ndarray, "*boxes 4"]


@dataclass(frozen=True, slots=True, eq=False)
class BoxState:
    """State of boxes: (centre x, centre y, width, height), their speeds, and covariances.

    `variance`, `covariance` and `speed_variance` are the entries of the 2x2 covariance of each
    coordinate and its speed.
    """

    mean: Four
    speed: Four
    variance: Four
    covariance: Four
    speed_variance: Four


def centre_size(xyxy: Float[np.ndarray, "*boxes 4"]) -> Four:
    """Corners to centre and size."""
    low, high = xyxy[..., :2].astype(np.float64), xyxy[..., 2:].astype(np.float64)
    return np.concatenate([(low + high) / 2, high - low], -1)


def to_xyxy(state: BoxState) -> Four:
    """The estimated corners; sides are at least one pixel, however fast the box shrinks."""
    centre, half = state.mean[..., :2], np.maximum(state.mean[..., 2:], 1.0) / 2
    return np.concatenate([centre - half, centre + half], -1)


def start(xyxy: Float[np.ndarray, "*boxes 4"]) -> BoxState:
    """The state after the first detection: position known, speed unknown."""
    mean = centre_size(xyxy)
    height = _height(mean)
    zero = np.zeros_like(mean)
    return BoxState(
        mean=mean,
        speed=zero,
        variance=zero + (MEASURED * height) ** 2,
        covariance=zero,
        speed_variance=zero + (FIRST_SPEED * height) ** 2,
    )


def predict(state: BoxState, frames: float) -> BoxState:
    """The state some frames later; two steps of one frame equal one step of two."""
    noise = (ACCELERATION * _height(state.mean)) ** 2
    return BoxState(
        mean=state.mean + frames * state.speed,
        speed=state.speed,
        variance=state.variance
        + 2 * frames * state.covariance
        + frames**2 * state.speed_variance
        + noise * frames**3 / 3,
        covariance=state.covariance + frames * state.speed_variance + noise * frames**2 / 2,
        speed_variance=state.speed_variance + noise * frames,
    )


def correct(state: BoxState, xyxy: Float[np.ndarray, "*boxes 4"], frames: float = 1.0) -> BoxState:
    """The state after a measurement; `state` was predicted over `frames` frames.

    A coordinate that jumps takes the measured value and keeps its speed, but the uncertainty of the
    speed grows with the size of the jump: the next frames show whether the person was half occluded
    (the speed stays) or the camera started to pan (the new speed is learnt at once).
    """
    measured = centre_size(xyxy)
    noise = (MEASURED * _height(measured)) ** 2
    surprise = measured - state.mean
    expected = state.variance + noise
    gain, speed_gain = state.variance / expected, state.covariance / expected
    # Joseph form: stays positive despite rounding.
    corrected = BoxState(
        mean=state.mean + gain * surprise,
        speed=state.speed + speed_gain * surprise,
        variance=(1 - gain) ** 2 * state.variance + gain**2 * noise,
        covariance=(1 - gain) * (state.covariance - speed_gain * state.variance)
        + gain * speed_gain * noise,
        speed_variance=state.speed_variance
        - 2 * speed_gain * state.covariance
        + speed_gain**2 * expected,
    )
    jumped = BoxState(
        mean=measured,
        speed=state.speed,
        variance=np.broadcast_to(noise, measured.shape),
        covariance=np.zeros_like(measured),
        speed_variance=state.speed_variance + (surprise / frames) ** 2,
    )
    return _choose(np.abs(surprise) > JUMP * np.sqrt(expected), jumped, corrected)


def hold_size(state: BoxState) -> BoxState:
    """The same state with constant size, for people who are not detected."""
    moves = np.array([1.0, 1.0, 0.0, 0.0])
    return replace(state, speed=state.speed * moves, covariance=state.covariance * moves)


def stop(state: BoxState) -> BoxState:
    """The same state without speed, for people of whom nobody knows where they go."""
    return replace(state, speed=np.zeros_like(state.speed))


def _height(mean: Four) -> Float64[np.ndarray, "*boxes 1"]:
    return np.maximum(mean[..., 3:], 1.0)


def _choose(where: np.ndarray, a: BoxState, b: BoxState) -> BoxState:
    return BoxState(
        mean=np.where(where, a.mean, b.mean),
        speed=np.where(where, a.speed, b.speed),
        variance=np.where(where, a.variance, b.variance),
        covariance=np.where(where, a.covariance, b.covariance),
        speed_variance=np.where(where, a.speed_variance, b.speed_variance),
    )
