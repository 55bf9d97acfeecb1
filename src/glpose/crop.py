"""Crops of people: the map `crop_from_image` of a box, and resampling through it.

No other module may add or subtract half a pixel; the conventions are those of `CropSpec`.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Float64, UInt8

from glpose.imaging import warp
from glpose.types import Affine, CropSpec

FAR_FROM_BOX = 0.1
"""What a place far from a person's box counts, see `weight_of_box`; on validation pictures."""

_FADES = 0.1


def crop_from_image(
    xyxy: Float[np.ndarray, "4"],
    spec: CropSpec,
    *,
    scale: float = 1.0,
    rotation_deg: float = 0.0,
    mirror: bool = False,
) -> Affine:
    """The map from image pixels to the pixels of a person's crop.

    The box is extended to the crop's aspect, then by `spec.padding`. A `scale` above 1 shows more
    of the surroundings, a positive rotation turns the picture anticlockwise about the box centre
    and `mirror` swaps left and right; these three are for augmentation. An empty box counts as
    one pixel wide, so that the map can always be inverted.

    Source: geometry of the HRNet family (leoxiaobin/deep-high-resolution-net.pytorch).
    """
    height, width = spec.size_hw
    centre = (xyxy[:2] + xyxy[2:]) / 2
    box_w, box_h = np.maximum(xyxy[2:] - xyxy[:2], 1.0)
    box_w = max(box_w, box_h * width / height) * spec.padding * scale
    zoom = width / box_w
    angle = np.deg2rad(rotation_deg)
    linear = zoom * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    half_px = 0.5 if spec.anchor == "centre" else 0.0
    middle = np.array([width / 2 - half_px, height / 2 - half_px])
    matrix = np.column_stack([linear, middle - linear @ centre])
    if mirror:
        matrix[0] = -matrix[0]
        matrix[0, 2] += 2 * middle[0]  # about the anchor, so that the centre stays on it
    return Affine(matrix.astype(np.float64))


def shows_upside_down(crop_from_image: Affine) -> bool:
    """Whether a crop shows the picture upside down."""
    return bool(crop_from_image.matrix[1, 1] < 0)


def view_from_crop(spec: CropSpec, degrees: float, scale: float = 1.0) -> Affine:
    """The map from a crop's pixels to those of the same crop turned anticlockwise about its centre.

    With a `scale` above 1 it shows everything smaller.
    """
    height, width = spec.size_hw
    whole = np.array([0, 0, width, height]) - 0.5
    turned = replace(spec, padding=1.0, anchor="centre")
    return crop_from_image(whole, turned, scale=scale, rotation_deg=degrees)


def cut(
    rgb: UInt8[np.ndarray, "height width 3"], to_crop: Affine, spec: CropSpec
) -> UInt8[np.ndarray, "h w 3"]:
    """The pixels of a crop; black outside the picture."""
    return warp(rgb, to_crop, spec.size_hw)


def weight_of_box(
    xyxy: Float[np.ndarray, "4"], xy: Float[np.ndarray, "*n 2"]
) -> Float64[np.ndarray, "*n"]:
    """How much places in the image count for the person in a box: 1 inside, less outside.

    It falls like a Gaussian of the distance, whose scale is a tenth of the box's longer side, but not
    below `FAR_FROM_BOX`: a place far away is taken if there is hardly any in the box, which may be
    wrong. NaN stays NaN.
    """
    off = np.maximum(np.maximum(xyxy[:2] - xy, xy - xyxy[2:]), 0)
    scale = _FADES * max(1.0, float((xyxy[2:] - xyxy[:2]).max()))
    near = np.exp(-((off / scale) ** 2).sum(-1))
    return FAR_FROM_BOX + (1 - FAR_FROM_BOX) * near


def covered_px(xyxy: Float[np.ndarray, "n 4"], spec: CropSpec) -> Float64[np.ndarray, " n"]:
    """The area of the picture, in square pixels, that each person's crop shows."""
    zooms = [np.linalg.det(crop_from_image(box, spec).matrix[:, :2]) for box in xyxy]
    height, width = spec.size_hw
    return height * width / np.array(zooms, np.float64)
