"""Calibrate the scores of pose weights on JHMDB's validation clips, and say how true they are.

    python bench/calibration.py JHMDB_FOLDER WEIGHTS [--pictures] [--write]
        [--diagram FILE.png]

A joint is correct within 0.1 of the longer side of the true box. The clips are halved by source
video: each half is scored with the calibration of the other, and the expected calibration error is
that of both together. Clean and damaged frames count alike, though damaged ones are few: of the same
score more joints are right there. With `--pictures` every fourth frame is a picture of its own, looked
at as `glpose run` does (ten views). `--write` puts the calibration of all clips into the card of the
weights.
"""

import argparse
import json
import random
from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from damaged import LabelledClip, Scored, evaluate_clips
from pck_jhmdb import KINDS
from scripts import run_script

from glpose.config import to_plain
from glpose.errors import MissingExtra
from glpose.export.onnx import record_digest
from glpose.files import file_digest, whole_file
from glpose.formats.jhmdb.short import read_clips
from glpose.formats.sets import dataset
from glpose.metrics.calibration import Knots, Reliability, calibrated, fit_calibration, reliability
from glpose.runtime.alone import alone
from glpose.runtime.card import CARD_KEY, PoseCard
from glpose.runtime.load import find_weights, load_estimator, read_card
from glpose.runtime.presets import Effort
from glpose.runtime.protocols import Estimator
from glpose.skeleton import JHMDB15, Skeleton
from glpose.video.reader import open_video

LIMIT = 0.1

_PICTURES_EVERY = 4
"""Has no factor in common with 15, so that frames are damaged in every way."""


def main() -> None:
    """Parse the command line, evaluate, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights")
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--diagram", type=Path)
    args = parser.parse_args()
    estimate: Estimator = load_estimator(args.weights)
    estimate.card = replace(estimate.card, calibration=())
    if args.pictures:
        estimate = alone(estimate)
    options = Effort().options(is_picture=args.pictures, causal=False)
    every = _PICTURES_EVERY if args.pictures else 1
    found = []
    for half in halves(clips(args.folder / "val.txt")):
        names = {line.split()[0] for line in half}
        labelled = [
            LabelledClip(c.name, open_video(c.video).frames, c.truth[::every])
            for c in read_clips(args.folder, "val")
            if c.name in names
        ]
        evaluate = partial(evaluate_clips, labelled, JHMDB15, estimate, options=options)
        clean, bad = joints(evaluate(), estimate.card.joints), evaluate(damage_kinds=KINDS)
        found.append((clean, joints(bad, estimate.card.joints)))
    report(found, args.diagram)
    if args.write:
        knots = fit_calibration(*alike(found))
        fusion = find_weights(args.weights, "pose").part("fusion")
        assert fusion is not None
        write(fusion, knots)


Joints = tuple[np.ndarray, np.ndarray]
"""The scores of joints, and which are correct."""


def joints(scored: Scored, skeleton: Skeleton) -> Joints:
    """Labelled joints inside the picture; not those that JHMDB places differently."""
    counted = scored.labelled & dataset("jhmdb-val").counted_joints(skeleton)
    size = scored.truth_xyxy[:, 2:] - scored.truth_xyxy[:, :2]
    distance = np.linalg.norm(scored.guess_xy - scored.truth_xy, axis=-1) / size.max(1)[:, None]
    return scored.guess_score[counted], (distance <= LIMIT)[counted]


def pooled(parts: list[Joints]) -> Joints:
    """All joints together."""
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def alike(found: list[tuple[Joints, Joints]]) -> Joints:
    """All joints, those of damaged frames so often that they are as many as the clean ones."""
    clean, bad = (pooled([half[number] for half in found]) for number in (0, 1))
    return pooled([clean, *[bad] * max(1, round(len(clean[0]) / len(bad[0])))])


def report(found: list[tuple[Joints, Joints]], diagram: Path | None) -> None:
    """Print the errors before and after, each half calibrated on the other."""
    shown: dict[str, Reliability] = {}
    for number, name in enumerate(("clean", "every fifth frame damaged")):
        raw = pooled([half[number] for half in found])
        after = pooled(
            [
                (calibrated(own[number][0], fit_calibration(*alike([other]))), own[number][1])
                for own, other in (found, found[::-1])
            ]
        )
        shown[f"{name}, as decoded"] = reliability(*raw)
        shown[f"{name}, calibrated"] = reliability(*after)
    for name, curve in shown.items():
        print(f"{name:42} expected calibration error {curve.error:.4f}")
    if diagram:
        draw(shown, diagram)


def draw(shown: dict[str, Reliability], path: Path) -> None:
    """A reliability diagram."""
    try:
        from matplotlib.figure import Figure
    except ImportError as problem:
        raise MissingExtra("matplotlib", "train") from problem
    figure = Figure(figsize=(5, 5), layout="tight")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="0.7")
    for name, curve in shown.items():
        style = "--" if "decoded" in name else "-"
        axes.plot(curve.score, curve.correct, style, marker=".", label=f"{name}: {curve.error:.3f}")
    axes.set(xlabel="score", ylabel="share of joints within 0.1 of the box")
    axes.legend()
    figure.savefig(path)


def write(path: Path, knots: Knots) -> None:
    """Put the calibration into the card of a graph, and its new digest into SHA256SUMS."""
    try:
        import onnx
    except ImportError as problem:
        raise MissingExtra("onnx", "export") from problem
    card = read_card(path)
    assert isinstance(card, PoseCard)
    model = onnx.load(str(path))
    for entry in model.metadata_props:
        if entry.key == CARD_KEY:
            entry.value = json.dumps(to_plain(replace(card, calibration=knots)))
    with whole_file(path) as part:
        onnx.save(model, str(part))
    record_digest(path, file_digest(path))
    print(f"{path}: calibrated with {len(knots)} points")


def clips(path: Path) -> list[str]:
    """The lines of a list that name a clip."""
    return [line for line in path.read_text("utf-8").splitlines() if line and line[0] != "#"]


def halves(lines: list[str]) -> tuple[list[str], list[str]]:
    """Two halves that share no source video, the last word of a line."""
    videos = defaultdict(list)
    for line in lines:
        videos[line.split()[-1]].append(line)
    names = sorted(videos)
    random.Random(0).shuffle(names)
    one: list[str] = []
    other: list[str] = []
    for name in names:
        (one if len(one) <= len(other) else other).extend(videos[name])
    return one, other


if __name__ == "__main__":
    run_script(main)
