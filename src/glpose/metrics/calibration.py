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
NUM_BINS = 15


def fit_calibration(
    score: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"], num: int = _MOST_KNOTS
) -> Knots:
    """The rising function that gives the share of correct joints for a score.

    Scores are put into `num` groups of equal size; a knot is the mean score of a group and its
    share of correct joints, made to rise by isotonic regression.

    Raises: BadInput for fewer joints than groups.
    """
    if len(score) < num:
        raise BadInput(f"{len(score)} joints; expected at least {num} to calibrate scores on")
    from scipy.optimize import isotonic_regression  # slow to import

    order = np.argsort(score, kind="stable")
    groups = np.array_split(order, num)
    x = np.array([score[group].mean() for group in groups], np.float64)
    share = np.array([correct[group].mean() for group in groups])
    weights = np.array([len(group) for group in groups], np.float64)
    y = isotonic_regression(share, weights=weights).x
    # Groups of equal scores would give one score two probabilities.
    kept = np.flatnonzero(np.diff(x, prepend=-np.inf) > 1e-6)
    return tuple((round(float(x[i]), 5), round(float(y[i]), 5)) for i in kept)


def calibrated(score: Float[np.ndarray, "*n"], knots: Knots) -> Float[np.ndarray, "*n"]:
    """The probabilities of scores; a score of 0, a joint that was not found, stays 0.

    Between 0 and the first knot the probability falls to 0 in proportion; beyond the last one it
    is constant. Without knots scores stay as they are.
    """
    if not knots:
        return score
    x, y = np.array([(0.0, 0.0), *knots]).T
    return np.interp(score, x, y).astype(score.dtype)


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
