"""The drawing of docs/angles.md: figures of sticks with the angles that glpose measures on them.

python bench/draw_angles.py docs/angles.png
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scripts import run_script

from glpose.motion.angles import angles
from glpose.skeleton import BODY19

Place = tuple[float, float]

_STANDING: dict[str, Place] = {
    "nose": (18, 25), "head_top": (2, 0), "head_bottom": (0, 40), "shoulder": (0, 45),
    "elbow": (0, 80), "wrist": (0, 112), "hip": (0, 110), "knee": (0, 155), "ankle": (0, 198),
}  # fmt: skip
_BONES = (
    ("head_top", "head_bottom"), ("head_bottom", "nose"), ("head_bottom", "hip"),
    ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"),
)  # fmt: skip

_PANELS: tuple[tuple[str, dict[str, Place]], ...] = (
    ("left_hip_flexion", {"knee": (39, 132), "ankle": (39, 175)}),
    ("left_hip_flexion", {"knee": (-19, 151), "ankle": (-37, 190)}),
    ("left_knee_flexion", {"ankle": (-37, 177)}),
    ("left_knee_flexion", {"ankle": (7, 197)}),
    ("left_shoulder_flexion", {"elbow": (30, 27), "wrist": (56, 8)}),
    ("left_shoulder_flexion", {"elbow": (-20, 74), "wrist": (-38, 100)}),
    ("left_elbow_flexion", {"wrist": (31, 72)}),
    ("trunk_segment", {}),
    ("left_thigh_segment", {"knee": (32, 142), "ankle": (32, 185)}),
    ("left_forearm_segment", {"wrist": (28, 64)}),
)
_RANGES = {
    "hip": "-180 to 180", "knee": "-180 to 180", "shoulder": "-90 to 270", "elbow": "-180 to 180",
    "segment": "-180 to 180",
}  # fmt: skip
_CORNERS = {
    "hip_flexion": ("hip", (0, 1)), "knee_flexion": ("knee", None),
    "shoulder_flexion": ("shoulder", (0, 1)), "elbow_flexion": ("elbow", None),
    "trunk_segment": ("hip", (1, 0)), "thigh_segment": ("hip", (1, 0)),
    "forearm_segment": ("elbow", (1, 0)),
}  # fmt: skip
_ENDS = {
    "hip_flexion": "knee", "knee_flexion": "ankle", "shoulder_flexion": "elbow",
    "elbow_flexion": "wrist", "trunk_segment": "shoulder", "thigh_segment": "knee",
    "forearm_segment": "wrist",
}  # fmt: skip


def measured_deg(name: str, places: dict[str, Place]) -> float:
    """The angle of a drawn figure, by the code that measures those of people."""
    joints = [places.get(joint.removeprefix("left_").removeprefix("right_"), (0, 0)) for joint in BODY19.joints]  # fmt: skip
    return float(angles(np.array([joints], np.float64), np.ones(1), BODY19)[name][0])


def draw(axes: Axes, name: str, moved: dict[str, Place]) -> None:
    """A figure that faces right, with the zero of an angle dashed and an arc from there."""
    places = _STANDING | moved
    for one, other in _BONES:
        axes.plot(*zip(places[one], places[other], strict=True), color="0.3", linewidth=3)
    kind = name.removeprefix("left_")
    corner, zero = _CORNERS[kind]
    at = np.array(places[corner], np.float64)
    if zero is None:  # in line with the segment above
        zero = at - places["hip" if corner == "knee" else "shoulder"]
    start = np.arctan2(*np.array(zero, np.float64)[::-1])
    end = np.arctan2(*(np.array(places[_ENDS[kind]]) - at)[::-1])
    value_deg = measured_deg(name, places)
    turn = (end - start + np.pi) % (2 * np.pi) - np.pi
    arc = start + np.linspace(0, turn, 30)
    colour = "#0072b2" if value_deg >= 0 else "#d55e00"
    zero_line = at + 34 * np.array([np.cos(start), np.sin(start)])
    axes.plot(*zip(at, zero_line, strict=True), color=colour, linestyle="--", linewidth=1)
    axes.plot(at[0] + 24 * np.cos(arc), at[1] + 24 * np.sin(arc), color=colour, linewidth=2)
    tip = at + 24 * np.array([np.cos(arc[-1]), np.sin(arc[-1])])
    back = at + 24 * np.array([np.cos(arc[-4]), np.sin(arc[-4])])
    axes.annotate(
        "", tuple(tip), tuple(back), arrowprops={"arrowstyle": "->", "color": colour, "lw": 2}
    )
    spoken = kind.replace("_", " ")
    span = _RANGES["segment" if kind.endswith("segment") else kind.partition("_")[0]]
    axes.set_title(f"{spoken}\n{value_deg:+.0f} ({span})", fontsize=9)
    axes.set(xlim=(-65, 75), ylim=(210, -15), aspect="equal")
    axes.axis("off")


def main() -> None:
    """Draw all panels."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("picture", type=Path)
    args = parser.parse_args()
    figure = Figure(figsize=(9, 7), layout="constrained")
    for axes, (name, moved) in zip(figure.subplots(2, 5).flat, _PANELS, strict=True):
        draw(axes, name, moved)
    figure.savefig(args.picture, dpi=70)


if __name__ == "__main__":
    run_script(main)
