"""Which frames GLPose should look at again: its own ranking of global crops against other ones.

    python bench/ranking.py JHMDB RUN --weights EMBEDDING [--cache cache] [--stride 3]

RUN is one of `jhmdb_k0` or `jhmdb_complete` (see `jhmdb_fusion.py`): six of twenty candidates, other
frames of the clip, fill its global slots. Here they are chosen by the likeness of: the encoder's
pooled features, as shipped; the halves of `glpose embed`'s vector (RUN's damage and that of these
crops are of the same kinds, not the same pixels); numbers at random; and the true joints, which
nobody has, as a bound. The weights of those chosen are the shipped ones in every row. PCK@0.2 / @0.1
of limb joints on validation frames: clean, and where three frames in a row of twelve are damaged,
the damaged ones. The last column is how far the true joints of the chosen are from those of the
key, in percent of the box's longer side, on clean frames. Needs the training extra.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jhmdb_fusion import CONDITIONS, LIMITS, Bench, limbs
from scripts import at_least, run_script

from glpose.crop import crop_from_image
from glpose.damage import DAMAGE, damage
from glpose.jobs.runs import recorded_recipe
from glpose.runtime.load import load_embedder
from glpose.systems.glpose.features import Draw, FeatureData
from glpose.systems.glpose.scoring import guess_from_features
from glpose.systems.glpose.system import GLPoseTask
from glpose.train.data.tracks import Tracks
from glpose.train.run.checkpoint import load_checkpoint

AT_ONCE = 32

Likeness = Callable[[Draw, np.ndarray], np.ndarray]
"""How like the key each of some rows of the tracks is."""


class Ranked(FeatureData):
    """Features whose global slots are filled by another likeness; `apart` collects its last column."""

    likeness: Likeness | None
    apart: list[float]

    def similar(self, draw: Draw) -> tuple[np.ndarray, np.ndarray]:
        """The most alike, with the shipped weights among these."""
        proposals, num = draw.proposals, self._config.global_.n
        kept = np.arange(len(proposals))
        if self.likeness is not None and len(proposals) > num:
            kept = np.argsort(-self.likeness(draw, proposals), kind="stable")[:num]
        some = replace(draw, proposals=proposals[kept], hurt=draw.hurt[kept])
        places, weights = super().similar(some)
        found = np.where(places >= 0, kept[np.maximum(places, 0)], places)
        shape = poses_of(self.tracks)
        used = proposals[found[found >= 0]]
        gaps = np.linalg.norm(shape[used] - shape[draw.key % len(self.tracks)], axis=-1)
        self.apart += gaps[np.isfinite(gaps)].tolist()
        return found, weights


def poses_of(tracks: Tracks) -> np.ndarray:
    """The true joints of all rows relative to the box, of its longer side."""
    side = (tracks.xyxy[:, 2:] - tracks.xyxy[:, :2]).max(-1)[:, None, None]
    middle = tracks.xyxy.reshape(-1, 2, 2).mean(1, keepdims=True)
    return (tracks.xy - middle) / side


def vectors_of(tracks: Tracks, weights: str) -> dict[str, np.ndarray]:
    """The vectors of all rows, clean and damaged (rows, 2, values), centred, by half."""
    embed = load_embedder(weights)
    spec, halves = embed.card.crop, ([], [])
    for start in range(0, len(tracks), AT_ONCE):
        rows = range(start, min(start + AT_ONCE, len(tracks)))
        clean = [tracks.cut(i, crop_from_image(tracks.xyxy[i], spec), spec) for i in rows]
        rngs = (np.random.default_rng([i, 53]) for i in rows)
        hurt = [
            damage(r, c, DAMAGE[r.integers(len(DAMAGE))]) for r, c in zip(rngs, clean, strict=True)
        ]
        for half, whole, broken in zip(
            halves, embed(np.stack(clean)), embed(np.stack(hurt)), strict=True
        ):
            half.append(np.stack([whole, broken], 1))
    joined = {n: np.concatenate(h) for n, h in zip(("appearance", "pose"), halves, strict=True)}
    return {name: values - values[:, 0].mean(0) for name, values in joined.items()}


def by_vectors(vectors: np.ndarray, num: int) -> Likeness:
    """The cosine."""
    unit = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

    def likeness(draw: Draw, rows: np.ndarray) -> np.ndarray:
        return unit[rows, draw.hurt.astype(int)] @ unit[draw.key % num, int(draw.damaged)]

    return likeness


def by_joints(tracks: Tracks) -> Likeness:
    """The negative mean distance of true joints."""
    shape = poses_of(tracks)

    def likeness(draw: Draw, rows: np.ndarray) -> np.ndarray:
        gaps = np.linalg.norm(shape[rows] - shape[draw.key % len(tracks)], axis=-1)
        return -np.nan_to_num(np.nanmean(gaps, -1), nan=1.0)

    return likeness


def by_chance(draw: Draw, rows: np.ndarray) -> np.ndarray:
    """Random numbers that depend on the key."""
    return np.random.default_rng([draw.key, 59]).random(len(rows))


def main() -> None:
    """Print a row for each ranking."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("jhmdb", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    parser.add_argument("--stride", type=at_least(1), default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    bench = Bench(args.jhmdb, args.cache, args.stride)
    recorded = json.loads((args.run / "recipe.json").read_text("utf-8"))["recipe"]
    recipe = replace(recorded_recipe(recorded), roots=bench.roots)
    model = GLPoseTask(recipe, args.cache).build(fresh=True).eval()
    model.load_state_dict(load_checkpoint(args.run / "last.pt")["ema"])
    data = bench.features(model, recipe, CONDITIONS["clean"][0])
    data.__class__ = Ranked
    assert isinstance(data, Ranked)
    tracks = data.tracks
    halves = vectors_of(tracks, args.weights)
    rankings: dict[str, Likeness | None] = {
        "pooled features, as shipped": None,
        **{f"{half} half": by_vectors(v, len(tracks)) for half, v in halves.items()},
        "at random": by_chance,
        "true joints": by_joints(tracks),
    }
    names = ("clean", "three")
    print("| ranking | " + " | ".join(names) + " | pose of the chosen apart |")
    print("|" + "---|" * (2 + len(names)))
    for name, likeness in rankings.items():
        cells, apart = [], 0.0
        for condition in names:
            _, num, period = CONDITIONS[condition]
            hurt = (tracks.frame + tracks.clip) % period < num
            keys = data.keys[hurt[data.keys] if num else slice(None)][:: args.stride]
            data.likeness, data.apart = likeness, []
            found = guess_from_features(model, data, keys, recipe.precision, hurt=hurt)
            scores = [found.pck(v, limbs(recipe.model.joints)).pooled for v in LIMITS]
            cells.append(" / ".join(f"{score:.1f}" for score in scores))
            apart = apart or 100 * float(np.mean(data.apart))
        print(f"| {name} | " + " | ".join(cells) + f" | {apart:.1f} |", flush=True)


if __name__ == "__main__":
    run_script(main)
