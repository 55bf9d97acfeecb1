"""Other tools on the same clips, as their users run them: MediaPipe's pose solution.

    pip install mediapipe==0.10.14      # in an environment of its own, with glpose beside it
    python bench/peers.py DATA [--models 0 1 2] [--rolled | --sunlit] [--limit N] [--json FILE]

JHMDB's validation clips, whole frames, tracked by the tool itself, default settings; 12 limb joints,
PCK of the longer side of the labelled box. A frame in which it finds nobody counts as wrong. The
tool follows one person only, and no clip has more than one labelled; where several people are
found, `glpose run` is scored with the one on the labelled box. Processor time is that of the
tool alone; ours is with decoding. The models 0 (lite) and 2 (heavy) are not in MediaPipe's package: put
`pose_landmark_lite.tflite` and `pose_landmark_heavy.tflite` of the npm package `@mediapipe/pose`
into its folder `modules/pose_landmark`. The first row is glpose with the weights given. With
`--rolled` the clips are turned under the person, see `rolled.py`, and each tool has a row for each
part; with `--sunlit` a light shines into each, see `sunlit.py`.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import mediapipe  # type: ignore[import-not-found]
import numpy as np
from clips import Limbs, look_at, text, val_clips
from figures import LIMBS, parser_of, subject_of
from rolled import looked_at, rolled, table
from scripts import run_script
from sunlit import looked_at as looked_at_sunlit
from sunlit import sunlit

from glpose.formats.jhmdb.short import JhmdbClip
from glpose.types import Frame
from glpose.video.reader import open_video

NAMES = ("lite", "full", "heavy")
SPENT = [0.0]
"""Processor seconds of the tool, so far."""


def media_pipe(frames: Iterable[Frame], model: int) -> Iterator[np.ndarray]:
    """Limb joints (12, 2) of each frame in pixels, NaN where nobody is found."""
    marks = mediapipe.solutions.pose.PoseLandmark
    rows = [marks[name.upper()].value for name in LIMBS]
    with mediapipe.solutions.pose.Pose(model_complexity=model) as pose:
        for frame in frames:
            out = np.full((len(LIMBS), 2), np.nan, np.float32)
            if frame.rgb is not None:
                height, width = frame.rgb.shape[:2]
                start = time.process_time()
                found = pose.process(frame.rgb).pose_landmarks
                SPENT[0] += time.process_time() - start
                if found is not None:
                    # Shares of the picture, from the corner of its first pixel.
                    marked = [found.landmark[row] for row in rows]
                    out[:] = [[m.x * width - 0.5, m.y * height - 0.5] for m in marked]
            yield out


def frames_of(clip: JhmdbClip, _number: int = 0) -> Iterable[Frame]:
    """The frames of a clip as they are."""
    return open_video(clip.video).frames()


def frames_turned(clip: JhmdbClip, _number: int = 0) -> Iterable[Frame]:
    """The frames of a clip as `rolled.py` turns them."""
    return rolled(clip)[0]


def peer(
    ours: Limbs,
    clips: tuple[JhmdbClip, ...],
    model: int,
    frames: Callable[[JhmdbClip, int], Iterable[Frame]] = frames_of,
) -> Limbs:
    """The same rows as ours, with MediaPipe's guesses."""
    guess = np.full_like(ours.guess_xy, np.nan)
    for number, clip in enumerate(clips):
        of_clip = np.flatnonzero(ours.clip == number)
        by_frame = dict(enumerate(media_pipe(frames(clip, number), model)))
        for row in of_clip:
            guess[row] = by_frame[int(ours.frame[row])]
    return replace(ours, guess_xy=guess)


def main() -> None:
    """Print a row for each tool."""
    parser = parser_of(__doc__, "pose", "detector", "limit", "threads")
    parser.add_argument("--models", type=int, choices=range(3), nargs="*", default=[0, 1, 2])
    changed = parser.add_mutually_exclusive_group()
    changed.add_argument("--rolled", action="store_true")
    changed.add_argument("--sunlit", action="store_true")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    subject = subject_of(args)
    clips = val_clips(subject)
    rows: dict[str, dict[str, Any]] = {}

    def tell(name: str, limbs: Limbs, seconds: float) -> None:
        row = rows[name] = row_of(limbs, clips, seconds, rolled=args.rolled)
        said = [f"{part}: {text(one)}, nobody in {100 * one['missed']:.1f} %"
                for part, one in row["parts"].items()]  # fmt: skip
        if not args.rolled and not args.sunlit:  # ours changes the pictures, too
            said.append(f"{1000 * seconds / row['frames']:.1f} ms a frame")
        print(f"{name:16} {'; '.join(said)}", flush=True)

    look, frames = partial(look_at, finds=True), frames_of
    if args.rolled:
        look, frames = looked_at, frames_turned
    elif args.sunlit:
        look, frames = partial(looked_at_sunlit, finds=True), sunlit
    begin = time.process_time()
    ours = look(clips, subject.models)
    tell("glpose run", ours, time.process_time() - begin)
    for model in args.models:
        SPENT[0] = 0.0
        limbs = peer(ours, clips, model, frames)
        tell(f"MediaPipe {NAMES[model]}", limbs, SPENT[0])
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1))


def row_of(
    limbs: Limbs, clips: tuple[JhmdbClip, ...], seconds: float, *, rolled: bool
) -> dict[str, Any]:
    """Scores of all frames, or by how far they are turned, and processor time."""
    missed = float(np.isnan(limbs.guess_xy).all((1, 2)).mean())
    parts = table(limbs, clips) if rolled else {"all": {**limbs.both(), "missed": missed}}
    return {"parts": parts, "seconds": seconds, "frames": len(limbs.clip)}


if __name__ == "__main__":
    run_script(main)
