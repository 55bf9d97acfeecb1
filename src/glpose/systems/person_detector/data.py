"""Training pictures with boxes: the sets, who is labelled in them, and batches.

Sets differ in who is labelled. Each picture therefore carries the height above which people in it
are labelled (0: everyone; infinite: only one person) and the score that a person without a box
may get, and the losses use them to decide which background counts; see
`targets.background_weight`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from glpose.errors import BadConfig
from glpose.formats.coco.boxes import BoxedPicture
from glpose.formats.dataset import LabelledSequence
from glpose.formats.sets import DATASETS, Dataset
from glpose.glare import draw_sun, shine
from glpose.imaging import blur, resize, resized_boxes
from glpose.synth import SceneSpec, render_scene
from glpose.systems.person_detector.spec import BoxDataConfig
from glpose.systems.person_detector.targets import IGNORE, PADDING, PERSON
from glpose.train.data.augment import jitter_colour
from glpose.train.data.sets import digests_of, frames_with_people, labels_digest, opened_store
from glpose.train.data.store import PictureStore, content_digest
from glpose.train.system import ArrayBatch

CELL_PX = 8
"""Side, in pixels, of the cells of the maps of labelled people: the finest stride."""

_FILL = 114
_MIN_VISIBLE = 0.2

Labelled = tuple[np.ndarray, dict[str, np.ndarray]]


@dataclass(frozen=True, slots=True, eq=False)
class BoxSample:
    """A composed picture, its boxes with their kinds, and the maps of labelled people."""

    rgb: np.ndarray
    xyxy: np.ndarray
    kind: np.ndarray
    labelled_from: np.ndarray
    doubt_from: np.ndarray


class BoxData:
    """Pictures with boxes; a batch row depends only on seed, step and row."""

    num_samples, has_epochs = None, False
    """Pictures are drawn at random."""

    def __init__(
        self, config: BoxDataConfig, roots: Mapping[str, str], cache_dir: Path, seed: int
    ) -> None:
        self._config, self._seed = config, seed
        self._names = used_sets(config, roots)
        if not self._names:
            raise BadConfig("all sets of the detector have share 0; give at least synth a share")
        shares = config.shares()
        share = np.array([shares[name] for name in self._names])
        self._share = share / share.sum()
        self._stores = {name: _open(name, roots, cache_dir, config) for name in self._names}
        self.drawn_from = digests_of(self._stores)
        self._first_row = {
            name: np.searchsorted(store.labels["picture"], np.arange(len(store) + 1))
            for name, store in self._stores.items()
        }

    def describe(self, step: int) -> None:
        """None: a row may be composed of several pictures, which have no names."""

    def rows(self, step: int, numbers: Sequence[int]) -> ArrayBatch:
        """`images`, `xyxy` and `kind` (padded to the most people in a row), and the maps."""
        size_hw = self._config.sizes_hw[step % len(self._config.sizes_hw)]
        samples = [
            self._sample(np.random.default_rng([self._seed, step, i]), size_hw) for i in numbers
        ]
        most = max(1, *(len(s.kind) for s in samples))
        xyxy = np.zeros((len(samples), most, 4), np.float32)
        kind = np.full((len(samples), most), PADDING, np.int8)
        for i, sample in enumerate(samples):
            xyxy[i, : len(sample.kind)] = sample.xyxy
            kind[i, : len(sample.kind)] = sample.kind
        return {
            "images": np.stack([s.rgb for s in samples]),
            "xyxy": xyxy,
            "kind": kind,
            "labelled_from": np.stack([s.labelled_from for s in samples]),
            "doubt_from": np.stack([s.doubt_from for s in samples]),
        }

    def _sample(self, rng: np.random.Generator, size_hw: tuple[int, int]) -> BoxSample:
        how, (height, width) = self._config, size_hw
        canvas = BoxSample(
            np.full((height, width, 3), _FILL, np.uint8),
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.int8),
            np.zeros((height // CELL_PX, width // CELL_PX), np.float32),
            np.full((height // CELL_PX, width // CELL_PX), np.inf, np.float32),
        )
        tiles, zoom = [(0, 0, height, width)], how.zoom
        if rng.random() < how.mosaic_share:
            y, x = (int(rng.uniform(0.3, 0.7) * s / CELL_PX) * CELL_PX for s in size_hw)
            tiles = [(0, 0, y, x), (0, x, y, width), (y, 0, height, x), (y, x, height, width)]
            zoom = how.mosaic_zoom
        for tile in tiles:
            canvas = self._paste(rng, canvas, tile, zoom)
        rgb = canvas.rgb
        if how.glare_share and rng.random() < how.glare_share:
            rgb = _lit(rng, rgb, canvas.xyxy)
        rgb = jitter_colour(rng, rgb, how.colour)
        if rng.random() < how.blur_share:
            rgb = blur(rgb, rng.uniform(0.5, 2.0))
        return replace(canvas, rgb=rgb)

    def _paste(
        self,
        rng: np.random.Generator,
        canvas: BoxSample,
        tile: tuple[int, int, int, int],
        zoom: tuple[float, float],
    ) -> BoxSample:
        """Put a random picture into a tile (top, left, bottom, right) of the canvas."""
        name = self._names[rng.choice(len(self._names), p=self._share)]
        store, rows = self._stores[name], self._first_row[name]
        number = int(rng.integers(len(store)))
        rgb = store[number]
        of_picture = slice(rows[number], rows[number + 1])
        xyxy, kind = store.labels["xyxy"][of_picture], store.labels["kind"][of_picture]

        canvas_hw = canvas.rgb.shape[:2]
        how = self._config
        if how.turned_share and rng.random() < how.turned_share:
            for _ in range(rng.integers(1, 4)):
                rgb, xyxy = quarter_turn(rgb, xyxy)
        h, w = rgb.shape[:2]
        aspect = _between(rng, how.restretch if DATASETS[name].stretched else how.stretch) ** 0.5
        fit = min(canvas_hw[0] * aspect / h, canvas_hw[1] / (w * aspect))
        scale = fit * _between(rng, zoom)
        new_h, new_w = (max(CELL_PX, round(v * scale)) for v in (h / aspect, w * aspect))
        rgb = resize(rgb, (new_h, new_w))
        xyxy = resized_boxes(xyxy, (new_w / w, new_h / h))
        if rng.random() < 0.5:
            rgb = rgb[:, ::-1]
            xyxy = xyxy[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [new_w - 1, 0, new_w - 1, 0]

        top, left, bottom, right = tile
        y = top + _offset(rng, new_h, bottom - top)
        x = left + _offset(rng, new_w, right - left)
        seen = (max(top, y), max(left, x), min(bottom, y + new_h), min(right, x + new_w))
        canvas.rgb[seen[0] : seen[2], seen[1] : seen[3]] = rgb[
            seen[0] - y : seen[2] - y, seen[1] - x : seen[3] - x
        ]
        xyxy = xyxy + [x, y, x, y]
        self._mark_labelled(canvas, tile, name, xyxy, min(new_h, new_w))
        xyxy, kind = _clip(xyxy, kind, seen, how.min_side_px)
        return replace(
            canvas,
            xyxy=np.concatenate([canvas.xyxy, xyxy.astype(np.float32)]),
            kind=np.concatenate([canvas.kind, kind]),
        )

    def _mark_labelled(
        self,
        canvas: BoxSample,
        tile: tuple[int, int, int, int],
        name: str,
        xyxy: np.ndarray,
        short_side_px: int,
    ) -> None:
        """Set the cells of the tile to who is labelled there."""
        top, left, bottom, right = (v // CELL_PX for v in tile)
        part = canvas.labelled_from[top:bottom, left:right]
        doubt = canvas.doubt_from[top:bottom, left:right]
        who, how = DATASETS[name].who, self._config
        if who == "few" and len(xyxy) > how.crowd_size:
            doubt[:] = how.crowd_doubt
        elif who == "large":
            part[:] = how.coco_labelled * short_side_px
            doubt[:] = how.coco_doubt
        elif who == "one":
            part[:] = np.inf
            for x1, y1, x2, y2 in _grow(xyxy, how.trusted_extend - 1) / CELL_PX:
                rows = slice(max(0, int(y1) - top), max(0, int(y2) + 1 - top))
                columns = slice(max(0, int(x1) - left), max(0, int(x2) + 1 - left))
                part[rows, columns] = 0


def _lit(rng: np.random.Generator, rgb: np.ndarray, xyxy: np.ndarray) -> np.ndarray:
    """A picture with a light in it, in two of three cases in or near somebody's box."""
    height, width = rgb.shape[:2]
    around, size_px = np.array([0, 0, width, height], float), height * rng.uniform(0.2, 1.0)
    if len(xyxy) and rng.random() < 2 / 3:
        around = xyxy[rng.integers(len(xyxy))].astype(float)
        size_px = float((around[2:] - around[:2]).max())
    at_xy = around[:2] + rng.uniform(-0.2, 1.2, 2) * (around[2:] - around[:2])
    return shine(rgb, draw_sun(rng), at_xy, size_px)


