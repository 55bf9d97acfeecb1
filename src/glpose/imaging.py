"""The OpenCV door: the only module that imports cv2. Pictures are RGB `uint8` unless stated."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from glpose.errors import VideoError
from glpose.types import Affine

# One thread each: the callers (decoder, crops, data loader) are parallel already.
cv2.setNumThreads(1)

Rgb = UInt8[np.ndarray, "height width 3"]


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
