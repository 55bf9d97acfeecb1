"""All use of OpenCV: the only module that imports cv2. Pictures are RGB `uint8` unless stated."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

MAX_PIXELS = 2**27
"""The largest picture, also of a video: 16K. What claims more would exhaust memory."""

LEAST_FLOW_PX = 16
"""The least side of pictures whose flow can be found; OpenCV's search needs 12."""

# The first import in this process reads it: larger pictures are then refused before they are
# decoded. Other processes that are started from here keep what they had.
_LIMIT = "OPENCV_IO_MAX_IMAGE_PIXELS"
_before = os.environ.get(_LIMIT)
os.environ[_LIMIT] = str(MAX_PIXELS)

import cv2

if _before is None:
    del os.environ[_LIMIT]
else:
    os.environ[_LIMIT] = _before

from jaxtyping import Bool, Float, Float32, Float64, Int, Int32, UInt8

from glpose.errors import VideoError, reason
from glpose.files import open_regular, read_regular
from glpose.types import Affine

# Both hold for the whole process, as docs/api.md says: OpenCV does not tell whether somebody has set
# them. One thread each: the callers (decoder, crops, data loader) are parallel already.
cv2.setNumThreads(1)
# It prints what it cannot decode on stderr; the callers say so in their own words. Before 4.13 the
# function had another name.
_set_log_level = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
_set_log_level(0)

# The underscore: sizes may differ between the arguments and the result.
Rgb = UInt8[np.ndarray, "_height _width 3"]

_MAY_HAVE_PAGES = {".png", ".tif", ".tiff", ".webp"}


def pictures_within(size_hw: tuple[int, int], most_bytes: int = 2**28) -> int:
    """How many RGB pictures of a size may be held back in that many bytes, at least one.

    To be chosen by the video alone: results must not depend on what the machine has.
    """
    return max(1, most_bytes // max(1, 3 * size_hw[0] * size_hw[1]))


def version() -> str:
    """The version of OpenCV."""
    return cv2.__version__


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


def warp_maps(
    maps: Float32[np.ndarray, "n channels _h _w"], target_from_source: Affine
) -> Float32[np.ndarray, "n channels _h _w"]:
    """Resample maps of numbers through an affine map, bicubic, 0 outside; sizes stay."""
    size = maps.shape[-1], maps.shape[-2]
    out = np.empty_like(maps)
    for source, target in zip(maps, out, strict=True):
        for one, into in zip(source, target, strict=True):
            cv2.warpAffine(
                np.ascontiguousarray(one), target_from_source.matrix, size, into, cv2.INTER_CUBIC
            )
    return out


def resize(
    rgb: UInt8[np.ndarray, "_h _w channels"], size_hw: tuple[int, int]
) -> UInt8[np.ndarray, "_height _width channels"]:
    """Resize (any number of channels), averaging areas when shrinking, else bilinear."""
    shrinks = size_hw[0] * size_hw[1] < rgb.shape[0] * rgb.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(rgb, (size_hw[1], size_hw[0]), interpolation=how)


def resized_boxes(
    xyxy: Float[np.ndarray, "n 4"], zoom_xy: tuple[float, float] | float
) -> Float[np.ndarray, "n 4"]:
    """Boxes of a picture after resizing it by these factors."""
    zoom = zoom_xy if isinstance(zoom_xy, float) else np.tile(zoom_xy, 2)
    return (xyxy + 0.5) * zoom - 0.5


def dense_flow(a_rgb: Rgb, b_rgb: Rgb) -> Float32[np.ndarray, "_height _width 2"]:
    """How far each pixel of `a_rgb` has moved in `b_rgb`: x and y, in pixels.

    Both pictures have one size, of at least `LEAST_FLOW_PX` on each side. Equal input gives equal
    output.

    Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016, by OpenCV.
    """
    a, b = (cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) for rgb in (a_rgb, b_rgb))
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return search.calc(a, b, np.zeros((*a.shape, 2), np.float32))


def resize_flow(
    flow: Float32[np.ndarray, "_h _w 2"], size_hw: tuple[int, int]
) -> Float32[np.ndarray, "_height _width 2"]:
    """The flow of pictures after resizing them to a size: bilinear, and the values scaled too."""
    zoom_xy = np.array([size_hw[1] / flow.shape[1], size_hw[0] / flow.shape[0]], np.float32)
    return cv2.resize(flow, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_LINEAR) * zoom_xy


def inside_picture(
    xy: Float[np.ndarray, "*points 2"], size_hw: tuple[int, int]
) -> Bool[np.ndarray, "*points"]:
    """Which points lie on a pixel of the picture; NaN does not."""
    (height, width), x, y = size_hw, xy[..., 0], xy[..., 1]
    return (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)


