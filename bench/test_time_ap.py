"""How joint scores, box thresholds and OKS-NMS change AP on a set in PoseTrack's layout.

    glpose synth --as posetrack18 SET --seed 0 --videos 12
    python bench/test_time_ap.py SET [--split train] [--weights NAME] [--detector NAME] [--json FILE]

People are detected and their poses estimated once with all boxes; then joint scores, box threshold
and NMS are applied in each variant. Prints the official AP (the mean of 15 joints), the precision
and recall of all joints, and the number of poses. On rendered people: the differences show what an
option does, not what it gains on PoseTrack.
"""

import argparse
import json
from itertools import product
from pathlib import Path

from scripts import at_least, run_script

from glpose.evaluation.predict import frames_of, in_skeleton, predict
from glpose.formats.posetrack.labels import open_posetrack, read_truth_file
from glpose.metrics.posetrack_ap import posetrack_ap
from glpose.poses import finish, of_rows
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import load_detector, load_estimator
from glpose.runtime.options import PoseOptions
from glpose.skeleton import POSETRACK15
from glpose.track.link import link
from glpose.types import CropSpec, FramePoses

LIMITS = (0.1, 0.2, 0.3, 0.4)
OKS = (None, 0.95, 0.9, 0.8, 0.7)


def main() -> None:
    """Parse the command line, detect and estimate, then print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--split", default="train")
    parser.add_argument("--weights", default="pose_small")
    parser.add_argument("--detector", default="person_small")
    parser.add_argument("--threads", type=at_least(1))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    detect = load_detector(args.detector, EngineSpec(threads=args.threads))
    estimate = load_estimator(args.weights, EngineSpec(threads=args.threads))
    videos, truth = [], []
    for sequence in open_posetrack(args.folder, 2018, args.split):
        labelled = {frame.frame for frame in sequence.truth()}
        frames = frames_of(sequence)
        boxes = {
            f.index: detect(f.rgb) for f in frames(range(len(sequence.images))) if f.rgb is not None
        }
        options = PoseOptions(neighbours="all", candidates="video")
        poses = predict(frames, link(boxes), labelled, estimate, options)
        found = {p.frame: in_skeleton(p, estimate.card.joints, POSETRACK15) for p in poses}
        empty = [FramePoses.empty(i, 0.0, 15) for i in range(len(sequence.images))]
        videos.append([found.get(poses.frame, poses) for poses in empty])
        path = args.folder / "annotations" / args.split / f"{sequence.name}.json"
        truth.append(read_truth_file(path))
        print(f"{sequence.name}: {len(labelled)} labelled frames", flush=True)
    results = {}
    ways = [PoseOptions(score=s, min_box=m) for s, m in product(("heatmap", "product"), LIMITS)]
    ways += [PoseOptions(score="product", min_box=0.2, oks_nms=limit) for limit in OKS]
    for options in ways:
        chosen = [[limited(p, options, estimate.card.crop) for p in video] for video in videos]
        scored = posetrack_ap(truth, chosen)
        num = sum(len(p.people) for video in chosen for p in video)
        name = f"score {options.score}, boxes {options.min_box}, OKS-NMS {options.oks_nms}"
        row = (scored.total, float(scored.precision[-1]), float(scored.recall[-1]), num)
        results[name] = row
        print(f"{name:46} AP {row[0]:5.2f}  pre {row[1]:5.1f}  rec {row[2]:5.1f}  {num} poses")
    if args.json:
        args.json.write_text(json.dumps(results, indent=1), "utf-8")


def limited(poses: FramePoses, options: PoseOptions, crop: CropSpec) -> FramePoses:
    """The poses that the options keep, with the scores that they select."""
    strong = of_rows(poses, poses.people.score >= options.min_box)
    return finish(strong, options, POSETRACK15, crop)


if __name__ == "__main__":
    run_script(main)
