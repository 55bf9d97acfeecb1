r"""What other frames are worth on JHMDB, 14 actions, our split: a table of the runs `jhmdb_*`.

    for seed in 0 1 2; do for row in complete one k0 n0 dot no_enhancement mlp conv5x5 \
            paper_start undamaged stride3 queries; do
        glpose train jhmdb_$row --data jhmdb=JHMDB --cache cache --init PRETRAINED/best.pt \
            --set seed=$seed --resume -o runs/jhmdb_$row-$seed
    done; done                          # a folder NAME-SEED for each run; goes on where it stopped
    python bench/jhmdb_fusion.py JHMDB runs --cache cache [--stride 2] [--json FILE]

Scores the averaged weights of the last step, in torch, on the validation clips with given boxes:
the 12 limb joints, inside the picture. Conditions: `clean`; `fifth`: every fifth frame is blurred,
noised, shrunk or covered; `three`: three frames in a row of twelve are; in both, only the damaged
frames are scored; `tracker`: boxes lag a frame, drift by 5 % of their sides along the track, and
have noise of 2 %. All runs see the same crops. The first row is the single-frame head alone. The
last column is the share of wrong joints on clean frames that lie on the same joint of the person's
other side. A run's scores are kept in its folder, as long as its weights, the conditions and the
stride stay the same. Needs the training extra.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from figures import PARTS
from scripts import at_least, run_script

from glpose.config import to_plain
from glpose.errors import BadInput
from glpose.files import file_digest
from glpose.jobs.runs import recorded_recipe
from glpose.skeleton import Skeleton
from glpose.systems.glpose.features import FeatureData
from glpose.systems.glpose.net import GLPose
from glpose.systems.glpose.scoring import Guesses, guess_from_features
from glpose.systems.glpose.spec import ClipConfig, GLPoseConfig, QueriesConfig
from glpose.systems.glpose.system import STILL, GLPoseTask, cached_features
from glpose.train.data.sets import open_people
from glpose.train.data.tracks import Tracks
from glpose.train.recipe import Recipe, data_roots
from glpose.train.run.checkpoint import load_checkpoint

TRACKER = replace(STILL, box_lag=True, box_drift=0.05, box_noise=0.02)
# The boxes, and which frames are damaged: so many in each period, at another time in each clip.
CONDITIONS: dict[str, tuple[ClipConfig, int, int]] = {
    "clean": (STILL, 0, 1),
    "fifth": (STILL, 1, 5),
    "three": (STILL, 3, 12),
    "tracker": (TRACKER, 0, 1),
}
LIMITS = (0.2, 0.1)
SINGLE = "single frame"


class Bench:
    """The validation features, computed once for all runs with one encoder."""

    def __init__(self, jhmdb: Path, cache: Path, stride: int) -> None:
        self.roots, self.cache, self.stride = data_roots(jhmdb=str(jhmdb.resolve())), cache, stride
        self._features: dict[ClipConfig, FeatureData] = {}

    def features(self, model: GLPose, recipe: Recipe, boxes: ClipConfig) -> FeatureData:
        """Features of crops cut with such boxes, for the slots of this recipe."""
        if boxes not in self._features:
            joints = recipe.model.joints
            tracks = Tracks(open_people("jhmdb-val", self.roots, self.cache, skeleton=joints))
            self._features[boxes] = cached_features(
                model, tracks, boxes, recipe, seed=0, cache_dir=self.cache
            )
        return self._features[boxes].seen_by(recipe.model)

    def score(self, run: Path, *, alone: bool = False) -> dict[str, dict[str, object]]:
        """PCK of one run in each condition: pooled at both thresholds, and per joint at 0.2.

        `alone` scores the single-frame head that the run keeps.
        """
        recipe = recorded_recipe(json.loads((run / "recipe.json").read_text("utf-8"))["recipe"])
        recipe = replace(recipe, roots=self.roots)
        weights = load_checkpoint(run / "last.pt")["ema"]
        if alone:
            # Queries answer as the single-frame head before they have learned anything.
            recipe = replace(recipe, model=_untrained_queries(recipe.model))
            weights = {k: v for k, v in weights.items() if not k.startswith("fusion.")}
        model = GLPoseTask(recipe, self.cache).build(fresh=True).eval()
        model.load_state_dict(weights, strict=not alone)
        scores: dict[str, dict[str, object]] = {}
        for name, (boxes, num, period) in CONDITIONS.items():
            data = self.features(model, recipe, boxes)
            hurt = (data.tracks.frame + data.tracks.clip) % period < num
            keys = data.keys[hurt[data.keys] if num else slice(None)][:: self.stride]
            found = guess_from_features(model, data, keys, recipe.precision, hurt=hurt)
            joints = recipe.model.joints
            pck = {limit: found.pck(limit, limbs(joints)) for limit in LIMITS}
            scores[name] = {
                **{f"@{limit}": pck[limit].pooled for limit in LIMITS},
                "other_side": other_side(found, joints),
                "joints": dict(zip(joints.joints, pck[0.2].per_joint.tolist(), strict=True)),
            }
        return scores


def _untrained_queries(config: GLPoseConfig) -> GLPoseConfig:
    local = replace(config.local, k=max(1, config.local.k))
    global_ = replace(config.global_, n=0)
    return replace(config, local=local, global_=global_, queries=QueriesConfig())


def limbs(joints: Skeleton) -> np.ndarray:
    """Which joints are those of arms and legs."""
    return np.array([any(part in joint for part in PARTS) for joint in joints.joints])


def collect(runs: Path, bench: Bench, pattern: str) -> dict[str, list[dict]]:
    """Scores of all runs by recipe; saved ones are read."""
    found = defaultdict(list)
    for run in sorted(runs.glob(pattern)):
        if not is_done(run):
            continue
        how = {
            "conditions": to_plain(CONDITIONS),
            "stride": bench.stride,
            "weights": file_digest(run / "last.pt"),
        }
        if not found:
            alone = partial(bench.score, run, alone=True)
            found[SINGLE].append(kept_scores(runs / "single_frame.json", how, alone))
        scores = kept_scores(run / "scores.json", how, partial(bench.score, run))
        found[run.name.rpartition("-")[0]].append(scores)
    return dict(found)


def is_done(run: Path) -> bool:
    """Whether a run has made all of its steps; says so if it has not."""
    if not (run / "last.pt").exists():
        return False
    step = load_checkpoint(run / "last.pt")["step"]
    num_steps = json.loads((run / "recipe.json").read_text("utf-8"))["in_steps"]["num_steps"]
    if step < num_steps:
        print(f"{run}: left out, {step} of {num_steps} steps are done; continue it with --resume")
    return step >= num_steps


def kept_scores(path: Path, how: dict, score: Callable[[], dict]) -> dict:
    """The scores of a file, which is written first if it is not there or was made in another way.

    `how` is plain data on what they were made of.
    """
    kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
    if kept.get("how") != how:
        kept = {"how": how, "scores": score()}
        path.write_text(json.dumps(kept), "utf-8")
        print(f"wrote {path}", flush=True)
    return kept["scores"]


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("jhmdb", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--stride", type=at_least(1), default=1, help="score every n-th frame")
    parser.add_argument("--pattern", default="jhmdb_*-*")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    bench = Bench(arguments.jhmdb, arguments.cache, arguments.stride)
    with torch.inference_mode():
        found = collect(arguments.runs, bench, arguments.pattern)
    if not found:
        raise BadInput(
            f"{arguments.runs}: no run is done that is named {arguments.pattern}; "
            "expected the folders of such runs in it"
        )
    print("| PCK@0.2 / @0.1 | runs | " + " | ".join(CONDITIONS) + " | other side |")
    print("|" + "---|" * (3 + len(CONDITIONS)))
    for name, scores in found.items():
        cells = [" / ".join(spread(scores, c, f"@{limit}") for limit in LIMITS) for c in CONDITIONS]
        sides = np.mean([s["clean"]["other_side"] for s in scores])
        print(f"| {name} | {len(scores)} | " + " | ".join(cells) + f" | {sides:.1f} % |")
    for condition in CONDITIONS:
        names = found[SINGLE][0]["clean"]["joints"]
        joints = [name for name in names if any(part in name for part in PARTS)]
        print(f"\n| {condition}, PCK@0.2 | " + " | ".join(joints) + " |")
        print("|" + "---|" * (1 + len(joints)))
        for name, scores in found.items():
            means = [np.mean([s[condition]["joints"][joint] for s in scores]) for joint in joints]
            print(f"| {name} | " + " | ".join(f"{mean:.1f}" for mean in means) + " |")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1), "utf-8")


def other_side(found: Guesses, joints: Skeleton) -> float:
    """Percent of the wrong joints (at 0.2) that are correct for their mirror joint."""
    mirror = np.array(joints.mirror)
    counted = found.labelled & limbs(joints)
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
    run_script(main)
