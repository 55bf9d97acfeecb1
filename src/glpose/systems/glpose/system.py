"""GLPose as the training loop sees it: what to build, what to learn from, how to score."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from glpose.errors import BadConfig, BadWeights
from glpose.export.pose import PoseParts, export_pose, pose_card
from glpose.export.unfold import load_exported
from glpose.heatmap import crop_from_heatmap, decode
from glpose.metrics.pck import pck
from glpose.systems.glpose.data import ClipConfig, ClipData, Encode, FeatureData, FeatureMix, Tracks
from glpose.systems.glpose.net import GLPose, heatmap_loss
from glpose.systems.glpose.spec import GLPoseConfig
from glpose.train.augment import Augmentation
from glpose.train.checkpoint import load_checkpoint
from glpose.train.people import LABELLED, LIMBS_AND_NECK, open_people
from glpose.train.recipe import Recipe
from glpose.train.system import TrainData

STILL = ClipConfig(
    num_variants=1,
    damaged_stride=1,
    augmentation=Augmentation(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
)
"""For scoring: every crop as its box cuts it, and once damaged."""


class GLPoseSystem:
    """The paper's network, trained on crops ("online") or on cached features of a frozen encoder."""

    def __init__(self) -> None:
        self._validation: FeatureData | None = None

    def build(self, recipe: Recipe) -> GLPose:
        """Build, with encoder and head of `recipe.init_from` if that is set.

        That is a single-frame run, or an exported encoder (`.onnx`), which has no head. New weights depend on the recipe's seed alone: features are cached by one network and
        trained on by another, which must have the same encoder, also after resuming.
        """
        config = _config(recipe)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            model = GLPose(config)
        if recipe.init_from.endswith(".onnx"):
            example = torch.zeros(1, *config.crop.size_hw, 3, dtype=torch.uint8)
            load_exported(model.encoder, Path(recipe.init_from), example)
        elif recipe.init_from:
            saved = load_checkpoint(Path(recipe.init_from)).get("ema", {})
            _load_part(model.encoder, saved, "encoder.", recipe.init_from)
            if config.head_input == "enhanced" and config.start == "single":
                _load_part(model.fusion.head, saved, "head.", recipe.init_from)
        return model

    def train_data(self, recipe: Recipe, cache_dir: Path) -> TrainData:
        config, data = _config(recipe), recipe.data
        assert isinstance(data, ClipConfig)
        tracks = [
            Tracks(open_people(source, recipe.roots, cache_dir, data.num_synth_scenes))
            for source in data.sources
        ]
        if data.features == "online":
            return ClipData(tracks, config, data, recipe.batch_size, recipe.seed)
        if not config.freeze or config.local.box != "own" or config.global_.rank_stage != 3:
            raise BadConfig(
                "cached features need a frozen encoder, local.box='own' and global_.rank_stage=3, "
                "since of each crop one map of features is kept; found "
                f"freeze={config.freeze}, local.box='{config.local.box}', "
                f"global_.rank_stage={config.global_.rank_stage}"
            )
        model = self.build(recipe)
        sets = [
            cached_features(model, t, data, recipe, seed=data.feature_seed + i, cache_dir=cache_dir)
            for i, t in enumerate(tracks)
        ]
        return FeatureMix(sets, data, recipe.batch_size, recipe.seed)

    def losses(self, model: GLPose, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        if "proposals" in batch or batch["key"].dtype == torch.uint8:
            heatmaps = model(batch["key"], batch.get("local"), batch.get("proposals"))
        else:
            heatmaps = fuse(model, batch)
        loss = heatmap_loss(heatmaps, batch["target"], batch["weight"], model.config)
        return {"heatmap": loss}

    def validate(self, model: GLPose, recipe: Recipe, cache_dir: Path) -> dict[str, float]:
        """PCK with given boxes on clean and on damaged key crops, the other crops being clean.

        On JHMDB's validation clips where the set is there, else on synth.
        """
        config = _config(recipe)
        data = self._validation_data(model, recipe, cache_dir)
        clean = _score(model, data, config, recipe, damaged=False)
        damaged = _score(model, data, config, recipe, damaged=True)
        return {
            "mean@0.2": (clean[0.2] + damaged[0.2]) / 2,
            "clean@0.2": clean[0.2],
            "clean@0.1": clean[0.1],
            "damaged@0.2": damaged[0.2],
            "damaged@0.1": damaged[0.1],
        }

    def export(
        self,
        model: GLPose,
        recipe: Recipe,
        folder: Path,
        *,
        name: str,
        made_by: dict[str, str],
        scores: dict[str, str],
    ) -> list[Path]:
        """Two graphs, encoder and fusion."""
        config = _config(recipe)
        parts = PoseParts(
            Encoder(model.eval()), model.fusion, config.backbone.width, config.fusion_card
        )
        before = recipe.pretrained_on if recipe.init_from else ()
        sources = tuple(dict.fromkeys((*before, *recipe.data.sources)))
        paper = "GLPose (Jiao et al., ACM TOMM 2022) on an HRNet (Sun et al., CVPR 2019)"
        card = pose_card(
            name, sources, paper, config.crop, config.heatmap, made_by=made_by, scores=scores
        )
        return list(export_pose(parts, card, folder))

    def _validation_data(self, model: GLPose, recipe: Recipe, cache_dir: Path) -> FeatureData:
        """Features of the validation set; computed once, where the encoder is frozen."""
        if self._validation is None or not _config(recipe).freeze:
            source = "jhmdb-val" if recipe.roots.jhmdb else "synth"
            scenes = recipe.data.num_synth_scenes
            tracks = Tracks(open_people(source, recipe.roots, cache_dir, scenes))
            self._validation = cached_features(
                model, tracks, STILL, recipe, seed=0, cache_dir=cache_dir
            )
        return self._validation


class Encoder(torch.nn.Module):
    """`GLPose.encode` as a module."""

    def __init__(self, model: GLPose) -> None:
        super().__init__()
        self.model = model

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.encode(crops)


def cached_features(
    model: GLPose,
    tracks: Tracks,
    data: ClipConfig,
    recipe: Recipe,
    *,
    seed: int,
    cache_dir: Path,
) -> FeatureData:
    """Features of a set, kept in `cache_dir` where the encoder is frozen.

    The folder is named by everything that the features depend on: ablations of the fusion share
    one, another encoder or augmentation has its own.
    """
    config = _config(recipe)
    folder = None
    if config.freeze:
        named = (data.augmentation, data.box_noise, data.num_variants, data.damaged_stride, seed)
        digest = hashlib.sha256(repr((config.crop, named, recipe.precision)).encode())
        digest.update(tracks.xyxy.tobytes())
        digest.update(tracks.picture.tobytes())
        for name, value in sorted(model.encoder.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.contiguous().numpy().tobytes())
        folder = cache_dir / f"features-{digest.hexdigest()[:16]}"
    encode = make_encode(model, recipe.precision)
    return FeatureData(
        tracks, config, data, encode, seed=seed, num_variants=data.num_variants, folder=folder
    )


def make_encode(model: GLPose, precision: str) -> Encode:
    """The encoder as a NumPy function, in evaluation mode."""
    # torch leaves `memory_format` out of the types of `Module.to`.
    encoder = model.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(crops: np.ndarray) -> np.ndarray:
        was_training = encoder.training
        encoder.eval()
        bf16 = precision == "bf16"
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            features = encoder(torch.from_numpy(crops)).float().contiguous().numpy()
        encoder.train(was_training)
        return features

    return encode


def fuse(model: GLPose, batch: dict[str, Tensor]) -> Tensor:
    """The fusion on cached features; float16 on disk, float32 here."""
    parts = [batch.get(name) for name in ("key", "local", "global", "global_weight")]
    return model.fusion(*(None if part is None else part.float() for part in parts))


def _score(
    model: GLPose, data: FeatureData, config: GLPoseConfig, recipe: Recipe, *, damaged: bool
) -> dict[float, float]:
    keys = data.keys[:: 3 if recipe.roots.jhmdb else 7]
    xy = np.empty((len(keys), config.num_joints, 2))
    to_heatmap = crop_from_heatmap(config.crop, config.heatmap)
    for start in range(0, len(keys), 32):
        chunk = keys[start : start + 32]
        samples = [
            data.sample(int(i), np.random.default_rng([1, i]), damaged=damaged) for i in chunk
        ]
        batch = {k: torch.from_numpy(np.stack([s[k] for s in samples])) for k in samples[0]}
        bf16 = recipe.precision == "bf16"
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            heatmaps = fuse(model, batch).float().contiguous().numpy()
        heatmap_xy, _ = decode(heatmaps, config.heatmap)
        xy[start : start + 32] = [
            (data.to_crop[i].inverse() @ to_heatmap).apply(points)
            for i, points in zip(chunk, heatmap_xy, strict=True)
        ]
    rows = keys % len(data.tracks)
    counted = (data.tracks.state[rows] == LABELLED) & LIMBS_AND_NECK
    truth, boxes = data.tracks.xy[rows], data.tracks.xyxy[rows]
    return {limit: pck(xy, truth, counted, boxes, limit).pooled for limit in (0.2, 0.1)}


def _load_part(module: torch.nn.Module, saved: dict[str, Tensor], prefix: str, path: str) -> None:
    part = {k.removeprefix(prefix): v for k, v in saved.items() if k.startswith(prefix)}
    try:
        module.load_state_dict(part)
    except RuntimeError as problem:
        raise BadWeights(
            f"{path}: its {prefix.rstrip('.')} does not fit this recipe's "
            f"({str(problem).splitlines()[-1].strip()}); expected a run of the same network"
        ) from problem


def _config(recipe: Recipe) -> GLPoseConfig:
    assert isinstance(recipe.model, GLPoseConfig)
    return recipe.model


SYSTEM = GLPoseSystem()
