"""Box and pose arithmetic in plain NumPy: areas, IoU, OKS, suppression."""

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64


def box_area(xyxy: Float[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n"]:
    """Areas in square pixels; 0 for boxes turned inside out."""
    size = np.maximum(xyxy[..., 2:] - xyxy[..., :2], 0)
    return size[..., 0] * size[..., 1]


def box_iou(
    a_xyxy: Float[np.ndarray, "a 4"], b_xyxy: Float[np.ndarray, "b 4"]
) -> Float[np.ndarray, "a b"]:
    """Intersection over union of every pair; 0 where both boxes are empty."""
    low = np.maximum(a_xyxy[:, None, :2], b_xyxy[None, :, :2])
    high = np.minimum(a_xyxy[:, None, 2:], b_xyxy[None, :, 2:])
    size = np.maximum(high - low, 0)
    overlap = size[..., 0] * size[..., 1]
    union = box_area(a_xyxy)[:, None] + box_area(b_xyxy)[None, :] - overlap
    return np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)


def suppress(
    xyxy: Float32[np.ndarray, "n 4"], score: Float32[np.ndarray, " n"], iou_limit: float
) -> Int64[np.ndarray, " kept"]:
    """Greedy non-maximum suppression: indices of the boxes to keep, best first.

    A box goes if it overlaps a better one that stays by more than `iou_limit`.
    """
    order = np.argsort(-score, kind="stable")
    iou = box_iou(xyxy[order], xyxy[order])
    alive = np.ones(len(order), bool)
    for i in range(len(order)):
        if alive[i]:
            alive[i + 1 :] &= iou[i, i + 1 :] <= iou_limit
    return order[alive].astype(np.int64)


def oks(
    a_xy: Float[np.ndarray, "joints 2"],
    b_xy: Float[np.ndarray, "joints 2"],
    valid: Bool[np.ndarray, " joints"],
    area_px: float,
    sigma: Float[np.ndarray, " joints"],
) -> float:
    """Object keypoint similarity over the valid joints, 0 if there are none.

    Source: COCO keypoint evaluation; `area_px` is the person's area in square pixels.
    """
    if not valid.any():
        return 0.0
    square = ((a_xy - b_xy) ** 2).sum(-1)[valid]
    scale = 2 * (area_px + np.spacing(1)) * (2 * sigma[valid]) ** 2
    return float(np.exp(-square / scale).mean())
