"""GLPose as the training loop sees it: what to build, what to learn from, how to score."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from glpose.errors import BadConfig
from glpose.export.pose import PoseParts, export_pose, pose_card
from glpose.export.unfold import load_exported
from glpose.runtime.card import Card
from glpose.skeleton import POSETRACK15, Skeleton, joint_map
from glpose.systems.glpose.data import ClipConfig, ClipData, Tracks
from glpose.systems.glpose.features import Encode, FeatureData, FeatureMix
from glpose.systems.glpose.net import GLPose, heatmap_loss
from glpose.systems.glpose.scoring import fuse, guess_from_clips, guess_from_features, run_on_crops
from glpose.systems.glpose.spec import GLPoseConfig
from glpose.train.data.augment import Augmentation
from glpose.train.data.sets import LIMBS_AND_NECK, open_people
from glpose.train.data.store import Pictures, with_cache
from glpose.train.initial import initial_joints, load_initial, load_part
from glpose.train.recipe import Recipe
from glpose.train.run.sheet import NUM_SAMPLES, draw_sample, spread
from glpose.train.system import TrainData

STILL = ClipConfig(
    num_variants=1,
    damaged_stride=1,
    augmentation=Augmentation(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
)
"""For scoring: every crop as its box cuts it, and once damaged."""

# Enough for a standard error below 0.5 of PCK, few enough to encode 29 crops of each.
_MOST_PEOPLE = 512


class GLPoseSystem:
    """The paper's network, trained on crops ("online") or on cached features of a frozen encoder."""

    def __init__(self) -> None:
        # What was opened for validation last, and for which settings.
        self._features: tuple[object, FeatureData] | None = None
        self._clips: tuple[object, ClipData] | None = None

    def build(self, recipe: Recipe) -> GLPose:
        """Build, with what `recipe.init_from` has of the network if that is set.

        That is a single-frame run or an imported file (encoder, and its head where training starts
        from one), an exported encoder (`.onnx`), or a run of GLPose (all of it; a head of other
        joints is brought to this recipe's by their names). New weights depend on the recipe's seed
        alone: features are cached by one network and trained on by another, which must have the
        same encoder, also after resuming.
        """
        config = _config(recipe)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            model = GLPose(config)
        if recipe.init_from.endswith(".onnx"):
            example = torch.zeros(1, *config.crop.size_hw, 3, dtype=torch.uint8)
            load_exported(model.encoder, Path(recipe.init_from), example)
        elif recipe.init_from:
            path = Path(recipe.init_from)
            _load(model, load_initial(path), initial_joints(path), recipe.init_from)
        return model

    def train_data(self, recipe: Recipe, cache_dir: Path) -> TrainData:
        config, data = _config(recipe), recipe.data
        assert isinstance(data, ClipConfig)
        _check_features(config, data)
        pictures = [_open_pictures(source, recipe, cache_dir) for source in data.sources]
        tracks = [Tracks(opened) for opened in with_cache(pictures, recipe.picture_cache_mb)]
        # Here too, not after the first epoch: a set that cannot be validated on ends the call.
        if data.features == "online":
            self._validation_clips(recipe, cache_dir)
            return ClipData(tracks, config, data, recipe.batch_size, recipe.seed)
        _open(_validation_set(recipe), recipe, cache_dir)
        model = self.build(recipe).to("cuda" if torch.cuda.is_available() else "cpu")
        sets = [
            cached_features(model, t, data, recipe, seed=data.feature_seed + i, cache_dir=cache_dir)
            for i, t in enumerate(tracks)
        ]
        return FeatureMix(sets, data, recipe.batch_size, recipe.seed)

    def losses(self, model: GLPose, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The squared error of the heatmaps (eq. 6)."""
        run = run_on_crops if batch["key"].dtype == torch.uint8 else fuse
        loss = heatmap_loss(run(model, batch), batch["target"], batch["weight"], model.config)
        return {"heatmap": loss}

    def validate(self, model: GLPose, recipe: Recipe, cache_dir: Path) -> dict[str, float]:
        """PCK with given boxes on the recipe's validation set.

        With cached features on clean and on damaged key crops, the other crops being clean; else on
        clean crops of `_MOST_PEOPLE` people, evenly spread over the set.
        """
        joints = LIMBS_AND_NECK if _validation_set(recipe) == "jhmdb-val" else None
        if recipe.data.features == "online":
            data = self._validation_clips(recipe, cache_dir)
            keys = data.evenly(0, _MOST_PEOPLE)
            found = guess_from_clips(model, data, 0, keys, recipe.precision)
            return {f"pck@{limit}": found.pck(limit, joints).pooled for limit in (0.2, 0.1)}
        features = self._validation_features(model, recipe, cache_dir)
        keys = features.keys[:: 3 if recipe.roots.jhmdb else 7]
        clean, damaged = (
            guess_from_features(model, features, keys, recipe.precision, damaged=is_damaged)
            for is_damaged in (False, True)
        )
        scores = {
            f"{name}@{limit}": found.pck(limit, joints).pooled
            for name, found in (("clean", clean), ("damaged", damaged))
            for limit in (0.2, 0.1)
        }
        return {"mean@0.2": (scores["clean@0.2"] + scores["damaged@0.2"]) / 2, **scores}

    def sample_pictures(
        self, model: GLPose, recipe: Recipe, cache_dir: Path
    ) -> list[UInt8[np.ndarray, "h w 3"]]:
        """Some people of the validation set with the joints found and those labelled."""
        if recipe.data.features == "online":
            data = self._validation_clips(recipe, cache_dir)
            rows, tracks = data.evenly(0, NUM_SAMPLES), data.tracks[0]
            found = guess_from_clips(model, data, 0, rows, recipe.precision)
        else:
            features = self._validation_features(model, recipe, cache_dir)
            keys = features.keys[spread(len(features.keys))]
            rows, tracks = keys % len(features.tracks), features.tracks
            found = guess_from_features(model, features, keys, recipe.precision)
        truth = np.where(found.labelled[..., None], found.truth_xy, np.nan)
        return [
            draw_sample(
                tracks.pictures[int(tracks.picture[row])],
                tracks.xyxy[row],
                found.xy[i],
                truth[i],
                _config(recipe).joints,
            )
            for i, row in enumerate(rows)
        ]

    def parts(
        self,
        model: GLPose,
        recipe: Recipe,
        *,
        name: str = "",
        made_by: dict[str, str] | None = None,
        scores: dict[str, str] | None = None,
    ) -> tuple[PoseParts, Card]:
        """Encoder and fusion with their card."""
        config = _config(recipe)
        parts = PoseParts(
            Encoder(model.eval()), model.fusion, config.backbone.width, config.fusion_card
        )
        before = recipe.pretrained_on if recipe.init_from else ()
        sources = tuple(dict.fromkeys((*before, *recipe.data.sources)))
        paper = "GLPose (Jiao et al., ACM TOMM 2022) on an HRNet (Sun et al., CVPR 2019)"
        card = pose_card(
            name or recipe.name,
            sources,
            paper,
            config.crop,
            config.heatmap,
            made_by=made_by or {},
            scores=scores or {},
        )
        return parts, replace(card, skeleton=config.skeleton)

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
        parts, card = self.parts(model, recipe, name=name, made_by=made_by, scores=scores)
        return list(export_pose(parts, card, folder))

    def _validation_clips(self, recipe: Recipe, cache_dir: Path) -> ClipData:
        asked = (recipe.model, recipe.data, recipe.roots, cache_dir)
        if self._clips is None or self._clips[0] != asked:
            tracks = _open(_validation_set(recipe), recipe, cache_dir)
            still = replace(STILL, clip_boxes=recipe.data.clip_boxes)
            clips = ClipData([tracks], _config(recipe), still, recipe.batch_size, seed=0)
            self._clips = asked, clips
        return self._clips[1]

    def _validation_features(self, model: GLPose, recipe: Recipe, cache_dir: Path) -> FeatureData:
        """Computed once: the encoder is frozen."""
        asked = (recipe.model, recipe.data, recipe.roots, recipe.init_from, recipe.seed, cache_dir)
        if self._features is None or self._features[0] != asked:
            tracks = _open(_validation_set(recipe), recipe, cache_dir)
            features = cached_features(model, tracks, STILL, recipe, seed=0, cache_dir=cache_dir)
            self._features = asked, features
        return self._features[1]


class Encoder(torch.nn.Module):
    """`GLPose.encode` as a module."""

    def __init__(self, model: GLPose) -> None:
        super().__init__()
        self.model = model

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.encode(crops)


def _check_features(config: GLPoseConfig, data: ClipConfig) -> None:
    """Raises: BadConfig for settings that the way to features does not heed."""
    if data.features == "online":
        if config.global_.n and config.global_.pad != "repeat":
            raise BadConfig(
                f"global_.pad is '{config.global_.pad}', but training on crops repeats proposals; "
                "expected 'repeat', or data.features='cached'"
            )
        return
    if not config.freeze or config.local.box != "own" or config.global_.rank_stage != 3:
        raise BadConfig(
            "cached features need a frozen encoder, local.box='own' and global_.rank_stage=3, "
            "since of each crop one map of features is kept; found "
            f"freeze={config.freeze}, local.box='{config.local.box}', "
            f"global_.rank_stage={config.global_.rank_stage}"
        )
    if data.order != "random" or data.clip_boxes or config.global_.augment != "none":
        raise BadConfig(
            "cached features have order 'random', boxes as they are and proposals without changes "
            f"of their own; found data.order='{data.order}', data.clip_boxes={data.clip_boxes}, "
            f"global_.augment='{config.global_.augment}': set data.features=online for these"
        )


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
            digest.update(value.contiguous().cpu().numpy().tobytes())
        folder = cache_dir / f"features-{digest.hexdigest()[:16]}"
    encode = make_encode(model, recipe.precision)
    return FeatureData(
        tracks, config, data, encode, seed=seed, num_variants=data.num_variants, folder=folder
    )


def make_encode(model: GLPose, precision: str) -> Encode:
    """The encoder as a NumPy function, in evaluation mode."""
    # torch leaves `memory_format` out of the types of `Module.to`.
    encoder = model.encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    device, bf16 = next(encoder.parameters()).device, precision == "bf16"

    def encode(crops: np.ndarray) -> np.ndarray:
        was_training = encoder.training
        encoder.eval()
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            features = encoder(torch.from_numpy(crops).to(device)).float().contiguous()
        encoder.train(was_training)
        return features.cpu().numpy()

    return encode


def _open(source: str, recipe: Recipe, cache_dir: Path) -> Tracks:
    return Tracks(_open_pictures(source, recipe, cache_dir))


def _open_pictures(source: str, recipe: Recipe, cache_dir: Path) -> Pictures:
    scenes = recipe.data.num_synth_scenes
    return open_people(source, recipe.roots, cache_dir, scenes, _config(recipe).joints)


def _validation_set(recipe: Recipe) -> str:
    return recipe.data.validation or ("jhmdb-val" if recipe.roots.jhmdb else "synth")


def _load(model: GLPose, saved: dict[str, Tensor], joints: Skeleton | None, path: str) -> None:
    """Load what the weights have: those of a single-frame network, or of GLPose.

    `joints` are those of the weights' head, POSETRACK15 unless the file says otherwise.
    """
    load_part(model.encoder, saved, "encoder.", path)
    config = model.config
    saved = _with_joints(saved, joints or POSETRACK15, config.joints)
    if any(name.startswith("fusion.") for name in saved):
        load_part(model.fusion, saved, "fusion.", path)
    elif config.head_input == "enhanced" and config.start == "single":
        load_part(model.fusion.head, saved, "head.", path)


def _with_joints(saved: dict[str, Tensor], source: Skeleton, target: Skeleton) -> dict[str, Tensor]:
    """Weights with a head of other joints.

    Joints that the source does not have (JHMDB's belly) start from the mean of all others, so that
    they begin inside the body. Source of the pairs: dataset specification, section 1.
    """
    if source is target:
        return saved
    index = torch.from_numpy(joint_map(source, target))
    changed = dict(saved)
    for name, old in saved.items():
        is_hidden = old.ndim == 0 or old.shape[0] != len(source.joints)
        if is_hidden or not name.startswith(("fusion.head.", "head.")):
            continue
        new = old[index.clamp(min=0)].clone()
        new[index < 0] = old.mean(0)
        changed[name] = new
    return changed


def _config(recipe: Recipe) -> GLPoseConfig:
    assert isinstance(recipe.model, GLPoseConfig)
    return recipe.model


SYSTEM = GLPoseSystem()
