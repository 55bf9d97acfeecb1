"""A figure of sticks that walks past the camera, with angles that are known; and files of results."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glpose.formats.results import ResultWriter
from glpose.skeleton import BODY19
from glpose.types import FramePoses, People, VideoInfo

NUM = len(BODY19.joints)
INFO = VideoInfo("walk.mp4", (480, 2000), 25.0)

HIP_DEG, KNEE_DEG = (5.0, 22.0), (31.0, 30.0)
"""Mean and amplitude of the flexion over a stride."""


@dataclass(frozen=True)
class Walk:
    """How the figure walks; `facing` is 1 to the right and -1 to the left."""

    period_s: float = 1.2
    facing: int = 1
    speed_px_s: float = 120.0
    start_px: float = 300.0

    def flexion(self, joint: str, side: str, time_s: float) -> float:
        """The flexion of hip or knee in degrees; the right leg is half a stride behind."""
        phase = 2 * np.pi * (time_s / self.period_s + (0.5 if side == "right" else 0.0))
        mean, amplitude = HIP_DEG if joint == "hip" else KNEE_DEG
        return mean + amplitude * np.cos(phase - (0.0 if joint == "hip" else np.pi / 2))

    def joints(self, time_s: float) -> np.ndarray:
        """The joints in pixels at a time, (joints, 2)."""
        x = self.start_px + self.facing * self.speed_px_s * time_s
        hips, neck = np.array([x, 250.0]), np.array([x, 150.0])
        ahead = np.array([self.facing, 0.0])
        places = {
            "head_bottom": neck, "head_top": neck - [0, 40], "nose": neck + 16 * ahead - [0, 20],
        }  # fmt: skip
        for side in ("left", "right"):
            thigh = self.flexion("hip", side, time_s)
            shank = thigh - self.flexion("knee", side, time_s)
            places |= {f"{side}_hip": hips, f"{side}_shoulder": neck}
            places[f"{side}_knee"] = hips + 90 * self.down(thigh)
            places[f"{side}_ankle"] = places[f"{side}_knee"] + 85 * self.down(shank)
            places[f"{side}_elbow"] = neck + 60 * self.down(-thigh / 2)
            places[f"{side}_wrist"] = places[f"{side}_elbow"] + 55 * self.down(20 - thigh / 2)
            places[f"{side}_eye"] = places["nose"] - 4 * ahead - [0, 6]
            places[f"{side}_ear"] = places["nose"] - 14 * ahead - [0, 4]
        return np.array([places[name] for name in BODY19.joints])

    def down(self, deg: float) -> np.ndarray:
        """Downwards, turned forwards by an angle."""
        return np.array([self.facing * np.sin(np.radians(deg)), np.cos(np.radians(deg))])


def turned(joints: np.ndarray, deg: float) -> np.ndarray:
    """The joints turned anticlockwise about the place of the hips."""
    turn, middle = np.radians(deg), joints[BODY19.index("left_hip")]
    by = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (joints - middle) @ by + middle


def frame_of(frame: int, time_s: float, people: dict[int, np.ndarray]) -> FramePoses:
    """People by track id with their joints; a joint that is NaN has the score 0."""
    if not people:
        return FramePoses.empty(frame, time_s, NUM)
    xy = np.array(list(people.values()), np.float32)
    score = np.where(np.isfinite(xy).all(-1), 0.8, 0.0).astype(np.float32)
    box = [[np.nanmin(p[:, 0]), np.nanmin(p[:, 1]), np.nanmax(p[:, 0]), np.nanmax(p[:, 1])]
           if np.isfinite(p).any() else [10, 10, 60, 200] for p in xy]  # fmt: skip
    box = np.array(box, np.float32) + np.array([-5, -5, 5, 5], np.float32)
    who = People(box, np.full(len(xy), 0.9, np.float32), np.array(list(people), np.int64))
    return FramePoses(frame, time_s, who, xy, score)


def walk(times_s: Sequence[float], how: Walk = Walk(), noise_px: float = 0.0) -> list[FramePoses]:
    """Person 1 walking, one frame for each time."""
    noise = np.random.default_rng(0).normal(0, noise_px, (len(times_s), NUM, 2))
    return [frame_of(i, t, {1: how.joints(t) + noise[i]}) for i, t in enumerate(times_s)]


def written(folder: Path, frames: Sequence[FramePoses], info: VideoInfo = INFO) -> Path:
    """A folder of results as `glpose run` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    with ResultWriter(folder / "poses.jsonl", info, BODY19) as writer:
        for poses in frames:
            writer.write(poses)
    return folder
