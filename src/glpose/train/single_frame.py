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
from torch import Tensor

from glpose.crop import crop_from_image, cut
from glpose.heatmap import crop_from_heatmap, decode
from glpose.metrics.pck import pck
from glpose.nets.single_frame import SingleFrameNet
from glpose.nets.spec import SingleFrameConfig
from glpose.skeleton import POSETRACK15, by_name
from glpose.train.initial import load_initial, load_part
from glpose.train.people import PeopleConfig, PeopleData
from glpose.train.recipe import Recipe
from glpose.train.sets import LABELLED, LIMBS_AND_NECK, open_people
from glpose.train.store import Pictures

# Neighbouring frames say the same: of our own validation sets every n-th person is enough.
_STRIDES = {"jhmdb-val": 3, "synth": 7}


class SingleFrameTraining(ABC):
    """Estimation from one frame; a system says how its network is made."""

    @abstractmethod
    def make_net(self, config: Any) -> SingleFrameNet:
        """A fresh network."""

    def build(self, recipe: Recipe) -> SingleFrameNet:
        """A fresh network, or the weights of `recipe.init_from`: a run's, or imported ones."""
        model = self.make_net(_config(recipe))
        if recipe.init_from:
            load_part(model, load_initial(Path(recipe.init_from)), "", recipe.init_from)
        return model

    def train_data(self, recipe: Recipe, cache_dir: Path) -> PeopleData:
        """People of the recipe's sets, with targets as the settings say."""
        config = _config(recipe)
        assert isinstance(recipe.data, PeopleConfig)
        return PeopleData(
            recipe.data,
            recipe.roots,
            cache_dir,
            config.crop,
            config.heatmap,
            recipe.batch_size,
            recipe.seed,
            skeleton=by_name(config.skeleton),
        )

    def losses(self, model: SingleFrameNet, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The squared error of the heatmaps."""
        heatmaps = model(batch["rgb"])
        return {"heatmap": heatmap_loss(heatmaps, batch["target"], batch["weight"])}

    def validate(self, model: SingleFrameNet, recipe: Recipe, cache_dir: Path) -> dict[str, float]:
        """PCK with given boxes, on the validation set of the recipe's data.

        JHMDB's clips, or else synth, are the default; of these, the limbs and the neck count.
        """
        config, data = _config(recipe), recipe.data
        ours = "jhmdb-val" if recipe.roots.jhmdb else "synth"
        source, skeleton = data.validation or ours, by_name(config.skeleton)
        store = open_people(source, recipe.roots, cache_dir, data.num_synth_scenes, skeleton)
        rows = np.arange(len(store.labels["xyxy"]))[:: _STRIDES.get(source, 1)]
        xy = np.empty((len(rows), config.num_joints, 2))
        for start in range(0, len(rows), 64):
            chunk = rows[start : start + 64]
            xy[start : start + 64] = _predict(model, config, store, chunk, recipe.precision)
        counted = store.labels["state"][rows] == LABELLED
        if source in _STRIDES and skeleton is POSETRACK15:
            counted &= LIMBS_AND_NECK
        boxes, truth = store.labels["xyxy"][rows], store.labels["xy"][rows]
        return {
            f"pck@{limit}": pck(xy, truth, counted, boxes, limit).pooled for limit in (0.2, 0.1)
        }


def heatmap_loss(heatmaps: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Mean over joints of the weighted squared error, mean over pixels (paper, eq. 6).

    `weight` (B, J) is 0 for joints without a label. Times 1000, so that printed values are near 1.
    """
    square = (heatmaps.float() - target).square().mean((-2, -1))
    return 1000 * (square * weight).sum(1).div(square.shape[1]).mean()


def _predict(
    model: SingleFrameNet,
    config: SingleFrameConfig,
    store: Pictures,
    rows: np.ndarray,
    precision: str,
) -> np.ndarray:
    """Joints in image pixels for people of a store."""
    maps = [crop_from_image(store.labels["xyxy"][r], config.crop) for r in rows]
    crops = [
        cut(store[int(store.labels["picture"][r])], m, config.crop)
        for r, m in zip(rows, maps, strict=True)
    ]
    device = next(model.parameters()).device
    bf16 = precision == "bf16"
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
        heatmaps = model(torch.from_numpy(np.stack(crops)).to(device))
    heatmap_xy, _ = decode(heatmaps.float().contiguous().cpu().numpy(), config.heatmap)
    to_heatmap = crop_from_heatmap(config.crop, config.heatmap)
    return np.stack(
        [(m.inverse() @ to_heatmap).apply(p) for m, p in zip(maps, heatmap_xy, strict=True)]
    )


def _config(recipe: Recipe) -> SingleFrameConfig:
    assert isinstance(recipe.model, SingleFrameConfig)
    return recipe.model
