"""Label assignment: which points are positive for which person, and which are background.

Axes: B batch, A points, G people of a picture (padded). All functions run without gradients.
Source: Feng et al., TOOD: Task-aligned One-stage Object Detection, ICCV 2021, section 3.3.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from glpose.imaging import cell_at
from glpose.systems.person_detector.spec import AssignmentConfig

PERSON, IGNORE, PADDING = 1, -1, 0
"""Kinds of label rows: a person, a region to ignore, padding."""

_EPS = 1e-9


@dataclass(frozen=True, slots=True)
class Assignment:
    """For each point, its target box and its target score (0 for background)."""

    box_BA4: Tensor
    score_BA: Tensor


def pair_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of boxes of broadcastable shapes (..., 4)."""
    low = torch.maximum(a[..., :2], b[..., :2])
    high = torch.minimum(a[..., 2:], b[..., 2:])
    overlap = (high - low).clamp(min=0).prod(-1)
    area_a = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1)
    area_b = (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)
    return overlap / (area_a + area_b - overlap + _EPS)


@torch.no_grad()
def assign(
    boxes_BA4: Tensor,
    scores_BA: Tensor,
    points_A2: Tensor,
    truth_BG4: Tensor,
    kind_BG: Tensor,
    config: AssignmentConfig,
) -> Assignment:
    """Assign to each person the best-aligned points (by score and IoU) inside its box.

    A point chosen by several people goes to the one with the highest IoU. Target scores are the
    alignment, scaled so that each person's maximum equals its best IoU.
    """
    valid_BG = kind_BG == PERSON
    inside_BGA = _inside(points_A2, truth_BG4) & valid_BG[:, :, None]
    iou_BGA = pair_iou(truth_BG4[:, :, None], boxes_BA4[:, None])
    align_BGA = scores_BA[:, None] ** config.score_power * iou_BGA**config.iou_power
    # Points inside whose boxes do not overlap still rank above points outside.
    rank_BGA = torch.where(inside_BGA, align_BGA + _EPS, torch.zeros_like(align_BGA))
    top = rank_BGA.topk(min(config.num_points, rank_BGA.shape[-1]), dim=-1).indices
    chosen_BGA = torch.zeros_like(inside_BGA).scatter_(-1, top, True) & inside_BGA
    owner_BA = torch.where(chosen_BGA, iou_BGA + _EPS, torch.zeros_like(iou_BGA)).argmax(1)
    people = torch.arange(truth_BG4.shape[1], device=truth_BG4.device)[None, :, None]
    chosen_BGA &= people == owner_BA[:, None]
    align_BGA = torch.where(chosen_BGA, align_BGA + _EPS, torch.zeros_like(align_BGA))
    best_iou = torch.where(chosen_BGA, iou_BGA, torch.zeros_like(iou_BGA)).amax(-1, keepdim=True)
    target_BGA = align_BGA / (align_BGA.amax(-1, keepdim=True) + _EPS) * best_iou
    box_BA4 = truth_BG4.gather(1, owner_BA[..., None].expand(-1, -1, 4))
    return Assignment(box_BA4, target_BGA.amax(1))


@torch.no_grad()
def background_weight(
    boxes_BA4: Tensor,
    scores_BA: Tensor,
    points_A2: Tensor,
    truth_BG4: Tensor,
    kind_BG: Tensor,
    labelled_from_BHW: Tensor,
    doubt_from_BHW: Tensor,
    cell_px: int,
) -> Tensor:
    """1 where a point without a person is known to be background, else 0: (B, A).

    `labelled_from_BHW` holds, per cell, the height in pixels above which people are labelled: 0 if
    everyone is, infinite if only one person is. Points whose predicted box is less tall than that,
    or that lie in an ignored region, get 0.

    `doubt_from_BHW` holds, per cell, the score from which a point outside all labelled people may
    have found one whom the set lacks: infinite if none is lacking. Such points get 0, too. Scores
    start at 0.01, so that this takes effect when the network knows people.
    """
    column, row = cell_at(points_A2, cell_px).long().unbind(-1)
    height_BA = boxes_BA4[..., 3] - boxes_BA4[..., 1]
    is_known = height_BA >= labelled_from_BHW[:, row, column]
    inside_BGA = _inside(points_A2, truth_BG4)
    ignored_BA = (inside_BGA & (kind_BG == IGNORE)[:, :, None]).any(1)
    labelled_BA = (inside_BGA & (kind_BG == PERSON)[:, :, None]).any(1)
    is_sure = labelled_BA | (scores_BA < doubt_from_BHW[:, row, column])
    return (is_known & is_sure & ~ignored_BA).float()


def _inside(points_A2: Tensor, boxes_BG4: Tensor) -> Tensor:
    low = (points_A2[None, None] >= boxes_BG4[:, :, None, :2]).all(-1)
    high = (points_A2[None, None] <= boxes_BG4[:, :, None, 2:]).all(-1)
    return low & high
