"""What a run of `dkd_small` owes to its kernels, and what a frame costs.

    python bench/dkd_run.py RUN --data jhmdb=JHMDB [--cache cache] [--clips 0] [--pairs 400] [--json FILE]

PCK with given boxes in all frames of the run's validation clips (`--clips`: so many, evenly chosen),
in torch: the initializer in every frame; the frame encoder's own head, trained beside the kernels on
the same samples; kernels, as in use and with an initializer at the start alone; and kernels of another
clip, which shows whether they matter. `starts` is the share of frames that the initializer answers.

`--pairs` crops show two people side by side, put together of two clips, of whom the frame before shows
which is meant (see `data.beside`): the shares of his joints that are found within three cells of the maps,
by the frame encoder alone, by kernels of the true maps of the frame before, and by those of another pair.

MACs are those of convolutions and products for one crop in a frame after the first, milliseconds the
best of ten in torch on one thread. Needs the training extra.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scripts import at_least, run_script
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from glpose.codecs.gaussian import HEATMAPS
from glpose.formats.sets import dataset, usual_validation
from glpose.jobs.runs import recorded_recipe
from glpose.metrics.pck import pck
from glpose.systems.dkd.data import StretchData
from glpose.systems.dkd.net import DKD
from glpose.systems.dkd.scoring import INITIALIZER, MATCHED, STATIC, walk
from glpose.systems.dkd.spec import StretchConfig
from glpose.systems.dkd.system import DKDTask
from glpose.train.change import with_roots
from glpose.train.data.augment import Augmentation
from glpose.train.data.sets import LABELLED, open_people
from glpose.train.data.tracks import Tracks
from glpose.train.run.checkpoint import load_checkpoint

LIMITS = (0.2, 0.1)
PAIRS_AT_ONCE, NEAR_CELLS = 8, 3
STILL = Augmentation(rotation_share=0.0, scale=0.0, half_body_share=0.0, flip_share=0.0)


def costs(model: DKD) -> dict[str, tuple[float, float]]:
    """MACs in billions and milliseconds of one crop, by what answers."""
    crops = torch.zeros(1, *model.config.crop.size_hw, 3, dtype=torch.uint8)
    kernels = torch.zeros(1, model.config.small.channels, 7, 7)
    ways: dict[str, Callable[[], Tensor]] = {
        INITIALIZER: lambda: model.initializer(crops),
        STATIC: lambda: model.static(model.small(crops)),
        MATCHED: lambda: model.step(model.small(crops), kernels)[0],
        "start": lambda: model.start(crops)[0],
    }
    return {name: (macs(run), best_ms(run)) for name, run in ways.items()}


@torch.inference_mode()
def pairs(model: DKD, tracks: Tracks, num: int) -> dict[str, float]:
    """Shares of joints found of one of two people in a crop."""
    data = StretchConfig(num_frames=2, beside_share=1.0, augmentation=STILL)
    made = StretchData([tracks], model.config, data, PAIRS_AT_ONCE, seed=0)
    found: dict[str, list[np.ndarray]] = {}
    for step in range(num // PAIRS_AT_ONCE):
        rows = made.rows(step, range(PAIRS_AT_ONCE))
        before, now = (model.small(torch.from_numpy(rows["rgb"][:, t])) for t in (0, 1))
        kernels = model.first_kernels(before, torch.from_numpy(rows["first"]))
        ways = {
            "frame encoder alone": model.static(now),
            "kernels": model.step(now, kernels)[0],
            "kernels of another pair": model.step(now, kernels.roll(1, 0))[0],
        }
        target, known = rows[HEATMAPS][:, 1], rows["weight"][:, 1] > 0
        known &= target.max((-2, -1)) > 0
        for name, maps in ways.items():
            apart = np.linalg.norm(peaks(maps.numpy()) - peaks(target), axis=-1)
            found.setdefault(name, []).append((apart <= NEAR_CELLS)[known])
    return {name: float(np.concatenate(values).mean()) for name, values in found.items()}


def peaks(maps: np.ndarray) -> np.ndarray:
    """Row and column of the highest cell of each map."""
    highest = maps.reshape(*maps.shape[:-2], -1).argmax(-1)
    return np.stack(np.divmod(highest, maps.shape[-1]), -1)


def macs(run: Callable[[], Tensor]) -> float:
    """Multiplications of a call, in billions."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 2e9


