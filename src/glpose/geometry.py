"""Box and pose arithmetic in plain NumPy: areas, IoU, OKS, suppression, polygons."""

from collections.abc import Iterable
from fractions import Fraction

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64


def box_area(xyxy: Float[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n"]:
    """Areas in square pixels; 0 for inverted boxes."""
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


def grown(xyxy: Float32[np.ndarray, "n 4"], share: float) -> Float32[np.ndarray, "n 4"]:
    """Boxes with the same centres, wider and higher by `share` of their longer sides."""
    side = (xyxy[:, 2:] - xyxy[:, :2]).max(-1, keepdims=True)
    return xyxy + side * np.array([-1, -1, 1, 1], np.float32) * np.float32(share / 2)


def clip_box(xyxy: Float[np.ndarray, "4"], size_hw: tuple[int, ...]) -> Float[np.ndarray, "4"]:
    """A box clipped to the picture, and always one pixel smaller, as in the HRNet family.

    As there, a box that begins beyond the left or upper border is moved to it before it is clipped,
    even from outside the picture. One that begins beyond the right or lower border, a person whom
    that family drops, is returned unchanged.

    Source: Pose-Group/DCPose and leoxiaobin/deep-high-resolution-net.pytorch.
    """
    limit = np.array([size_hw[1] - 1, size_hw[0] - 1], xyxy.dtype)
    low = np.maximum(xyxy[:2], 0)
    high = np.minimum(low + np.maximum(xyxy[2:] - xyxy[:2] - 1, 0), limit)
    return np.concatenate([low, high]) if (high >= low).all() else xyxy


def suppress(
    xyxy: Float32[np.ndarray, "n 4"], score: Float32[np.ndarray, " n"], iou_limit: float
) -> Int64[np.ndarray, " kept"]:
    """Greedy non-maximum suppression: indices of the boxes to keep, best first.

    A box is removed if its IoU with a better kept box is above `iou_limit`.
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

    The mean of exp(-d^2 / (2 * area * (2 * sigma)^2)) over the joints that both poses have (NaN is
    missing), 0 if there are none; the area in square pixels is the mean of both people's, as in
    the pose suppression of the HRNet family, where it is the area of the person's box. Against
    truth, where missing joints must count as wrong, use `glpose.metrics.oks`.

    Source: COCO keypoint evaluation; read: leoxiaobin/deep-high-resolution-net.pytorch (MIT).
    """
    square = ((a_xy[:, None] - b_xy[None]).astype(np.float64) ** 2).sum(-1)
    area = (a_area_px2[:, None] + b_area_px2[None, :]).astype(np.float64) / 2 + np.spacing(1)
    both = np.isfinite(square)
    near = np.exp(-np.where(both, square, 0) / (2 * area[..., None] * (2 * sigma) ** 2)) * both
    return near.sum(-1) / np.maximum(both.sum(-1), 1)


def outside_all(
    xy: Float[np.ndarray, "*points 2"], polygons: Iterable[Float[np.ndarray, "_ 2"]]
) -> Bool[np.ndarray, "*points"]:
    """Which points are there (not NaN) and strictly inside none of the polygons."""
    found = np.asarray(np.isfinite(xy).all(-1))
    for polygon in polygons:
        found &= ~inside_polygon(xy, polygon)
    return found


def inside_polygon(
    xy: Float[np.ndarray, "*points 2"], polygon_xy: Float[np.ndarray, "corners 2"]
) -> Bool[np.ndarray, "*points"]:
    """Which points lie strictly inside a polygon: not those on its border, nor NaN.

    The polygon is closed implicitly; if it crosses itself, the even-odd rule holds. The test is
    exact: which side of an edge a point lies on is decided without rounding errors.
    """
    points, start = np.asarray(xy, np.float64), np.asarray(polygon_xy, np.float64)
    inside = np.zeros(points.shape[:-1], bool)
    if not len(start):
        return inside
    in_box = ((points > start.min(0)) & (points < start.max(0))).all(-1)
    points, end = points[in_box][:, None], np.roll(start, -1, 0)
    side = _side_of_edge(points, start, end)
    above_start, above_end = points[..., 1] >= start[:, 1], points[..., 1] >= end[:, 1]
    # A ray to the right hits an upward edge if the point is on its left, a downward edge if it is
    # on its right; the lower end of an edge belongs to it, the upper does not.
    met = (above_start & ~above_end & (side > 0)) | (~above_start & above_end & (side < 0))
    low, high = np.minimum(start, end), np.maximum(start, end)
    on_border = (side == 0) & ((points >= low) & (points <= high)).all(-1)
    inside[in_box] = (met.sum(1) % 2 == 1) & ~on_border.any(1)
    return inside


def _side_of_edge(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Sign of the turn start-end-point: 1 left (y upwards), -1 right, 0 on the line.

    Source: Shewchuk, Adaptive Precision Floating-Point Arithmetic, 1997, for the bound above which
    the sign of the floating-point result is right; below it exact fractions are used.
    """
    a = (start[:, 0] - points[..., 0]) * (end[:, 1] - points[..., 1])
    b = (start[:, 1] - points[..., 1]) * (end[:, 0] - points[..., 0])
    side = np.sign(a - b)
    doubtful = np.abs(a - b) <= 4 * np.finfo(np.float64).eps * (np.abs(a) + np.abs(b))
    for i, j in zip(*np.nonzero(doubtful & ((a != 0) | (b != 0))), strict=True):
        (x, y), (sx, sy), (ex, ey) = (
            map(Fraction, map(float, p)) for p in (points[i, 0], start[j], end[j])
        )
        exact = (sx - x) * (ey - y) - (sy - y) * (ex - x)
        side[i, j] = (exact > 0) - (exact < 0)
    return side
