"""What single-frame systems share: learning, starting from weights, export, and their settings."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glpose.codecs.gaussian import GaussianCodec  # noqa: E402
from glpose.config import to_plain  # noqa: E402
from glpose.errors import BadConfig, BadWeights  # noqa: E402
from glpose.nets.spec import HRNetConfig, ResNetConfig  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from glpose.runtime.card import PoseCard  # noqa: E402
from glpose.runtime.load import read_card  # noqa: E402
from glpose.systems import load_system  # noqa: E402
from glpose.systems.hrnet.spec import HRNetPoseConfig  # noqa: E402
from glpose.systems.simple_baseline.spec import SimpleBaselineConfig  # noqa: E402
from glpose.train.recipe import Recipe  # noqa: E402
from glpose.types import CropSpec  # noqa: E402

pytestmark = pytest.mark.torch

CROP = CropSpec((64, 64), anchor="msra")
SMALL_HRNET = HRNetConfig(
    width=8,
    stem_width=8,
    first="basic",
    first_width=8,
    first_blocks=1,
    num_modules=(1, 1, 1),
    num_blocks=1,
)
MODELS = {
    "hrnet": HRNetPoseConfig(
        backbone=SMALL_HRNET,
        head="conv1x1",
        crop=CROP,
        sigma_px=2.0,
        rounded=True,
        mapping="origin",
        decode="quarter",
    ),
    "simple_baseline": SimpleBaselineConfig(
        backbone=ResNetConfig((1, 1, 1, 1), width=8, deconv_width=16), crop=CROP, sigma_px=2.0
    ),
}


def tiny(system: str) -> Recipe:
    recipe = load_recipe("pretrain_small")
    return replace(recipe, name=f"tiny_{system}", system=system, model=MODELS[system])


@pytest.mark.parametrize("name", MODELS)
def test_one_batch_is_learned(name: str) -> None:
    recipe, system = tiny(name), load_system(name)
    torch.manual_seed(0)
    model = system.build(recipe)
    target = torch.zeros(2, 15, 16, 16)
    target[0, :, 3:6, 4:7], target[1, :, 9:12, 8:11] = 1.0, 1.0
    batch = {
        "rgb": torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8),
        "target": target,
        "weight": torch.ones(2, 15),
    }
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        loss = sum(system.losses(model, batch).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
@pytest.mark.parametrize("name", MODELS)
def test_export_is_the_network_with_its_card(name: str, tmp_path: Path) -> None:
    recipe, system = tiny(name), load_system(name)
    model = system.build(recipe)
    # Peaks that do not depend on the last bits: heads start near zero.
    torch.nn.init.normal_(model.head.weight, std=1.0)
    parts, card = system.parts(model, recipe)
    assert card.name == recipe.name
    crops = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8))
    with torch.inference_mode():
        features, embedding = parts.encoder(crops)
        assert torch.equal(parts.solver({"key": features})["heatmaps"], model(crops))
    assert embedding.shape == (2, model.channels)
    # export_pose compares joints by torch with those by ONNX Runtime and raises if they differ.
    files = system.export(model, recipe, tmp_path, name="tiny", made_by={}, scores={"a": "1"})
    assert [f.name for f in files] == ["tiny.encoder.onnx", "tiny.fusion.onnx"]
    written = read_card(files[1])
    assert isinstance(written, PoseCard)
    assert (written.crop, written.codec) == (CROP, GaussianCodec(MODELS[name].heatmap))
    assert (written.source, written.scores) == (card.source, {"a": "1"})


@pytest.mark.parametrize("name", MODELS)
def test_training_starts_from_a_run_or_from_an_imported_file(name: str, tmp_path: Path) -> None:
    safetensors_torch = pytest.importorskip("safetensors.torch")
    recipe, system = tiny(name), load_system(name)
    weights = system.build(recipe).state_dict()
    torch.save({"ema": weights}, tmp_path / "best.pt")
    safetensors_torch.save_file(weights, tmp_path / "imported.safetensors")
    for file in ("best.pt", "imported.safetensors"):
        model = system.build(replace(recipe, init_from=str(tmp_path / file)))
        again = model.state_dict()
        assert all(torch.equal(again[key], value) for key, value in weights.items())
    other = replace(recipe, model=replace(recipe.model, head="conv5x5"))
    with pytest.raises(BadWeights, match=r"head\.weight is .*, expected"):
        system.build(replace(other, init_from=str(tmp_path / "best.pt")))


def test_heads_go_by_the_names_of_the_joints_that_a_run_has(tmp_path: Path) -> None:
    recipe, system = tiny("hrnet"), load_system("hrnet")
    of_jhmdb = replace(recipe, model=replace(recipe.model, skeleton="jhmdb15"))
    donor = system.build(of_jhmdb)
    torch.nn.init.normal_(donor.head.weight)
    said = json.dumps(to_plain(of_jhmdb))
    torch.save({"ema": donor.state_dict(), "recipe": said}, tmp_path / "best.pt")
    init = str(tmp_path / "best.pt")
    same = system.build(replace(of_jhmdb, init_from=init))
    assert torch.equal(same.head.weight, donor.head.weight)
    other = system.build(replace(recipe, init_from=init))
    assert torch.equal(other.head.weight[0], donor.head.weight[13])  # right ankle


def test_joints_and_skeleton_agree() -> None:
    with pytest.raises(BadConfig, match="num_joints is 17, but the skeleton posetrack15 has 15"):
        HRNetPoseConfig(num_joints=17)


def test_our_own_recipes_keep_exact_conventions() -> None:
    heatmap = load_recipe("pretrain_small").model.heatmap
    assert (heatmap.mapping, heatmap.decode, heatmap.rounded) == ("centre", "dark", False)
    assert load_recipe("pretrain_small").model.crop.anchor == "centre"
