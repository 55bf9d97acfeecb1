"""A light that shines into the camera: JHMDB's validation clips, with a sun beside or before the person.

    python bench/sunlit.py DATA [--limit N] [--threads 1] [--pose NAME] [--rows boxes run] [--json FILE]

Each clip has a light of its own (`glpose.glare`, drawn from its place among those taken), which crosses the
person's box within the clip, as it seems to where a camera follows somebody against the sun. Half
synthetic: real people and pictures, lights of ours. PCK@0.2 / @0.1 of 12 limb joints, with the
person's boxes given and as `glpose run` finds the people, where a frame in which nobody is found
counts as wrong.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from clips import Limbs, limbs_of, text, val_clips
from figures import parser_of, subject_of
from scripts import run_script

from glpose.api import Models, poses_of
from glpose.evaluation.predict import true_people
from glpose.formats.jhmdb.short import JhmdbClip
from glpose.glare import draw_sun, shine
from glpose.types import Frame
from glpose.video.reader import open_video


def sunlit(clip: JhmdbClip, number: int) -> Iterator[Frame]:
    """The frames of a clip with a light in them; the number draws it and its way."""
    rng = np.random.default_rng([7, number])
    sun = draw_sun(rng)
    # From one side of the box to the other, as shares of it; above the feet, where suns are.
    begin, end = rng.uniform([-0.2, -0.1], [0.4, 0.6]), rng.uniform([0.6, -0.1], [1.2, 0.6])
    if rng.random() < 0.5:
        begin, end = end, begin
    boxes = {t.frame: t.people.xyxy[0].astype(np.float64) for t in clip.truth if len(t.people)}
    first, *_ = boxes.values()
    size_px = float(np.max(first[2:] - first[:2]))
    xyxy = first
    for frame in open_video(clip.video).frames():
        assert frame.rgb is not None
        xyxy = boxes.get(frame.index, xyxy)
        place = begin + (end - begin) * frame.index / len(clip.truth)
        at_xy = xyxy[:2] + place * (xyxy[2:] - xyxy[:2])
        yield replace(frame, rgb=shine(frame.rgb, sun, at_xy, size_px))


def looked_at(clips: tuple[JhmdbClip, ...], models: Models, *, finds: bool) -> Limbs:
    """What is found in the clips, with the labelled boxes or as `glpose run` finds people."""
    found = []
    for number, clip in enumerate(clips):
        info = open_video(clip.video).info
        boxes = None if finds else true_people(clip.truth)
        pairs = poses_of(sunlit(clip, number), info, models, boxes, keep_pictures=False)
        found.append([poses for _, poses in pairs])
    return limbs_of(clips, models.skeleton, found)


def main() -> None:
    """Print a line for boxes given, and one for people found."""
    parser = parser_of(__doc__, "pose", "detector", "limit", "threads")
    parser.add_argument("--rows", nargs="+", choices=("boxes", "run"), default=("boxes", "run"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    subject = subject_of(args)
    clips = val_clips(subject)
    rows = {}
    for name in args.rows:
        limbs = looked_at(clips, subject.models, finds=name == "run")
        missed = float(np.isnan(limbs.guess_xy).all((1, 2)).mean())
        rows[name] = {**limbs.both(), "missed": missed}
        line = f"{name:6} {text(rows[name]):>12}   nobody found in {100 * missed:.1f} %"
        print(line, flush=True)
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    run_script(main)
