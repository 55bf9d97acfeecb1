"""What learning without labels (CSS) gives where labels are few: JHMDB, 14 actions, our split.

    python bench/css_jhmdb.py JHMDB --cache cache --runs runs [--steps 600] [--stride 4] [--json FILE]

Two encoders are trained on the training clips without their labels, from ImageNet weights: by plain
contrast, and by the full method (`runs/plain`, `runs/full`; continued where they stopped). Then a
linear head (ridge regression) reads the joints from each frozen encoder, with the labels of 1, 3, 10
and 100 % of the training clips: from nothing (the mean pose), from random weights, from ImageNet, and
from both of these. Read are means of cells of the two coarsest maps; `variant` and `invariant` read
one half of the vector only. PCK@0.2 and @0.1 of the validation people with given boxes, the mean
over `--draws` choices of the clips, with the range. Boxes are those of the set in training, too.
Needs the training extra; about a quarter of an hour of a core.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scripts import at_least, run_script
from torch import Tensor, nn
from torch.nn import functional

from glpose.crop import crop_from_image, cut
from glpose.formats.sets import dataset
from glpose.metrics.pck import pck
from glpose.nets.efficientnet_lite import EfficientNetLite
from glpose.recipes import load_recipe
from glpose.skeleton import BODY19
from glpose.systems import load_system
from glpose.systems.css.net import SplitNet
from glpose.systems.css.spec import Settings
from glpose.systems.css.system import CSSTask
from glpose.train.data.sets import LABELLED, open_people
from glpose.train.loop import train
from glpose.train.recipe import data_roots
from glpose.train.run.checkpoint import load_checkpoint
from glpose.types import CropSpec

CROP, CELLS, AT_ONCE = CropSpec((96, 64)), (3, 2), 32
SHARES = (0.01, 0.03, 0.1, 1.0)
RIDGES = (1.0, 10.0, 100.0, 1000.0, 10_000.0)


def recipe_of(name: str, jhmdb: Path, steps: int) -> Settings:
    """The full method on small crops, or plain contrast."""
    recipe = load_recipe("css_small")
    model = replace(recipe.model, crop=CROP, grid=(6, 4))
    if name == "plain":
        model = replace(model, contrast="both", gradual="none", reconstruct="none")
    return replace(
        recipe,
        name=f"css_{name}",
        model=model,
        data=replace(recipe.data, sources=("jhmdb",)),
        roots=data_roots(jhmdb=str(jhmdb.resolve())),
        batch_size=8,
        num_steps=steps,
        validate_every=steps,
        checkpoint_every=50,
        log_every=50,
    )


class People:
    """Every so many people of a set: crops, joints in crops of size 1, and what scoring needs."""

    def __init__(self, source: str, jhmdb: Path, cache: Path, stride: int) -> None:
        roots = data_roots(jhmdb=str(jhmdb.resolve()))
        pictures = open_people(source, roots, cache, skeleton=BODY19)
        labels = {name: values[::stride] for name, values in pictures.labels.items()}
        self.clip, self.xyxy, self.xy = labels["clip"], labels["xyxy"], labels["xy"]
        self.counted = labels["state"] == LABELLED
        self.counted &= dataset(source).counted_joints(BODY19)
        self.to_crop = [crop_from_image(xyxy, CROP) for xyxy in self.xyxy]
        self._pictures, self._numbers = pictures, labels["picture"]
        at = [m.apply(xy.astype(np.float64)) for m, xy in zip(self.to_crop, self.xy, strict=True)]
        self.targets = np.stack(at) / CROP.size_hw[0]

    def crops(self, start: int) -> Tensor:
        """Some crops from this one on."""
        rows = range(start, min(start + AT_ONCE, len(self.clip)))
        shown = [cut(self._pictures[int(self._numbers[i])], self.to_crop[i], CROP) for i in rows]
        return torch.from_numpy(np.stack(shown))

    def pck(self, found: np.ndarray) -> tuple[float, float]:
        """PCK@0.2 and @0.1 of joints in crops of size 1."""
        back = [m.inverse() for m in self.to_crop]
        xy = np.stack([m.apply(p * CROP.size_hw[0]) for m, p in zip(back, found, strict=True)])
        first, second = (
            pck(xy, self.xy, self.counted, self.xyxy, limit).pooled for limit in (0.2, 0.1)
        )
        return first, second


@torch.inference_mode()
def read(net: SplitNet, people: People) -> dict[str, np.ndarray]:
    """What the heads read, by name: one row for each person."""
    encoder = net.eval().encoder
    assert isinstance(encoder, EfficientNetLite)
    found: dict[str, list[Tensor]] = {"encoder": [], "variant": [], "invariant": []}
    for start in range(0, len(people.clip), AT_ONCE):
        crops = people.crops(start)
        maps = encoder.body(crops)
        cells = [functional.adaptive_avg_pool2d(m, CELLS).flatten(1) for m in maps[-2:]]
        halves = net.split(encoder.pyramid(maps[-4:])[0])
        found["encoder"].append(torch.cat(cells, 1))
        found["variant"].append(halves.variant)
        found["invariant"].append(halves.invariant)
    return {name: torch.cat(parts).double().numpy() for name, parts in found.items()}


class Head:
    """Ridge regression of standardised values to the joints; joints without a label are left out."""

    def __init__(self, x: np.ndarray, people: People, rows: np.ndarray, ridge: float) -> None:
        self._mean, self._scale = x[rows].mean(0), x[rows].std(0) + 1e-6
        values = self._standard(x[rows])
        known = people.counted[rows][..., None] & np.isfinite(people.targets[rows])
        targets = np.where(known, people.targets[rows], 0)
        self._middle = targets.sum(0) / np.maximum(known.sum(0), 1)
        # Unknown joints count as those of the mean pose, so that one factor serves all joints.
        rest = np.where(known, targets - self._middle, 0).reshape(len(rows), -1)
        if len(rows) < values.shape[1]:
            kernel = values @ values.T + ridge * np.eye(len(rows))
            self._weights = values.T @ np.linalg.solve(kernel, rest)
        else:
            square = values.T @ values + ridge * np.eye(values.shape[1])
            self._weights = np.linalg.solve(square, values.T @ rest)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Joints in crops of size 1."""
        return (self._standard(x) @ self._weights).reshape(len(x), -1, 2) + self._middle

    def _standard(self, x: np.ndarray) -> np.ndarray:
        return (x - self._mean) / self._scale


