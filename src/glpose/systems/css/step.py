"""The losses of a batch of moments, and how well the halves are split."""

from __future__ import annotations

import torch
from torch import Tensor

from glpose.nets.contrast import (
    ANCHOR,
    AWAY,
    MID,
    NEAR,
    constant_loss,
    contrast_loss,
    decay_loss,
    ordered_loss,
    picture_loss,
    similarities,
)
from glpose.nets.split import Halves
from glpose.systems.css.net import SplitNet, as_target
from glpose.systems.css.spec import LossWeights

Batch = dict[str, Tensor]
"""`crops` (B, T, H, W, 3), `uint8`; `seconds` (B, T); perhaps `background` of the anchor (B, H, W, 3)."""


def moments(model: SplitNet, batch: Batch) -> Halves:
    """The halves of all frames: (B, T, I) and (B, T, V)."""
    crops = batch["crops"]
    return Halves(*(half.unflatten(0, crops.shape[:2]) for half in model(crops.flatten(0, 1))))


def painted(model: SplitNet, batch: Batch, found: Halves, of: int) -> Tensor:
    """The anchor's picture from its variant half and the invariant half of frame `of`."""
    halves = Halves(found.invariant[:, of], found.variant[:, ANCHOR])
    return model.paint(halves, batch.get("background"))


def split_losses(model: SplitNet, batch: Batch, how: LossWeights) -> dict[str, Tensor]:
    """The weighted losses that the settings ask for, by name."""
    config = model.config
    found = moments(model, batch)
    losses: dict[str, Tensor] = {}
    if config.reconstruct != "none":
        picture = painted(model, batch, found, AWAY if config.reconstruct == "swapped" else ANCHOR)
        target = as_target(batch["crops"][:, ANCHOR])
        error = picture_loss(picture, target, how.edges, square=how.pixels == "square")
        losses["reconstruct"] = how.reconstruct * error
    if config.contrast != "none":
        compared = found.both if config.contrast == "both" else found.variant
        losses["contrast"] = how.contrast * contrast_loss(compared, how.temperature)
        if config.gradual == "hinge":
            losses["gradual"] = how.gradual * ordered_loss(compared, how.margin)
        elif config.gradual == "decay":
            decay = decay_loss(compared, batch["seconds"], how.fade_s)
            losses["gradual"] = how.gradual * decay
    if how.constant:
        losses["constant"] = how.constant * constant_loss(found.invariant)
    return losses


@torch.inference_mode()
def split_scores(model: SplitNet, batch: Batch, how: LossWeights) -> dict[str, float]:
    """How well the halves of a batch are split; higher is better.

    `-loss`: the negative sum of the losses. `ordered`: percent of the anchors that the near frame
    resembles most and those away least. `swap`: the picture of the anchor's pose in the looks of
    the frame away must be the anchor's: how many times its squared error to that frame is larger.
    """
    found = moments(model, batch)
    compared = found.both if model.config.contrast == "both" else found.variant
    cosine = similarities(compared)
    near, mid, away = cosine[:, NEAR - 1], cosine[:, MID - 1], cosine[:, AWAY - 1 :].amax(1)
    total = torch.stack(list(split_losses(model, batch, how).values())).sum()
    scores = {
        "-loss": -float(total),
        "ordered": 100 * float(((near > mid) & (mid > away)).float().mean()),
    }
    if model.decoder is not None:
        picture = painted(model, batch, found, AWAY)
        own, other = (
            (picture - as_target(batch["crops"][:, frame])).square().mean()
            for frame in (ANCHOR, AWAY)
        )
        scores["swap"] = float(other / own)
    return scores
