"""PCK of the person's box on JHMDB's validation clips, boxes given: any number of weights.

    python bench/pck_jhmdb.py JHMDB_FOLDER WEIGHTS... [--json FILE] [--per-joint] [--ablate]

Prints, for each of the weights, PCK@0.2 and @0.1 over the 12 limb joints and the neck on all
frames, and on frames whose person is blurred, noised or covered by a third (every fifth frame, in
turn; its neighbours stay clean). Joints outside the picture are left out; "all" counts them too.

`--ablate` adds up to two rows for each of the weights, without retraining: every local slot, or
every global slot, is filled with the key crop itself.
"""

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
from damaged import LabelledClip, Scored, evaluate_clips
from jaxtyping import Bool, UInt8
from scripts import run_script

from glpose.codecs.codec import Maps
from glpose.formats.jhmdb.short import read_clips
from glpose.formats.sets import dataset
from glpose.runtime.card import KeySlot
from glpose.runtime.load import load_estimator
from glpose.runtime.protocols import Encoded, Estimator, Inputs, Starting
from glpose.skeleton import JHMDB15
from glpose.video.reader import open_video

KINDS = ("blur", "noise", "cover")


def main() -> None:
    """Parse the command line, evaluate, print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", nargs="+")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--per-joint", action="store_true")
    parser.add_argument("--ablate", action="store_true")
    args = parser.parse_args()
    clips = [
        LabelledClip(c.name, open_video(c.video).frames, c.truth)
        for c in read_clips(args.folder, "val")
    ]
    estimators: dict[str, Estimator] = {}
    for name in args.weights:
        estimators[name] = load_estimator(name)
        card = estimators[name].card
        for what, slots in (("local", card.neighbours), ("global", card.similar)):
            if args.ablate and slots:
                empty = tuple(slot.name for slot in slots)
                estimators[f"{name}, {what} slots empty"] = WithoutSlots(estimators[name], empty)
    results = {}
    for name, estimate in estimators.items():
        clean = evaluate_clips(clips, JHMDB15, estimate)
        damaged = evaluate_clips(clips, JHMDB15, estimate, damage_kinds=KINDS)
        joints = estimate.card.joints
        counted = dataset("jhmdb-val").counted_joints(joints)
        row = {"clean": numbers(clean, counted), "damaged": numbers(damaged, counted)}
        for i, kind in enumerate(KINDS):
            row[kind] = numbers(damaged.of_damage(i), counted)
        results[name] = row
        print(name)
        for state, values in row.items():
            print(f"  {state:8}", "  ".join(f"{k} {v:5.1f}" for k, v in values.items()))
        if args.per_joint:
            shares = clean.pck(counted, 0.2).per_joint
            for joint, share in zip(joints.joints, shares, strict=True):
                print(f"    {joint:15} {share:5.1f}")
    if args.json:
        args.json.write_text(json.dumps(results, indent=1), "utf-8")


class WithoutSlots:
    """An estimator that gets the key crop itself in some of its slots, all of one kind."""

    def __init__(self, estimate: Estimator, empty: tuple[str, ...]) -> None:
        self.card, self._estimate, self._empty = estimate.card, estimate, empty
        emptied = [slot for slot in self.card.neighbours if slot.name in empty]
        self._wants_summary = self.card.summarises and bool(emptied)
        # The summary of a crop by its features.
        self._summary: dict[bytes, np.ndarray] = {}

    def encode(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Encoded:
        """As the estimator."""
        found = self._estimate.encode(crops)
        if self._wants_summary:
            self._summary |= zip(map(digest, found.features), found.for_neighbours, strict=True)
        return found

    def solve(self, inputs: Inputs) -> Maps:
        """As the estimator, with the key in the emptied slots."""
        (key,) = (inputs[slot.name] for slot in self.card.slots if isinstance(slot, KeySlot))
        if self._wants_summary:
            key = np.stack([self._summary[digest(features)] for features in key])
        own = {name: np.repeat(key[:, None], inputs[name].shape[1], axis=1) for name in self._empty}
        return self._estimate.solve(inputs | own)

    def start(self, crops: UInt8[np.ndarray, "n height width 3"]) -> Maps:
        """As the estimator, which has to have a starter."""
        assert isinstance(self._estimate, Starting)
        return self._estimate.start(crops)


def digest(*arrays: np.ndarray) -> bytes:
    """A short name of the contents of arrays."""
    return hashlib.blake2b(b"".join(a.tobytes() for a in arrays), digest_size=16).digest()


def numbers(scored: Scored, counted: Bool[np.ndarray, " joints"]) -> dict[str, float]:
    """The four figures of a row."""
    return {
        "pck@0.2": scored.pck(counted, 0.2).pooled,
        "pck@0.1": scored.pck(counted, 0.1).pooled,
        "all@0.2": scored.pck(counted, 0.2, outside=True).pooled,
        "all@0.1": scored.pck(counted, 0.1, outside=True).pooled,
    }


if __name__ == "__main__":
    run_script(main)
