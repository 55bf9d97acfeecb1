"""The person detector for the training loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from glpose.errors import BadWeights
from glpose.export.unfold import load_exported, restore_norms
from glpose.formats.coco.boxes import BoxedPicture
from glpose.metrics.ap import (
    BoxTruth,
    average_precision,
    mean_average_precision,
    recall_and_precision,
)
from glpose.runtime.detector import BoxDetector
from glpose.systems.person_detector.data import (
    BoxData,
    held_out_pictures,
    synth_pictures,
    used_sets,
)
from glpose.systems.person_detector.export import export_detector
from glpose.systems.person_detector.net import PersonDetector
from glpose.systems.person_detector.spec import (
    BoxDataConfig,
    PersonDetectorConfig,
    Settings,
    card,
)
from glpose.systems.person_detector.step import detection_losses
from glpose.train.imagenet import IMAGENET, imagenet_body
from glpose.train.initial import load_initial, load_part
from glpose.train.system import ExportTask, System

# AP needs weak detections too; the runtime's threshold is in the card.
_MIN_SCORE = 0.01
# Threshold for recall and precision: about where a tracker accepts detections.
_REPORT_SCORE = 0.3
# Every n-th held-out picture of `person_boxes_2`: seconds of validation.
_VARIED_STRIDE = 3
_NUM_SYNTH_SCENES = 8


class PersonDetectorTask(ExportTask[PersonDetector]):
    """A recipe of the person detector, opened; see `train.system.Task`."""

    def __init__(self, recipe: Settings, cache_dir: Path) -> None:
        self._recipe, self._cache_dir = recipe, cache_dir

    def build(self, *, fresh: bool = False) -> PersonDetector:
        """New weights, a body from ImageNet, the averaged (EMA) weights of a checkpoint, or exported ones.

        Batch norms of an exported detector (`.onnx`) get statistics of the recipe's data.
        """
        recipe = self._recipe
        model = PersonDetector(recipe.model)
        if recipe.init_from == IMAGENET and not fresh:
            load_part(model.body, imagenet_body(recipe.model.backbone), "", IMAGENET)
        elif recipe.init_from.endswith(".onnx") and not fresh:
            example = torch.zeros(1, *recipe.model.size_hw, 3, dtype=torch.uint8)
            load_exported(model, Path(recipe.init_from), example)
            restore_norms(model, self._some_pictures)
        elif recipe.init_from and not fresh:
            weights = load_initial(Path(recipe.init_from))
            try:
                model.load_state_dict(weights)
            except RuntimeError as problem:
                raise BadWeights(
                    f"{recipe.init_from}: not weights of this person detector "
                    f"({str(problem).splitlines()[0]}); check the recipe's model"
                ) from problem
        return model

    def sets_seen(self) -> tuple[str, ...]:
        """See `Task.sets_seen`."""
        return self._recipe.sets_seen(used_sets(self._recipe.data, self._recipe.roots))

    def train_data(self) -> BoxData:
        """All sets with a folder, and synth; each is decoded into the task's cache once."""
        self.drawn_from = self._boxes.drawn_from
        return self._boxes

    @cached_property
    def _boxes(self) -> BoxData:
        recipe = self._recipe
        return BoxData(recipe.data, recipe.roots, self._cache_dir, recipe.seed)

    @cached_property
    def _some_pictures(self) -> UInt8[Tensor, "b h w 3"]:
        """Pictures as they are trained on, for the statistics of batch norms."""
        return torch.from_numpy(self._boxes.rows(0, range(self._recipe.batch_size))["images"])

    def losses(self, model: PersonDetector, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Losses "score" and "box", see `step`."""
        return detection_losses(model, batch)

    def score(self, model: PersonDetector) -> dict[str, float]:
        """AP50, AP50:95, and recall and precision at score 0.3, using the runtime's detector.

        Scored on the held-out pictures of `person_boxes`, or else on unseen synth scenes; names
        with "_2" are of a third of those of `person_boxes_2`.
        """
        detector, recipe = torch_detector(model), self._recipe
        scores = _scores(detector, _validation_pictures(recipe))
        if root := recipe.roots["person_boxes_2"]:
            varied = held_out_pictures(Path(root), "person_boxes_2")[::_VARIED_STRIDE]
            more = _scores(detector, _read(varied))
            scores |= {f"{name}_2": more[name] for name in ("ap50", "recall", "precision")}
        return scores

    def export(
        self,
        model: PersonDetector,
        folder: Path,
        *,
        name: str,
        made_by: dict[str, str],
        scores: dict[str, str],
    ) -> list[Path]:
        """One graph, see `export`."""
        made = card(model.config, name, self.sets_seen(), made_by, scores)
        return [export_detector(model, made, folder)]


def torch_detector(model: PersonDetector, min_score: float = _MIN_SCORE) -> BoxDetector:
    """The runtime's detector with a torch network inside."""

    @torch.inference_mode()
    def run(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        device = next(model.parameters()).device
        boxes, scores = model.eval()(torch.from_numpy(picture).to(device))
        return boxes.cpu().numpy(), scores.cpu().numpy()

    config = replace(model.config, min_score=min_score)
    return BoxDetector(run, card(config, "unfinished"))


def _scores(
    detector: BoxDetector, pictures: Iterable[tuple[np.ndarray, BoxTruth]]
) -> dict[str, float]:
    found, truth = [], []
    for rgb, people in pictures:
        found.append(detector(rgb))
        truth.append(people)
    recall, precision = recall_and_precision(found, truth, _REPORT_SCORE)
    return {
        "ap50": average_precision(found, truth),
        "ap50_95": mean_average_precision(found, truth),
        "recall": recall,
        "precision": precision,
    }


def _read(pictures: Iterable[BoxedPicture]) -> Iterator[tuple[np.ndarray, BoxTruth]]:
    for picture in pictures:
        yield picture.read(), BoxTruth(picture.xyxy, picture.ignore)


def _validation_pictures(recipe: Settings) -> Iterator[tuple[np.ndarray, BoxTruth]]:
    if root := recipe.roots["person_boxes"]:
        yield from _read(held_out_pictures(Path(root)))
        return
    first = recipe.data.num_synth_scenes
    for seed in range(first, first + _NUM_SYNTH_SCENES):
        for rgb, xyxy in synth_pictures(seed, recipe.data.synth_frames):
            yield rgb, BoxTruth(xyxy, np.zeros(len(xyxy), bool))


SYSTEM = System(PersonDetectorConfig, BoxDataConfig, PersonDetectorTask)
