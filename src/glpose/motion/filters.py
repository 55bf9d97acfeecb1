"""Low-pass filters for tracks whose samples need not be evenly spaced in time.

Each is SciPy's, told by a cut-off frequency: where a sine is left with 1 / sqrt(2) of its amplitude.
All but `one-euro` have zero phase: they delay nothing.

* `butterworth`: second order, forwards and backwards, which makes four; the cut-off is corrected for
  the two passes (Winter, Biomechanics and Motor Control of Human Movement, 4th ed., 3.4.4.2).
* `savgol`: Savitzky and Golay's polynomials of third order, over windows of about one period of the
  cut-off: a mean of two, next to each other, that leaves the right share of it.
* `median`: keeps edges and drops whatever is shorter than a quarter of the period of the cut-off.
* `rts`: the Rauch-Tung-Striebel smoother of a joint that is pushed about at random (white noise as
  acceleration). With nothing known beforehand it is a cubic smoothing spline (Kohn and Ansley, A
  New Algorithm for Spline Smoothing, SIAM J. Sci. Stat. Comput. 1987), computed as such.
* `one-euro`: that of Casiez, Roussel and Vogel, CHI 2012, as live programs have it: it knows the past
  only, so it lags; its cut-off is that at rest and rises with the speed. SciPy has none.

The first three need even steps: where times vary, samples are interpolated on a grid of half the
usual step, filtered there, and read at their own times.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy import interpolate, ndimage, signal

from glpose.motion.series import is_longer, usual_step_s

LEAST_SAMPLES = 5
"""Fewer cannot be filtered."""

BETA = 1.0
"""How much the cut-off of `one-euro` rises, in Hz for each length of the person in a second; ours."""

_SPEED_HZ = 1.0  # the cut-off of the speed in `one-euro`, as in the paper
_EVEN = 0.1  # steps are even if no time is off by more than this share of one
_DIGITS = 3  # of numbers of steps: the rounding of times decides nothing

Samples = Float64[np.ndarray, "samples joints 2"]
Filter = Callable[[Float64[np.ndarray, " samples"], Samples, float], Samples]


def butterworth(
    time_s: Float64[np.ndarray, " samples"], values: Samples, cutoff_hz: float
) -> Samples:
    """Fourth order in all, zero phase."""
    return _on_even_steps(_butterworth, time_s, values, cutoff_hz)


def savgol(time_s: Float64[np.ndarray, " samples"], values: Samples, cutoff_hz: float) -> Samples:
    """Polynomials of third order over a moving window."""
    return _on_even_steps(_savgol, time_s, values, cutoff_hz)


def median(time_s: Float64[np.ndarray, " samples"], values: Samples, cutoff_hz: float) -> Samples:
    """The median of half a period of the cut-off."""
    return _on_even_steps(_median, time_s, values, cutoff_hz)


def rts(time_s: Float64[np.ndarray, " samples"], values: Samples, cutoff_hz: float) -> Samples:
    """Forwards by Kalman's filter and backwards by Rauch, Tung and Striebel's, as a spline."""
    # A sine of angular frequency w is left with 1 / (1 + weight * step * w^4) of its amplitude, where
    # w^4 is that of the spline through samples of the sine.
    step_s, usual_s = (time_s[-1] - time_s[0]) / (len(time_s) - 1), usual_step_s(time_s)
    cos = math.cos(2 * math.pi * cutoff_hz * usual_s)
    bend = (2 - 2 * cos) ** 2 / ((2 + cos) / 3) / usual_s**4
    weight = (math.sqrt(2) - 1) / (step_s * bend)
    columns = values.reshape(len(values), -1).T
    splines = (interpolate.make_smoothing_spline(time_s, one, lam=weight) for one in columns)
    return np.stack([spline(time_s) for spline in splines], axis=1).reshape(values.shape)


def one_euro(time_s: Float64[np.ndarray, " samples"], values: Samples, cutoff_hz: float) -> Samples:
    """A low pass of first order whose cut-off rises with the speed; values in lengths of a person."""
    out, speed = values.copy(), np.zeros(values.shape[1:])
    for i in range(1, len(values)):
        step_s = time_s[i] - time_s[i - 1]
        speed += _share(step_s, _SPEED_HZ) * ((values[i] - out[i - 1]) / step_s - speed)
        at_speed_hz = cutoff_hz + BETA * np.linalg.norm(speed, axis=-1, keepdims=True)
        out[i] = out[i - 1] + _share(step_s, at_speed_hz) * (values[i] - out[i - 1])
    return out


FILTERS: dict[str, Filter] = {
    "butterworth": butterworth,
    "savgol": savgol,
    "one-euro": one_euro,
    "median": median,
    "rts": rts,
}
"""Filters by name: of times in seconds that rise, at least `LEAST_SAMPLES` finite samples in lengths
of the person, and a cut-off in Hz below half the usual rate."""


def _share(step_s: float, cutoff_hz: Any) -> Any:
    """How far a low pass of first order goes towards a new value."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step_s))


