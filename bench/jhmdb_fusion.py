"""What other frames are worth on JHMDB, 14 actions, our split: a table of the runs `jhmdb_*`.

    glpose train jhmdb_complete --data jhmdb=JHMDB --init ENCODER.onnx --set seed=0 \
        -o runs/jhmdb_complete-0            # and so on, a folder NAME-SEED for each run
    python bench/jhmdb_fusion.py JHMDB runs --cache cache [--stride 2] [--json FILE]

Scores the averaged weights of the last step, in torch, on the validation clips with given boxes:
joints inside the picture, 12 limb joints and the neck. Conditions: `clean`; `damaged`: the key crop
is blurred, noised, shrunk or covered; `lasting`: its local frames are damaged too; `boxes5`,
`boxes10`: all box edges have Gaussian noise of 5 or 10 % of the box's sides. All runs see the same
crops. The last column is the share of wrong joints on clean frames that lie on the same joint of
the person's other side. A run's scores are kept in its folder. Needs the training extra.
"""

import argparse
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from glpose.formats.sets import dataset
from glpose.jobs.runs import recorded_recipe
from glpose.skeleton import POSETRACK15
from glpose.systems.glpose.data import Tracks
from glpose.systems.glpose.features import FeatureData
from glpose.systems.glpose.net import GLPose
from glpose.systems.glpose.scoring import Guesses, guess_from_features
from glpose.systems.glpose.system import STILL, GLPoseTask, cached_features
from glpose.train.data.sets import open_people
from glpose.train.recipe import Recipe, data_roots
from glpose.train.run.checkpoint import load_checkpoint

CONDITIONS = {
    "clean": {},
    "damaged": {"damaged": True},
    "lasting": {"damaged": True, "neighbour_damage": 1.0},
    "boxes5": {"box_noise": 0.05},
    "boxes10": {"box_noise": 0.10},
}
LIMITS = (0.2, 0.1)
LIMBS_AND_NECK = dataset("jhmdb-val").counted_joints(POSETRACK15)


class Bench:
    """The validation features, computed once for all runs with one encoder."""

    def __init__(self, jhmdb: Path, cache: Path, stride: int) -> None:
        self.roots, self.cache, self.stride = data_roots(jhmdb=str(jhmdb.resolve())), cache, stride
        self._features: dict[float, FeatureData] = {}

    def features(self, model: GLPose, recipe: Recipe, box_noise: float) -> FeatureData:
        """Features of crops cut with boxes of that noise, for the slots of this recipe."""
        if box_noise not in self._features:
            tracks = Tracks(open_people("jhmdb-val", self.roots, self.cache))
            how = replace(STILL, box_noise=box_noise)
            self._features[box_noise] = cached_features(
                model, tracks, how, recipe, seed=0, cache_dir=self.cache
            )
        return self._features[box_noise].seen_by(recipe.model)

    def score(self, run: Path) -> dict[str, dict[str, object]]:
        """PCK of one run in each condition: pooled at both thresholds, and per joint at 0.2."""
        recipe = recorded_recipe(json.loads((run / "recipe.json").read_text("utf-8"))["recipe"])
        recipe = replace(recipe, roots=self.roots)
        model = GLPoseTask(recipe, self.cache).build(fresh=True).eval()
        model.load_state_dict(load_checkpoint(run / "last.pt")["ema"])
        scores: dict[str, dict[str, object]] = {}
        for name, how in CONDITIONS.items():
            given = dict(how)
            data = self.features(model, recipe, float(given.pop("box_noise", 0.0)))
            keys = data.keys[:: self.stride]
            found = guess_from_features(model, data, keys, recipe.precision, **given)
            pck = {limit: found.pck(limit, LIMBS_AND_NECK) for limit in LIMITS}
            scores[name] = {
                **{f"@{limit}": pck[limit].pooled for limit in LIMITS},
                "other_side": other_side(found),
                "joints": dict(zip(POSETRACK15.joints, pck[0.2].per_joint.tolist(), strict=True)),
            }
        return scores


def collect(runs: Path, bench: Bench, pattern: str) -> dict[str, list[dict]]:
    """Scores of all runs by recipe; saved ones are read."""
    found = defaultdict(list)
    for run in sorted(runs.glob(pattern)):
        if not (run / "last.pt").exists():
            continue
        kept = run / "scores.json"
        if not kept.exists():
            kept.write_text(json.dumps(bench.score(run)), "utf-8")
            print(f"scored {run.name}", flush=True)
        found[run.name.rpartition("-")[0]].append(json.loads(kept.read_text("utf-8")))
    return dict(found)


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("jhmdb", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--stride", type=int, default=1, help="score every n-th frame")
    parser.add_argument("--pattern", default="jhmdb_*-*")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    bench = Bench(arguments.jhmdb, arguments.cache, arguments.stride)
    with torch.inference_mode():
        found = collect(arguments.runs, bench, arguments.pattern)
    print("| PCK@0.2 / @0.1 | runs | " + " | ".join(CONDITIONS) + " | other side |")
    print("|" + "---|" * (3 + len(CONDITIONS)))
    for name, scores in found.items():
        cells = [" / ".join(spread(scores, c, f"@{limit}") for limit in LIMITS) for c in CONDITIONS]
        sides = np.mean([s["clean"]["other_side"] for s in scores])
        print(f"| {name} | {len(scores)} | " + " | ".join(cells) + f" | {sides:.1f} % |")
    for condition in ("clean", "damaged"):
        joints = [j for j, used in zip(POSETRACK15.joints, LIMBS_AND_NECK, strict=True) if used]
        print(f"\n| {condition}, PCK@0.2 | " + " | ".join(joints) + " |")
        print("|" + "---|" * (1 + len(joints)))
        for name, scores in found.items():
            means = [np.mean([s[condition]["joints"][joint] for s in scores]) for joint in joints]
            print(f"| {name} | " + " | ".join(f"{mean:.1f}" for mean in means) + " |")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), "utf-8")


def other_side(found: Guesses) -> float:
    """Percent of the wrong joints (at 0.2) that are correct for their mirror joint."""
    mirror = np.array(POSETRACK15.mirror)
    counted = found.labelled & LIMBS_AND_NECK
    limit_px = 0.2 * (found.truth_xyxy[:, 2:] - found.truth_xyxy[:, :2]).max(-1)[:, None]

    def is_near(truth_xy: np.ndarray) -> np.ndarray:
        return np.linalg.norm(found.xy - truth_xy, axis=-1) <= limit_px

    wrong = counted & ~is_near(found.truth_xy)
    swapped = wrong & is_near(found.truth_xy[:, mirror]) & (mirror != np.arange(len(mirror)))
    return float(100 * swapped.sum() / max(1, wrong.sum()))


def spread(scores: list[dict], condition: str, limit: str) -> str:
    """The mean and the range (highest minus lowest) of the runs."""
    values = [s[condition][limit] for s in scores]
    return f"{np.mean(values):.1f} ({np.ptp(values):.1f})"


if __name__ == "__main__":
    main()
