"""Dynamic kernel distillation for the training loop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor, nn
from torch.nn import functional

from glpose.codecs.gaussian import HEATMAPS
from glpose.errors import BadConfig
from glpose.export.pose import PoseParts, pose_card
from glpose.formats.sets import dataset, usual_validation
from glpose.metrics.pck import pck
from glpose.nets.losses import heatmap_loss
from glpose.runtime.card import PoseCard
from glpose.systems.dkd.data import StretchData
from glpose.systems.dkd.net import DKD, three_graphs
from glpose.systems.dkd.scoring import MATCHED, STATIC, walk
from glpose.systems.dkd.spec import DKDConfig, Settings, StretchConfig
from glpose.train.data.sets import LABELLED, open_people
from glpose.train.data.store import Pictures, with_cache
from glpose.train.data.tracks import Tracks
from glpose.train.imagenet import IMAGENET, imagenet_body
from glpose.train.initial import initial_joints, load_initial, load_part, with_joints
from glpose.train.run.sheet import draw_rows, spread
from glpose.train.system import PoseTask, System

PAPER = "kernels distilled from the frame before (DKD, Nie et al., ICCV 2019)"
_MOST_CLIPS = 16
_OWN = "initializer."
_NOT_OF_IMAGENET = (f"{_OWN}head", f"{_OWN}encoder.pyramid")


class DKDTask(PoseTask[DKD]):
    """A recipe of this system, opened; see `train.system.Task`."""

    def __init__(self, recipe: Settings, cache_dir: Path) -> None:
        self._recipe, self._cache_dir = recipe, cache_dir
        self._source = recipe.data.validation or usual_validation(recipe.roots)

    def build(self, *, fresh: bool = False) -> DKD:
        """New weights, or those of `recipe.init_from`: a run, an imported file, or ImageNet's.

        A single-frame network becomes the initializer, a run of this system is taken as it is. For
        the frame encoder see `DKDConfig`.

        Raises: BadConfig for ImageNet's if the initializer is frozen.
        """
        config, init_from = self._recipe.model, self._recipe.init_from
        frozen = [n for n in _NOT_OF_IMAGENET if not self._recipe.optimizer.rate_of(n)]
        if not fresh and init_from == IMAGENET and frozen:
            raise BadConfig(
                "init_from is 'imagenet', which has no head and no pyramid for the initializer, and "
                f"optimizer.rates freezes {frozen[0]}; expected the weights of a single-frame network to "
                "start from (--init RUN)"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._recipe.seed)
            model = DKD(config)
        if fresh:
            return model
        if init_from == IMAGENET:
            for name, settings in (("initializer", config.backbone), ("small", config.small)):
                body = imagenet_body(settings)
                load_part(model.get_submodule(f"{name}.encoder.body"), body, "", init_from)
        elif init_from:
            weights = self._weights(init_from)
            if any(name.startswith(_OWN) for name in weights):
                load_part(model, weights, "", init_from)
                return model
            _load_single(model.initializer.encoder, model.initializer.head, weights, init_from)
            if config.small_is_part:
                small = nn.ModuleDict({"encoder": model.small.encoder, "head": model.static})
                load_part(small, _part_of(weights, small), "", init_from)
        if config.small_from:
            weights = self._weights(config.small_from)
            _load_single(model.small.encoder, model.static, weights, config.small_from)
        return model

    def sets_seen(self) -> tuple[str, ...]:
        """See `Task.sets_seen`."""
        return self._recipe.sets_seen(self._recipe.data.sources)

    def train_data(self) -> StretchData:
        """Stretches of the recipe's sets."""
        recipe, config = self._recipe, self._recipe.model
        _ = self._validation  # an unusable set must fail here
        found = [self._people(source) for source in recipe.data.sources]
        sets = [Tracks(pictures) for pictures in with_cache(found, recipe.picture_cache_mb)]
        return StretchData(sets, config, recipe.data, recipe.batch_size, recipe.seed)

    def losses(self, model: DKD, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The squared error of the maps of all frames, of both heads, and of a trained initializer.

        The initializer teaches, see `StretchConfig`. With a judge, its own loss, and how well it
        sees through the changes of the maps.
        """
        crops, target, weight = batch["rgb"], batch[HEATMAPS], batch["weight"]
        teaches, share = self._recipe.data.unlabelled_weight, self._recipe.data.taught_share
        shown = _of_frames(model.initializer, crops if teaches or share else crops[:, :1])
        given = batch["given"][..., None, None]
        first = torch.where(given, batch["first"], shown[:, 0].float())
        # Of two people it cannot know who is meant.
        alone = (~batch["beside"])[:, None, None].float()
        goal = target
        if share:
            goal = torch.lerp(target, shown.detach().float(), share * alone[..., None, None])
        matched, static = model.unroll(crops, first)
        found = {MATCHED: (matched, 1), STATIC: (static, 0)}
        losses = {
            name: _loss(maps, goal[:, begin:], weight[:, begin:])
            for name, (maps, begin) in found.items()
        }
        if any(p.requires_grad for p in model.initializer.parameters()):
            losses["initializer"] = _loss(shown[:, :1], target[:, :1], alone * weight[:, :1])
        if teaches:
            hidden, taught = teaches * alone * (weight == 0), shown.detach().float()
            for name, (maps, begin) in found.items():
                losses[f"{name}, unlabelled"] = _loss(maps, taught[:, begin:], hidden[:, begin:])
        if model.config.judge_weight:
            losses |= _judged(model, batch, matched, first)
        return losses

    def score(self, model: DKD) -> dict[str, float]:
        """PCK with given boxes over whole clips of the validation set: with kernels, then without."""
        tracks, clips = self._validation, self._clips
        rows, scored_on = np.concatenate(clips), dataset(self._source)
        counted = tracks.state[rows] == LABELLED
        counted &= scored_on.counted_joints(self._recipe.model.joints)
        found = walk(model, tracks, clips, self._recipe.precision).joints
        return {
            f"{name}@{limit}": pck(
                found[way], tracks.xy[rows], counted, tracks.xyxy[rows], limit
            ).pooled
            for name, way in (("pck", MATCHED), (STATIC, STATIC))
            for limit in (0.2, 0.1)
        }

    def pictures(self, model: DKD) -> list[UInt8[np.ndarray, "_ _ 3"]]:
        """Frames of two clips with predicted and labelled joints."""
        tracks, clips = self._validation, self._clips[:: _MOST_CLIPS - 1]
        rows, found = np.concatenate(clips), walk(model, tracks, clips, self._recipe.precision)
        shown = spread(len(rows))
        joints = self._recipe.model.joints
        return draw_rows(tracks, rows[shown], found.joints[MATCHED][shown], joints)

    def parts(self, model: DKD) -> tuple[PoseParts, PoseCard]:
        """The frame encoder, the step and the start, with their card."""
        config = self._recipe.model
        source = f"{PAPER} on {config.small.family}, started by {config.backbone.family}"
        card = pose_card(
            self._recipe.name,
            self.sets_seen(),
            source,
            config,
            slots=config.slots,
            starter=config.starter,
        )
        return three_graphs(model), card

    def _weights(self, source: str) -> dict[str, Tensor]:
        path = Path(source)
        return with_joints(load_initial(path), initial_joints(path), self._recipe.model.joints)

    def _people(self, source: str) -> Pictures:
        recipe = self._recipe
        scenes, joints = recipe.data.num_synth_scenes, recipe.model.joints
        return open_people(source, recipe.roots, self._cache_dir, scenes, joints)

    @cached_property
    def _validation(self) -> Tracks:
        return Tracks(self._people(self._source))

    @cached_property
    def _clips(self) -> list[np.ndarray]:
        """Whole clips, evenly chosen."""
        runs = self._validation.runs()
        chosen = np.unique(np.linspace(0, len(runs) - 1, _MOST_CLIPS).astype(np.int64))
        return [runs[number] for number in chosen]


def _load_single(
    encoder: nn.Module, head: nn.Module, weights: dict[str, Tensor], source: str
) -> None:
    load_part(encoder, weights, "encoder.", source)
    load_part(head, weights, "head.", source)


def _part_of(weights: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The weights that a smaller form of a network has, too."""
    return {name: weights[name] for name in network.state_dict() if name in weights}


def _of_frames(network: nn.Module, crops_BTHWC: Tensor) -> Tensor:
    """Maps (B, T, J, H, W) of a single-frame network."""
    return network(crops_BTHWC.flatten(0, 1)).unflatten(0, crops_BTHWC.shape[:2])


def _loss(maps_BTJHW: Tensor, target_BTJHW: Tensor, weight_BTJ: Tensor) -> Tensor:
    frames = target_BTJHW.flatten(0, 1)
    return heatmap_loss(maps_BTJHW.flatten(0, 1), frames, weight_BTJ.flatten(0, 1))


def _judged(
    model: DKD, batch: dict[str, Tensor], matched: Tensor, first: Tensor
) -> dict[str, Tensor]:
    """The judge's loss, and the estimator's: changes of labelled joints, with both pictures."""
    target, known = batch[HEATMAPS], (batch["weight"] > 0).float()[..., None, None]
    maps = torch.cat([first[:, None].float().detach(), matched.float()], 1)
    both = known[:, 1:] * known[:, :-1]
    true, made = (((x[:, 1:] - x[:, :-1]) * both).flatten(0, 1) for x in (target, maps))
    small = _pictures(batch["rgb"], target.shape[-2:])
    before, after = small[:, :-1].flatten(0, 1), small[:, 1:].flatten(0, 1)
    with _held(model.judge):
        seen_through = model.judge.error(made, before, after)
    of_judge, of_estimator = model.balance.losses(
        model.judge.error(true, before, after),
        seen_through,
        model.judge.error(made.detach(), before, after),
    )
    return {"judge": of_judge, "judged": model.config.judge_weight * of_estimator}


def _pictures(crops_BTHWC: Tensor, size_hw: torch.Size) -> Tensor:
    """Crops of the maps' size (B, T, 3, H, W), 0 to 1."""
    whole = crops_BTHWC.flatten(0, 1).permute(0, 3, 1, 2).float() / 255
    found = functional.interpolate(whole, tuple(size_hw), mode="area")
    return found.unflatten(0, crops_BTHWC.shape[:2])


@contextmanager
def _held(module: nn.Module) -> Iterator[None]:
    """No gradient reaches the weights of a module, but what it is given gets one."""
    weights = [p for p in module.parameters() if p.requires_grad]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in weights:
            weight.requires_grad_(True)


SYSTEM = System(DKDConfig, StretchConfig, DKDTask)
