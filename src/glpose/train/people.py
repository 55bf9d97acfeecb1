"""Labelled people of several sets as training samples of single crops, joints as POSETRACK15.

Each set is decoded once into a `PictureStore`; joints that a set does not label are masked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from glpose.crop import cut
from glpose.damage import DAMAGE, damage
from glpose.errors import BadConfig
from glpose.formats.coco import read_keypoints
from glpose.formats.jhmdb import read_clips
from glpose.heatmap import crop_from_heatmap, encode
from glpose.imaging import read_image
from glpose.skeleton import JHMDB15, POSETRACK15, Skeleton, joint_map
from glpose.train.augment import Augmentation, draw_look, jitter_colour, random_box
from glpose.train.recipe import DataRoots
from glpose.train.store import PictureStore, has_store, write_store
from glpose.train.system import ArrayBatch
from glpose.types import CropSpec, FrameTruth, HeatmapSpec
from glpose.video.reader import open_video

# How a joint enters the loss: not at all, with its Gaussian, or as an empty map because it is
# known to lie outside the picture. The last teaches low scores for limbs that cannot be seen.
UNLABELLED, LABELLED, ABSENT = 0, 1, 2

UPPER_BODY = np.array(
    [not any(p in j for p in ("hip", "knee", "ankle")) for j in POSETRACK15.joints]
)
# The 12 limb joints and the neck: what JHMDB labels at the same places as the other sets.
LIMBS_AND_NECK = np.array([joint not in ("nose", "head_top") for joint in POSETRACK15.joints])

_MIRROR = np.array(POSETRACK15.mirror)


@dataclass(frozen=True, slots=True)
class Share:
    """A set and its share of the samples; `stride` takes every n-th picture."""

    source: str
    share: float
    stride: int = 1


@dataclass(frozen=True, slots=True)
class SizePhase:
    """From `start_step` on, crops have this size."""

    start_step: int
    size_hw: tuple[int, int]


@dataclass(frozen=True, slots=True)
class PeopleConfig:
    """The mixture of sets and how samples are varied; sizes are multiples of 16."""

    shares: tuple[Share, ...]
    phases: tuple[SizePhase, ...]
    augmentation: Augmentation
    min_side_px: float = 48.0
    num_synth_scenes: int = 400
    absent_weight: float = 0.5

    def synth_only(self) -> PeopleConfig:
        """The same without real data; few scenes, since this is for trying things out."""
        return replace(self, shares=(Share("synth", 1.0),), num_synth_scenes=12)


class PeopleData:
    """Batches of crops with target heatmaps; a batch depends on seed and step alone."""

    def __init__(
        self,
        config: PeopleConfig,
        roots: DataRoots,
        cache_dir: Path,
        crop: CropSpec,
        heatmap: HeatmapSpec,
        batch_size: int,
        seed: int,
    ) -> None:
        self._config, self._batch_size, self._seed = config, batch_size, seed
        self._crop, self._heatmap = crop, heatmap
        self._stores = [
            open_people(s.source, roots, cache_dir, config.num_synth_scenes) for s in config.shares
        ]
        self._rows = [
            _usable(store, share.stride, config.min_side_px)
            for store, share in zip(self._stores, config.shares, strict=True)
        ]
        shares = np.array([s.share for s in config.shares])
        self._share = shares / shares.sum()

    def describe(self) -> str:
        """How many people each set gives."""
        sizes = zip(self._config.shares, self._rows, strict=True)
        return ", ".join(f"{share.source} {len(rows)}" for share, rows in sizes)

    def batch(self, step: int) -> ArrayBatch:
        """`rgb`, `target` and `weight`; the size of the crops may depend on the step."""
        rng = np.random.default_rng([self._seed, step])
        size_hw = [p.size_hw for p in self._config.phases if p.start_step <= step][-1]
        crop = replace(self._crop, size_hw=size_hw)
        heatmap = replace(self._heatmap, size_hw=(size_hw[0] // 4, size_hw[1] // 4))
        sources = rng.choice(len(self._stores), self._batch_size, p=self._share)
        samples = [self._sample(int(s), rng, crop, heatmap) for s in sources]
        return {key: np.stack([s[key] for s in samples]) for key in samples[0]}

    def _sample(
        self, source: int, rng: np.random.Generator, crop: CropSpec, heatmap: HeatmapSpec
    ) -> dict[str, np.ndarray]:
        store, how = self._stores[source], self._config.augmentation
        row = self._rows[source][rng.integers(len(self._rows[source]))]
        xyxy, xy = store.labels["xyxy"][row], store.labels["xy"][row]
        state = store.labels["state"][row]
        look = draw_look(rng, how)
        box = random_box(rng, xyxy, xy, state == LABELLED, UPPER_BODY, how)
        to_crop = look.crop_from_image(box, crop)
        rgb = cut(store[int(store.labels["picture"][row])], to_crop, crop)
        if look.mirror:
            xy, state = xy[_MIRROR], state[_MIRROR]
        if how.colour:
            rgb = jitter_colour(rng, rgb, how.colour)
        if rng.random() < how.damage_share:
            kind = DAMAGE[rng.integers(len(DAMAGE))]
            rgb = damage(rng, rgb, kind, strength=rng.uniform(0.2, 1.0))
        heatmap_from_image = crop_from_heatmap(crop, heatmap).inverse() @ to_crop
        heatmap_xy = heatmap_from_image.apply(np.nan_to_num(xy).astype(np.float64))
        target, weight = targets(heatmap_xy, state, heatmap, self._config.absent_weight)
        return {"rgb": rgb, "target": target, "weight": weight}


def targets(
    heatmap_xy: np.ndarray, state: np.ndarray, heatmap: HeatmapSpec, absent_weight: float
) -> tuple[np.ndarray, np.ndarray]:
    """Target maps and joint weights; a labelled joint that left the crop weighs nothing."""
    h, w = heatmap.size_hw
    inside = ((heatmap_xy >= -0.5) & (heatmap_xy <= [w - 0.5, h - 0.5])).all(-1)
    labelled = (state == LABELLED) & inside
    weight = labelled + absent_weight * (state == ABSENT)
    return encode(heatmap_xy, labelled, heatmap), weight.astype(np.float32)


def _usable(store: PictureStore, stride: int, min_side_px: float) -> np.ndarray:
    labels = store.labels
    side = (labels["xyxy"][:, 2:] - labels["xyxy"][:, :2]).max(-1)
    enough = (labels["state"] == LABELLED).sum(-1) >= 4
    return np.flatnonzero(enough & (side >= min_side_px) & (labels["picture"] % stride == 0))


def open_people(
    source: str, roots: DataRoots, cache_dir: Path, num_synth_scenes: int = 0
) -> PictureStore:
    """The store of a set, made if it is not in `cache_dir` yet. Raises BadConfig or BadInput."""
    makers: dict[str, Callable[[], Iterator]] = {
        "lspet": lambda: _coco_like(roots.lspet, extend=0.15),
        "coco": lambda: _coco_like(roots.coco),
        "jhmdb": lambda: _jhmdb(roots.jhmdb, "train"),
        "jhmdb-val": lambda: _jhmdb(roots.jhmdb, "val"),
        "synth": lambda: _synth(num_synth_scenes),
    }
    if source not in makers:
        raise BadConfig(f"unknown set '{source}'; known: {', '.join(makers)}")
    set_name = source.partition("-")[0]
    if set_name != "synth" and not getattr(roots, set_name):
        raise BadConfig(
            f"the recipe uses {set_name}, but its folder is not given; "
            f"pass --data {set_name}=FOLDER, or train on synth alone with --synth-only"
        )
    folder = cache_dir / (f"synth-{num_synth_scenes}" if source == "synth" else source)
    if has_store(folder):
        return PictureStore(folder)
    return write_store(folder, makers[source]())


def _labels(
    truth: FrameTruth, skeleton: Skeleton, absent: np.ndarray, clip: int
) -> dict[str, np.ndarray]:
    """Label rows of one picture; `absent` marks joints known to lie outside it."""
    index = joint_map(skeleton, POSETRACK15)
    known = index >= 0
    state = np.where(truth.visibility > 0, LABELLED, np.where(absent, ABSENT, UNLABELLED))
    return {
        "xyxy": truth.people.xyxy,
        "xy": np.where(known[:, None], truth.xy[:, index], np.nan).astype(np.float32),
        "state": np.where(known, state[:, index], UNLABELLED).astype(np.int8),
        "clip": np.full(len(truth.people), clip, np.int64),
        "frame": np.full(len(truth.people), truth.frame, np.int64),
        "track": truth.people.track_id,
    }


def _coco_like(root: str, extend: float = 0.0) -> Iterator:
    """Pictures with people; `extend` makes boxes of joints into boxes of bodies."""
    skeleton, pictures = read_keypoints(Path(root) / "person_keypoints.json", Path(root) / "images")
    for picture in pictures:
        truth = picture.truth
        if len(truth.people) == 0:
            continue
        labels = _labels(truth, skeleton, np.zeros(truth.visibility.shape, bool), truth.frame)
        side = (labels["xyxy"][:, 2:] - labels["xyxy"][:, :2]).max(-1, keepdims=True)
        labels["xyxy"] = labels["xyxy"] + np.array([-1, -1, 1, 1]) * side * extend / 2
        yield read_image(picture.path), labels


def _jhmdb(root: str, split: str) -> Iterator:
    for number, clip in enumerate(read_clips(Path(root), split)):
        for frame, truth in zip(open_video(clip.video).frames(), clip.truth, strict=False):
            if frame.rgb is None or len(truth.people) == 0:
                continue
            yield frame.rgb, _labels(truth, JHMDB15, truth.visibility == 0, number)


def _synth(num_scenes: int) -> Iterator:
    from glpose.synth import SceneSpec, render_scene

    spec = SceneSpec(size_hw=(240, 320), num_frames=10)
    for number in range(num_scenes):
        for frame, truth in render_scene(spec, seed=number).frames():
            if frame.rgb is None or len(truth.people) == 0:
                continue
            yield frame.rgb, _labels(truth, POSETRACK15, truth.visibility == 0, number)
