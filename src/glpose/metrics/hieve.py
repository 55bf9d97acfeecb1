"""HiEve's weighted AP: frames count more where they are crowded, or where something unusual happens.

The weight of a frame is 2 exp(CI) + N, with the crowd index CI and the number N of kinds of unusual
actions in it (fights, falls, bowing crouches). The formula is recalled from the benchmark's paper
(Lin et al., Human in Events, arXiv 2005.04490), which was not at hand: compare with other programs
before a figure is set beside published ones.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from glpose.metrics.oks import OksPicture, OksScores, oks_scores

MOST_PEOPLE = 256
"""Only this many poses of a frame count, those of highest score; as in Zepyhrus/hie."""

CROWD_WEIGHT, UNUSUAL_WEIGHT = 2.0, 1.0


def crowd_index(
    xy: Float[np.ndarray, "people joints 2"],
    labelled: Bool[np.ndarray, "people joints"],
    xyxy: Float[np.ndarray, "people 4"],
) -> float:
    """How much people are in each other's boxes: 0 if nobody is, 1 if as much as in their own.

    The mean over people of the joints of others in one's box, by one's own joints there; joints on
    the border are inside. People without joints of their own in their box are left out; 0 if none
    are left.

    Source: Li et al., CrowdPose, CVPR 2019.
    """
    low, high = xyxy[:, None, None, :2], xyxy[:, None, None, 2:]
    inside = ((xy[None] >= low) & (xy[None] <= high)).all(-1) & labelled[None]
    count = inside.sum(-1).astype(np.float64)  # of whom, in whose box: [box, person]
    own = np.diag(count)
    has_own = own > 0
    if not has_own.any():
        return 0.0
    return float(((count.sum(1) - own)[has_own] / own[has_own]).mean())


def frame_weights(
    index: Float64[np.ndarray, " frames"], num_unusual: Int64[np.ndarray, " frames"]
) -> Float64[np.ndarray, " frames"]:
    """The weights of frames, from their crowd indices and their kinds of unusual actions."""
    return CROWD_WEIGHT * np.exp(index) + UNUSUAL_WEIGHT * num_unusual


def hieve_scores(
    frames: Sequence[OksPicture],
    num_unusual: Sequence[int],
    sigma: Float[np.ndarray, " joints"],
) -> tuple[OksScores, OksScores]:
    """Plain scores and weighted ones, in 0..1."""
    index = [crowd_index(f.truth_xy, f.labelled, f.truth_xyxy) for f in frames]
    weights = frame_weights(np.array(index, np.float64), np.array(num_unusual, np.int64))
    plain = oks_scores(frames, sigma, most_guesses=MOST_PEOPLE)
    return plain, oks_scores(frames, sigma, weights=weights, most_guesses=MOST_PEOPLE)
