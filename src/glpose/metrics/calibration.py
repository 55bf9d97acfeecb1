"""Scores that mean something: from the scores of a network to shares of correct joints.

Sources: isotonic regression as in Zadrozny and Elkan, KDD 2002; the expected calibration error of
Naeini et al., AAAI 2015, with bins of equal width as in Guo et al., ICML 2017.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from glpose.errors import BadInput

Knots = tuple[tuple[float, float], ...]
"""Points (score, probability) of a piecewise linear function; both rise from point to point."""

_MOST_KNOTS = 20
_DIGITS = 5
NUM_BINS = 15


def fit_calibration(
    score: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], num: int = _MOST_KNOTS
) -> Knots:
    """The rising function that gives the share of correct joints for a score.

    Scores are put into `num` groups of about equal size, equal scores into the same one; a knot is
    the mean score of a group and its share of correct joints, made to rise by isotonic regression.
    Joints with a score of 0, which were not found, are left out.

    Raises: BadInput for fewer joints than groups.
    """
    # Rounded as knots are, so that knots of different scores differ.
    score = np.round(score.astype(np.float64), _DIGITS)
    score, correct = score[score > 0], correct[score > 0]
    if len(score) < num:
        raise BadInput(
            f"{len(score)} joints with a score; expected at least {num} to calibrate scores on"
        )
    from scipy.optimize import isotonic_regression  # slow to import

    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    lower = np.cumsum(count) - count  # how many scores are below each one
    group = (lower * num // len(score))[place]
    weight, sum_score, sum_correct = (
        np.bincount(group, weights=values) for values in (np.ones(len(score)), score, correct)
    )
    used = weight > 0
    x, share = (total[used] / weight[used] for total in (sum_score, sum_correct))
    y = isotonic_regression(share, weights=weight[used]).x
    return tuple(
        (round(float(a), _DIGITS), round(float(b), _DIGITS)) for a, b in zip(x, y, strict=True)
    )


def calibrated(score: Float[np.ndarray, "*n"], knots: Knots) -> Float[np.ndarray, "*n"]:
    """The probabilities of scores; a score of 0, a joint that was not found, stays 0.

    Between 0 and the first knot the probability falls to 0 in proportion; beyond the last one it
    is constant. Without knots scores stay as they are.
    """
    if not knots:
        return score
    x, y = np.array([(0.0, 0.0), *knots]).T
    return np.where(score > 0, np.interp(score, x, y), 0).astype(score.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Joints by their score, in bins of equal width from 0 to 1.

    Per bin: how many, their mean score and their share of correct ones (NaN where there are none).
    `error` is the expected calibration error: the mean difference of the two, weighted by number.
    """

    count: Float64[np.ndarray, " bins"]
    score: Float64[np.ndarray, " bins"]
    correct: Float64[np.ndarray, " bins"]
    error: float


def reliability(
    score: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], bins: int = NUM_BINS
) -> Reliability:
    """How well scores from 0 to 1 tell the share of correct joints."""
    place = np.clip((score * bins).astype(np.int64), 0, bins - 1)
    count, score_sum, correct_sum = (
        np.bincount(place, weights=weights, minlength=bins)
        for weights in (np.ones(len(score)), score, correct)
    )
    with np.errstate(invalid="ignore"):
        mean, share = score_sum / count, correct_sum / count
    error = float(np.nansum(np.abs(mean - share) * count) / max(count.sum(), 1))
    return Reliability(count.astype(np.float64), mean, share, error)
