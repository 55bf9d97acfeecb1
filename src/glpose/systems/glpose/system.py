"""GLPose for the training loop: how to build it, what to train on, how to score."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from glpose.codecs.gaussian import HEATMAPS
from glpose.errors import BadConfig
from glpose.export.pose import Part, PoseParts, pose_card
from glpose.export.unfold import load_exported
from glpose.formats.sets import dataset, usual_validation
from glpose.nets.losses import heatmap_loss
from glpose.runtime.card import SUMMARY, PoseCard
from glpose.systems.glpose.data import ClipData
from glpose.systems.glpose.features import FEATURES_VERSION, Encode, FeatureData, FeatureMix
from glpose.systems.glpose.net import Fusion, GLPose
from glpose.systems.glpose.queries import JointQueries
from glpose.systems.glpose.scoring import (
    fuse,
    global_entropy,
    guess_from_clips,
    guess_from_features,
    run_on_crops,
)
from glpose.systems.glpose.spec import (
    KEY,
    LOCAL,
    SLOT_NAMES,
    ClipConfig,
    GLPoseConfig,
    Settings,
)
from glpose.train.data.augment import Augmentation
from glpose.train.data.sets import digests_of, open_people
from glpose.train.data.store import Pictures, with_cache
from glpose.train.data.tracks import Tracks
from glpose.train.initial import initial_joints, load_initial, load_part, with_joints
from glpose.train.run.sheet import NUM_SAMPLES, draw_rows, spread
from glpose.train.system import PoseTask, System, TrainData

STILL = ClipConfig(
    num_variants=1,
    damaged_stride=1,
    augmentation=Augmentation(0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
)
"""For scoring: every crop without augmentation, and once damaged."""

_OF_CACHED = (
    "num_variants",
    "damaged_stride",
    "feature_seed",
    "damage_run",
    "box_drift",
    "box_lag",
    "unlabelled_weight",
)

PAPER = "GLPose (Jiao et al., ACM TOMM 2022)"
QUERIES = "joint queries after TAR-ViTPose (CVPR 2026)"

# Enough for a standard error of PCK below 0.5, few enough to encode 29 crops for each.
_MOST_PEOPLE = 512


class GLPoseTask(PoseTask[GLPose]):
    """The paper's network, trained on crops ("online") or on cached features of a frozen encoder."""

    def __init__(self, recipe: Settings, cache_dir: Path) -> None:
        self._recipe, self._cache_dir = recipe, cache_dir
        self._source = recipe.data.validation or usual_validation(recipe.roots)
        self._features: FeatureData | None = None

    def build(self, *, fresh: bool = False) -> GLPose:
        """Build the network and load what `recipe.init_from`, if set, has of it.

        That may be a single-frame run, an imported file or an exported encoder (encoder,
        `single_head`, and with `start` "single" the head, unless it is of another kind than
        `single_head`), or a GLPose run (everything; a head for other joints is matched to this
        recipe's by joint name). New weights depend on the recipe's seed alone: the network that
        caches features and the one trained on them, also after resuming, must have the same encoder.
        """
        config, init_from = self._recipe.model, self._recipe.init_from
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._recipe.seed)
            model = GLPose(config)
        if fresh or not init_from:
            return model
        if init_from.endswith(".onnx"):
            example = torch.zeros(1, *config.crop.size_hw, 3, dtype=torch.uint8)
            load_exported(model.encoder, Path(init_from), example, model.single_head)
            if model.single_head is not None and (head := _head_that_starts_as_single(model)):
                head.load_state_dict(model.single_head.state_dict())
        else:
            path = Path(init_from)
            weights = with_joints(load_initial(path), initial_joints(path), config.joints)
            _load(model, weights, init_from)
        return model

    def sets_seen(self) -> tuple[str, ...]:
        """See `Task.sets_seen`."""
        return self._recipe.sets_seen(self._recipe.data.sources)

    def train_data(self) -> TrainData:
        """Clips or cached features of the recipe's sets."""
        recipe, config, data = self._recipe, self._recipe.model, self._recipe.data
        _check_features(config, data)
        pictures = [self._open(source) for source in data.sources]
        tracks = [Tracks(opened) for opened in with_cache(pictures, recipe.picture_cache_mb)]
        # Opened now: an unusable validation set must fail here, not after the first epoch.
        if data.features == "online":
            _ = self._validation_clips
            return ClipData(tracks, config, data, recipe.batch_size, recipe.seed)
        _ = self._validation_tracks
        model = self.build() if self.resumed is None else deepcopy(self.resumed)
        model = model.to("cuda" if torch.cuda.is_available() else "cpu")
        cache_dir = self._cache_dir
        sets = [
            cached_features(model, t, data, recipe, seed=data.feature_seed + i, cache_dir=cache_dir)
            for i, t in enumerate(tracks)
        ]
        self.drawn_from = digests_of(dict(zip(data.sources, pictures, strict=True)))
        return FeatureMix(sets, data, recipe.batch_size, recipe.seed)

    def losses(self, model: GLPose, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The squared error of the heatmaps (eq. 6).

        With `unlabelled_weight`, joints that have no target shall stay what the single-frame head
        says of the clean key, so that a set that does not label them does not make them worse.
        These are all joints of weight 0: besides those without a label, labelled ones outside the
        crop, of which the crop shows nothing either.
        """
        run = run_on_crops if batch["key"].dtype == torch.uint8 else fuse
        heatmaps = run(model, batch)
        how, share = model.config.loss, self._recipe.data.unlabelled_weight
        losses = {"heatmap": heatmap_loss(heatmaps, batch[HEATMAPS], batch["weight"], how)}
        if share:
            assert model.single_head is not None
            with torch.no_grad():
                alone = model.single_head(batch["clean"].float()).float()
            unlabelled = (batch["weight"] == 0).float()
            losses["unlabelled"] = share * heatmap_loss(heatmaps, alone, unlabelled, how)
        return losses

    def score(self, model: GLPose) -> dict[str, float]:
        """PCK with given boxes on the recipe's validation set.

        With cached features, on clean and on damaged key crops with all other crops clean, and
        `global_entropy` (`scoring.global_entropy`) if there are global weights; online, on clean
        crops of at most `_MOST_PEOPLE` people, evenly spaced over the set.
        """
        recipe, scored_on = self._recipe, dataset(self._source)
        joints = scored_on.counted_joints(recipe.model.joints)
        if recipe.data.features == "online":
            data = self._validation_clips
            keys = data.evenly(_MOST_PEOPLE)
            found = guess_from_clips(model, data, keys, recipe.precision)
            return {f"pck@{limit}": found.pck(limit, joints).pooled for limit in (0.2, 0.1)}
        features = self._validation_features(model)
        keys = features.keys[:: scored_on.stride_of(len(features.keys))]
        clean, damaged = (
            guess_from_features(model, features, keys, recipe.precision, damaged=is_damaged)
            for is_damaged in (False, True)
        )
        scores = {
            f"{name}@{limit}": found.pck(limit, joints).pooled
            for name, found in (("clean", clean), ("damaged", damaged))
            for limit in (0.2, 0.1)
        }
        g = recipe.model.global_
        if g.n > 1 and g.similarity != "over_channels":
            scores["global_entropy"] = global_entropy(features, keys)
        return {"mean@0.2": (scores["clean@0.2"] + scores["damaged@0.2"]) / 2, **scores}

    def pictures(self, model: GLPose) -> list[UInt8[np.ndarray, "_ _ 3"]]:
        """Some people of the validation set with predicted and labelled joints."""
        recipe = self._recipe
        if recipe.data.features == "online":
            data = self._validation_clips
            rows, tracks = data.evenly(NUM_SAMPLES), data.tracks[0]
            found = guess_from_clips(model, data, rows, recipe.precision)
        else:
            features = self._validation_features(model)
            keys = features.keys[spread(len(features.keys))]
            rows, tracks = keys % len(features.tracks), features.tracks
            found = guess_from_features(model, features, keys, recipe.precision)
        return draw_rows(tracks, rows, found.xy, recipe.model.joints)

    def parts(self, model: GLPose) -> tuple[PoseParts, PoseCard]:
        """Encoder and fusion with their card; the single-frame head, if kept, answers alone."""
        config = self._recipe.model
        source = f"{QUERIES if config.queries else PAPER} on {config.backbone.family}"
        card = pose_card(self._recipe.name, self.sets_seen(), source, config, slots=config.slots)
        return graphs(model), card

    def _open(self, source: str) -> Pictures:
        recipe = self._recipe
        scenes, joints = recipe.data.num_synth_scenes, recipe.model.joints
        return open_people(source, recipe.roots, self._cache_dir, scenes, joints)

    @cached_property
    def _validation_tracks(self) -> Tracks:
        return Tracks(self._open(self._source))

    @cached_property
    def _validation_clips(self) -> ClipData:
        recipe = self._recipe
        still = replace(STILL, clip_boxes=recipe.data.clip_boxes)
        tracks = [self._validation_tracks]
        return ClipData(tracks, recipe.model, still, recipe.batch_size, seed=0)

    def _validation_features(self, model: GLPose) -> FeatureData:
        """Computed once: the encoder is frozen, so all networks of this task give the same."""
        if self._features is None:
            tracks, cache_dir = self._validation_tracks, self._cache_dir
            self._features = cached_features(
                model, tracks, STILL, self._recipe, seed=0, cache_dir=cache_dir
            )
        return self._features


def graphs(model: GLPose) -> PoseParts:
    """Encoder and fusion; the single-frame head, if kept; what summarises, with joint queries."""
    model.eval()
    fusion, head = model.fusion, model.single_head
    queries = fusion if isinstance(fusion, JointQueries) else None

    def solve(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        if queries is not None:
            return {HEATMAPS: model.fuse_summaries(inputs[KEY], inputs[LOCAL])}
        others = (inputs.get(name) for name in SLOT_NAMES[1:])
        return {HEATMAPS: model.fuse(inputs[KEY], *others)}

    answer = summary = None
    if head is not None:
        answer = Part(lambda features: {HEATMAPS: head(features)}, head=head)
    if queries is not None:
        summary = Part(
            lambda features, maps: {SUMMARY: queries.summarise(features, maps[HEATMAPS])},
            queries=queries,
        )
    encoder, solver = Part(model.encode, model=model), Part(solve, model=model)
    return PoseParts(encoder, solver, answer, summary=summary)


def _check_features(config: GLPoseConfig, data: ClipConfig) -> None:
    """Raises: BadConfig for settings that `data.features` does not support."""
    if data.unlabelled_weight and not config.single_head:
        raise BadConfig(
            "data.unlabelled_weight needs model.single_head, the teacher of joints without labels; "
            "set it, or data.unlabelled_weight=0"
        )
    # The damage of clips has settings of its own, and neighbours are those of the clips.
    data.augmentation.refuse(
        ("damage_share", "neighbour_share"), "clips are damaged by data.damage_share alone"
    )
    data.augmentation.refuse(["glare_share"], "lights are for crops of single frames")
    if data.features == "online":
        usual = ClipConfig()
        wrong = [name for name in _OF_CACHED if getattr(data, name) != getattr(usual, name)]
        if wrong:
            found = ", ".join(f"data.{name}={getattr(data, name)}" for name in wrong)
            words = " ".join(f"--set data.{name}={getattr(usual, name)}" for name in wrong)
            raise BadConfig(
                f"{found} are settings of cached features; set them to what training on crops has "
                f"({words}), or data.features='cached'"
            )
        if config.global_.n and config.global_.pad != "repeat":
            raise BadConfig(
                f"global_.pad is '{config.global_.pad}', but training on crops repeats proposals; "
                "expected 'repeat', or data.features='cached'"
            )
        return
    if data.damage_run > 1 and data.damaged_stride > 1:
        raise BadConfig(
            f"data.damage_run is {data.damage_run}, but of {data.damaged_stride} frames in a row "
            "only one has a damaged copy; expected data.damaged_stride=1, or data.damage_run=1"
        )
    is_frozen = config.freeze and config.bn_eval
    if not is_frozen or config.local.box != "own" or config.global_.rank_stage != 3:
        raise BadConfig(
            "cached features need a frozen encoder and its statistics, local.box='own' and "
            "global_.rank_stage=3, since of each crop one map of features is kept; found "
            f"freeze={config.freeze}, bn_eval={config.bn_eval}, local.box='{config.local.box}', "
            f"global_.rank_stage={config.global_.rank_stage}"
        )
    data.augmentation.refuse(("half_body_share",), "cached features are of whole boxes")
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
    recipe: Settings,
    *,
    seed: int,
    cache_dir: Path,
) -> FeatureData:
    """Features of a set, kept in `cache_dir` where the encoder is frozen.

    The folder's name is a hash of everything that the features depend on: ablations of the fusion
    share it; other pictures or tracks, a different encoder or augmentation get their own.
    """
    config = recipe.model
    folder = None
    if config.freeze:
        boxes = (data.box_noise, data.box_drift, data.box_lag)
        named = (data.augmentation, boxes, data.num_variants, data.damaged_stride, seed)
        how = (FEATURES_VERSION, config.backbone, config.crop, named, recipe.precision)
        digest = hashlib.sha256(repr(how).encode())
        # A look is that of a whole track; drift and lag go from frame to frame.
        for rows in (tracks.xyxy, tracks.picture, tracks.clip, tracks.track, tracks.frame):
            digest.update(rows.tobytes())
        digest.update(tracks.pictures.identity().encode())
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


def _load(model: GLPose, weights: dict[str, Tensor], path: str) -> None:
    """Load the parts that the weights contain: a single-frame network's or GLPose's."""
    load_part(model.encoder, weights, "encoder.", path)
    is_fused = any(name.startswith("fusion.") for name in weights)
    if model.single_head is not None:
        load_part(model.single_head, weights, "single_head." if is_fused else "head.", path)
    if is_fused:
        load_part(model.fusion, weights, "fusion.", path)
    elif head := _head_that_starts_as_single(model):
        load_part(head, weights, "head.", path)


def _head_that_starts_as_single(model: GLPose) -> torch.nn.Module | None:
    """The fusion's head, if it is at first the single-frame one."""
    config = model.config
    is_alike = config.single_head in (None, config.head)
    if is_alike and config.head_input == "enhanced" and config.start == "single":
        return model.fusion.head if isinstance(model.fusion, Fusion) else None
    return None


SYSTEM = System(GLPoseConfig, ClipConfig, GLPoseTask)
