"""People who turn upside down: JHMDB's validation clips, turned under the person.

    python bench/rolled.py DATA [--limit N] [--threads 1] [--pose NAME] [--json FILE]

After the first sixth of each clip the picture turns about the middle of the person's box, by 180
degrees within two fifths of the clip, and stays so: as in a cartwheel that stops half way, but the
floor turns along. Half synthetic: real people and pictures, turns of ours. `glpose run` finds the
people; PCK@0.2 / @0.1 of 12 limb joints, of the longer side of the mask's box in the clip as it
was; a frame in which nobody is found there counts as wrong.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from clips import Limbs, limbs_of, text, val_clips
from figures import parser_of, subject_of
from jaxtyping import Float64
from scripts import run_script

from glpose.api import Models, poses_of
from glpose.formats.jhmdb.short import JhmdbClip
from glpose.imaging import warp
from glpose.types import Affine, Frame, FrameTruth, VideoInfo
from glpose.video.reader import open_video

BEGIN, DURATION = 1 / 6, 2 / 5
"""When the picture begins to turn and for how long, as shares of the clip."""

PARTS = {"up to 45 degrees": (0, 45), "45 to 135": (45, 135), "more": (135, 181)}


def turn_deg(share: float) -> float:
    """How far the picture is turned anticlockwise after a share of the clip."""
    return 180 * min(max((share - BEGIN) / DURATION, 0.0), 1.0)


def rolled(clip: JhmdbClip) -> tuple[list[Frame], JhmdbClip]:
    """The frames of a clip, turned, and the clip with its labels turned alike.

    A picture has sides as long as the diagonal was, with the middle of the person's box in its own.
    """
    height, width = clip.size_hw
    side = int(np.hypot(height, width)) + 1
    boxes = {t.frame: t.people.xyxy[0] for t in clip.truth if len(t.people)}
    middle = np.array([width / 2, height / 2])
    frames, truth = [], {t.frame: t for t in clip.truth}
    for frame in open_video(clip.video).frames():
        assert frame.rgb is not None
        if frame.index in boxes:
            middle = boxes[frame.index].reshape(2, 2).mean(0)
        to_rolled = _about(middle, turn_deg(frame.index / len(clip.truth)), side)
        frames.append(replace(frame, rgb=warp(frame.rgb, to_rolled, (side, side))))
        if frame.index in truth:
            truth[frame.index] = _moved(truth[frame.index], to_rolled)
    return frames, replace(clip, size_hw=(side, side), truth=tuple(truth.values()))


def _about(middle: Float64[np.ndarray, "2"], degrees: float, side: int) -> Affine:
    angle = np.deg2rad(degrees)
    linear = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return Affine(np.column_stack([linear, side / 2 - linear @ middle]))


def _moved(truth: FrameTruth, to_rolled: Affine) -> FrameTruth:
    people = truth.people
    corners = people.xyxy[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    moved = to_rolled.apply(corners.reshape(-1, 2)).reshape(corners.shape)
    xyxy = np.concatenate([moved.min(1), moved.max(1)], 1).astype(np.float32)
    xy = to_rolled.apply(truth.xy.reshape(-1, 2)).reshape(truth.xy.shape)
    return replace(truth, people=replace(people, xyxy=xyxy), xy=xy.astype(np.float32))


def looked_at(clips: tuple[JhmdbClip, ...], models: Models) -> Limbs:
    """What `glpose run` finds in turned clips."""
    turned, found = [], []
    for clip in clips:
        frames, labels = rolled(clip)
        info = VideoInfo(clip.name, labels.size_hw, 25.0)
        turned.append(labels)
        found.append([poses for _, poses in poses_of(frames, info, models, keep_pictures=False)])
    return as_before(limbs_of(turned, models.skeleton, found), clips)


def as_before(limbs: Limbs, clips: tuple[JhmdbClip, ...]) -> Limbs:
    """With the boxes of the clips as they were, whose size is the measure."""
    before = [{t.frame: t.people.xyxy for t in clip.truth} for clip in clips]
    rows = zip(limbs.clip.tolist(), limbs.frame.tolist(), strict=True)
    return replace(limbs, truth_xyxy=np.stack([before[c][f][0] for c, f in rows]))


def table(limbs: Limbs, clips: tuple[JhmdbClip, ...]) -> dict[str, dict[str, float]]:
    """Scores by how far the picture is turned."""
    num = np.array([len(clip.truth) for clip in clips])
    turn = np.array([turn_deg(share) for share in limbs.frame / num[limbs.clip]])
    missed = np.asarray(np.isnan(limbs.guess_xy).all((1, 2)))
    out = {}
    for name, (low, high) in PARTS.items():
        rows = (turn >= low) & (turn < high)
        out[name] = {**limbs.both(rows), "missed": float(missed[rows].mean())}
    return out


def main() -> None:
    """Print a line for each part."""
    parser = parser_of(__doc__, "pose", "detector", "limit", "threads")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    subject = subject_of(args)
    clips = val_clips(subject)
    rows = table(looked_at(clips, subject.models), clips)
    for name, row in rows.items():
        print(f"{name:18} {text(row):>12}   nobody found in {100 * row['missed']:.1f} %")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    run_script(main)
