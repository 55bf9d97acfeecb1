"""Single-frame estimators: parameter counts, learning, starting from weights, export, settings."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glpose.codecs.gaussian import GaussianCodec  # noqa: E402
from glpose.config import to_plain  # noqa: E402
from glpose.errors import BadConfig, BadWeights  # noqa: E402
from glpose.nets.blocks import num_parameters  # noqa: E402
from glpose.nets.losses import heatmap_loss  # noqa: E402
from glpose.nets.spec import RESNET_BLOCKS, HRNetConfig, ResNetConfig  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from glpose.runtime.card import PoseCard  # noqa: E402
from glpose.runtime.load import read_card  # noqa: E402
from glpose.systems.single_frame.net import SingleFrameNet  # noqa: E402
from glpose.systems.single_frame.spec import SingleFrameConfig  # noqa: E402
from glpose.systems.single_frame.system import SingleFrameTask  # noqa: E402
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
    "hrnet": SingleFrameConfig(
        backbone=SMALL_HRNET,
        head="conv1x1",
        crop=CROP,
        sigma_px=2.0,
        rounded=True,
        mapping="origin",
        decode="quarter",
    ),
    "simple_baseline": SingleFrameConfig(
        backbone=ResNetConfig((1, 1, 1, 1), width=8, deconv_width=16),
        head="conv1x1",
        crop=CROP,
        sigma_px=2.0,
    ),
}


def tiny(name: str) -> Recipe:
    recipe = load_recipe("pretrain_small")
    return replace(
        recipe,
        name=f"tiny_{name}",
        model=MODELS[name],
        optimizer=replace(recipe.optimizer, rates=()),
        init_from="",
        pretrained_on=(),
    )


def opened(recipe: Recipe) -> SingleFrameTask:
    return SingleFrameTask(recipe, Path())


@pytest.mark.parametrize(("width", "count"), [(32, 28_536_113), (48, 63_595_745)])
def test_an_hrnet_of_four_stages_has_the_published_count(width: int, count: int) -> None:
    # HRNet's README prints 28.5M and 63.6M; the last digits follow from the same table
    # (tests/parity/official_hrnet.py).
    backbone = HRNetConfig(width=width, num_modules=(1, 4, 3))
    config = SingleFrameConfig(backbone=backbone, num_joints=17, skeleton="coco17", head="conv1x1")
    with torch.device("meta"):
        model = SingleFrameNet(config)
    assert num_parameters(model) == count
    assert config.backbone.source == "HRNet up to stage 4 (Sun et al., CVPR 2019)"
    names = set(model.encoder.state_dict())
    assert {"transition3.3.0.0.weight", "stage4.2.fuse_layers.0.3.0.weight"} <= names
    assert not any(name.startswith(("stage4.2.fuse_layers.1", "stage4.3")) for name in names)
    assert "stage3.3.fuse_layers.2.0.1.0.weight" in names


@pytest.mark.parametrize(
    ("layers", "count"), [(50, 33_999_697), (101, 52_991_825), (152, 68_635_473)]
)
def test_simple_baselines_have_the_published_count(layers: int, count: int) -> None:
    # HRNet's README prints 34.0M, 53.0M and 68.6M; the last digits are those that osmr/imgclsmob
    # asserts for its own simple_pose_resnet50_v1b, 101 and 152.
    backbone = ResNetConfig(RESNET_BLOCKS[layers])
    config = SingleFrameConfig(backbone=backbone, num_joints=17, skeleton="coco17", head="conv1x1")
    with torch.device("meta"):
        model = SingleFrameNet(config)
    assert num_parameters(model) == count
    assert f"a ResNet of {layers} layers" in config.backbone.source
    names = set(model.state_dict())
    assert {
        "encoder.conv1.weight",
        "encoder.layer1.0.downsample.1.running_var",
        "encoder.layer4.2.conv3.weight",
        "encoder.deconv_layers.0.weight",
        "encoder.deconv_layers.7.bias",
        "head.bias",
    } <= names


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("head", ["conv1x1", "conv3x3", "conv5x5", "mlp"])
def test_every_parameter_gets_a_gradient(name: str, head: str) -> None:
    config = replace(MODELS[name], head=head)
    model = SingleFrameNet(config)
    heatmaps = model(torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8))
    assert heatmaps.shape == (2, 15, *config.heatmap.size_hw)
    heatmap_loss(heatmaps, torch.rand_like(heatmaps), torch.ones(2, 15)).backward()
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


@pytest.mark.parametrize("name", MODELS)
def test_one_batch_is_learned(name: str) -> None:
    task = opened(tiny(name))
    torch.manual_seed(0)
    model = task.build()
    target = torch.zeros(2, 15, 16, 16)
    target[0, :, 3:6, 4:7], target[1, :, 9:12, 8:11] = 1.0, 1.0
    batch = {
        "rgb": torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8),
        "heatmaps": target,
        "weight": torch.ones(2, 15),
    }
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        loss = sum(task.losses(model, batch).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
@pytest.mark.parametrize("name", MODELS)
def test_export_is_the_network_with_its_card(name: str, tmp_path: Path) -> None:
    recipe = tiny(name)
    task = opened(recipe)
    model = task.build()
    # Peaks that do not depend on the last bits: heads start near zero.
    torch.nn.init.normal_(model.head.weight, std=1.0)
    parts, card = task.parts(model, name=recipe.name, made_by={}, scores={})
    assert card.name == recipe.name
    crops = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8))
    with torch.inference_mode():
        features, embedding = parts.encoder(crops)
        assert torch.equal(parts.solver({"key": features})["heatmaps"], model(crops))
    assert embedding.shape == (2, model.encoder.channels)
    # export_pose compares joints by torch with those by ONNX Runtime and raises if they differ.
    files = task.export(model, tmp_path, name="tiny", made_by={}, scores={"a": "1"})
    assert [f.name for f in files] == ["tiny.encoder.onnx", "tiny.fusion.onnx"]
    written = read_card(files[1])
    assert isinstance(written, PoseCard)
    assert (written.crop, written.codec) == (CROP, GaussianCodec(MODELS[name].heatmap))
    assert (written.source, written.scores) == (card.source, {"a": "1"})


@pytest.mark.parametrize("name", MODELS)
def test_training_starts_from_a_run_or_from_an_imported_file(name: str, tmp_path: Path) -> None:
    safetensors_torch = pytest.importorskip("safetensors.torch")
    recipe = tiny(name)
    weights = opened(recipe).build().state_dict()
    torch.save({"ema": weights}, tmp_path / "best.pt")
    safetensors_torch.save_file(weights, tmp_path / "imported.safetensors")
    for file in ("best.pt", "imported.safetensors"):
        started = opened(replace(recipe, init_from=str(tmp_path / file)))
        model = started.build()
        again = model.state_dict()
        assert all(torch.equal(again[key], value) for key, value in weights.items())
    other = replace(recipe, model=replace(recipe.model, head="conv5x5"))
    with pytest.raises(BadWeights, match=r"head\.weight is .*, expected"):
        opened(replace(other, init_from=str(tmp_path / "best.pt"))).build()
    # A run whose own weights are loaded next does not look for those that it started from.
    gone = opened(replace(recipe, init_from=str(tmp_path / "gone.pt"))).build(fresh=True)
    assert gone.state_dict().keys() == weights.keys()


def test_heads_go_by_the_names_of_the_joints_that_a_run_has(tmp_path: Path) -> None:
    recipe = tiny("hrnet")
    of_jhmdb = replace(recipe, model=replace(recipe.model, skeleton="jhmdb15"))
    donor = opened(of_jhmdb).build()
    torch.nn.init.normal_(donor.head.weight)
    said = json.dumps(to_plain(of_jhmdb))
    torch.save({"ema": donor.state_dict(), "recipe": said}, tmp_path / "best.pt")
    init = str(tmp_path / "best.pt")
    same = opened(replace(of_jhmdb, init_from=init)).build()
    assert torch.equal(same.head.weight, donor.head.weight)
    other = opened(replace(recipe, init_from=init)).build()
    assert torch.equal(other.head.weight[0], donor.head.weight[13])  # right ankle


def test_joints_and_skeleton_agree() -> None:
    with pytest.raises(BadConfig, match="num_joints is 17, but the skeleton posetrack15 has 15"):
        SingleFrameConfig(num_joints=17)


def test_our_own_recipes_keep_exact_conventions() -> None:
    heatmap = load_recipe("pretrain_small").model.heatmap
    assert (heatmap.mapping, heatmap.decode, heatmap.rounded) == ("centre", "dark", False)
    assert load_recipe("pretrain_small").model.crop.anchor == "centre"
