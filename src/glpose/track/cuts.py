"""Detection of scene cuts, where all tracks end."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8

from glpose.imaging import resize

_LEVELS = 6
# Below this contrast (standard deviation in grey levels) a picture has no structure to compare.
_FLAT = 4.0


@dataclass(frozen=True, slots=True)
class CutSpec:
    """When two consecutive pictures belong to different scenes; the values are ours.

    All three must hold. Structure: 1 - correlation of the thumbnails, which ignores flashes and
    exposure, is at least `min_structure`. Colour: half the L1 distance of the colour histograms,
    which ignores motion, is at least `min_colour`. Ratio: the change is at least `min_ratio` times
    the usual change of the last pictures, so that a shaking camera causes no cuts.
    """

    min_structure: float = 0.35
    min_colour: float = 0.15
    min_ratio: float = 2.5
    memory: float = 0.8


class CutDetector:
    """Tells for each picture of a video whether it starts a new scene."""

    def __init__(self, spec: CutSpec = CutSpec()) -> None:
        self._spec = spec
        self._last: tuple[Float64[np.ndarray, " px"], Float64[np.ndarray, " bins"]] | None = None
        self._usual = 0.0

    def update(self, rgb: UInt8[np.ndarray, "height width 3"]) -> bool:
        """Whether this picture starts a new scene; the first one does not. Thumbnails will do.

        Skip pictures that could not be decoded: the next one is compared with the last good one.
        """
        small = thumbnail(rgb)
        now = _structure(small), _colours(small)
        last, self._last = self._last, now
        if last is None:
            return False
        spec = self._spec
        structure = 1 - float(now[0] @ last[0])
        colour = float(np.abs(now[1] - last[1]).sum()) / 2
        # At least 1 when both limits are reached.
        change = min(structure / spec.min_structure, colour / spec.min_colour)
        if change >= max(1.0, spec.min_ratio * self._usual):
            self._usual = 0.0
            return True
        self._usual = spec.memory * self._usual + (1 - spec.memory) * change
        return False


def thumbnail(rgb: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "72 128 3"]:
    """A picture as small as pictures are compared; thumbnails stay as they are."""
    # Skipping rows and columns first costs little accuracy and makes large pictures cheap.
    step = max(1, min(rgb.shape[0] // 144, rgb.shape[1] // 256))
    return resize(np.ascontiguousarray(rgb[::step, ::step]), (72, 128))


def _structure(thumbnail: UInt8[np.ndarray, "72 128 3"]) -> Float64[np.ndarray, " px"]:
    """The grey picture as a unit vector, independent of brightness and contrast."""
    grey = resize(thumbnail, (18, 32)).astype(np.float64).mean(-1).ravel()
    grey -= grey.mean()
    return grey / (max(grey.std(), _FLAT) * np.sqrt(grey.size))


def _colours(thumbnail: UInt8[np.ndarray, "72 128 3"]) -> Float64[np.ndarray, " bins"]:
    """The normalised histogram of 6x6x6 colours."""
    level = thumbnail.astype(np.int64) * _LEVELS // 256
    index = (level[..., 0] * _LEVELS + level[..., 1]) * _LEVELS + level[..., 2]
    return np.bincount(index.ravel(), minlength=_LEVELS**3) / index.size
