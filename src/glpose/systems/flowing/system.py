"""Flowing ConvNets for the training loop: only the layer that merges heatmaps is trained."""

from __future__ import annotations

from copy import deepcopy
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from glpose.codecs.gaussian import HEATMAPS
from glpose.errors import BadConfig
from glpose.export.pose import PoseParts, pose_card
from glpose.export.unfold import load_exported
from glpose.formats.sets import dataset, usual_validation
from glpose.metrics.pck import pck
from glpose.nets.losses import heatmap_loss
from glpose.runtime.card import PoseCard
from glpose.systems.flowing.data import Aligned, AlignedData, align_set
from glpose.systems.flowing.net import Flowing, two_graphs
from glpose.systems.flowing.spec import (
    GONE,
    KEY,
    NEIGHBOURS,
    AlignedConfig,
    FlowingConfig,
    Settings,
)
from glpose.train.data.sets import LABELLED, open_people
from glpose.train.data.tracks import Tracks
from glpose.train.initial import initial_joints, load_initial, load_part, with_joints
from glpose.train.run.sheet import draw_rows, spread
from glpose.train.system import PoseTask, System

PAPER = "heatmaps merged along optical flow (Flowing ConvNets, Pfister et al., ICCV 2015)"
_MOST_PEOPLE, _AT_ONCE = 512, 32


class FlowingTask(PoseTask[Flowing]):
    """A recipe of this system, opened; see `train.system.Task`."""

    def __init__(self, recipe: Settings, cache_dir: Path) -> None:
        self._recipe, self._cache_dir = recipe, cache_dir
        self._source = recipe.data.validation or usual_validation(recipe.roots)
        self._aligned: Aligned | None = None

    def build(self, *, fresh: bool = False) -> Flowing:
        """The single-frame network of `recipe.init_from`, a run or an imported file, and new pooling.

        Raises: BadConfig without it: there would be nothing to merge.
        """
        config, init_from = self._recipe.model, self._recipe.init_from
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._recipe.seed)
            model = Flowing(config)
        if fresh:
            return model
        if not init_from:
            raise BadConfig(
                "this recipe trains only how heatmaps are merged; expected the weights of a "
                "single-frame network to start from: --init RUN/best.pt, or --init pose_small"
            )
        path = Path(init_from)
        if path.suffix == ".onnx":
            example = torch.zeros(1, *config.crop.size_hw, 3, dtype=torch.uint8)
            load_exported(model.encoder, path, example, model.head)
            return model
        weights = with_joints(load_initial(path), initial_joints(path), config.joints)
        if any(name.startswith("pool.") for name in weights):
            load_part(model, weights, "", init_from)
        else:
            for name in ("encoder", "head"):
                load_part(model.get_submodule(name), weights, f"{name}.", init_from)
        return model

    def sets_seen(self) -> tuple[str, ...]:
        """See `Task.sets_seen`."""
        return self._recipe.sets_seen(self._recipe.data.sources)

    def train_data(self) -> AlignedData:
        """The keys of the recipe's sets."""
        recipe, data = self._recipe, self._recipe.data
        _ = self._validation_tracks  # an unusable set must fail here
        model = self.build() if self.resumed is None else deepcopy(self.resumed)
        model = model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
        num_keys, pooling = data.num_keys, recipe.model.pooling
        if pooling != "learned":  # flow would be computed in vain
            self.notes = (
                f"data.num_keys={num_keys} is not used: pooling '{pooling}' learns from no keys",
            )
            num_keys = 1
        sets = [
            align_set(model, self._tracks(source), num_keys, data.box_noise, seed=number)
            for number, source in enumerate(data.sources)
        ]
        return AlignedData(sets, model, data.damage_share, recipe.batch_size, recipe.seed)

    def losses(self, model: Flowing, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The squared error of the merged heatmaps; joints without a label shall stay as they were."""
        found = _merged(model, batch)
        unlabelled = (batch["weight"] == 0).float()
        return {
            "heatmap": heatmap_loss(found, batch[HEATMAPS], batch["weight"]),
            "unlabelled": heatmap_loss(found, batch["alone"], unlabelled),
        }

    def score(self, model: Flowing) -> dict[str, float]:
        """PCK with given boxes on the validation set, on clean and on damaged key crops."""
        held, scored_on = self._validation(model), dataset(self._source)
        rows, tracks = held.rows, held.tracks
        counted = tracks.state[rows] == LABELLED
        counted &= scored_on.counted_joints(self._recipe.model.joints)
        scores = {
            f"{name}@{limit}": pck(xy, tracks.xy[rows], counted, tracks.xyxy[rows], limit).pooled
            for name, xy in (
                ("clean", self._find(model, held, is_damaged=False)),
                ("damaged", self._find(model, held, is_damaged=True)),
            )
            for limit in (0.2, 0.1)
        }
        return {"mean@0.2": (scores["clean@0.2"] + scores["damaged@0.2"]) / 2, **scores}

    def pictures(self, model: Flowing) -> list[UInt8[np.ndarray, "_ _ 3"]]:
        """Some people of the validation set with predicted and labelled joints."""
        held = self._validation(model)
        found, shown = self._find(model, held, is_damaged=False), spread(len(held))
        joints = self._recipe.model.joints
        return draw_rows(held.tracks, held.rows[shown], found[shown], joints)

    def parts(self, model: Flowing) -> tuple[PoseParts, PoseCard]:
        """The single-frame network and the merging, with their card."""
        config = self._recipe.model
        source = f"{PAPER} on {config.backbone.family}"
        card = pose_card(self._recipe.name, self.sets_seen(), source, config, slots=config.slots)
        return two_graphs(model), card

    def _tracks(self, source: str) -> Tracks:
        recipe = self._recipe
        scenes, joints = recipe.data.num_synth_scenes, recipe.model.joints
        return Tracks(open_people(source, recipe.roots, self._cache_dir, scenes, joints))

    @cached_property
    def _validation_tracks(self) -> Tracks:
        return self._tracks(self._source)

    def _validation(self, model: Flowing) -> Aligned:
        """Computed once: the single-frame network is frozen."""
        if self._aligned is None:
            tracks = self._validation_tracks
            self._aligned = align_set(model, tracks, _MOST_PEOPLE, box_noise=0.0, seed=0)
        return self._aligned

    @torch.inference_mode()
    def _find(
        self, model: Flowing, held: Aligned, *, is_damaged: bool
    ) -> Float[np.ndarray, "keys joints 2"]:
        """Joints of the keys in image pixels."""
        config = self._recipe.model
        device = next(model.parameters()).device
        crop_from_map = config.codec.crop_from_map(config.crop)
        found = []
        for start in range(0, len(held), _AT_ONCE):
            keys = np.arange(start, min(start + _AT_ONCE, len(held)))
            arrays = held.inputs(keys, np.full(len(keys), is_damaged))
            batch = {name: torch.from_numpy(a).to(device) for name, a in arrays.items()}
            maps = _merged(model, batch).float().cpu().numpy()
            for key, xy in zip(keys, config.codec.decode({HEATMAPS: maps})[0], strict=True):
                to_image = held.crop_from_image[key].inverse() @ crop_from_map
                found.append(to_image.apply(xy))
        return np.stack(found)


def _merged(model: Flowing, batch: dict[str, Tensor]) -> Tensor:
    gone = batch[GONE] if model.config.align == "flow" else None
    return model.merge(batch[KEY], batch[NEIGHBOURS], gone)


SYSTEM = System(FlowingConfig, AlignedConfig, FlowingTask)
