"""Scores of GLPose in torch during training: joints of labelled people with true boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from glpose.codecs.gaussian import HEATMAPS
from glpose.metrics.pck import Pck, pck
from glpose.systems.glpose.data import ClipData
from glpose.systems.glpose.features import FeatureData
from glpose.systems.glpose.net import GLPose
from glpose.systems.glpose.spec import KEY, SLOT_NAMES
from glpose.train.data.sets import LABELLED
from glpose.train.data.tracks import Tracks
from glpose.train.joints import image_joints
from glpose.types import Affine

_AT_ONCE = 32


@dataclass(frozen=True, slots=True, eq=False)
class Guesses:
    """Predicted and labelled joints in image pixels, one row per person."""

    xy: Float[np.ndarray, "people joints 2"]
    truth_xy: Float32[np.ndarray, "people joints 2"]
    labelled: Bool[np.ndarray, "people joints"]
    truth_xyxy: Float32[np.ndarray, "people 4"]

    def pck(self, limit: float, joints: Bool[np.ndarray, " joints"] | None = None) -> Pck:
        """PCK normalised by the person's box, over all labelled joints or only `joints`."""
        counted = self.labelled if joints is None else self.labelled & joints
        return pck(self.xy, self.truth_xy, counted, self.truth_xyxy, limit)


def guess_from_features(
    model: GLPose,
    data: FeatureData,
    keys: np.ndarray,
    precision: str,
    *,
    damaged: bool = False,
    hurt: Bool[np.ndarray, " rows"] | None = None,
) -> Guesses:
    """Fuse the cached features of some keys; the drawn proposals depend only on the key.

    `damaged` damages the keys alone, `hurt` these rows of the tracks, as keys and as neighbours.
    """

    def sample(key: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([1, key])
        if hurt is not None:
            return data.make(data.draw_hurt(key, rng, hurt))
        return data.sample(key, rng, damaged=damaged)

    maps = [data.to_crop[key] for key in keys]
    xy = _image_xy(model, _batches(keys, sample), maps, precision, fuse)
    return _guesses(xy, data.tracks, keys % len(data.tracks))


def guess_from_clips(model: GLPose, data: ClipData, keys: np.ndarray, precision: str) -> Guesses:
    """Encode and fuse the clips of some keys of the first set."""
    maps: list[Affine] = []

    def sample(key: int) -> dict[str, np.ndarray]:
        made = data.sample(0, key, np.random.default_rng([1, key]))
        maps.append(Affine(made["to_crop"]))
        return made

    # `maps` is filled while the batches are made and is complete after the last one.
    xy = _image_xy(model, _batches(keys, sample), maps, precision, run_on_crops)
    return _guesses(xy, data.tracks[0], keys)


def global_entropy(data: FeatureData, keys: np.ndarray) -> float:
    """The mean entropy of the global weights as a share of the largest possible, log n.

    1 are equal weights, which say nothing about the crops; 0 is one crop alone. Weights of
    `softmax_over` "all" are scaled to sum to 1 over the kept crops.
    """
    found = []
    for key in keys.tolist():
        draw = data.draw(key, np.random.default_rng([1, key]), damaged=False)
        weight = data.similar(draw)[1]
        weight = weight / np.maximum(weight.sum(0), 1e-30)
        bits = -(weight * np.log(np.maximum(weight, 1e-30))).sum(0)
        found.append(float(bits.mean() / np.log(len(weight))))
    return float(np.mean(found))


def fuse(model: GLPose, batch: dict[str, Tensor]) -> Tensor:
    """Run the fusion on cached features, converted from float16 to float32."""
    others = [batch[name].float() if name in batch else None for name in SLOT_NAMES[1:]]
    return model.fuse(batch[KEY].float(), *others)


def run_on_crops(model: GLPose, batch: dict[str, Tensor]) -> Tensor:
    """Run the whole network on crops."""
    return model(
        batch["key"], batch.get("local"), batch.get("proposals"), batch.get("num_proposals")
    )


def _batches(
    keys: np.ndarray, sample: Callable[[int], dict[str, np.ndarray]]
) -> Iterator[dict[str, Tensor]]:
    for start in range(0, len(keys), _AT_ONCE):
        samples = [sample(int(key)) for key in keys[start : start + _AT_ONCE]]
        yield {k: torch.from_numpy(np.stack([s[k] for s in samples])) for k in samples[0]}


def _image_xy(
    model: GLPose,
    batches: Iterator[dict[str, Tensor]],
    crop_from_image: list[Affine],
    precision: str,
    run: Callable[[GLPose, dict[str, Tensor]], Tensor],
) -> np.ndarray:
    return image_joints(
        lambda batch: {HEATMAPS: run(model, batch)},
        batches,
        crop_from_image,
        model.config.crop,
        model.config.codec,
        device=next(model.parameters()).device,
        precision=precision,
    )


def _guesses(xy: np.ndarray, tracks: Tracks, rows: np.ndarray) -> Guesses:
    return Guesses(xy, tracks.xy[rows], tracks.state[rows] == LABELLED, tracks.xyxy[rows])
