"""COCO's keypoint evaluation: average precision and recall over object keypoint similarity.

Equal to pycocotools' `COCOeval` with `iouType="keypoints"`, rule by rule; docs/metrics.md lists the
rules. One bug is not reproduced: there, a person with annotation id 0 can never be matched.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

MAX_GUESSES = 20
"""Only this many poses of a picture count, those of highest score."""

LIMITS = np.linspace(0.5, 0.95, 10)
"""OKS thresholds, inclusive."""

_RECALLS = np.linspace(0.0, 1.0, 101)
_AREAS_PX2 = {"all": (0.0, 1e10), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}


@dataclass(frozen=True, slots=True, eq=False)
class OksPicture:
    """The labelled people of one picture and the poses guessed there; image pixels, float64.

    `area_px2` is the area of the person's segment. Those with `ignore` count neither as
    found nor as missed; `crowd` marks groups labelled as one, which several guesses may match.
    Joints that are not `labelled` may hold anything. A NaN joint of a guess counts as far from the
    truth.
    """

    truth_xy: Float64[np.ndarray, "people joints 2"]
    labelled: Bool[np.ndarray, "people joints"]
    area_px2: Float64[np.ndarray, " people"]
    truth_xyxy: Float64[np.ndarray, "people 4"]
    ignore: Bool[np.ndarray, " people"]
    crowd: Bool[np.ndarray, " people"]
    guess_xy: Float64[np.ndarray, "guesses joints 2"]
    guess_score: Float64[np.ndarray, " guesses"]


@dataclass(frozen=True, slots=True)
class OksScores:
    """Values in 0..1; -1 where nobody of that size is labelled.

    `ap` and `ar` are means over ten OKS thresholds (0.5 to 0.95); `ap50` is at 0.5 alone. Medium
    people have an area of 32^2 to 96^2 square pixels, large ones of at least 96^2.
    """

    ap: float
    ap50: float
    ap75: float
    ap_medium: float
    ap_large: float
    ar: float
    ar50: float
    ar75: float
    ar_medium: float
    ar_large: float


def oks_scores(
    pictures: Sequence[OksPicture],
    sigma: Float[np.ndarray, " joints"],
    *,
    weights: Float64[np.ndarray, " pictures"] | None = None,
    most_guesses: int = MAX_GUESSES,
) -> OksScores:
    """AP and AR of all pictures together; `sigma` as `Skeleton.oks_sigma`.

    With `weights` the people and the poses of a picture count that often, which need not be a whole
    number; equal weights change nothing. Of a picture `most_guesses` poses count.

    Poses are matched best first, each to the unmatched person of highest OKS. Ignored people and
    those outside the area range are not counted, nor are unmatched poses outside the range (area
    of the box around their joints). Equal scores rank in the order given.

    Source: COCO keypoint evaluation; read: pycocotools 2.0.11 (BSD).
    """
    ready = [_ready(picture, sigma, most_guesses) for picture in pictures]
    # Divided by the largest: sums of equal weights are whole numbers then, and exact.
    share = np.ones(len(pictures)) if weights is None else weights / weights.max(initial=0)
    curves = {name: _curves(ready, share, low, high) for name, (low, high) in _AREAS_PX2.items()}
    precision, recall = curves["all"]
    (medium_ap, medium_ar), (large_ap, large_ar) = (
        [_mean(part) for part in curves[name]] for name in ("medium", "large")
    )
    at75 = int(np.argmin(np.abs(LIMITS - 0.75)))
    return OksScores(
        ap=_mean(precision),
        ap50=_mean(precision[0]),
        ap75=_mean(precision[at75]),
        ap_medium=medium_ap,
        ap_large=large_ap,
        ar=_mean(recall),
        ar50=float(recall[0]),
        ar75=float(recall[at75]),
        ar_medium=medium_ar,
        ar_large=large_ar,
    )


def oks_to_truth(
    picture: OksPicture, sigma: Float[np.ndarray, " joints"]
) -> Float64[np.ndarray, "guesses people"]:
    """The OKS of every guess with every person.

    For a person without labelled joints the distance of a joint is how far it lies outside the
    box, extended on every side by its own size.
    """
    away = picture.guess_xy[:, None] - picture.truth_xy[None]
    low, high = picture.truth_xyxy[:, :2], picture.truth_xyxy[:, 2:]
    size = (high - low)[None, :, None]
    guess = picture.guess_xy[:, None]
    outside = np.maximum(low[None, :, None] - size - guess, 0)
    outside += np.maximum(guess - high[None, :, None] - size, 0)
    has_joints = np.asarray(picture.labelled.any(-1))
    counted = picture.labelled | ~has_joints[:, None]
    square = np.where(has_joints[:, None, None], away, outside) ** 2
    scale = 2 * (picture.area_px2 + np.spacing(1))[:, None] * (2 * sigma) ** 2
    exponent = square.sum(-1) / scale
    near = np.where(counted & np.isfinite(exponent), np.exp(-np.nan_to_num(exponent)), 0.0)
    return near.sum(-1) / counted.sum(-1)


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A picture with its guesses sorted, best first, and the OKS matrix."""

    similarity: Float64[np.ndarray, "guesses people"]
    score: Float64[np.ndarray, " guesses"]
    guess_area: Float64[np.ndarray, " guesses"]
    area: Float64[np.ndarray, " people"]
    ignore: Bool[np.ndarray, " people"]
    crowd: Bool[np.ndarray, " people"]


