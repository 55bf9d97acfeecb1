"""Box and pose arithmetic in plain NumPy: areas, IoU, OKS, suppression."""

import numpy as np
from jaxtyping import Float, Float32, Int64


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
    a_xy: Float[np.ndarray, "a joints 2"],
    b_xy: Float[np.ndarray, "b joints 2"],
    a_area_px2: Float[np.ndarray, " a"],
    b_area_px2: Float[np.ndarray, " b"],
    sigma: Float[np.ndarray, " joints"],
) -> Float[np.ndarray, "a b"]:
    """Object keypoint similarity of every pair of poses, in 0..1, symmetric.

    The mean of exp(-d^2 / (2 * area * (2 * sigma)^2)) over the joints that both poses have (NaN:
    does not), 0 if there are none; the area in square pixels is the mean of both people's, as in
    the pose suppression of the HRNet family, where it is the area of the person's box. Against
    truth, where missing joints must cost, use `glpose.metrics.oks`.

    Source: COCO keypoint evaluation; read: leoxiaobin/deep-high-resolution-net.pytorch (MIT).
    """
    square = ((a_xy[:, None] - b_xy[None]).astype(np.float64) ** 2).sum(-1)
    area = (a_area_px2[:, None] + b_area_px2[None, :]).astype(np.float64) / 2 + np.spacing(1)
    both = np.isfinite(square)
    near = np.exp(-np.where(both, square, 0) / (2 * area[..., None] * (2 * sigma) ** 2)) * both
    return near.sum(-1) / np.maximum(both.sum(-1), 1)
