"""Networks are evaluated on the crops that they are trained on: the same boxes, cut alike."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import tiny_onnx
from fake_estimator import FakeEstimator
from glpose.codecs.gaussian import GaussianCodec
from glpose.evaluation.sets import open_set
from glpose.recipes import load_recipe
from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import Encoded
from glpose.synth.layouts import write_layout
from glpose.systems import load_system
from glpose.systems.glpose.system import STILL
from glpose.train.change import with_roots
from glpose.train.data.people import Share
from glpose.train.recipe import Recipe

pytestmark = pytest.mark.torch

SIZE_HW = (64, 48)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    for name in ("posetrack17", "jhmdb", "coco"):
        write_layout(name, folder / name, num_videos=4, num_frames=5, size_hw=(96, 128))
    return folder


class Recorder(FakeEstimator):
    """Keeps what it is asked to encode."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(tiny_onnx.slots())
        model = recipe.model
        self.card = replace(
            self.card,
            crop=model.crop,
            codec=GaussianCodec(model.heatmap),
            skeleton=model.skeleton,
        )
        self.crops: list[np.ndarray] = []

    def encode(self, crops: np.ndarray) -> Encoded:
        self.crops += list(crops)
        return super().encode(crops)


def trained_on(recipe: Recipe, cache: Path) -> np.ndarray:
    """The key crops of all people of the validation set, without augmentation."""
    data = replace(recipe.data, augmentation=STILL.augmentation)
    if recipe.system == "glpose":
        data = replace(data, sources=(recipe.data.validation,))
    else:
        share = (Share(recipe.data.validation, 1.0),)
        data = replace(data, shares=share)
    recipe = replace(recipe, data=data)
    people = load_system(recipe.system).open(recipe, cache).train_data()
    whole = replace(recipe, batch_size=people.num_samples)
    data = load_system(recipe.system).open(whole, cache).train_data()
    batch = data.rows(0, range(whole.batch_size))
    return batch["key" if recipe.system == "glpose" else "rgb"]


@pytest.mark.parametrize(
    ("name", "layout", "metric"),
    [
        ("glpose_w48_posetrack17", "posetrack17", "posetrack"),
        ("glpose_w48_subjhmdb1", "jhmdb", "jhmdb"),
        ("hrnet_w48_posetrack17", "posetrack17", "posetrack"),
        ("hrnet_w32_coco", "coco", "coco"),
    ],
)
def test_crops_of_training_are_those_of_evaluation(
    name: str, layout: str, metric: str, folder: Path, tmp_path: Path
) -> None:
    recipe = with_roots(load_recipe(name), [str(folder / layout)])
    model = replace(recipe.model, crop=replace(recipe.model.crop, size_hw=SIZE_HW))
    if recipe.system == "glpose":
        one = replace(model.global_, n=0, num_candidates=1)
        model = replace(model, local=replace(model.local, k=0), global_=one)
    recipe = replace(recipe, model=model)
    official = open_set(metric, folder / layout, None, None)  # type: ignore[arg-type]
    seen = Recorder(recipe)
    for sequence in official.names:
        list(official.predict(sequence, seen, PoseOptions(), 0))
    trained = trained_on(recipe, tmp_path)
    assert len(trained) > 1
    all_seen = np.stack(seen.crops).astype(int)
    for crop in trained:
        # Boxes in float32 and float64 differ in the last bit of a few pixels.
        assert np.abs(all_seen - crop).mean((1, 2, 3)).min() < 0.01
