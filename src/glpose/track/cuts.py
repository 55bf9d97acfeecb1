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

    All three must hold. Structure: 1 - correlation of the thumbnails, which ignores exposure, is at
    least `min_structure`. Colour: half the L1 distance of the colour histograms, which ignores
    motion, is at least `min_colour`. Ratio: the change is at least `min_ratio` times the usual change
    of the last pictures, so that a shaking camera causes no cuts.

    A picture without structure, such as a white or a black one, is no evidence of anything. If a
    scene is back within `back_pictures` pictures, as after a flash or after somebody passed the lens,
    it goes on: neither structure nor colour may be further from its last picture than a share `back`
    of the limits.
    """

    min_structure: float = 0.35
    min_colour: float = 0.15
    min_ratio: float = 2.5
    memory: float = 0.8
    back_pictures: int = 30
    back: float = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What is compared of a picture."""

    structure: Float64[np.ndarray, " px"]
    colours: Float64[np.ndarray, " bins"]
    is_flat: bool

    @classmethod
    def of(cls, rgb: UInt8[np.ndarray, "height width 3"]) -> "_Look":
        small = thumbnail(rgb)
        structure, is_flat = _structure(small)
        return cls(structure, _colours(small), is_flat)

    def change(self, other: "_Look", spec: CutSpec) -> tuple[float, float]:
        """How much structure and colour differ, as shares of the limits."""
        structure = 1 - float(self.structure @ other.structure)
        colour = float(np.abs(self.colours - other.colours).sum()) / 2
        return structure / spec.min_structure, colour / spec.min_colour


@dataclass(slots=True, eq=False)
class _Scene:
    """A scene with its last picture, and which picture of the video that is."""

    number: int
    last: _Look
    seen: int
    usual: float = 0.0


class CutDetector:
    """Tells for each picture of a video whether it starts a new scene, or goes on with one before."""

    def __init__(self, spec: CutSpec = CutSpec()) -> None:
        self._spec = spec
        # The last one is that of the last picture.
        self._scenes: list[_Scene] = []
        self._num_pictures = self._num_scenes = 0

    @property
    def scene(self) -> int:
        """The number of the last picture's scene: from 0, and that of a scene that is back."""
        return self._scenes[-1].number if self._scenes else 0

    def update(self, rgb: UInt8[np.ndarray, "height width 3"]) -> bool:
        """Whether this picture is of another scene than the last; the first one is not.

        Thumbnails will do. Skip pictures that could not be decoded: the next one is compared with the
        last good one.
        """
        now = _Look.of(rgb)
        self._num_pictures += 1
        if not self._scenes:
            self._begin(now)
            return False
        if now.is_flat:
            return False
        oldest = self._num_pictures - self._spec.back_pictures - 1
        self._scenes = [s for s in self._scenes[:-1] if s.seen >= oldest] + self._scenes[-1:]
        scene, spec = self._scenes[-1], self._spec
        for other in reversed(self._scenes[:-1]):
            if max(now.change(other.last, spec)) < spec.back:
                self._scenes.remove(other)
                self._scenes.append(other)
                other.last, other.seen = now, self._num_pictures
                return True
        change = min(now.change(scene.last, spec))  # at least 1 when both limits are reached
        if change >= max(1.0, spec.min_ratio * scene.usual):
            self._begin(now)
            return True
        scene.last, scene.seen = now, self._num_pictures
        scene.usual = spec.memory * scene.usual + (1 - spec.memory) * change
        return False

    def _begin(self, look: _Look) -> None:
        self._scenes.append(_Scene(self._num_scenes, look, self._num_pictures))
        self._num_scenes += 1


def thumbnail(rgb: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "72 128 3"]:
    """A picture as small as pictures are compared; thumbnails stay as they are."""
    # Skipping rows and columns first costs little accuracy and makes large pictures cheap.
    step = max(1, min(rgb.shape[0] // 144, rgb.shape[1] // 256))
    return resize(np.ascontiguousarray(rgb[::step, ::step]), (72, 128))


def _structure(
    thumbnail: UInt8[np.ndarray, "72 128 3"],
) -> tuple[Float64[np.ndarray, " px"], bool]:
    """The grey picture as a unit vector, independent of brightness and contrast; whether it is flat."""
    grey = resize(thumbnail, (18, 32)).astype(np.float64).mean(-1).ravel()
    grey -= grey.mean()
    contrast = grey.std()
    return grey / (max(contrast, _FLAT) * np.sqrt(grey.size)), bool(contrast < _FLAT)


def _colours(thumbnail: UInt8[np.ndarray, "72 128 3"]) -> Float64[np.ndarray, " bins"]:
    """The normalised histogram of 6x6x6 colours."""
    level = thumbnail.astype(np.int64) * _LEVELS // 256
    index = (level[..., 0] * _LEVELS + level[..., 1]) * _LEVELS + level[..., 2]
    return np.bincount(index.ravel(), minlength=_LEVELS**3) / index.size
