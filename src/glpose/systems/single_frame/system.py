"""Single-frame estimators for the training loop; GLPose's encoder is trained this way."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from glpose.codecs.composite import DX, DY, HEAT
from glpose.codecs.gaussian import HEATMAPS
from glpose.crop import crop_from_image, cut
from glpose.export.pose import PoseParts, pose_card
from glpose.export.unfold import load_exported, restore_norms
from glpose.formats.sets import dataset, usual_validation
from glpose.geometry import clip_box
from glpose.metrics.pck import pck
from glpose.nets.losses import heatmap_loss, offset_loss
from glpose.runtime.card import PoseCard
from glpose.systems import FORMERLY
from glpose.systems.single_frame.net import SingleFrameNet, two_graphs
from glpose.systems.single_frame.spec import Settings, SingleFrameConfig
from glpose.train.data.people import PeopleConfig, PeopleData
from glpose.train.data.sets import LABELLED, open_people
from glpose.train.data.store import Pictures
from glpose.train.imagenet import IMAGENET, imagenet_body
from glpose.train.initial import (
    initial_joints,
    is_unlabelled,
    load_initial,
    load_part,
    with_joints,
)
from glpose.train.joints import image_joints
from glpose.train.run.sheet import draw_sample, spread
from glpose.train.system import PoseTask, System
from glpose.types import Affine

_AT_ONCE = 64
_MEASURED = 64


class SingleFrameTask(PoseTask[SingleFrameNet]):
    """A recipe of a single-frame estimator, opened; see `train.system.Task`."""

    def __init__(self, recipe: Settings, cache_dir: Path) -> None:
        self._recipe, self._cache_dir = recipe, cache_dir
        self._source = recipe.data.validation or usual_validation(recipe.roots)

    def build(self, *, fresh: bool = False) -> SingleFrameNet:
        """New weights, or those of `recipe.init_from`: a run, an imported or exported file, ImageNet's.

        A head for other joints is matched to this recipe's by joint name. Of a run that learned
        without labels, the encoder is taken; of an exported encoder (`.onnx`) its single-frame head,
        too, and its batch norms get statistics of the recipe's data.
        """
        config, init_from = self._recipe.model, self._recipe.init_from
        model = SingleFrameNet(config)
        if init_from == IMAGENET and not fresh:
            body = imagenet_body(config.backbone)
            load_part(model.get_submodule("encoder.body"), body, "", init_from)
        elif init_from.endswith(".onnx") and not fresh:
            example = torch.zeros(1, *config.crop.size_hw, 3, dtype=torch.uint8)
            load_exported(model.encoder, Path(init_from), example, model.head)
            restore_norms(model.encoder, self._some_crops)
        elif init_from and not fresh:
            path = Path(init_from)
            weights = load_initial(path)
            if is_unlabelled(weights):
                load_part(model.encoder, weights, "encoder.", init_from)
            else:
                weights = with_joints(weights, initial_joints(path), config.joints, guesses=True)
                load_part(model, weights, "", init_from)
        return model

    def sets_seen(self) -> tuple[str, ...]:
        """See `Task.sets_seen`."""
        data = self._recipe.data
        taught = ("taught",) if data.taught else ()
        return self._recipe.sets_seen((*(share.source for share in data.shares), *taught))

    def train_data(self) -> PeopleData:
        """People of the recipe's sets with their targets."""
        # Opened now: an unusable validation set must fail here, not after the first epoch.
        _ = self._validation
        return self._people

    @cached_property
    def _people(self) -> PeopleData:
        recipe, config = self._recipe, self._recipe.model
        return PeopleData(
            recipe.data,
            recipe.roots,
            self._cache_dir,
            config.crop,
            config.codec,
            recipe.batch_size,
            recipe.seed,
            skeleton=config.joints,
            picture_cache_mb=recipe.picture_cache_mb,
        )

    def losses(self, model: SingleFrameNet, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The squared error of the heatmaps; with offsets, the weighted one of these beside it.

        An encoder that guesses the maps in between is supervised there, too; the errors are added.
        """
        total: dict[str, Tensor] = {}
        for maps in model.guesses(batch["rgb"]):
            for name, loss in self._errors(maps, batch).items():
                total[name] = total[name] + loss if name in total else loss
        return total

    def _errors(self, maps: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        weight = batch["weight"]
        if HEATMAPS in maps:
            return {"heatmap": heatmap_loss(maps[HEATMAPS], batch[HEATMAPS], weight)}
        apart = offset_loss(maps[DX], maps[DY], batch[DX], batch[DY], weight)
        return {
            "heatmap": heatmap_loss(maps[HEAT], batch[HEAT], weight),
            "offsets": self._recipe.model.offset_weight * apart,
        }

    def score(self, model: SingleFrameNet) -> dict[str, float]:
        """PCK with given boxes on the recipe's validation set.

        The default is JHMDB's clips, or else synth; the set defines which joints count.
        """
        labels, scored_on = self._validation.labels, dataset(self._source)
        num = len(labels["xyxy"])
        rows = np.arange(num)[:: scored_on.stride_of(num)]
        xy = self._find(model, rows)
        counted = labels["state"][rows] == LABELLED
        counted &= scored_on.counted_joints(self._recipe.model.joints)
        boxes, truth = labels["xyxy"][rows], labels["xy"][rows]
        return {
            f"pck@{limit}": pck(xy, truth, counted, boxes, limit).pooled for limit in (0.2, 0.1)
        }

    def pictures(self, model: SingleFrameNet) -> list[UInt8[np.ndarray, "_ _ 3"]]:
        """Some people of the validation set with predicted and labelled joints."""
        pictures, labels = self._validation, self._validation.labels
        rows = np.array(spread(len(labels["xyxy"])))
        truth = np.where((labels["state"] == LABELLED)[..., None], labels["xy"], np.nan)
        joints = self._recipe.model.joints
        return [
            draw_sample(
                pictures[int(labels["picture"][row])], labels["xyxy"][row], xy, truth[row], joints
            )
            for row, xy in zip(rows, self._find(model, rows), strict=True)
        ]

    def parts(self, model: SingleFrameNet) -> tuple[PoseParts, PoseCard]:
        """The encoder, and the head as a solver with the key as its only slot, with their card."""
        config = self._recipe.model
        source = config.backbone.source
        card = pose_card(self._recipe.name, self.sets_seen(), source, config)
        return two_graphs(model), card

    @cached_property
    def _validation(self) -> Pictures:
        recipe = self._recipe
        return open_people(
            self._source,
            recipe.roots,
            self._cache_dir,
            recipe.data.num_synth_scenes,
            recipe.model.joints,
        )

    @cached_property
    def _some_crops(self) -> UInt8[Tensor, "b h w 3"]:
        """Crops as they are trained on, for the statistics of batch norms."""
        size = self._recipe.batch_size
        steps = range(-(-_MEASURED // size))
        crops = [self.train_data().rows(step, range(size))["rgb"] for step in steps]
        return torch.from_numpy(np.concatenate(crops))

    def _find(
        self, model: SingleFrameNet, rows: np.ndarray
    ) -> Float[np.ndarray, "people joints 2"]:
        """Predicted joints of people of the validation set, in image pixels."""
        recipe, config, pictures = self._recipe, self._recipe.model, self._validation
        maps: list[Affine] = []

        def crop(row: int) -> UInt8[np.ndarray, "h w 3"]:
            rgb, xyxy = pictures[int(pictures.labels["picture"][row])], pictures.labels["xyxy"][row]
            if recipe.data.clip_boxes:
                xyxy = clip_box(xyxy, rgb.shape[:2])
            maps.append(crop_from_image(xyxy, config.crop))
            return cut(rgb, maps[-1], config.crop)

        def batches() -> Iterator[dict[str, Tensor]]:
            for start in range(0, len(rows), _AT_ONCE):
                crops = [crop(row) for row in rows[start : start + _AT_ONCE].tolist()]
                yield {"rgb": torch.from_numpy(np.stack(crops))}

        return image_joints(
            lambda batch: model(batch["rgb"]),
            batches(),
            maps,
            config.crop,
            config.codec,
            device=next(model.parameters()).device,
            precision=recipe.precision,
        )


SYSTEM = System(
    SingleFrameConfig,
    PeopleConfig,
    SingleFrameTask,
    formerly=tuple(old for old, now in FORMERLY.items() if now == "single_frame"),
)
