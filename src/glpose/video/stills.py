"""Files of single pictures: those that OpenCV reads, GIF, and HEIC and AVIF, built like MP4."""

from contextlib import closing
from pathlib import Path

from glpose import imaging
from glpose.errors import VideoError
from glpose.files import open_regular
from glpose.imaging import Rgb
from glpose.video.gif import is_still_gif
from glpose.video.heif import read_heif
from glpose.video.reader import open_video

_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
IMAGE_SUFFIXES = _SUFFIXES | {".avif", ".heic", ".heif"}
_BRANDS = frozenset({b"avif", b"heic", b"heim", b"heis", b"heix", b"mif1", b"mif2"})
"""Of single pictures; those of sequences are others. ISO/IEC 23008-12, AV1 Image File Format."""


def is_picture(path: Path) -> bool:
    """Whether a file is a picture and not a video.

    GIF, HEIC and AVIF may hold either, which their bytes tell whatever the name is.
    """
    suffix = path.suffix.lower()
    if suffix in _SUFFIXES:
        return True
    brand = _brand(path)
    if brand is not None:
        return brand in _BRANDS
    return suffix in IMAGE_SUFFIXES or is_still_gif(path)


def read_picture(path: Path) -> Rgb:
    """Read a picture file as shown. Raises: VideoError if that cannot be done."""
    if _brand(path) in _BRANDS:
        if (rgb := read_heif(path)) is not None:
            return rgb
    elif not is_still_gif(path):
        return imaging.read_image(path)
    with closing(open_video(path).frames(ahead=0)) as frames:
        rgb = next(frames).rgb
    if rgb is None:
        raise VideoError(f"{path}: its picture cannot be decoded; check the file in a viewer")
    return rgb


def _brand(path: Path) -> bytes | None:
    """What a file that is built like MP4 says it is; None for any other."""
    try:
        with open_regular(path) as file:
            head = file.read(12)
    except OSError:  # whoever opens it says so
        return None
    return head[8:] if head[4:8] == b"ftyp" else None
