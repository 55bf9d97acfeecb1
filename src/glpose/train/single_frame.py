"""Single-frame estimators as the training loop sees them: what all of them have in common.

A system is `SingleFrameTraining` and `export.single_frame.SingleFrameExport` with a network and
settings of its own; see `systems.hrnet` and `systems.simple_baseline`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from glpose.crop import crop_from_image, cut
from glpose.geometry import clip_box
from glpose.heatmap import crop_from_heatmap, decode
from glpose.metrics.pck import pck
from glpose.nets.heads import head_of_joints
from glpose.nets.single_frame import SingleFrameNet
from glpose.nets.spec import SingleFrameConfig
from glpose.skeleton import COCO17, POSETRACK15, Skeleton, by_name
from glpose.train.data.people import PeopleConfig, PeopleData
from glpose.train.data.sets import LABELLED, LIMBS_AND_NECK, open_people
from glpose.train.data.store import Pictures
from glpose.train.initial import initial_joints, load_initial, load_part
from glpose.train.recipe import Recipe
from glpose.train.run.sheet import draw_sample, spread

# Neighbouring frames say the same: of our own validation sets every n-th person is enough.
_STRIDES = {"jhmdb-val": 3, "synth": 7}
# Of others: enough for a standard error below 0.5 of PCK.
_MOST_PEOPLE = 512


class SingleFrameTraining(ABC):
    """Estimation from one frame; a system says how its network is made."""

    @abstractmethod
    def make_net(self, config: Any) -> SingleFrameNet:
        """A fresh network."""

    def build(self, recipe: Recipe) -> SingleFrameNet:
        """A fresh network, or the weights of `recipe.init_from`: a run's, or imported ones.

        A head of COCO's 17 joints is brought to this recipe's 15, and the other way round.
        """
        config = _config(recipe)
        model = self.make_net(config)
        if recipe.init_from:
            path = Path(recipe.init_from)
            weights = _with_joints(load_initial(path), initial_joints(path), config)
            load_part(model, weights, "", recipe.init_from)
        return model

    def train_data(self, recipe: Recipe, cache_dir: Path) -> PeopleData:
        """People of the recipe's sets, with targets as the settings say."""
        config = _config(recipe)
        assert isinstance(recipe.data, PeopleConfig)
        # Now, not after the first epoch: a set that cannot be validated on ends the call, no run.
        _open(_validation_set(recipe), recipe, cache_dir)
        return PeopleData(
            recipe.data,
            recipe.roots,
            cache_dir,
            config.crop,
            config.heatmap,
            recipe.batch_size,
            recipe.seed,
            skeleton=by_name(config.skeleton),
            picture_cache_mb=recipe.picture_cache_mb,
        )

    def losses(self, model: SingleFrameNet, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The squared error of the heatmaps."""
        heatmaps = model(batch["rgb"])
        return {"heatmap": heatmap_loss(heatmaps, batch["target"], batch["weight"])}

    def validate(self, model: SingleFrameNet, recipe: Recipe, cache_dir: Path) -> dict[str, float]:
        """PCK with given boxes, on the validation set of the recipe's data.

        JHMDB's clips, or else synth, are the default; of these, the limbs and the neck count.
        """
        config, source = _config(recipe), _validation_set(recipe)
        store, skeleton = _open(source, recipe, cache_dir), by_name(config.skeleton)
        num = len(store.labels["xyxy"])
        rows = np.arange(num)[:: _STRIDES.get(source, -(-num // _MOST_PEOPLE))]
        xy = np.empty((len(rows), config.num_joints, 2))
        for start in range(0, len(rows), 64):
            chunk = rows[start : start + 64]
            xy[start : start + 64] = _predict(model, recipe, store, chunk)
        counted = store.labels["state"][rows] == LABELLED
        if source in _STRIDES and skeleton is POSETRACK15:
            counted &= LIMBS_AND_NECK
        boxes, truth = store.labels["xyxy"][rows], store.labels["xy"][rows]
        return {
            f"pck@{limit}": pck(xy, truth, counted, boxes, limit).pooled for limit in (0.2, 0.1)
        }

    def sample_pictures(
        self, model: SingleFrameNet, recipe: Recipe, cache_dir: Path
    ) -> list[UInt8[np.ndarray, "h w 3"]]:
        """Some people of the validation set with the joints found and those labelled."""
        skeleton = by_name(_config(recipe).skeleton)
        store = _open(_validation_set(recipe), recipe, cache_dir)
        labels = store.labels
        rows = np.array(spread(len(labels["xyxy"])))
        truth = np.where((labels["state"] == LABELLED)[..., None], labels["xy"], np.nan)
        return [
            draw_sample(
                store[int(labels["picture"][row])], labels["xyxy"][row], xy, truth[row], skeleton
            )
            for row, xy in zip(rows, _predict(model, recipe, store, rows), strict=True)
        ]


def heatmap_loss(heatmaps: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean over joints of the weighted squared error, mean over pixels (paper, eq. 6).

    `weight` (B, J) is 0 for joints without a label. Times 1000, so that printed values are near 1.
    """
    square = (heatmaps.float() - target).square().mean((-2, -1))
    return 1000 * (square * weight).sum(1).div(square.shape[1]).mean()


def _predict(
    model: SingleFrameNet, recipe: Recipe, store: Pictures, rows: np.ndarray
) -> np.ndarray:
    """Joints in image pixels for people of a store."""
    config = _config(recipe)
    maps, crops = [], []
    for row in rows:
        rgb, xyxy = store[int(store.labels["picture"][row])], store.labels["xyxy"][row]
        if recipe.data.clip_boxes:
            xyxy = clip_box(xyxy, rgb.shape[:2])
        maps.append(crop_from_image(xyxy, config.crop))
        crops.append(cut(rgb, maps[-1], config.crop))
    device = next(model.parameters()).device
    bf16 = recipe.precision == "bf16"
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        heatmaps = model(torch.from_numpy(np.stack(crops)).to(device))
    heatmap_xy, _ = decode(heatmaps.float().contiguous().cpu().numpy(), config.heatmap)
    to_heatmap = crop_from_heatmap(config.crop, config.heatmap)
    return np.stack(
        [(m.inverse() @ to_heatmap).apply(p) for m, p in zip(maps, heatmap_xy, strict=True)]
    )


def _validation_set(recipe: Recipe) -> str:
    return recipe.data.validation or ("jhmdb-val" if recipe.roots.jhmdb else "synth")


def _open(source: str, recipe: Recipe, cache_dir: Path) -> Pictures:
    skeleton = by_name(_config(recipe).skeleton)
    return open_people(source, recipe.roots, cache_dir, recipe.data.num_synth_scenes, skeleton)


def _with_joints(
    weights: dict[str, Tensor], known: Skeleton | None, config: SingleFrameConfig
) -> dict[str, Tensor]:
    """The same with a head of this network's joints.

    A file that does not say which joints it has is taken to have ours where their number is the
    same; else their number tells.
    """
    heads = [name for name in weights if name.startswith("head.")]
    num = len(weights[heads[-1]]) if heads else 0
    target = by_name(config.skeleton)
    by_number = target if num == config.num_joints else {15: POSETRACK15, 17: COCO17}.get(num)
    source = known or by_number
    if source is None or source is target:
        return weights
    rows = {name: weights[name] for name in heads if len(weights[name]) == num}
    return weights | {name: head_of_joints(old, source, target) for name, old in rows.items()}


def _config(recipe: Recipe) -> SingleFrameConfig:
    assert isinstance(recipe.model, SingleFrameConfig)
    return recipe.model
