"""COCO keypoints: annotations and results to AP and AR."""

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path

from glpose.evaluation.scoring.report import Report, number
from glpose.formats.coco.results import (
    PictureGuess,
    PictureTruth,
    read_keypoint_results,
    read_keypoint_truth,
)
from glpose.metrics.oks import OksPicture, oks_scores

TRUTH = Path("annotations") / "person_keypoints_val2017.json"
"""Where the ground truth is in a set's folder."""

RESULTS = "results.json"
"""File name of results in a folder."""

_TITLES = ("AP", "AP50", "AP75", "AP(M)", "AP(L)", "AR", "AR50", "AR75", "AR(M)", "AR(L)")


def oks_pictures(
    truth: Mapping[int, PictureTruth], guess: Mapping[int, PictureGuess]
) -> list[OksPicture]:
    """Truth and poses of each picture, as they are scored."""
    return [
        OksPicture(
            truth_xy=true.xy,
            labelled=true.labelled,
            area_px2=true.area_px2,
            truth_xyxy=true.xyxy,
            ignore=true.ignore,
            crowd=true.crowd,
            guess_xy=guess[image_id].xy,
            guess_score=guess[image_id].score,
        )
        for image_id, true in truth.items()
    ]


def score_coco(truth: Path, results: Path, *, only: Collection[int] | None = None) -> Report:
    """AP and AR of a results file; `only`, if given, lists the ids of the pictures to score.

    Raises: BadInput naming the file and the key.
    """
    skeleton, category, pictures = read_keypoint_truth(truth / TRUTH if truth.is_dir() else truth)
    if only is not None:
        pictures = {image_id: people for image_id, people in pictures.items() if image_id in only}
    results = results / RESULTS if results.is_dir() else results
    guess = read_keypoint_results(results, skeleton, category, pictures)
    scores = oks_scores(oks_pictures(pictures, guess), skeleton.oks_sigma)
    percent = {k: 100 * value if value >= 0 else math.nan for k, value in asdict(scores).items()}
    num_poses = [len(poses.score) for poses in guess.values()]
    counts = {
        "num_pictures": len(pictures),
        "num_people": sum(int((~true.ignore).sum()) for true in pictures.values()),
        "num_ignored": sum(int(true.ignore.sum()) for true in pictures.values()),
        "num_poses": sum(num_poses),
        "num_pictures_with_poses": sum(num > 0 for num in num_poses),
    }
    lines = [
        f"COCO keypoints ({skeleton.name}), as pycocotools counts",
        "truth: {num_pictures} pictures, {num_people} people, {num_ignored} more to ignore".format(
            **counts
        ),
        "predictions: {num_poses} poses in {num_pictures_with_poses} pictures".format(**counts),
        " ".join(f"{title:>5}" for title in _TITLES),
        " ".join(f"{number(value):>5}" for value in percent.values()),
    ]
    return Report(lines, {"metric": "coco", "skeleton": skeleton.name, **counts, **percent})
