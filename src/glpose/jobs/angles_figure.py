"""The angles of a person over time as a picture; needs matplotlib."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64

from glpose.errors import MissingExtra
from glpose.files import no_cache_of_fonts, whole_file
from glpose.motion.angles import least_shown, shown_from, wraps
from glpose.motion.people import Motion

_PANELS = (
    ("knee flexion", "left_knee_flexion", "right_knee_flexion"),
    ("hip flexion", "left_hip_flexion", "right_hip_flexion"),
    ("shoulder flexion", "left_shoulder_flexion", "right_shoulder_flexion"),
    ("elbow flexion", "left_elbow_flexion", "right_elbow_flexion"),
    ("trunk", "trunk_segment"),
)
# Told apart by people who see few colours, and in grey.
_COLOURS = {"left": "#0072b2", "right": "#d55e00", "trunk": "#333333"}


def draw_angles(path: Path, number: int, motion: Motion) -> None:
    """Draw joint angles and the trunk of person `number` over time: filtered, and thin the raw ones.

    Frames of unsure sides are grey; ends of strides are marked in the panel of the knees.
    Raises: MissingExtra without matplotlib, OSError if the file cannot be written.
    """
    try:
        with no_cache_of_fonts():
            from matplotlib.figure import Figure
    except ImportError as problem:
        raise MissingExtra("matplotlib", "plot") from problem
    panels = [panel for panel in _PANELS if panel[1] in motion.filtered]
    figure = Figure(figsize=(9, 1.2 + 2 * len(panels)), layout="constrained")
    all_axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    time_s = motion.series.time_s
    for axes, (title, *names) in zip(all_axes, panels, strict=True):
        curves = [one[name] for name in names for one in (motion.raw, motion.filtered)]
        least_deg = least_shown(names[0], curves)
        for name in names:
            side = name.partition("_")[0]
            raw, filtered = (
                _line(time_s, shown_from(least_deg, one[name]))
                for one in (motion.raw, motion.filtered)
            )
            axes.plot(*raw, color=_COLOURS[side], linewidth=0.5)
            axes.plot(*filtered, color=_COLOURS[side], label=side)
        for start_s, end_s in _spans(motion.is_unsure, time_s):
            axes.axvspan(start_s, end_s, color="0.9", linewidth=0)
        axes.set(ylabel=f"{title} (deg)")
        axes.grid(alpha=0.3)
    for side, events_s in ({} if motion.gait is None else motion.gait.events_s).items():
        for event_s in events_s:
            all_axes[0].axvline(event_s, color=_COLOURS[side], linestyle=":")
    all_axes[0].legend(loc="upper right")
    all_axes[0].set_title(_title(number, motion))
    all_axes[-1].set_xlabel("time (s)")
    with whole_file(path) as part:
        figure.savefig(part, dpi=110, format="png")


def _line(
    time_s: Float64[np.ndarray, " frames"], values: Float64[np.ndarray, " frames"]
) -> tuple[Float64[np.ndarray, " points"], Float64[np.ndarray, " points"]]:
    """The points of a line, with a gap where the angle wraps."""
    at = np.flatnonzero(wraps(values)) + 1
    return np.insert(time_s, at, time_s[at]), np.insert(values, at, np.nan)


def _spans(
    marked: Bool[np.ndarray, " frames"], time_s: Float64[np.ndarray, " frames"]
) -> Iterator[tuple[float, float]]:
    """Where rows are marked, from the middle between two frames to another."""
    between = np.r_[time_s[0], (time_s[1:] + time_s[:-1]) / 2, time_s[-1]]
    edges = np.flatnonzero(np.diff(np.r_[False, marked, False]))
    for start, stop in edges.reshape(-1, 2):
        yield float(between[start]), float(between[stop])


def _title(number: int, motion: Motion) -> str:
    gait = motion.gait
    if gait is None:
        return f"person {number}"
    knees = [
        one.knee_range_deg for one in (gait.left, gait.right) if np.isfinite(one.knee_range_deg)
    ]
    ranged = f", knee {min(knees):.0f} to {max(knees):.0f} deg" if knees else ""
    return f"person {number}: stride {gait.stride_s:.2f} s, {gait.cadence_per_min:.0f} steps/min{ranged}"
