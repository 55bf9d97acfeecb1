"""Time to compute PoseTrack scores on a large set, compared with the official tool.

    python bench/score.py [--poseval FOLDER] [--videos 50] [--frames 100] [--people 10] [--json FILE]

Prints the seconds for reading the files, AP and MOT, and the totals of both. `FOLDER` holds the
package `poseval` (leonid-pishchulin/poseval), which needs motmetrics, shapely, tqdm and click; it
takes minutes. Both read the same files, in the 2017 layout, and use one core.
"""

import argparse
import contextlib
import importlib
import io
import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scripts import at_least, run_script

from glpose.formats.posetrack.labels import read_prediction_file, read_truth_file
from glpose.metrics.posetrack_ap import posetrack_ap
from glpose.metrics.posetrack_mot import posetrack_mot


def main() -> None:
    """Parse the command line, make the files, time, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--poseval", type=Path)
    parser.add_argument("--videos", type=at_least(1), default=50)
    parser.add_argument("--frames", type=at_least(1), default=100)
    parser.add_argument("--people", type=at_least(2), default=10, help="who swap ids")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gt, pred = Path(folder) / "gt", Path(folder) / "pred"
        write_videos(gt, pred, args.videos, args.frames, args.people)
        rows = {"glpose": time_ours(gt, pred)}
        if args.poseval:
            sys.path.insert(0, str(args.poseval))
            rows["poseval"] = time_official(gt, pred)
    print(f"{args.videos} videos of {args.frames} frames and {args.people} people, seconds")
    for name, row in rows.items():
        print(f"  {name:8}", "  ".join(f"{k} {v:9.3f}" for k, v in row.items()))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1), "utf-8")


def time_ours(gt: Path, pred: Path) -> dict[str, float]:
    """Seconds of each part, and the totals."""
    files = sorted(gt.glob("*.json"))
    truth, reading = timed(lambda: [read_truth_file(file) for file in files])
    guess, reading_too = timed(lambda: [read_prediction_file(pred / f.name) for f in files])
    ap, ap_s = timed(lambda: posetrack_ap(truth, guess))
    mot, mot_s = timed(lambda: posetrack_mot(truth, guess))
    seconds = {"read": reading + reading_too, "AP": ap_s, "MOT": mot_s}
    return seconds | {"mAP": ap.total, "MOTA": mot.total}


def time_official(gt: Path, pred: Path) -> dict[str, float]:
    """The same for poseval, whose AP and MOT each modify the data they are given."""
    helpers: Any = importlib.import_module("poseval.eval_helpers")
    ap_of: Any = importlib.import_module("poseval.evaluateAP").evaluateAP
    mot_of: Any = importlib.import_module("poseval.evaluateTracking").evaluateTracking
    load = lambda: helpers.load_data_dir(["", f"{gt}/", f"{pred}/"])  # noqa: E731
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        read, read_s = timed(load)
        ap, ap_s = timed(lambda: ap_of(*read, str(gt), False, False))
        again = load()
        mot, mot_s = timed(lambda: mot_of(*again, str(gt), False, False))
    seconds = {"read": read_s, "AP": ap_s, "MOT": mot_s}
    return seconds | {"mAP": float(ap[0][-1, 0]), "MOTA": float(mot["mota"][0, -1])}


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """The result of the work and its seconds."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def write_videos(gt: Path, pred: Path, num_videos: int, num_frames: int, num_people: int) -> None:
    """Moving people, one ignore region per frame; 90 % found, ids swapped in 20 % of frames."""
    rng = np.random.default_rng(0)
    for folder in (gt, pred):
        folder.mkdir(parents=True)
    for v in range(num_videos):
        shape = rng.uniform(0, 1000, (num_people, 1, 2)) + rng.uniform(-40, 40, (num_people, 15, 2))
        ids = np.arange(num_people)
        entries: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
        for i in range(num_frames):
            shape = shape + rng.normal(0, 5, (num_people, 1, 2))
            if rng.random() < 0.2:
                a, b = rng.permutation(num_people)[:2]
                ids[[a, b]] = ids[[b, a]]
            found = rng.random(num_people) < 0.9
            guess = shape + rng.normal(0, 8, shape.shape)
            image = {"image": [{"name": f"images/bench/{v:06d}_mpii/{i:08d}.jpg"}], "imgnum": [i]}
            region = [{"x": [x], "y": [y]} for x, y in ((0, 0), (200, 0), (200, 200), (0, 200))]
            true_rects = [rect(p, rng, n, head=40.0) for n, p in enumerate(shape)]
            rects = [rect(p, rng, int(n)) for p, n in zip(guess[found], ids[found], strict=True)]
            entries[0].append(
                image | {"annorect": true_rects, "ignore_regions": [{"point": region}]}
            )
            entries[1].append(image | {"annorect": rects})
        for folder, annolist in zip((gt, pred), entries, strict=True):
            text = json.dumps({"annolist": annolist})
            (folder / f"{v:06d}_mpii.json").write_text(text, "utf-8")


def rect(
    pose: np.ndarray, rng: np.random.Generator, track_id: int, head: float | None = None
) -> dict[str, Any]:
    """A person's entry with a tenth of the joints missing; truth has a head box."""
    points = [
        {"id": [j], "x": [float(x)], "y": [float(y)], "score": [float(rng.random())]}
        for j, (x, y) in enumerate(pose)
        if rng.random() < 0.9
    ]
    box = {} if head is None else {"x1": [0.0], "y1": [0.0], "x2": [head], "y2": [head]}
    return {"track_id": [track_id], "annopoints": [{"point": points}], **box}


if __name__ == "__main__":
    run_script(main)