def cell_centre(number: Any, side_px: int) -> Any:
    """The centre, in pixels, of the cells with these indices along an axis; also for tensors."""
    return (number + 0.5) * side_px - 0.5


def cell_at(px: Any, side_px: int) -> Any:
    """The fractional index of the cell at a pixel coordinate; also for tensors."""
    return (px + 0.5) / side_px


def blur(rgb: Rgb, sigma_px: float) -> Rgb:
    """Gaussian blur."""
    return cv2.GaussianBlur(rgb, (0, 0), sigma_px)


def filter_picture(rgb: Rgb, kernel: Float32[np.ndarray, "h w"]) -> Rgb:
    """Correlate each channel with a kernel, e.g. a motion blur."""
    return cv2.filter2D(rgb, -1, kernel)


def blur_maps(maps: Float32[np.ndarray, "n h w"], kernel_px: int) -> Float32[np.ndarray, "n h w"]:
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
    data = _bytes_of(path)
    try:
        bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error as problem:
        if "MAX_IMAGE" in str(problem):
            raise VideoError(
                f"{path}: has more than {MAX_PIXELS} pixels; scale it down first"
            ) from problem
        bgr = None
    if bgr is None:
        if picture_suffix(data.tobytes()):
            raise VideoError(
                f"{path}: its picture cannot be decoded, so it is damaged, cut short or of a rare "
                "kind; copy it again, or convert it to PNG"
            )
        raise VideoError(
            f"{path}: not a picture that can be read; expected JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC "
            "or AVIF"
        )
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


_MAGIC = (
    (0, b"\x89PNG\r\n", ".png"),
    (0, b"\xff\xd8\xff", ".jpg"),
    (8, b"WEBP", ".webp"),
    (0, b"II*\0", ".tif"),
    (0, b"MM\0*", ".tif"),
    (0, b"II+\0", ".tif"),  # of more than 4 GB, but small ones are written so, too
    (0, b"MM\0+", ".tif"),
    (0, b"BM", ".bmp"),
)
"""Where which bytes stand in files of pictures that OpenCV reads."""


def picture_suffix(data: bytes) -> str:
    """The suffix of files that begin like these bytes, if OpenCV reads them; else nothing."""
    return next((s for at, magic, s in _MAGIC if data.startswith(magic, at)), "")


def _bytes_of(path: Path) -> UInt8[np.ndarray, " bytes"]:
    try:
        return np.frombuffer(read_regular(path), np.uint8)
    except OSError as problem:
        raise VideoError(f"{path}: cannot be read ({reason(problem)})") from problem


# VideoError is a ValueError; a TypeError is a name of bytes in OpenCV 4.11.
_UNREADABLE = (cv2.error, OSError, ValueError, TypeError)


def _name(path: Path) -> Any:
    """A file's name for OpenCV, which crashes on one that is not UTF-8 unless it is bytes."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return str(path)


def count_pages(path: Path) -> int:
    """How many pictures a file of an image format holds; 0 if that cannot be told."""
    if path.suffix.lower() not in _MAY_HAVE_PAGES:
        return 1
    try:
        # OpenCV counts none in a WebP with damage in one of them.
        if lasts := page_times_ms(path):
            return len(lasts)
        open_regular(path).close()
        return max(0, cv2.imcount(_name(path)))
    except _UNREADABLE:
        return 0


def page_times_ms(path: Path) -> list[int]:
    """How long each picture of an animated WebP is shown; nothing for other formats."""
    if path.suffix.lower() != ".webp":
        return []
    lasts: list[int] = []
    data = _bytes_of(path).tobytes()
    place = 12  # after "RIFF", the size and "WEBP"
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place : place + 4] == b"ANMF":
            lasts.append(int.from_bytes(data[place + 20 : place + 23], "little"))
        place += 8 + size + size % 2
    return lasts


def read_pages(path: Path, number: int) -> Iterator[Rgb | None]:
    """The first pictures of a file of an image format; None for each that cannot be decoded."""
    data, is_webp = _bytes_of(path), path.suffix.lower() == ".webp"
    for page in range(number):
        try:
            if is_webp:
                # From the file: OpenCV 4.11 cannot do it from bytes.
                _, found = cv2.imreadanimation(_name(path), page, 1)
                pictures = found.frames
            else:
                _, pictures = cv2.imdecodemulti(data, cv2.IMREAD_COLOR, range=(page, page + 1))
        except _UNREADABLE:
            pictures = ()
        yield cv2.cvtColor(pictures[0][..., :3], cv2.COLOR_BGR2RGB) if pictures else None


def write_image(path: Path, rgb: Rgb) -> None:
    """Write a picture; the suffix sets the format. Raises VideoError if it cannot be written."""
    height, width = rgb.shape[:2]
    if not rgb.size:
        raise VideoError(f"{path}: a picture of {width}x{height} pixels is empty and not written")
    what_to_do = "" if path.suffix.lower() == ".png" else "; use .png"
    refused = VideoError(
        f"{path}: no writer for '{path.suffix}' of {width}x{height} pixels in colour{what_to_do}"
    )
    try:
        is_taken, data = cv2.imencode(path.suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    except cv2.error as problem:
        raise refused from problem
    if not is_taken:
        raise refused
    try:
        path.write_bytes(data.data)
    except OSError as problem:
        raise VideoError(f"{path}: cannot be written ({reason(problem)})") from problem


def letterbox(rgb: Rgb, size_hw: tuple[int, int], fill: int) -> tuple[Rgb, Affine]:
    """Fit a picture into a size, centred and padded with `fill`, and give `input_from_image`.

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


Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""
Point = Sequence[float]
"""x and y in pixels; integers are pixel centres."""

