"""The losses of one batch: binary cross-entropy on the scores and GIoU on the boxes.

Sources: Feng et al., TOOD, ICCV 2021 (soft targets); Rezatofighi et al., Generalized Intersection
over Union, CVPR 2019.
"""

import torch
from torch import Tensor
from torch.nn import functional

from glpose.systems.person_detector.net import PersonDetector, all_points
from glpose.systems.person_detector.targets import assign, background_weight


def detection_losses(model: PersonDetector, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weighted "score" and "box" losses, both divided by the sum of target scores of the batch."""
    images, config = batch["images"], model.config.assignment
    boxes, logits = model.raw(images)
    points = all_points((images.shape[1], images.shape[2]), model.config.strides).to(images.device)
    truth, kind = batch["xyxy"], batch["kind"]
    predicted = boxes.detach(), logits.detach().sigmoid()
    found = assign(*predicted, points, truth, kind, config)
    positive = found.score_BA > 0
    known = batch["labelled_from"], batch["doubt_from"]
    silent = background_weight(*predicted, points, truth, kind, *known, model.config.strides[0])
    weight = torch.where(positive, torch.ones_like(silent), silent)
    total = found.score_BA.sum().clamp(min=1.0)
    score = functional.binary_cross_entropy_with_logits(
        logits, found.score_BA, weight, reduction="sum"
    )
    box = (1 - giou(boxes[positive], found.box_BA4[positive])) * found.score_BA[positive]
    return {
        "score": config.score_weight * score / total,
        "box": config.box_weight * box.sum() / total,
    }


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU of paired boxes, in -1..1."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    overlap = (high - low).clamp(min=0).prod(-1)
    union = (a[:, 2:] - a[:, :2]).prod(-1) + (b[:, 2:] - b[:, :2]).prod(-1) - overlap
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(-1)
    return overlap / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)
