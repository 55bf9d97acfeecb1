"""Who is who after people have crossed: synthetic clips in which people walk past each other.

    python bench/crossings.py [--scenes 12] [--clips FOLDER]

Renders scenes of three or four people at different distances, who walk past each other and past one
who stands, runs the shipped weights over them, and prints for each clip and in all: the share of
visible people who were found, identity switches, numbers given beyond one for each person, and
IDF1. `--clips` keeps the clips for the next time. Synthetic: it tells trackers apart, not how well
they do on real people.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from scripts import at_least, run_script

import glpose
from glpose.geometry import box_iou
from glpose.synth.backdrop import random_backdrop
from glpose.synth.camera import Camera
from glpose.synth.effects import Effects
from glpose.synth.motion import Action
from glpose.synth.scene import MARGIN, Scene, SceneSpec, make_actor, random_light
from glpose.track.assign import assign
from glpose.video.arrays import ArraySource

SIZE_HW, RATE_HZ, NUM_FRAMES = (360, 640), 25.0, 90
MIN_IOU = 0.4


def crossing_scene(seed: int) -> Scene:
    """People who pass each other in the middle of the clip."""
    rng = np.random.default_rng([seed, 5])
    time_s = (np.arange(NUM_FRAMES + 2) - 1) / RATE_HZ
    still = np.zeros_like(time_s)
    focal = float(rng.uniform(560, 760))
    camera = Camera(
        float(rng.uniform(1.3, 1.9)),
        0.02 * np.sin(time_s),
        still + 0.1,
        still,
        still + focal,
        SIZE_HW,
    )
    depths = np.sort(rng.uniform(4.2, 8.5, int(rng.integers(3, 5))))
    walks = [i != len(depths) - 1 for i in range(len(depths))]  # the one at the back stands
    actors = []
    for i, depth in enumerate(depths):
        heading = (1 if i % 2 else -1) * 0.5 * np.pi + rng.normal(0, 0.15)
        action = Action("walk", "own") if walks[i] else Action("stand", "wave")
        where = (float(rng.normal(0, 0.35)), -float(depth))
        actors.append(make_actor(rng, action, where, heading if walks[i] else 0.0, time_s))
    reference = camera.reference(MARGIN)
    return Scene(
        spec=SceneSpec(SIZE_HW, NUM_FRAMES, RATE_HZ, (len(actors), len(actors)), damage=0.0),
        seed=seed,
        actors=tuple(actors),
        props=(),
        camera=camera,
        reference=reference,
        backdrop=random_backdrop(rng, reference),
        light=random_light(rng),
        effects=Effects(noise=1.5),
    )


def load(seed: int, folder: Path | None) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """Pictures (time, h, w, 3), and the boxes and numbers of the visible people of each."""
    kept = None if folder is None else folder / f"crossing-{seed}.npz"
    if kept is not None and kept.exists():
        with np.load(kept) as held:
            rgb, rows = held["rgb"], held["rows"]
    else:
        shown = list(crossing_scene(seed).frames())
        rgb = np.stack([frame.rgb for frame, _ in shown if frame.rgb is not None])
        rows = np.concatenate([
            np.column_stack([
                np.full(len(truth.people.xyxy), frame.index),
                truth.people.track_id,
                truth.people.xyxy,
            ])
            for frame, truth in shown
        ])  # fmt: skip
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(kept, rgb=rgb, rows=rows)
    per_frame = [rows[rows[:, 0] == t] for t in range(len(rgb))]
    return rgb, [(r[:, 2:], r[:, 1].astype(int)) for r in per_frame]


def judge(
    truth: list[tuple[np.ndarray, np.ndarray]], found: list[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """(visible, matched, switches, numbers too many, found, matched under the best number each)."""
    last: dict[int, int] = {}
    pairs: Counter[tuple[int, int]] = Counter()
    visible = matched = switches = num_found = 0
    for (true_xyxy, person), (xyxy, number) in zip(truth, found, strict=True):
        visible, num_found = visible + len(person), num_found + len(number)
        overlap = box_iou(true_xyxy, xyxy)
        held = np.array([[last.get(p) == n for n in number] for p in person]).reshape(overlap.shape)
        cost = np.where(overlap >= MIN_IOU, 2 - overlap - held, np.inf)
        for i, j in zip(*assign(cost, 2.0), strict=True):
            p, n = int(person[i]), int(number[j])
            switches += last.get(p, n) != n
            last[p] = n
            matched += 1
        for i, j in np.argwhere(overlap >= MIN_IOU):
            pairs[int(person[i]), int(number[j])] += 1
    people = sorted({p for p, _ in pairs})
    numbers = sorted({n for _, n in pairs})
    table = np.array([[pairs[p, n] for n in numbers] for p in people]).reshape(
        len(people), len(numbers)
    )
    best = sum(table[i, j] for i, j in zip(*assign(-table.astype(float), 0.0), strict=True))
    given = {int(n) for _, number in found for n in number}
    everyone = {int(p) for _, person in truth for p in person}
    return np.array([visible, matched, switches, len(given) - len(everyone), num_found, best])


def text(v: np.ndarray) -> str:
    """A line about counts, see `judge`."""
    return (
        f"found {100 * v[1] / max(v[0], 1):5.1f} %   switches {v[2]:3.0f}   numbers too many {v[3]:3.0f}"
        f"   IDF1 {200 * v[5] / max(v[0] + v[4], 1):5.1f}"
    )


def main() -> None:
    """Print a line for each clip, and one for all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scenes", type=at_least(1), default=12)
    parser.add_argument("--first", type=at_least(0), default=0, help="the seed of the first scene")
    parser.add_argument("--clips", type=Path)
    args = parser.parse_args()
    total = np.zeros(6)
    for seed in range(args.first, args.first + args.scenes):
        rgb, truth = load(seed, args.clips)
        found = [
            (p.people.xyxy, p.people.track_id)
            for p in glpose.run(ArraySource(rgb, rate_hz=RATE_HZ))
        ]
        counts = judge(truth, found)
        total += counts
        print(f"clip {seed:3d}: {text(counts)}", flush=True)
    print(f"all     : {text(total)}")


if __name__ == "__main__":
    run_script(main)