def best_ms(run: Callable[[], Tensor], times: int = 10) -> float:
    """The shortest of some calls: what others do on the machine only adds."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        found.append(1000 * (time.perf_counter() - began))
    return min(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", action="append", default=[], help="NAME=FOLDER")
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--clips", type=at_least(0), default=0, help="0: all")
    parser.add_argument("--pairs", type=at_least(PAIRS_AT_ONCE), default=400)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    recipe = recorded_recipe(json.loads((args.run / "recipe.json").read_text("utf-8"))["recipe"])
    recipe = with_roots(recipe, args.data)
    model = DKDTask(recipe, args.cache).build(fresh=True).eval()
    saved = load_checkpoint(args.run / "best.pt")
    model.load_state_dict(saved["ema"])
    source = recipe.data.validation or usual_validation(recipe.roots)
    joints, scenes = recipe.model.joints, recipe.data.num_synth_scenes
    tracks = Tracks(open_people(source, recipe.roots, args.cache, scenes, joints))
    clips = tracks.runs()
    if args.clips:
        chosen = np.unique(np.linspace(0, len(clips) - 1, args.clips).astype(np.int64))
        clips = [clips[number] for number in chosen]
    rows = np.concatenate(clips)
    counted = (tracks.state[rows] == LABELLED) & dataset(source).counted_joints(joints)

    def scores(xy: np.ndarray) -> dict[str, float]:
        boxes = tracks.xyxy[rows]
        return {f"@{m}": pck(xy, tracks.xy[rows], counted, boxes, m).pooled for m in LIMITS}

    model.config = replace(recipe.model, min_score=0.0, every=0)
    rolled = walk(model, tracks, clips, recipe.precision, rolled=True)  # first: refuses one clip
    once = walk(model, tracks, clips, recipe.precision)
    model.config = recipe.model
    used = walk(model, tracks, clips, recipe.precision, initializer=True)
    with torch.inference_mode():
        spent = costs(model)
    table = {
        "initializer": (used.joints[INITIALIZER], 1.0, INITIALIZER),
        "frame encoder alone": (used.joints[STATIC], 0.0, STATIC),
        "kernels, as in use": (used.joints[MATCHED], float(used.started.mean()), MATCHED),
        "kernels, one start": (once.joints[MATCHED], float(once.started.mean()), MATCHED),
        "kernels of another clip": (rolled.joints[MATCHED], float(rolled.started.mean()), MATCHED),
    }
    print(f"{source}: {len(clips)} clips, {len(rows)} frames; step {saved['step']} of the run")
    print("| | " + " | ".join(f"PCK@{m}" for m in LIMITS) + " | starts | GMAC | ms |")
    print("|" + "---|" * (4 + len(LIMITS)))
    found: dict[str, dict[str, float]] = {}
    for name, (xy, starts, way) in table.items():
        found[name] = {**scores(xy), "starts": starts, "gmac": spent[way][0], "ms": spent[way][1]}
        shown = " | ".join(f"{found[name][f'@{m}']:.1f}" for m in LIMITS)
        print(f"| {name} | {shown} | {starts:.3f} | {spent[way][0]:.3f} | {spent[way][1]:.0f} |")
    print("a start: {:.3f} GMAC, {:.0f} ms".format(*spent["start"]))
    sides = pairs(model, tracks, args.pairs)
    print("two people in a crop: " + ", ".join(f"{name} {v:.2f}" for name, v in sides.items()))
    found["pairs"] = sides
    if args.json:
        args.json.write_text(json.dumps(found, indent=1), "utf-8")


if __name__ == "__main__":
    run_script(main)
