"""Filters on signals that are known: what is left, what is dropped, and that nothing is delayed."""

import numpy as np
import pytest

from glpose.motion.filters import FILTERS, LEAST_SAMPLES

ZERO_PHASE = sorted(set(FILTERS) - {"one-euro"})
LINEAR = sorted(set(ZERO_PHASE) - {"median"})
CUTOFF_HZ = 6.0


def circle(time_s: np.ndarray, rate_hz: float, radius: float = 1.0) -> np.ndarray:
    """A joint that goes round, in lengths of a person."""
    angle = 2 * np.pi * rate_hz * time_s
    return radius * np.stack([np.cos(angle), np.sin(angle)], 1)[:, None]


def phone_times(num: int) -> np.ndarray:
    """About 30 frames a second that come too early or too late, and a few that were dropped."""
    rng = np.random.default_rng(3)
    steps = np.where(rng.random(num) < 0.05, 2, 1) / 30 + rng.uniform(-0.008, 0.008, num)
    return np.cumsum(steps)


def gain(name: str, rate_hz: float, time_s: np.ndarray | None = None) -> complex:
    """What a filter leaves of a rotation, with its delay as the angle."""
    time_s = np.arange(2000) / 120 if time_s is None else time_s
    true, inner = circle(time_s, rate_hz, 0.01), slice(400, 1600)
    out = FILTERS[name](time_s, true, CUTOFF_HZ)
    return complex((out @ [1, 1j] / (true @ [1, 1j]))[inner].mean())


@pytest.mark.parametrize("name", LINEAR)
def test_the_cutoff_is_where_one_over_root_two_is_left(name: str) -> None:
    assert abs(gain(name, CUTOFF_HZ)) == pytest.approx(0.5**0.5, abs=0.03)
    assert abs(gain(name, CUTOFF_HZ / 4)) == pytest.approx(1, abs=0.01)
    assert abs(gain(name, 4 * CUTOFF_HZ)) < 0.2


@pytest.mark.parametrize("name", LINEAR)
def test_the_cutoff_is_the_same_at_irregular_times(name: str) -> None:
    times = phone_times(2000)
    assert abs(gain(name, CUTOFF_HZ, times)) == pytest.approx(0.5**0.5, abs=0.12)
    assert abs(gain(name, 1.7 * CUTOFF_HZ, times)) < 0.35


@pytest.mark.parametrize("name", ZERO_PHASE)
def test_nothing_is_delayed(name: str) -> None:
    assert abs(np.angle(gain(name, 3.0))) < 1e-3


def test_the_live_filter_lags() -> None:
    assert np.angle(gain("one-euro", 3.0)) < -0.2


@pytest.mark.parametrize("name", FILTERS)
def test_a_noisy_sine_at_irregular_times_comes_back(name: str) -> None:
    time_s = phone_times(400)
    true = circle(time_s, 0.5, 0.1)
    noise = np.random.default_rng(0).normal(0, 0.02, true.shape)
    off = FILTERS[name](time_s, true + noise, 4.0) - true
    assert np.sqrt((off**2).mean()) < 0.02 * (0.85 if name == "one-euro" else 0.7)


@pytest.mark.parametrize("name", ZERO_PHASE)
def test_slow_motion_is_left_alone_at_irregular_times(name: str) -> None:
    """Filtering by frame numbers instead of times would bend it by a tenth."""
    time_s = phone_times(400)
    true = circle(time_s, 1.0)
    inner = slice(10, -10)
    off = np.abs(FILTERS[name](time_s, true, CUTOFF_HZ) - true)[inner].max()
    assert off < (0.07 if name == "median" else 0.02)


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("num", [LEAST_SAMPLES, LEAST_SAMPLES + 1, 40])
def test_a_straight_line_stays_one_to_its_ends(name: str, num: int) -> None:
    time_s = np.arange(num) / 25
    line = np.outer(time_s, [3.0, -1.0])[:, None] + 2
    off = 2e-3 if name == "butterworth" else 1e-6  # of few samples it remembers more
    np.testing.assert_allclose(FILTERS[name](time_s, line, CUTOFF_HZ), line, atol=off)


def test_the_median_keeps_an_edge_and_drops_a_spike() -> None:
    time_s = np.arange(50) / 100
    edge = np.repeat([[[0.0, 1.0]], [[5.0, 2.0]]], 25, axis=0)
    spiky = edge.copy()
    spiky[10] += 7
    np.testing.assert_array_equal(FILTERS["median"](time_s, spiky, CUTOFF_HZ), edge)


