"""Losses of frames of one clip by how far apart in time they are. Axes: B batch, T frames, V values.

Frames are in the order `ANCHOR`, `NEAR`, `MID`, then one or more that are far away.

Source: Honari et al., Temporal Representation Learning on Monocular Videos, TPAMI 2023. Only its
abstract was at hand, so the formulas are reconstructed; the contrast is that of van den Oord et al.,
Representation Learning with Contrastive Predictive Coding, 2018.
"""

import torch
from torch import Tensor
from torch.nn import functional

ANCHOR, NEAR, MID, AWAY = 0, 1, 2, 3


def similarities(vectors_BTV: Tensor) -> Tensor:
    """Cosines (B, T - 1) of the anchor with each other frame."""
    unit_BTV = functional.normalize(vectors_BTV.float(), dim=-1)
    return (unit_BTV[:, 1:] * unit_BTV[:, :1]).sum(-1)


def contrast_loss(vectors_BTV: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of telling the near frame from those away, which are of the same clip.

    Frames of other clips would be told apart by how people look, which the vectors shall not hold.
    """
    cosine_BT = similarities(vectors_BTV)
    logits = torch.cat([cosine_BT[:, : MID - 1], cosine_BT[:, AWAY - 1 :]], 1) / temperature
    return functional.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))


def ordered_loss(vectors_BTV: Tensor, margin: float) -> Tensor:
    """Hinge: the frame between is less like the anchor than the near one, and more than those away."""
    near, mid, away = similarities(vectors_BTV).tensor_split([MID - 1, AWAY - 1], 1)
    return (margin - near + mid).relu().mean() + (margin - mid + away).relu().mean()


def decay_loss(vectors_BTV: Tensor, seconds_BT: Tensor, fade_s: float) -> Tensor:
    """Squared distance of the cosines from 1 - |t| / `fade_s`, at least 0: the other gradual form."""
    apart_s = (seconds_BT[:, 1:] - seconds_BT[:, :1]).abs()
    return (similarities(vectors_BTV) - (1 - apart_s / fade_s).clamp(min=0)).square().mean()


def constant_loss(vectors_BTV: Tensor) -> Tensor:
    """Mean squared difference between the anchor and the first frame away."""
    return (vectors_BTV[:, ANCHOR] - vectors_BTV[:, AWAY]).float().square().mean()


def picture_loss(found_BCHW: Tensor, target_BCHW: Tensor, edges: float, *, square: bool) -> Tensor:
    """Mean error of pictures in [0, 1], squared or absolute, and `edges` times that of gradients.

    Gradients are differences of neighbouring pixels; they stand in for a perceptual term, which
    needs another trained network.
    """
    error_BCHW = found_BCHW.float() - target_BCHW
    parts = (error_BCHW, error_BCHW.diff(dim=-1), error_BCHW.diff(dim=-2))
    means = [part.square().mean() if square else part.abs().mean() for part in parts]
    return means[0] + edges * (means[1] + means[2])
