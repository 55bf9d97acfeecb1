"""Random cases of COCO keypoint scoring, and what pycocotools says about them.

`python tests/parity/coco_cases.py` writes `coco_expected.json` anew; it needs pycocotools 2.0.11.
"""

import contextlib
import io
import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from glpose.skeleton import COCO17

SEEDS = range(200)
EXPECTED = Path(__file__).with_name("coco_expected.json")
NAMES = ("ap", "ap50", "ap75", "ap_medium", "ap_large")
NAMES += ("ar", "ar50", "ar75", "ar_medium", "ar_large")  # the order of pycocotools' `stats`


def case(seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Truth and results of a few pictures: all sizes, crowds, ignored people, joints without label,
    guesses good and bad, double and in excess. No two scores are equal.
    """
    rng = np.random.default_rng([2024, seed])
    images = sorted(rng.choice(1000, rng.integers(2, 6), replace=False).tolist())
    people, guesses = [], []
    for image_id in images:
        for _ in range(rng.integers(0, 6)):
            people.append(_person(rng, len(people) + 1, image_id))
        near = [person for person in people if person["image_id"] == image_id]
        many = rng.random() < 0.15  # more than the 20 that count
        num_guesses = rng.integers(18, 30) if many else rng.integers(0, 8)
        guesses += [_guess(rng, image_id, near) for _ in range(num_guesses)]
    guesses = guesses or [_guess(rng, images[0], [])]  # pycocotools cannot read an empty list
    scores = rng.permutation(10 * len(guesses))[: len(guesses)] / (10 * len(guesses))
    for guess, score in zip(guesses, scores.tolist(), strict=True):
        guess["score"] = score
    order = rng.permutation(len(guesses))
    truth = {
        "images": [
            {"id": i, "width": 1000, "height": 800, "file_name": f"{i}.jpg"} for i in images
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO17.joints)}],
        "annotations": people,
    }
    return truth, [guesses[i] for i in order]


def _person(rng: np.random.Generator, number: int, image_id: int) -> dict[str, Any]:
    height = float(np.exp(rng.uniform(np.log(15), np.log(400))))
    size = np.array([height * rng.uniform(0.3, 0.8), height])
    corner = rng.uniform(0, 500, 2)
    xy = np.round(corner + rng.random((17, 2)) * size, 2)
    visibility = rng.choice(3, 17, p=[0.3, 0.2, 0.5])
    crowd = rng.random() < 0.12
    if rng.random() < 0.15 or (crowd and rng.random() < 0.5):
        visibility[:] = 0
    xy[visibility == 0] = 0
    # Some files claim joints or none against their own labels; the claim decides who is ignored.
    claimed = [int((visibility > 0).sum()), 17, 0][rng.choice(3, p=[0.92, 0.04, 0.04])]
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 1,
        "iscrowd": int(crowd),
        "area": round(float(size.prod() * rng.uniform(0.4, 0.9)), 3),
        "bbox": np.round([*corner, *size], 2).tolist(),
        "num_keypoints": claimed,
        "keypoints": np.column_stack([xy, visibility]).ravel().tolist(),
    }


def _guess(rng: np.random.Generator, image_id: int, people: list[dict[str, Any]]) -> dict[str, Any]:
    if people and rng.random() < 0.85:
        person = people[rng.integers(len(people))]
        joints = np.array(person["keypoints"]).reshape(17, 3)
        corner, size = np.array(person["bbox"][:2]), np.array(person["bbox"][2:])
        spread = size.max() * rng.choice([0.0, 0.01, 0.03, 0.06, 0.15])
        inside = corner + rng.uniform(-0.6, 1.6, (17, 2)) * size
        xy = np.where(joints[:, 2:] > 0, joints[:, :2], inside) + rng.normal(0, 1, (17, 2)) * spread
    else:
        xy = rng.uniform(0, 600, 2) + rng.random((17, 2)) * rng.uniform(10, 300)
    if rng.random() < 0.2:
        xy[rng.random(17) < 0.3] = 0
    joints = np.column_stack([np.round(xy, 3), np.ones(17)])
    return {"image_id": image_id, "category_id": 1, "keypoints": joints.ravel().tolist()}


def official(truth: dict[str, Any], results: list[dict[str, Any]]) -> list[float]:
    """The ten numbers of pycocotools, in the order of `NAMES`."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "truth.json"
        path.write_text(json.dumps(truth))
        coco = COCO(str(path))
        scores = COCOeval(coco, coco.loadRes([dict(entry) for entry in results]), "keypoints")
        scores.evaluate()
        scores.accumulate()
        scores.summarize()
    return [float(value) for value in scores.stats]


if __name__ == "__main__":
    document = {
        "made_by": "python tests/parity/coco_cases.py",
        "versions": {name: version(name) for name in ("pycocotools", "numpy")},
        "python": sys.version.split()[0],
        "names": NAMES,
        "scores_by_seed": [[round(v, 9) for v in official(*case(seed))] for seed in SEEDS],
    }
    EXPECTED.write_text(json.dumps(document, separators=(",", ":")).replace("],[", "],\n[") + "\n")
