"""Detection of scene cuts, where tracks end, unless the scene is back soon."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, UInt8

from glpose.imaging import resize

_LEVELS = 6
# Below this contrast (standard deviation in grey levels) a picture has no structure to compare.
_FLAT = 4.0
# A picture that one of two others explains but for this share of its variance is no mix of both.
_SAME = 0.01


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

    A scene that dissolves into another ends, too: structure and colour differ as much from one of
    `dissolves` pictures ago, and of what either of the two leaves unexplained in the picture halfway
    a mix of both explains a share `min_mix`; where a camera pans, or somebody moves, it does not. And
    after pictures without structure to which a scene faded, its contrast fallen below a share `faded`,
    the picture of so long ago is what the next one is compared with.
    """

    min_structure: float = 0.35
    min_colour: float = 0.15
    min_ratio: float = 2.5
    memory: float = 0.8
    back_pictures: int = 30
    back: float = 0.7
    dissolves: tuple[int, ...] = (8, 12, 16, 24)
    min_mix: float = 0.6
    faded: float = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """What is compared of a picture."""

    pixels: Float64[np.ndarray, " colours"]
    contrast: float
    structure: Float64[np.ndarray, " px"]
    colours: Float64[np.ndarray, " bins"]

    @classmethod
    def of(cls, rgb: UInt8[np.ndarray, "height width 3"]) -> "_Look":
        """That of a picture or of its thumbnail."""
        large = thumbnail(rgb)
        small = resize(large, (18, 32)).astype(np.float64)
        grey = small.mean(-1).ravel()
        grey -= grey.mean()
        contrast = float(grey.std())
        # A unit vector, independent of brightness and contrast.
        structure = grey / (max(contrast, _FLAT) * np.sqrt(grey.size))
        return cls(small.ravel(), contrast, structure, _colours(large))

    def change(self, other: "_Look", spec: CutSpec) -> tuple[float, float]:
        """How much structure and colour differ, as shares of the limits."""
        structure = 1 - float(self.structure @ other.structure)
        colour = float(np.abs(self.colours - other.colours).sum()) / 2
        return structure / spec.min_structure, colour / spec.min_colour

    def mix(self, one: "_Look", other: "_Look") -> float:
        """The share of what neither of two others explains of this one that a mix of both does."""
        alone = min(self._unlike(one), self._unlike(other))
        if alone < _SAME * float(np.var(self.pixels)) * self.pixels.size:
            return 0.0
        return 1 - self._unlike(one, other) / alone

    def _unlike(self, *others: "_Look") -> float:
        """The squares of what no weighted sum of other pictures and grey explains."""
        basis, _ = np.linalg.qr(
            np.stack([*(o.pixels for o in others), np.ones_like(self.pixels)], 1)
        )
        rest = self.pixels - basis @ (basis.T @ self.pixels)
        return float(rest @ rest)


@dataclass(slots=True, eq=False)
class _Scene:
    """A scene with its last pictures that have structure, and which picture of the video is the last."""

    number: int
    looks: deque[_Look]
    seen: int
    usual: float = 0.0
    is_after_flat: bool = False


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

    def update(
        self, rgb: UInt8[np.ndarray, "height width 3"], *, begins: bool = False, pace: int = 1
    ) -> bool:
        """Whether this picture is of another scene than the last; the first one is not.

        With `begins` it is of a new one, whatever it shows. So many pictures as `pace` count as one
        where a scene may be back, and where it dissolves. Thumbnails will do. Skip pictures that could not be decoded: the next
        one is compared with the last good one.
        """
        now = _Look.of(rgb)
        self._num_pictures += 1
        if begins or not self._scenes:
            self._scenes = []
            self._begin(now)
            return begins
        scene, spec = self._scenes[-1], self._spec
        if now.contrast < _FLAT:
            scene.is_after_flat = True
            return False
        oldest = self._num_pictures - spec.back_pictures * pace - 1
        others = [other for other in self._scenes[:-1] if other.seen >= oldest]
        self._scenes = [*others, scene]
        for other in reversed(others):
            if max(now.change(other.looks[-1], spec)) < spec.back:
                self._scenes.remove(other)
                # What this picture goes on with as well was the same scene, seen gradually again.
                if min(now.change(scene.looks[-1], spec)) < 1:
                    self._scenes.remove(scene)
                self._scenes.append(other)
                other.looks.clear()
                self._go_on(other, now, pace)
                return True
        change = min(now.change(scene.looks[-1], spec))  # at least 1 when both limits are reached
        before = self._before_change(scene, now, pace)
        if before is not None or change >= max(1.0, spec.min_ratio * scene.usual):
            # What was already a mix with the new scene is not what the old one would be back with.
            last = before or scene.looks[-1]
            scene.looks.clear()
            scene.looks.append(last)
            self._begin(now)
            return True
        scene.usual = spec.memory * scene.usual + (1 - spec.memory) * change
        self._go_on(scene, now, pace)
        return False

    def _before_change(self, scene: _Scene, now: _Look, pace: int) -> _Look | None:
        """The picture from which a scene dissolved or faded to this one, if it did."""
        spec, looks = self._spec, scene.looks
        lengths = [pace * pictures for pictures in spec.dissolves]
        for pictures in lengths:
            if len(looks) < pictures:
                break
            before, halfway = looks[-pictures], looks[-pictures // 2]
            if min(now.change(before, spec)) >= 1 and halfway.mix(before, now) >= spec.min_mix:
                return before
        before = looks[max(0, len(looks) - lengths[0])]
        has_faded = scene.is_after_flat and looks[-1].contrast < spec.faded * before.contrast
        return before if has_faded and min(now.change(before, spec)) >= 1 else None

    def _go_on(self, scene: _Scene, now: _Look, pace: int) -> None:
        scene.looks.append(now)
        while len(scene.looks) > pace * max(self._spec.dissolves):
            scene.looks.popleft()
        scene.seen, scene.is_after_flat = self._num_pictures, False

    def _begin(self, look: _Look) -> None:
        self._scenes.append(_Scene(self._num_scenes, deque([look]), self._num_pictures))
        self._num_scenes += 1


def thumbnail(rgb: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "72 128 3"]:
    """A picture as small as pictures are compared; thumbnails stay as they are."""
    # Skipping rows and columns first costs little accuracy and makes large pictures cheap.
    step = max(1, min(rgb.shape[0] // 144, rgb.shape[1] // 256))
    return resize(np.ascontiguousarray(rgb[::step, ::step]), (72, 128))


def _colours(thumbnail: UInt8[np.ndarray, "72 128 3"]) -> Float64[np.ndarray, " bins"]:
    """The normalised histogram of 6x6x6 colours."""
    level = thumbnail.astype(np.int64) * _LEVELS // 256
    index = (level[..., 0] * _LEVELS + level[..., 1]) * _LEVELS + level[..., 2]
    return np.bincount(index.ravel(), minlength=_LEVELS**3) / index.size