def score(
    x: np.ndarray, at: np.ndarray, people: People, test: People, share: float, seed: int
) -> tuple[float, float]:
    """PCK of a head with the labels of a share of the clips; a quarter of these chooses the ridge."""
    clips = np.random.default_rng([seed, 17]).permutation(np.unique(people.clip))
    chosen = clips[: max(4, round(share * len(clips)))]
    tune, fit = np.split(chosen, [max(1, len(chosen) // 4)])
    fit_rows, tune_rows = (np.flatnonzero(np.isin(people.clip, c)) for c in (fit, tune))
    errors = []
    for ridge in RIDGES:
        apart = Head(x, people, fit_rows, ridge)(x[tune_rows]) - people.targets[tune_rows]
        errors.append(float(np.linalg.norm(apart, axis=-1)[people.counted[tune_rows]].mean()))
    rows = np.flatnonzero(np.isin(people.clip, chosen))
    return test.pck(Head(x, people, rows, RIDGES[int(np.argmin(errors))])(at))


def networks(jhmdb: Path, cache: Path, runs: Path, steps: int) -> dict[str, SplitNet]:
    """The encoders to compare, those that learn trained first."""
    found: dict[str, SplitNet] = {}
    start = recipe_of("full", jhmdb, steps)
    for name, init in (("random", ""), ("imagenet", "imagenet")):
        torch.manual_seed(0)
        found[name] = CSSTask(replace(start, init_from=init), cache).build()
    for name in ("plain", "full"):
        recipe, run = recipe_of(name, jhmdb, steps), runs / name
        train(recipe, load_system("css"), run, cache_dir=cache, resume=True)
        model: nn.Module = CSSTask(recipe, cache).build(fresh=True)
        model.load_state_dict(load_checkpoint(run / "last.pt")["ema"])
        found[name] = model
    return found


def main() -> None:
    """Train, read, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("jhmdb", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--people-cache", type=Path, help="where labelled pictures are; --cache")
    parser.add_argument("--runs", type=Path, default=Path("runs/css_jhmdb"))
    parser.add_argument("--steps", type=at_least(1), default=600)
    parser.add_argument(
        "--stride", type=at_least(1), default=4, help="every n-th frame, for the heads"
    )
    parser.add_argument("--draws", type=at_least(1), default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    nets = networks(args.jhmdb, args.cache, args.runs, args.steps)
    where = args.people_cache or args.cache
    people, test = (
        People(source, args.jhmdb, where, args.stride) for source in ("jhmdb", "jhmdb-val")
    )
    table: dict[str, dict[str, list[tuple[float, float]]]] = {}
    print("| PCK@0.2 / @0.1 | " + " | ".join(f"{100 * share:g} %" for share in SHARES) + " |")
    print("|" + "---|" * (1 + len(SHARES)))
    values = {"mean pose": [np.zeros((len(part.clip), 1)) for part in (people, test)]}
    for name, net in nets.items():
        found, at = read(net, people), read(net, test)
        parts = found if name == "full" else ["encoder"]
        values |= {f"{name}, {part}": [found[part], at[part]] for part in parts}
    for name, (x, at) in values.items():
        row = table.setdefault(name, {})
        for share in SHARES:
            draws = range(args.draws if share < 1 else 1)
            row[str(share)] = [score(x, at, people, test, share, seed) for seed in draws]
        print(f"| {name} | " + " | ".join(map(_cell, row.values())) + " |", flush=True)
        if args.json:
            args.json.write_text(json.dumps(table, indent=1), "utf-8")


def _cell(scores: list[tuple[float, float]]) -> str:
    means, ranges = np.mean(scores, 0), np.ptp(scores, 0)
    return " / ".join(f"{m:.1f} ({r:.1f})" for m, r in zip(means, ranges, strict=True))


if __name__ == "__main__":
    run_script(main)
