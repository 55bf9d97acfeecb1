"""How wrong our own 2D joints are: the errors that training of lifting imitates.

    python bench/lift_noise.py JHMDB_FOLDER [--weights pose_small] [--limit CLIPS]

Runs the weights on JHMDB's validation clips with the labelled boxes and prints, for the 12 limb
joints and the neck together and for each pair: the share of joints whose score is below the limit
(missed), and of those above it the quantiles of the error, the share of gross errors, and how alike
the errors of one joint are from frame to frame. All lengths are shares of the longer side of the
box around the labelled joints, which is how `runtime.lift` measures a person.
"""

import argparse
from pathlib import Path

import numpy as np
from figures import some
from scripts import at_least, run_script

from glpose.api import load_models, poses_of
from glpose.evaluation.predict import true_people
from glpose.formats.jhmdb.short import read_clips
from glpose.runtime.lift import LEAST_SCORE
from glpose.skeleton import JHMDB15, LIMB13
from glpose.video.reader import open_video

GROSS = 0.1
"""Errors above this share of the person are called gross."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", default="pose_small")
    parser.add_argument("--limit", type=at_least(1))
    args = parser.parse_args()
    models = load_models(args.weights, None)
    here, there = ([s.index(j) for j in LIMB13.joints] for s in (models.skeleton, JHMDB15))
    errors, scores = [], []
    for clip in some(read_clips(args.folder, "val"), args.limit):
        video = open_video(clip.video)
        truth = {t.frame: t for t in clip.truth if len(t.people)}
        found = {
            poses.frame: poses
            for _, poses in poses_of(
                video.frames(), video.info, models, true_people(clip.truth), keep_pictures=False
            )
            if len(poses.people)
        }
        error = np.full((max(truth) + 1, len(here), 2), np.nan)
        score = np.full(error.shape[:2], np.nan)
        for frame in truth.keys() & found.keys():
            label = truth[frame]
            seen = label.visibility[0, there] > 0
            xy = np.where(seen[:, None], label.xy[0, there], np.nan)
            if seen.sum() < 4:
                continue
            size = (np.nanmax(xy, 0) - np.nanmin(xy, 0)).max()
            error[frame] = (found[frame].xy[0, here] - xy) / size
            score[frame] = np.where(seen, found[frame].score[0, here], np.nan)
        errors.append(error)
        scores.append(score)
    _tell("all", errors, scores, np.arange(len(here)))
    for joint in range(len(LIMB13.joints)):
        if LIMB13.mirror[joint] >= joint:
            pair = np.unique([joint, LIMB13.mirror[joint]])
            _tell(LIMB13.joints[joint].removeprefix("right_"), errors, scores, pair)


def _tell(
    name: str, errors: list[np.ndarray], scores: list[np.ndarray], joints: np.ndarray
) -> None:
    score = np.concatenate([s[:, joints] for s in scores])
    error = np.concatenate([e[:, joints] for e in errors])
    counted = np.isfinite(score)
    missed = counted & ~(score >= LEAST_SCORE)
    length = np.linalg.norm(error, axis=-1)[counted & ~missed]
    small = length[length < GROSS]
    pairs = [
        (e[:-1, joints][ok], e[1:, joints][ok])
        for e, s in zip(errors, scores, strict=True)
        for ok in [_both_small(e[:, joints], s[:, joints])]
    ]
    before, after = (np.concatenate([p[i].ravel() for p in pairs]) for i in (0, 1))
    runs = np.concatenate([_runs(s[:, joints]) for s in scores])
    quantiles = np.quantile(length, (0.25, 0.5, 0.75, 0.9))
    print(
        f"{name:12} {counted.sum():6d} joints  missed {missed.sum() / counted.sum():.3f} "
        f"(mean run {runs.mean() if len(runs) else 0:.1f} frames)  error quartiles "
        + " ".join(f"{q:.4f}" for q in quantiles[:3])
        + f"  90 % {quantiles[3]:.4f}  gross {np.mean(length >= GROSS):.3f}  "
        f"deviation of the others {np.sqrt(np.mean(small**2) / 2):.4f} an axis  "
        f"likeness {np.corrcoef(before, after)[0, 1]:.2f}",
        flush=True,
    )


def _both_small(error: np.ndarray, score: np.ndarray) -> np.ndarray:
    good = (score >= LEAST_SCORE) & (np.linalg.norm(error, axis=-1) < GROSS)
    return good[:-1] & good[1:]


def _runs(score: np.ndarray) -> np.ndarray:
    """The lengths of runs of missed frames of each joint."""
    lengths: list[int] = []
    for column in (np.isfinite(score) & ~(score >= LEAST_SCORE)).T:
        edges = np.flatnonzero(np.diff(np.r_[0, column.astype(int), 0]))
        lengths += (edges[1::2] - edges[::2]).tolist()
    return np.array(lengths)


if __name__ == "__main__":
    run_script(main)