_SUBPIXEL_BITS = 4


def draw_line(
    rgb: Rgb, start_xy: Point, end_xy: Point, colour: Colour, width_px: float, opacity: float = 1.0
) -> None:
    """Draw an antialiased line with round ends into a picture, with subpixel accuracy."""
    (ax, ay), (bx, by) = start_xy, end_xy
    width = max(1, round(width_px))

    def paint(part: np.ndarray, left: int, top: int) -> None:
        a, b = _fixed(ax - left, ay - top), _fixed(bx - left, by - top)
        cv2.line(part, a, b, colour, width, cv2.LINE_AA, _SUBPIXEL_BITS)

    bounds = min(ax, bx), min(ay, by), max(ax, bx), max(ay, by)
    _blend(rgb, bounds, width / 2, opacity, paint)


def draw_dot(
    rgb: Rgb,
    centre_xy: Point,
    radius_px: float,
    colour: Colour,
    *,
    ring_px: float | None = None,
    opacity: float = 1.0,
) -> None:
    """Draw an antialiased disc into a picture, or a ring of width `ring_px`."""
    x, y = centre_xy
    width = -1 if ring_px is None else max(1, round(ring_px))
    radius = round(radius_px * 2**_SUBPIXEL_BITS)

    def paint(part: np.ndarray, left: int, top: int) -> None:
        centre = _fixed(x - left, y - top)
        cv2.circle(part, centre, radius, colour, width, cv2.LINE_AA, _SUBPIXEL_BITS)

    _blend(rgb, (x, y, x, y), radius_px + (ring_px or 0), opacity, paint)