def _on_even_steps(
    of_rate: Callable[[Samples, float, float], Samples],
    time_s: Float64[np.ndarray, " samples"],
    values: Samples,
    cutoff_hz: float,
) -> Samples:
    """Filter with a filter of even steps, which takes values, rate and cut-off in Hz."""
    num = len(time_s)
    even_s = np.linspace(time_s[0], time_s[-1], num)
    step_s = even_s[1] - even_s[0]
    if not is_longer(np.abs(time_s - even_s).max(), _EVEN * step_s):
        return of_rate(values, 1 / step_s, cutoff_hz)
    half_steps = (time_s[-1] - time_s[0]) / (usual_step_s(time_s) / 2)
    num = 1 + math.ceil(round(half_steps, _DIGITS))
    even_s = np.linspace(time_s[0], time_s[-1], num)
    # Between samples that lie close together other splines overshoot.
    on_grid = interpolate.PchipInterpolator(time_s, values)(even_s)
    smooth = of_rate(on_grid, 1 / (even_s[1] - even_s[0]), cutoff_hz)
    return interpolate.CubicSpline(even_s, smooth)(time_s)


def _butterworth(values: Samples, rate_hz: float, cutoff_hz: float) -> Samples:
    passes, order = 2, 2
    correction = (2 ** (1 / passes) - 1) ** (1 / (2 * order))
    corrected_hz = math.atan(math.tan(math.pi * cutoff_hz / rate_hz) / correction) / math.pi
    sections = signal.butter(order, corrected_hz, fs=1.0, output="sos")
    # Longer than the filter remembers, so that the ends are not bent.
    pad = min(len(values) - 1, max(9, math.ceil(rate_hz / cutoff_hz)))
    return signal.sosfiltfilt(sections, values, axis=0, padlen=pad)


def _savgol(values: Samples, rate_hz: float, cutoff_hz: float) -> Samples:
    """A mean of two windows next to each other: neither alone leaves the right share of the cut-off."""
    turn = 2 * math.pi * cutoff_hz / rate_hz

    def left(half: int) -> float:
        """The share of the cut-off that a window leaves; three samples lie on their polynomial."""
        if half < 2:
            return 1.0
        weights = signal.savgol_coeffs(2 * half + 1, polyorder=3)
        return float(weights @ np.cos(turn * np.arange(-half, half + 1)))

    def smoothed(half: int) -> Samples:
        if half < 2:
            return values
        return np.asarray(signal.savgol_filter(values, 2 * half + 1, polyorder=3, axis=0))

    most, wanted = (len(values) - 1) // 2, 1 / math.sqrt(2)
    half = min(most, max(2, math.floor(0.4 * rate_hz / cutoff_hz)))
    while half < most and left(half) > wanted:
        half += 1
    if left(half) >= wanted:
        return smoothed(half)  # there are not enough samples
    share = (wanted - left(half)) / (left(half - 1) - left(half))
    return share * smoothed(half - 1) + (1 - share) * smoothed(half)


def _median(values: Samples, rate_hz: float, cutoff_hz: float) -> Samples:
    half = max(1, round(round(rate_hz / cutoff_hz / 4, _DIGITS)))
    return ndimage.median_filter(values, (2 * half + 1, 1, 1), mode="nearest")
