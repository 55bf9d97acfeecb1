"""Average precision of person boxes, with regions to ignore."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from glpose.geometry import box_iou
from glpose.types import Detections

COCO_IOU_LIMITS = tuple(0.5 + 0.05 * i for i in range(10))
"""The IoU thresholds over which COCO averages."""


@dataclass(frozen=True, slots=True, eq=False)
class BoxTruth:
    """The people of one picture; those with `ignore` count neither as found nor as missed."""

    xyxy: Float32[np.ndarray, "n 4"]
    ignore: Bool[np.ndarray, " n"]


def average_precision(
    detections: Sequence[Detections], truth: Sequence[BoxTruth], iou_limit: float = 0.5
) -> float:
    """Area under the precision-recall curve over all pictures, in 0..1; NaN without people.

    Detections are matched best first, each to the unmatched person of highest IoU, if that is at
    least `iou_limit`. An unmatched detection that overlaps an ignored person is not counted, nor
    are people with `ignore`. The precision at a recall is the best at that or any higher recall.

    Source: Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 2015 (area since
    2010, "difficult" objects).
    """
    score, is_right = _matches(detections, truth, iou_limit)
    num_people = sum(int((~t.ignore).sum()) for t in truth)
    if num_people == 0:
        return float("nan")
    is_right = is_right[np.argsort(-score, kind="stable")]
    found = np.cumsum(is_right)
    precision = found / np.arange(1, len(found) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(best_from_here[is_right].sum() / num_people)


def mean_average_precision(detections: Sequence[Detections], truth: Sequence[BoxTruth]) -> float:
    """`average_precision` averaged over `COCO_IOU_LIMITS`."""
    limits = COCO_IOU_LIMITS
    return float(np.mean([average_precision(detections, truth, limit) for limit in limits]))


def recall_and_precision(
    detections: Sequence[Detections],
    truth: Sequence[BoxTruth],
    min_score: float,
    iou_limit: float = 0.5,
) -> tuple[float, float]:
    """Recall and precision of the detections with a score of at least `min_score`."""
    score, is_right = _matches(detections, truth, iou_limit)
    kept = is_right[score >= min_score]
    num_people = sum(int((~t.ignore).sum()) for t in truth)
    recall = kept.sum() / num_people if num_people else float("nan")
    return float(recall), float(kept.mean()) if len(kept) else float("nan")


def _matches(
    detections: Sequence[Detections], truth: Sequence[BoxTruth], iou_limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scores of all detections that count, and whether each is right."""
    scores, rights = [np.zeros(0)], [np.zeros(0, bool)]
    for found, people in zip(detections, truth, strict=True):
        order = np.argsort(-found.score, kind="stable")
        iou = box_iou(found.xyxy[order], people.xyxy)
        counts, right = _match_picture(iou, people.ignore, iou_limit)
        scores.append(found.score[order][counts])
        rights.append(right[counts])
    return np.concatenate(scores), np.concatenate(rights)


def _match_picture(
    iou: np.ndarray, ignore: np.ndarray, iou_limit: float
) -> tuple[np.ndarray, np.ndarray]:
    """For each detection, best first: whether it counts, and whether it is right."""
    counts, right = np.ones(len(iou), bool), np.zeros(len(iou), bool)
    free = ~ignore
    for i, row in enumerate(iou):
        open_row = np.where(free, row, -1.0)
        best = int(open_row.argmax()) if len(row) else -1
        if best >= 0 and open_row[best] >= iou_limit:
            right[i], free[best] = True, False
        elif (row[ignore] >= iou_limit).any():
            counts[i] = False
    return counts, right
