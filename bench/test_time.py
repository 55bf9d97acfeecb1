"""What each test-time option changes on JHMDB's validation clips, with true boxes.

    python bench/test_time.py JHMDB_FOLDER [WEIGHTS] [--every N] [--json FILE]

Prints PCK@0.2 and @0.1 over the 12 limb joints and the neck, joints inside the picture only, for
flip test, decoding methods, candidate sources with three seeds, and boxes with noise of 5 and 10 %
of their sides; on all frames, and on damaged ones as in pck_jhmdb.py. `--every` takes every N-th
clip. Results for repeated crops and slots are cached.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pck_jhmdb import KINDS, digest
from scripts import at_least, run_script

from glpose.codecs.codec import Maps
from glpose.evaluation.damaged import LabelledClip, evaluate_clips
from glpose.formats.jhmdb.short import read_clips
from glpose.formats.sets import dataset
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import load_estimator
from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import Encoded, Estimator, Inputs, Starting
from glpose.skeleton import JHMDB15
from glpose.video.reader import open_video


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: a way to estimate."""

    name: str
    options: PoseOptions
    box_noise: float = 0.0
    seed: int = 0


VIDEO = PoseOptions(candidates="video")
ROWS = (
    Row("plain (past)", PoseOptions()),
    Row("flip", PoseOptions(flip=True)),
    Row("flip, shifted by a pixel", PoseOptions(flip=True, flip_shift=True)),
    Row("argmax", PoseOptions(decode="argmax")),
    Row("quarter", PoseOptions(decode="quarter")),
    Row("past, seed 1", PoseOptions(), seed=1),
    Row("past, seed 2", PoseOptions(), seed=2),
    Row("video, seed 0", VIDEO),
    Row("video, seed 1", VIDEO, seed=1),
    Row("video, seed 2", VIDEO, seed=2),
    Row("video, even", PoseOptions(candidates="video", sampling="even")),
    Row("boxes 5 %", PoseOptions(), box_noise=0.05),
    Row("boxes 5 %, flip", PoseOptions(flip=True), box_noise=0.05),
    Row("boxes 10 %", PoseOptions(), box_noise=0.1),
    Row("boxes 10 %, flip", PoseOptions(flip=True), box_noise=0.1),
)


class Remembering:
    """An estimator that caches its results; its encoder answers nothing alone, but may summarise."""

    def __init__(self, estimate: Estimator) -> None:
        self.card = replace(estimate.card, answers=False, summarises=False)
        self._estimate = estimate
        self._encoded: dict[bytes, tuple[np.ndarray, ...]] = {}
        self._solved: dict[bytes, Maps] = {}

    def encode(self, crops: np.ndarray) -> Encoded:
        """As the estimator, cached."""
        keys = [digest(crop) for crop in crops]
        new = {key: i for i, key in enumerate(keys) if key not in self._encoded}
        if new:
            found = self._estimate.encode(crops[list(new.values())])
            arrays = [found.features, found.embedding, found.summary]
            rows = zip(*(array for array in arrays if array is not None), strict=True)
            self._encoded.update(zip(new, rows, strict=True))
        rows = zip(*(self._encoded[key] for key in keys), strict=True)
        features, embeddings, *summary = (np.stack(row) for row in rows)
        return Encoded(features, embeddings, summary=summary[0] if summary else None)

    def solve(self, inputs: Inputs) -> Maps:
        """As the estimator, cached."""
        keys = [digest(*parts) for parts in zip(*inputs.values(), strict=True)]
        new = {key: i for i, key in enumerate(keys) if key not in self._solved}
        if new:
            rows = list(new.values())
            found = self._estimate.solve({name: part[rows] for name, part in inputs.items()})
            rows_found = [
                dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)
            ]
            self._solved.update(zip(new, rows_found, strict=True))
        return {
            name: np.stack([self._solved[key][name] for key in keys]) for name in self.card.outputs
        }

    def start(self, crops: np.ndarray) -> Maps:
        """As the estimator, which has to have a starter."""
        assert isinstance(self._estimate, Starting)
        return self._estimate.start(crops)


def main() -> None:
    """Parse the command line, evaluate, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", nargs="?", default="pose_small")
    parser.add_argument("--every", type=at_least(1), default=1)
    parser.add_argument("--threads", type=at_least(1))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    clips = [
        LabelledClip(c.name, open_video(c.video).frames, c.truth)
        for c in read_clips(args.folder, "val")[:: args.every]
    ]
    loaded = load_estimator(args.weights, EngineSpec(threads=args.threads))
    counted = dataset("jhmdb-val").counted_joints(loaded.card.joints)
    estimators: dict[str, Estimator] = {}
    noise = -1.0
    results: dict[str, dict[str, float]] = {row.name: {} for row in ROWS}
    print(f"{len(clips)} clips, {sum(len(clip.truth) for clip in clips)} frames")
    for row in ROWS:
        if row.box_noise != noise:  # different crops: the caches are useless
            estimators = {"clean": Remembering(loaded), "damaged": Remembering(loaded)}
            noise = row.box_noise
        print(f"{row.name:24}", end="", flush=True)
        for state, kinds in (("clean", ()), ("damaged", KINDS)):
            scored = evaluate_clips(
                clips,
                JHMDB15,
                estimators[state],
                damage_kinds=kinds,
                box_noise=row.box_noise,
                options=row.options,
                seed=row.seed,
            )
            for limit in (0.2, 0.1):
                share = scored.pck(counted, limit).pooled
                results[row.name][f"{state}@{limit}"] = share
                print(f"  {state}@{limit} {share:5.2f}", end="", flush=True)
        print()
    if args.json:
        args.json.write_text(json.dumps(results, indent=1), "utf-8")


if __name__ == "__main__":
    run_script(main)
