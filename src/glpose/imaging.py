"""The OpenCV door: the only module that imports cv2. Pictures are RGB `uint8` unless stated."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from glpose.errors import VideoError
from glpose.types import Affine

# One thread each: the callers (decoder, crops, data loader) are parallel already.
cv2.setNumThreads(1)

# The underscore: sizes may differ between the arguments and the result.
Rgb = UInt8[np.ndarray, "_height _width 3"]


def warp(rgb: Rgb, target_from_source: Affine, size_hw: tuple[int, int], fill: int = 0) -> Rgb:
    """Resample a picture through an affine map, bilinear, `fill` outside the source."""
    return cv2.warpAffine(
        rgb,
        target_from_source.matrix,
        (size_hw[1], size_hw[0]),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(fill, fill, fill),
    )


def resize(rgb: Rgb, size_hw: tuple[int, int]) -> Rgb:
    """Resize, averaging areas when shrinking and bilinear when enlarging."""
    shrinks = size_hw[0] * size_hw[1] < rgb.shape[0] * rgb.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(rgb, (size_hw[1], size_hw[0]), interpolation=how)


def blur(rgb: Rgb, sigma_px: float) -> Rgb:
    """Gaussian blur."""
    return cv2.GaussianBlur(rgb, (0, 0), sigma_px)


def filter_picture(rgb: Rgb, kernel: Float32[np.ndarray, "h w"]) -> Rgb:
    """Correlate each channel with a kernel, e.g. a motion blur."""
    return cv2.filter2D(rgb, -1, kernel)


def blur_maps(
    maps: Float32[np.ndarray, "n h w"], kernel_px: int
) -> Float32[np.ndarray, "n h w"]:
    """Gaussian blur of heatmaps with an odd kernel, zeros outside."""
    out = np.empty_like(maps)
    for source, target in zip(maps, out, strict=True):
        cv2.GaussianBlur(
            source, (kernel_px, kernel_px), 0, dst=target, borderType=cv2.BORDER_CONSTANT
        )
    return out


def read_image(path: Path) -> Rgb:
    """Read a picture file as shown (EXIF rotation applied, 8 bit, three channels).

    Raises: VideoError if it is missing or not a picture that can be read.
    """
    try:
        data = np.fromfile(path, np.uint8)  # not cv2.imread: it fails on non-ASCII paths
    except OSError as problem:
        raise VideoError(f"{path}: cannot be read ({problem.strerror})") from problem
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    if bgr is None:
        raise VideoError(f"{path}: not a picture that can be read; expected JPEG, PNG or WebP")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def write_image(path: Path, rgb: Rgb) -> None:
    """Write a picture; the format follows the suffix. Raises VideoError if it cannot be."""
    ok, data = cv2.imencode(path.suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    if not ok:
        raise VideoError(f"{path}: no writer for '{path.suffix}'; use .png or .jpg")
    try:
        data.tofile(path)
    except OSError as problem:
        raise VideoError(f"{path}: cannot be written ({problem.strerror})") from problem


def letterbox(rgb: Rgb, size_hw: tuple[int, int], fill: int) -> tuple[Rgb, Affine]:
    """Fit a picture into a size, centred, the rest filled; with the map `input_from_image`.

    The map is exact: it accounts for the rounding of the resized picture to whole pixels.
    """
    h, w = rgb.shape[:2]
    scale = min(size_hw[0] / h, size_hw[1] / w)
    new_h = min(size_hw[0], max(1, round(h * scale)))
    new_w = min(size_hw[1], max(1, round(w * scale)))
    top, left = (size_hw[0] - new_h) // 2, (size_hw[1] - new_w) // 2
    out = np.full((*size_hw, 3), fill, np.uint8)
    out[top : top + new_h, left : left + new_w] = resize(rgb, (new_h, new_w))
    zoom_x, zoom_y = new_w / w, new_h / h
    matrix = [
        [zoom_x, 0, left + (zoom_x - 1) / 2],
        [0, zoom_y, top + (zoom_y - 1) / 2],
    ]
    return out, Affine(np.array(matrix, np.float64))
