"""Every recipe of a baseline trains on a rendered set in the official layout of its data."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from glpose.errors import BadInput  # noqa: E402
from glpose.nets.blocks import num_parameters  # noqa: E402
from glpose.nets.spec import (  # noqa: E402
    EncoderConfig,
    HourglassConfig,
    HRNetConfig,
    ResNetConfig,
)
from glpose.recipes import RECIPES, load_recipe  # noqa: E402
from glpose.synth.layouts import write_layout  # noqa: E402
from glpose.systems import load_system  # noqa: E402
from glpose.train.change import with_roots  # noqa: E402
from glpose.train.loop import train  # noqa: E402
from glpose.train.recipe import Recipe  # noqa: E402

pytestmark = pytest.mark.torch

BASELINES = [name for name, entry in RECIPES.items() if entry.make.startswith("baselines.")]
HRNET = HRNetConfig(
    width=4,
    stem_width=4,
    first="basic",
    first_width=4,
    first_blocks=1,
    num_modules=(1, 1, 1),
    num_blocks=1,
)
TINY: dict[type, EncoderConfig] = {
    HRNetConfig: HRNET,
    ResNetConfig: ResNetConfig((1, 1, 1, 1), width=4, deconv_width=8),
    HourglassConfig: HourglassConfig(2, num_maps=51, width=32, depth=2),
}
PUBLISHED = [name for name in BASELINES if not name.startswith("clnet_")]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A few small videos or pictures in each layout, as `--data` wants them."""
    folder = tmp_path_factory.mktemp("sets")
    names = ("posetrack17", "posetrack18", "coco")
    for name in names:
        write_layout(name, folder / name, num_videos=4, num_frames=5, size_hw=(96, 128))
    return [f"{name}={folder / name}" for name in names]


def tiny(recipe: Recipe, sets: list[str]) -> Recipe:
    """The same run with a network of a few thousand parameters on small crops, two epochs."""
    backbone = TINY[type(recipe.model.backbone)]
    crop = replace(recipe.model.crop, size_hw=(64, 64))
    model = replace(recipe.model, backbone=backbone, crop=crop)
    return with_roots(replace(recipe, model=model, batch_size=4, num_epochs=2), sets)


def built(recipe: Recipe) -> torch.nn.Module:
    return load_system(recipe.system).open(recipe, Path()).build()


def test_the_baselines_of_the_paper_are_there() -> None:
    rows = {RECIPES[name].row for name in BASELINES} - {""}
    assert rows == {
        "table 1: HRNet",
        "table 1: SimpleBaseline, ResNet-50",
        "table 1: SimpleBaseline, ResNet-152",
    }


@pytest.mark.parametrize("name", PUBLISHED)
def test_networks_are_the_published_ones(name: str) -> None:
    recipe = load_recipe(name)
    with torch.device("meta"):
        model = load_system(recipe.system).open(recipe, Path()).build()
    of_17_joints = {
        "hrnet_w32": 28_536_113,
        "hrnet_w48": 63_595_745,
        "simple_baseline_r50": 33_999_697,
        "simple_baseline_r101": 52_991_825,
        "simple_baseline_r152": 68_635_473,
    }[name.rpartition("_")[0]]
    missing = (17 - recipe.model.num_joints) * (model.encoder.channels + 1)
    assert num_parameters(model) == of_17_joints - missing
    heatmap, crop = recipe.model.heatmap, recipe.model.crop
    assert (heatmap.mapping, heatmap.decode, heatmap.rounded) == ("origin", "quarter", True)
    assert heatmap.sigma_px == (3.0 if crop.size_hw == (384, 288) else 2.0)
    assert (crop.anchor, crop.padding) == ("msra", 1.25)


def test_composite_localisation_costs_less_than_deconvolutions() -> None:
    """5.4 GMAC of Simple Baselines exactly counted; 8.9 as published."""
    gmac = {}
    for name in ("simple_baseline_r50_coco", "clnet_r50_coco"):
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            built(load_recipe(name)).eval()(torch.zeros(1, 256, 192, 3, dtype=torch.uint8))
        gmac[name] = counter.get_total_flops() / 2e9
    assert gmac["simple_baseline_r50_coco"] == pytest.approx(5.41, abs=0.05)
    assert gmac["clnet_r50_coco"] <= 0.77 * gmac["simple_baseline_r50_coco"]


# Each kind of head, and each set with each way to train on it; composite localisation with a ResNet
# and Simple Baselines on PoseTrack put together what these have.
@pytest.mark.parametrize(
    "name",
    [
        "hrnet_w48_coco",
        "hrnet_w48_posetrack17",
        "hrnet_w48_posetrack18",
        "simple_baseline_r50_coco",
        "clnet_hourglass2_coco",
    ],
)
def test_two_epochs(name: str, sets: list[str], tmp_path: Path) -> None:
    recipe, system = tiny(load_recipe(name), sets), load_system(load_recipe(name).system)
    best = train(recipe, system, tmp_path / "run", cache_dir=tmp_path / "cache")
    saved = torch.load(best.with_name("last.pt"), weights_only=True)
    num_samples = system.open(recipe, tmp_path / "cache").train_data().num_samples
    assert saved["step"] == 2 * math.ceil(num_samples / 4) >= 2
    assert saved["scores"].keys() == {"pck@0.2", "pck@0.1"}


def test_posetrack_starts_from_a_run_on_coco_by_the_names_of_joints(
    sets: list[str], tmp_path: Path
) -> None:
    coco, posetrack = (tiny(load_recipe(f"hrnet_w48_{s}"), sets) for s in ("coco", "posetrack17"))
    before = built(coco)
    torch.nn.init.normal_(before.head.weight)
    torch.save({"ema": before.state_dict()}, tmp_path / "best.pt")
    after = built(replace(posetrack, init_from=str(tmp_path / "best.pt")))
    assert torch.equal(after.encoder.conv1.weight, before.encoder.conv1.weight)
    assert torch.equal(after.head.weight[0], before.head.weight[16])  # right ankle
    assert torch.equal(after.head.weight[13], before.head.weight[0])  # nose
    assert after.head.weight[12].abs().max() < 0.01  # head_bottom, which is no eye


def test_a_set_that_cannot_be_validated_on_starts_no_run(sets: list[str], tmp_path: Path) -> None:
    recipe = tiny(load_recipe("hrnet_w48_posetrack17"), sets)
    shutil.copytree(recipe.roots["posetrack17"], tmp_path / "set")
    shutil.rmtree(tmp_path / "set" / "annotations" / "val")
    recipe = with_roots(recipe, [f"posetrack17={tmp_path / 'set'}"])
    with pytest.raises(BadInput, match="there is no folder annotations/val"):
        train(recipe, load_system("single_frame"), tmp_path / "run", cache_dir=tmp_path)
    assert not (tmp_path / "run").exists()