def label_box(
    text: str, bottom_xy: Point, height_px: float, size_hw: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Where `draw_label` puts the plate of a text in a picture of a size: x1, y1, x2, y2."""
    half, radius = _plate(text, height_px)
    reach = np.array([half + radius + 1, radius + 1])
    middle = np.asarray(bottom_xy) - [0, radius + 1]
    middle = np.clip(middle, reach, np.maximum(reach, np.array(size_hw[::-1]) - 1 - reach))
    x1, y1, x2, y2 = *(middle - reach).tolist(), *(middle + reach).tolist()
    return x1, y1, x2, y2


def draw_label(rgb: Rgb, text: str, bottom_xy: Point, height_px: float, colour: Colour) -> None:
    """Draw text on a rounded plate with bottom centre `bottom_xy`, moved inside the picture."""
    scale, weight, size = _type(text, height_px)
    half, radius = _plate(text, height_px)
    box = np.array(label_box(text, bottom_xy, height_px, rgb.shape[:2]))
    middle = (box[:2] + box[2:]) / 2
    along = np.array([half, 0])
    ends = (middle - along).tolist(), (middle + along).tolist()
    draw_line(rgb, *ends, (20, 20, 20), 2 * radius + 2)
    draw_line(rgb, *ends, colour, 2 * radius - 1)
    bright = np.dot(colour, (0.299, 0.587, 0.114)) > 110
    origin = np.round(middle + np.array([-size[0], size[1]]) / 2).astype(int).tolist()
    ink = (10, 10, 10) if bright else (255, 255, 255)
    cv2.putText(rgb, text, origin, _FONT, scale, ink, weight, cv2.LINE_AA)


_FONT = cv2.FONT_HERSHEY_SIMPLEX


def _type(text: str, height_px: float) -> tuple[float, int, Sequence[int]]:
    """Scale and weight of a text in OpenCV's terms, and its width and height in pixels."""
    scale = height_px / 22  # its capitals are 22 pixels high
    weight = max(1, round(height_px / 9))
    return scale, weight, cv2.getTextSize(text, _FONT, scale, weight)[0]


def _plate(text: str, height_px: float) -> tuple[float, float]:
    """Half the length of the straight part of a label's plate, and the radius of its ends."""
    width, height = _type(text, height_px)[2]
    radius = height * 0.85
    return max(0.0, width / 2 - radius * 0.45), radius


def _fixed(x: float, y: float) -> tuple[int, int]:
    scale, limit = 2**_SUBPIXEL_BITS, 2**30  # what OpenCV's fixed-point coordinates hold
    return (
        round(min(max(x * scale, -limit), limit)),
        round(min(max(y * scale, -limit), limit)),
    )


def _blend(
    rgb: Rgb,
    bounds_xyxy: tuple[float, float, float, float],
    margin_px: float,
    opacity: float,
    paint: Callable[[np.ndarray, int, int], None],
) -> None:
    """Paint into a picture with an opacity, within `bounds_xyxy` extended by `margin_px`."""
    if opacity >= 1:
        paint(rgb, 0, 0)
        return
    (height, width), margin = rgb.shape[:2], margin_px + 2
    left = int(min(max(bounds_xyxy[0] - margin, 0), width))
    top = int(min(max(bounds_xyxy[1] - margin, 0), height))
    right = int(min(max(bounds_xyxy[2] + margin + 1, 0), width))
    bottom = int(min(max(bounds_xyxy[3] + margin + 1, 0), height))
    part = rgb[top:bottom, left:right]
    if part.size:
        painted = part.copy()
        paint(painted, left, top)
        part[:] = cv2.addWeighted(painted, opacity, part, 1 - opacity, 0)


def fill_polygon(rgb: Rgb, xy: Float[np.ndarray, "points 2"], colour: Colour) -> None:
    """Fill a polygon in a picture, with antialiased edges."""
    fixed = np.round(np.clip(xy, -1e5, 1e5) * 2**_SUBPIXEL_BITS).astype(np.int32)
    cv2.fillPoly(rgb, [fixed], colour, cv2.LINE_AA, _SUBPIXEL_BITS)


def fill_dots(
    rgb: Rgb,
    xy: Float[np.ndarray, "dots 2"],
    radius_px: Float[np.ndarray, " dots"],
    colour: UInt8[np.ndarray, "dots 3"],
) -> None:
    """Draw many antialiased discs into a picture, later ones over earlier ones."""
    scale = 2**_SUBPIXEL_BITS
    fixed = np.round(np.clip(xy, -1e5, 1e5) * scale).astype(np.int32).tolist()
    reach = np.round(radius_px * scale).astype(np.int32).tolist()
    for centre, radius, ink in zip(fixed, reach, colour.tolist(), strict=True):
        cv2.circle(rgb, centre, radius, ink, -1, cv2.LINE_AA, _SUBPIXEL_BITS)


def fill_faces(
    index_map: Int32[np.ndarray, "height width"],
    xy: Float[np.ndarray, "faces corners 2"],
    value: Int[np.ndarray, " faces"],
) -> None:
    """Fill convex polygons with their values, later ones over earlier ones, without antialiasing.

    Adjacent polygons leave no gap: each covers every pixel that its outline touches.
    """
    fixed = np.round(np.clip(xy, -1e5, 1e5) * 2**_SUBPIXEL_BITS).astype(np.int32)
    for corners, number in zip(fixed, value.tolist(), strict=True):
        cv2.fillConvexPoly(index_map, corners, number, cv2.LINE_8, _SUBPIXEL_BITS)


def warp_perspective(
    rgb: Rgb, target_from_source: Float64[np.ndarray, "3 3"], size_hw: tuple[int, int]
) -> Rgb:
    """Resample a picture through a homography, bilinear, mirrored at the borders."""
    size = (size_hw[1], size_hw[0])
    return cv2.warpPerspective(rgb, target_from_source, size, borderMode=cv2.BORDER_REFLECT_101)


def enlarge_map(
    values: Float32[np.ndarray, "_h _w"], size_hw: tuple[int, int]
) -> Float32[np.ndarray, "_height _width"]:
    """Enlarge a map of numbers (bicubic)."""
    return cv2.resize(values, (size_hw[1], size_hw[0]), interpolation=cv2.INTER_CUBIC)


def recompress(rgb: Rgb, quality: int) -> Rgb:
    """A picture as it looks after JPEG compression of a quality from 0 to 100."""
    _, data = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
    out = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert out is not None
    return out


def map_levels(rgb: Rgb, table: UInt8[np.ndarray, "256 3"]) -> Rgb:
    """Replace each channel's levels by those of its column in a table."""
    return cv2.LUT(rgb, table.reshape(1, 256, 3))
