"""A video beside its people in space, turning: a picture to judge lifting by eye.

    glpose run walk.mp4 -o out --lift
    python bench/lift_demo.py walk.mp4 out/walk/poses_3d.jsonl turning.mp4 [--track N] [--turn 8]

Left the video with its poses, right the person of the track (the one lifted most often, unless
named) seen by a camera that goes around once in `--turn` seconds. The lowest joint stands on the
ground. A person in frames that were not lifted is not shown.
"""

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scripts import above_zero, at_least, run_script

from glpose.errors import BadInput
from glpose.formats.results import load
from glpose.imaging import Rgb, resize
from glpose.runtime.lift import finite
from glpose.skeleton import Skeleton
from glpose.types import FramePoses, People
from glpose.video.reader import open_video
from glpose.video.writer import VideoWriter
from glpose.viewer.overlay import draw

HEIGHT, TILT_DEG, GREY = 480, 12.0, 235


def turned(xyz: Float[np.ndarray, "joints 3"], degrees: float) -> Float[np.ndarray, "joints 2"]:
    """Joints in a square picture, seen after a turn about the upright and from a little above."""
    a, b = np.deg2rad(degrees), np.deg2rad(TILT_DEG)
    x = np.cos(a) * xyz[:, 0] + np.sin(a) * xyz[:, 2]
    z = -np.sin(a) * xyz[:, 0] + np.cos(a) * xyz[:, 2]
    y = np.cos(b) * xyz[:, 1] - np.sin(b) * z
    return np.stack([x, -y], -1)


def panel(
    xyz: Float[np.ndarray, "joints 3"], skeleton: Skeleton, track: int, degrees: float, size: float
) -> Rgb:
    """A person in space on plain ground; `size` is the height of a person in the unit of `xyz`."""
    picture = np.full((HEIGHT, HEIGHT, 3), GREY, np.uint8)
    picture[int(0.88 * HEIGHT) :] = GREY - 30
    xy = turned(xyz, degrees) * (0.75 * HEIGHT / size)
    if not np.isfinite(xy).any():
        return picture
    xy += np.array([HEIGHT / 2, 0.9 * HEIGHT - np.nanmax(xy[:, 1])])
    found = finite(xy)
    box = np.concatenate([np.nanmin(xy, 0), np.nanmax(xy, 0)])
    people = People(box.astype(np.float32)[None], np.ones(1, np.float32), np.array([track]))
    poses = FramePoses(0, 0.0, people, xy.astype(np.float32)[None], found.astype(np.float32)[None])
    return draw(picture, poses, skeleton, numbered=False)


def main() -> None:
    """Write the video."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("video", type=Path)
    parser.add_argument("poses", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--track", type=at_least(1))
    parser.add_argument("--turn", type=above_zero, default=8.0)
    args = parser.parse_args()
    result = load(args.poses)
    seen = Counter(
        int(track)
        for poses in result.frames
        if poses.lifted is not None
        for track in poses.people.track_id[np.isfinite(poses.lifted.xyz).any((1, 2))]
    )
    if not seen:
        raise BadInput(f"{args.poses}: nobody was lifted; make it with glpose run --lift")
    track = args.track or seen.most_common(1)[0][0]
    said = result.settings.get("lift")
    height_m = said.get("height_m") if isinstance(said, dict) else None
    size = float(height_m or 1.0)
    video = open_video(args.video)
    wide = round(HEIGHT * video.info.size_hw[1] / video.info.size_hw[0])
    frames = {poses.frame: poses for poses in result.frames}
    writer = VideoWriter(args.output, (HEIGHT, wide + HEIGHT), video.info.rate_hz)
    for frame in video.frames():
        poses = frames.get(frame.index)
        if frame.rgb is None or poses is None:
            continue
        xyz = np.full((len(result.skeleton.joints), 3), np.nan, np.float32)
        row = np.flatnonzero(poses.people.track_id == track)
        if poses.lifted is not None and len(row):
            xyz = poses.lifted.xyz[row[0]]
        left = resize(draw(frame.rgb, replace(poses, lifted=None), result.skeleton), (HEIGHT, wide))
        degrees = 360 * frame.time_s / args.turn
        right = panel(xyz, result.skeleton, track, degrees, size)
        writer.write(np.concatenate([left, right], 1), frame.time_s)
    writer.close()


if __name__ == "__main__":
    run_script(main)
