"""HiEve's poses: truth and results to AP and weighted AP."""

import math
from dataclasses import asdict
from pathlib import Path

from glpose.evaluation.scoring.coco import oks_pictures
from glpose.evaluation.scoring.report import Report, number
from glpose.formats.hieve import read_hieve_results, read_hieve_truth
from glpose.metrics.hieve import hieve_scores
from glpose.skeleton import HIEVE14


def score_hieve(truth: Path, results: Path) -> Report:
    """AP and w_AP of a results file. Raises: BadInput naming the file and the key."""
    frames = read_hieve_truth(truth)
    guess = read_hieve_results(results, frames)
    pictures = oks_pictures(frames, guess)
    unusual = [frame.num_unusual for frame in frames.values()]
    plain, weighted = (asdict(s) for s in hieve_scores(pictures, unusual, HIEVE14.oks_sigma))
    percent = {
        f"{prefix}{key}": 100 * scores[key] if scores[key] >= 0 else math.nan
        for prefix, scores in (("w_", weighted), ("", plain))
        for key in ("ap", "ap50", "ap75")
    }
    counts = {
        "num_frames": len(frames),
        "num_people": sum(int(frame.labelled.any(-1).sum()) for frame in frames.values()),
        "num_poses": sum(len(poses.score) for poses in guess.values()),
    }
    lines = [
        "HiEve poses (hieve14); the weights of w_AP are recalled, see docs/metrics.md",
        "{num_frames} frames, {num_people} people, {num_poses} poses".format(**counts),
        " ".join(f"{title:>6}" for title in ("w_AP", "w_AP50", "w_AP75", "AP", "AP50", "AP75")),
        " ".join(f"{number(value):>6}" for value in percent.values()),
    ]
    return Report(lines, {"metric": "hieve", **counts, **percent})