def _ready(picture: OksPicture, sigma: Float[np.ndarray, " joints"], most: int) -> _Ready:
    order = np.argsort(-picture.guess_score, kind="stable")[:most]
    xy = picture.guess_xy[order]
    low = np.where(np.isnan(xy), np.inf, xy).min(1, initial=np.inf)
    high = np.where(np.isnan(xy), -np.inf, xy).max(1, initial=-np.inf)
    return _Ready(
        similarity=oks_to_truth(picture, sigma)[order],
        score=picture.guess_score[order],
        guess_area=np.maximum(high - low, 0).prod(-1),
        area=picture.area_px2,
        ignore=picture.ignore,
        crowd=picture.crowd,
    )


def _curves(
    pictures: Sequence[_Ready], weights: Float64[np.ndarray, " pictures"], low: float, high: float
) -> tuple[Float64[np.ndarray, "limits recalls"], Float64[np.ndarray, " limits"]]:
    """Precision at the 101 recalls, and the recall reached; -1 if there is nobody to find."""
    num_people = 0.0
    scores, rights, wrongs = [np.zeros(0)], [], []
    for picture, weight in zip(pictures, weights.tolist(), strict=True):
        ignore = picture.ignore | (picture.area < low) | (picture.area > high)
        num_people += weight * int((~ignore).sum())
        found, ignored = _match(picture.similarity, ignore, picture.crowd)
        foreign = (picture.guess_area < low) | (picture.guess_area > high)
        ignored |= ~found & foreign
        scores.append(picture.score)
        rights.append(weight * (found & ~ignored))
        wrongs.append(weight * (~found & ~ignored))
    if num_people == 0:
        return np.full((len(LIMITS), len(_RECALLS)), -1.0), np.full(len(LIMITS), -1.0)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    right = np.cumsum(np.concatenate(rights, 1)[:, order], 1).astype(np.float64)
    wrong = np.cumsum(np.concatenate(wrongs, 1)[:, order], 1).astype(np.float64)
    precision = np.zeros((len(LIMITS), len(_RECALLS)))
    if not right.size:
        return precision, np.zeros(len(LIMITS))
    recall = right / num_people
    best = right / (right + wrong + np.spacing(1))
    best = np.maximum.accumulate(best[:, ::-1], 1)[:, ::-1]
    for i in range(len(LIMITS)):
        place = np.searchsorted(recall[i], _RECALLS, side="left")
        reached = place < recall.shape[1]
        precision[i, reached] = best[i, place[reached]]
    return precision, recall[:, -1]


def _match(
    similarity: Float64[np.ndarray, "guesses people"],
    ignore: Bool[np.ndarray, " people"],
    crowd: Bool[np.ndarray, " people"],
) -> tuple[Bool[np.ndarray, "limits guesses"], Bool[np.ndarray, "limits guesses"]]:
    """For each limit and guess, best first: whether it is matched, and to an ignored person."""
    found = np.zeros((len(LIMITS), len(similarity)), bool)
    ignored = np.zeros_like(found)
    free = np.ones((len(LIMITS), len(ignore)), bool)
    if not free.size:
        return found, ignored
    for i, row in enumerate(similarity):
        fits = free & (row >= LIMITS[:, None])
        # Ignored people are matched only if nobody else can be.
        fits &= ~ignore | ~(fits & ~ignore).any(1, keepdims=True)
        # Ties go to the last candidate, as in pycocotools.
        person = len(row) - 1 - np.where(fits, row, -1.0)[:, ::-1].argmax(1)
        found[:, i] = fits.any(1)
        ignored[:, i] = found[:, i] & ignore[person]
        taken = found[:, i] & ~crowd[person]
        free[taken, person[taken]] = False
    return found, ignored


def _mean(values: Float64[np.ndarray, "..."]) -> float:
    return float(values.mean())