def test_the_spline_is_the_smoother_of_rauch_tung_and_striebel() -> None:
    """Against the recursion itself, at irregular times."""
    time_s = phone_times(60)
    values = circle(time_s, 1.0) + np.random.default_rng(1).normal(0, 0.1, (60, 1, 2))
    # Of the derivation: weight = noise of a sample / density of the acceleration.
    step_s = (time_s[-1] - time_s[0]) / 59
    usual_s = np.median(np.diff(time_s))
    cos = np.cos(2 * np.pi * CUTOFF_HZ * usual_s)
    bend = 3 * (2 - 2 * cos) ** 2 / (2 + cos) / usual_s**4  # nearly the fourth power of the cut-off
    density = step_s * bend / (np.sqrt(2) - 1)
    expected = np.stack([kalman_rts(time_s, v, density) for v in values[:, 0].T], 1)
    np.testing.assert_allclose(FILTERS["rts"](time_s, values, CUTOFF_HZ)[:, 0], expected, atol=1e-4)


def kalman_rts(time_s: np.ndarray, values: np.ndarray, density: float) -> np.ndarray:
    """Place and speed, pushed by white noise; samples with variance 1; nothing known beforehand."""
    state, cov = np.zeros(2), np.diag([1e9, 1e12])
    past = []
    for i, value in enumerate(values):
        step = time_s[i] - time_s[i - 1] if i else 0.0
        move = np.array([[1, step], [0, 1]])
        push = density * np.array([[step**3 / 3, step**2 / 2], [step**2 / 2, step]])
        before, cov_before = move @ state, move @ cov @ move.T + push
        share = cov_before[:, 0] / (cov_before[0, 0] + 1)
        state = before + share * (value - before[0])
        cov = cov_before - np.outer(share, cov_before[0])
        past.append((state, cov, before, cov_before, move))
    out, later = [past[-1][0][0]], past[-1][0]
    for (state, cov, *_), (_, _, before, cov_before, move) in zip(
        past[-2::-1], past[:0:-1], strict=True
    ):
        later = state + cov @ move.T @ np.linalg.solve(cov_before, later - before)
        out.append(later[0])
    return np.array(out[::-1])


@pytest.mark.parametrize("rate_hz", [25.0, 30.0, 60.0])
@pytest.mark.parametrize("cutoff_hz", [3.0, 6.0, 8.0, 10.0])
@pytest.mark.parametrize("name", LINEAR)
def test_the_cutoff_is_true_at_the_rates_of_videos(
    name: str, cutoff_hz: float, rate_hz: float
) -> None:
    true, inner = circle(time_s := np.arange(400) / rate_hz, cutoff_hz, 0.01), slice(150, 250)
    out = FILTERS[name](time_s, true, cutoff_hz)
    left = abs((out @ [1, 1j] / (true @ [1, 1j]))[inner].mean())
    assert left == pytest.approx(0.5**0.5, abs=0.02)


def test_the_shortest_track_is_filtered_by_polynomials() -> None:
    true = circle(time_s := np.arange(LEAST_SAMPLES) / 30, 1.0)
    assert np.isfinite(FILTERS["savgol"](time_s, true, 0.5)).all()


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize(
    ("rate_hz", "digits"), [(30.0, 2), (25.0, 2), (60.0, 6), (84.0, 9), (29.97, 3)]
)
@pytest.mark.parametrize("num", [LEAST_SAMPLES, 6, 7, 8, 20])
def test_when_a_clip_begins_changes_nothing(
    name: str, rate_hz: float, digits: int, num: int
) -> None:
    """Not even where times are exactly as uneven as may be, or a number of steps is a whole one."""
    rng = np.random.default_rng(3)
    for phase in range(3):
        time_s = np.round((np.arange(num) + phase) / rate_hz, digits)
        values = np.cumsum(rng.normal(0, 0.02, (num, 1, 2)), 0)
        first, *others = (
            FILTERS[name](time_s + start_s, values, CUTOFF_HZ)
            for start_s in (0.0, 1.0, 7.13, 30.41, 1000.12)
        )
        for other in others:
            np.testing.assert_allclose(other, first, atol=1e-6)
