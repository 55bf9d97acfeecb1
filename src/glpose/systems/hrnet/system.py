"""The single-frame network as the training loop sees it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from glpose.crop import crop_from_image, cut
from glpose.errors import BadWeights
from glpose.export.pose import PoseParts, export_pose, pose_card
from glpose.heatmap import crop_from_heatmap, decode
from glpose.metrics.pck import pck
from glpose.runtime.card import FusionCard
from glpose.systems.hrnet.net import HRNetPose, heatmap_loss
from glpose.systems.hrnet.spec import HRNetPoseConfig
from glpose.train.checkpoint import load_checkpoint
from glpose.train.people import LABELLED, LIMBS_AND_NECK, PeopleConfig, PeopleData, open_people
from glpose.train.recipe import Recipe
from glpose.train.store import PictureStore


class HRNetSystem:
    """Single-frame pose estimation (the encoder of GLPose is pre-trained this way)."""

    def build(self, recipe: Recipe) -> HRNetPose:
        model = HRNetPose(_config(recipe))
        if recipe.init_from:
            try:
                model.load_state_dict(load_checkpoint(Path(recipe.init_from)).get("ema", {}))
            except RuntimeError as problem:
                raise BadWeights(
                    f"{recipe.init_from}: does not fit this recipe's network "
                    f"({str(problem).splitlines()[-1].strip()}); expected a run of the same network"
                ) from problem
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

    def export(
        self,
        model: HRNetPose,
        recipe: Recipe,
        folder: Path,
        *,
        name: str,
        made_by: dict[str, str],
        scores: dict[str, str],
    ) -> list[Path]:
        """Two graphs: the encoder, and the head as a fusion without slots."""
        config = _config(recipe)
        sources = tuple(share.source for share in recipe.data.shares)
        paper = "HRNet up to stage 3 (Sun et al., CVPR 2019)"
        card = pose_card(
            name, sources, paper, config.crop, config.heatmap, made_by=made_by, scores=scores
        )
        parts = PoseParts(Encoder(model.eval()), Head(model), config.backbone.width, FusionCard())
        return list(export_pose(parts, card, folder))


class Encoder(torch.nn.Module):
    """The encoder with the mean of its features, which nothing ranks by, for one contract."""

    def __init__(self, model: HRNetPose) -> None:
        super().__init__()
        self.encoder = model.encoder

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(crops)
        return features, features.mean((-2, -1))


class Head(torch.nn.Module):
    """The head as a fusion without slots."""

    def __init__(self, model: HRNetPose) -> None:
        super().__init__()
        self.head = model.head

    def forward(self, key: Tensor, *_no_slots: None) -> Tensor:
        return self.head(key)


def _predict(
    model: HRNetPose,
    config: HRNetPoseConfig,
    store: PictureStore,
    rows: np.ndarray,
    precision: str,
) -> np.ndarray:
    """Joints in image pixels for people of a store."""
    maps = [crop_from_image(store.labels["xyxy"][r], config.crop) for r in rows]
    crops = [
        cut(store[int(store.labels["picture"][r])], m, config.crop)
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
