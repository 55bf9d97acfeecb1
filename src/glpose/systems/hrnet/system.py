"""The single-frame network as the training loop sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from glpose.crop import crop_from_image, cut
from glpose.heatmap import crop_from_heatmap, decode
from glpose.metrics.pck import pck
from glpose.skeleton import POSETRACK15
from glpose.systems.hrnet.net import HRNetPose, heatmap_loss
from glpose.systems.hrnet.spec import HRNetPoseConfig
from glpose.train.checkpoint import load_checkpoint
from glpose.train.people import LABELLED, PeopleConfig, PeopleData, open_people
from glpose.train.recipe import Recipe

# The 12 limb joints and the neck: what JHMDB labels at the same places as the other sets.
LIMBS_AND_NECK = np.array([joint not in ("nose", "head_top") for joint in POSETRACK15.joints])


class HRNetSystem:
    """Single-frame pose estimation (the encoder of GLPose is pre-trained this way)."""

    def build(self, recipe: Recipe) -> HRNetPose:
        model = HRNetPose(_config(recipe))
        if recipe.init_from:
            model.load_state_dict(load_checkpoint(Path(recipe.init_from))["ema"])
        return model

    def train_data(self, recipe: Recipe, cache_dir: Path) -> PeopleData:
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
        )

    def losses(self, model: HRNetPose, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        heatmaps = model(batch["rgb"])
        return {"heatmap": heatmap_loss(heatmaps, batch["target"], batch["weight"])}

    def validate(self, model: HRNetPose, recipe: Recipe, cache_dir: Path) -> dict[str, float]:
        """PCK with given boxes, on JHMDB's validation clips where the set is there, else synth."""
        config = _config(recipe)
        source = "jhmdb-val" if recipe.roots.jhmdb else "synth"
        store = open_people(source, recipe.roots, cache_dir, recipe.data.num_synth_scenes)
        rows = np.arange(len(store.labels["xyxy"]))[:: 3 if recipe.roots.jhmdb else 7]
        xy = np.empty((len(rows), config.num_joints, 2))
        for start in range(0, len(rows), 64):
            chunk = rows[start : start + 64]
            xy[start : start + 64] = _predict(model, config, store, chunk, recipe.precision)
        counted = (store.labels["state"][rows] == LABELLED) & LIMBS_AND_NECK
        boxes, truth = store.labels["xyxy"][rows], store.labels["xy"][rows]
        return {
            f"pck@{limit}": pck(xy, truth, counted, boxes, limit).pooled for limit in (0.2, 0.1)
        }


def _predict(model, config: HRNetPoseConfig, store, rows: np.ndarray, precision: str) -> np.ndarray:
    """Joints in image pixels for people of a store."""
    maps = [crop_from_image(store.labels["xyxy"][r], config.crop) for r in rows]
    crops = [
        cut(store[store.labels["picture"][r]], m, config.crop)
        for r, m in zip(rows, maps, strict=True)
    ]
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, precision == "bf16"):
        heatmaps = model(torch.from_numpy(np.stack(crops))).float().contiguous().numpy()
    heatmap_xy, _ = decode(heatmaps, config.heatmap)
    to_heatmap = crop_from_heatmap(config.crop, config.heatmap)
    return np.stack(
        [(m.inverse() @ to_heatmap).apply(p) for m, p in zip(maps, heatmap_xy, strict=True)]
    )


def _config(recipe: Recipe) -> HRNetPoseConfig:
    assert isinstance(recipe.model, HRNetPoseConfig)
    return recipe.model


SYSTEM = HRNetSystem()
