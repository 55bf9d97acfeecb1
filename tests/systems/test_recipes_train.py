"""Every recipe of the paper trains on a rendered set in the official layout of its data."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from glpose.errors import BadInput  # noqa: E402
from glpose.recipes import RECIPES, load_recipe  # noqa: E402
from glpose.synth.layouts import write_layout  # noqa: E402
from glpose.systems import load_system  # noqa: E402
from glpose.systems.glpose.spec import GLPoseConfig  # noqa: E402
from glpose.train.change import with_roots, with_settings  # noqa: E402
from glpose.train.loop import train  # noqa: E402
from glpose.train.recipe import Recipe  # noqa: E402
from glpose.types import CropSpec  # noqa: E402
from tiny_hrnet import tiny_hrnet  # noqa: E402

pytestmark = pytest.mark.torch

PAPER = [name for name, entry in RECIPES.items() if entry.make.startswith("paper.")]
TINY = tiny_hrnet(4)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A few small videos in each layout that recipes of the paper read."""
    folder = tmp_path_factory.mktemp("sets")
    for name in ("posetrack17", "posetrack18", "jhmdb"):
        write_layout(name, folder / name, num_videos=4, num_frames=5, size_hw=(96, 128))
    return {
        "posetrack17": folder / "posetrack17",
        "posetrack18": folder / "posetrack18",
        "subjhmdb": folder / "jhmdb",
    }


def with_data(recipe: Recipe, sets: dict[str, Path]) -> Recipe:
    return with_roots(recipe, [f"{name}={path}" for name, path in sets.items()])


def tiny(recipe: Recipe) -> Recipe:
    """The same run with a network of a few thousand parameters on small crops, two epochs."""
    model: GLPoseConfig = recipe.model
    few = replace(model.global_, num_candidates=max(1, model.global_.n))
    model = replace(
        model, backbone=TINY, crop=replace(model.crop, size_hw=(32, 32)), sigma_px=1.0, global_=few
    )
    return replace(recipe, model=model, batch_size=4, num_epochs=2)


@pytest.mark.parametrize("name", PAPER)
def test_two_epochs(name: str, sets: dict[str, Path], tmp_path: Path) -> None:
    recipe = with_data(tiny(load_recipe(name)), sets)
    system = load_system("glpose")
    best = train(recipe, system, tmp_path / "run", cache_dir=tmp_path / "cache")
    saved = torch.load(best.with_name("last.pt"), weights_only=True)
    num_samples = system.open(recipe, tmp_path / "cache").train_data().num_samples  # type: ignore[attr-defined]
    assert saved["step"] == 2 * math.ceil(num_samples / 4) > 2
    assert saved["scores"].keys() == {"pck@0.2", "pck@0.1"}


def test_the_network_of_the_paper_takes_a_step(sets: dict[str, Path], tmp_path: Path) -> None:
    recipe = load_recipe("glpose_w48_posetrack17")
    smaller = replace(
        recipe.model,
        crop=CropSpec((64, 64), anchor="msra"),
        global_=replace(recipe.model.global_, num_candidates=6),
    )
    recipe = with_settings(replace(recipe, model=smaller), ["num_steps=1", "batch_size=1"])
    recipe = with_data(
        replace(recipe, optimizer=replace(recipe.optimizer, epoch_milestones=())), sets
    )
    task = load_system("glpose").open(recipe, tmp_path)
    model, data = task.build(), task.train_data()
    batch = {name: torch.from_numpy(value) for name, value in data.rows(0, [0]).items()}
    before = model.fusion.head.weight.detach().clone()
    optimizer = torch.optim.Adam(model.fusion.parameters(), lr=1e-3)
    loss = task.losses(model.train(), batch)["heatmap"]
    loss.backward()
    optimizer.step()
    assert torch.isfinite(loss)
    assert not torch.equal(before, model.fusion.head.weight)


def test_a_set_that_cannot_be_validated_on_starts_no_run(
    sets: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(sets["posetrack17"], tmp_path / "set")
    shutil.rmtree(tmp_path / "set" / "annotations" / "val")
    recipe = with_data(tiny(load_recipe("glpose_w48_posetrack17")), sets)
    recipe = with_roots(recipe, [f"posetrack17={tmp_path / 'set'}"])
    with pytest.raises(BadInput, match="there is no folder annotations/val"):
        train(recipe, load_system("glpose"), tmp_path / "run", cache_dir=tmp_path)
    assert not (tmp_path / "run").exists()