def quarter_turn(rgb: np.ndarray, xyxy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture and its boxes, turned anticlockwise."""
    x1, y1, x2, y2 = xyxy.T
    last = rgb.shape[1] - 1
    return np.rot90(rgb), np.stack([y1, last - x2, y2, last - x1], 1)


def _between(rng: np.random.Generator, limits: tuple[float, float]) -> float:
    """A random factor, uniform in its logarithm."""
    return float(np.exp(rng.uniform(*np.log(limits))))


def _offset(rng: np.random.Generator, length: int, room: int) -> int:
    """Where a picture starts in a tile: anywhere inside, or anywhere that fills the tile."""
    low, high = sorted((0, room - length))
    return int(rng.integers(low, high + 1))


def _grow(xyxy: np.ndarray, share: float) -> np.ndarray:
    """Enlarge boxes around their centres by a share of their sides."""
    more = (xyxy[:, 2:] - xyxy[:, :2]) * share / 2
    return np.concatenate([xyxy[:, :2] - more, xyxy[:, 2:] + more], 1)


def _clip(
    xyxy: np.ndarray, kind: np.ndarray, seen: tuple[int, int, int, int], min_side_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """Clip boxes to the visible area (top, left, bottom, right); small remains become IGNORE."""
    top, left, bottom, right = seen
    low, high = np.array([left, top]), np.array([right - 1, bottom - 1])
    cut = np.concatenate([xyxy[:, :2].clip(low, high), xyxy[:, 2:].clip(low, high)], 1)
    side, before = cut[:, 2:] - cut[:, :2], xyxy[:, 2:] - xyxy[:, :2]
    share = side.prod(1) / np.maximum(before.prod(1), 1e-6)
    too_small = (side.min(1) < min_side_px) | (share < _MIN_VISIBLE)
    kind = np.where(too_small, IGNORE, kind).astype(np.int8)
    stays = side.min(1) > 0
    return cut[stays], kind[stays]


def used_sets(config: BoxDataConfig, roots: Mapping[str, str]) -> tuple[str, ...]:
    """The sets in use: those with a share and a folder; synth needs no folder."""
    root_of = {name: DATASETS[name].root for name in config.set_names()}
    return tuple(name for name, root in root_of.items() if not root or roots.get(root))


def held_out_pictures(root: Path, name: str = "person_boxes") -> list[BoxedPicture]:
    """The pictures of a set with boxes that are never trained on."""
    found = DATASETS[name]
    assert found.boxes is not None
    return found.boxes(root, "val")


def _open(
    name: str, roots: Mapping[str, str], cache_dir: Path, config: BoxDataConfig
) -> PictureStore:
    found = DATASETS[name]
    stride = {"lspet": config.lspet_stride, "jhmdb": config.jhmdb_stride}.get(name, 1)
    if found.root:
        root = Path(roots[found.root])
        settings = (config.keypoint_extend, found.grow)
        if found.boxes is not None:
            boxed = found.boxes(root, found.parts[0])[::stride]
            digest = content_digest(
                settings,
                labels=(array for p in boxed for array in (p.xyxy, p.ignore)),
                files=(p.path for p in boxed),
            )
            pictures = _of_boxes(boxed, found, config)
        else:
            assert found.open is not None
            sequences = found.open(root, found.parts[0])
            assert isinstance(sequences, list)
            digest = labels_digest(sequences, settings)
            pictures = _of_frames(sequences, config, stride)
        tag, of = f"{config.store_side_px}-{stride}-{digest}", f"the set {name} in {root}"
    else:
        tag = f"{config.num_synth_scenes}-{config.synth_frames}-{content_digest()}"
        pictures, of = _synth(config), f"the set {name}"
    return opened_store(cache_dir / f"boxes-{name}-{tag}", pictures, of)


def _of_boxes(
    boxed: list[BoxedPicture], found: Dataset, config: BoxDataConfig
) -> Iterator[Labelled]:
    for picture in boxed:
        xyxy = _grow(picture.xyxy, config.keypoint_extend) if found.grow else picture.xyxy
        kind = np.where(picture.ignore, IGNORE, PERSON).astype(np.int8)
        yield _shrink(picture.read(), xyxy, kind, config.store_side_px)


def _of_frames(
    sequences: list[LabelledSequence], config: BoxDataConfig, stride: int
) -> Iterator[Labelled]:
    """Every n-th frame of videos."""
    for _, rgb, truth in frames_with_people(sequences):
        if truth.frame % stride == 0:
            kind = np.full(len(truth.people), PERSON, np.int8)
            yield _shrink(rgb, truth.people.xyxy, kind, config.store_side_px)


def _synth(config: BoxDataConfig) -> Iterator[Labelled]:
    for seed in range(config.num_synth_scenes):
        for rgb, xyxy in synth_pictures(seed, config.synth_frames):
            yield rgb, {"xyxy": xyxy, "kind": np.full(len(xyxy), PERSON, np.int8)}


def synth_pictures(seed: int, num_frames: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pictures of a synthetic scene at 2.5 Hz, and their boxes."""
    spec = SceneSpec(num_frames=num_frames, rate_hz=2.5, height_share=(0.15, 1.15))
    for frame, truth in render_scene(spec, seed).frames():
        if frame.rgb is not None:
            yield frame.rgb, truth.people.xyxy


def _shrink(rgb: np.ndarray, xyxy: np.ndarray, kind: np.ndarray, short_side_px: int) -> Labelled:
    h, w = rgb.shape[:2]
    scale = min(1.0, short_side_px / min(h, w))
    if scale < 1:
        rgb = resize(rgb, (round(h * scale), round(w * scale)))
        xyxy = resized_boxes(xyxy, scale)
    return rgb, {"xyxy": xyxy.astype(np.float32), "kind": kind}
