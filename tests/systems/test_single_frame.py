"""Single-frame estimators: parameter counts, learning, starting from weights, export, settings."""

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glpose.config import to_plain  # noqa: E402
from glpose.errors import BadConfig, BadWeights  # noqa: E402
from glpose.export.pose import export_pose  # noqa: E402
from glpose.nets.blocks import num_parameters  # noqa: E402
from glpose.nets.losses import heatmap_loss  # noqa: E402
from glpose.nets.spec import (  # noqa: E402
    RESNET_BLOCKS,
    CoarseResNetConfig,
    EfficientNetLiteConfig,
    HeadType,
    HourglassConfig,
    HRNetConfig,
    ResNetConfig,
)
from glpose.recipes import load_recipe  # noqa: E402
from glpose.runtime.card import PoseCard  # noqa: E402
from glpose.runtime.load import find_weights, load_estimator, read_card  # noqa: E402
from glpose.systems.single_frame.net import SingleFrameNet  # noqa: E402
from glpose.systems.single_frame.spec import SingleFrameConfig  # noqa: E402
from glpose.systems.single_frame.system import SingleFrameTask  # noqa: E402
from glpose.train.change import on_synth_only  # noqa: E402
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
    "hourglass": SingleFrameConfig(
        backbone=HourglassConfig(2, num_maps=45, width=32, depth=2),
        head="composite",
        crop=CropSpec((64, 64)),
        sigma_px=1.5,
    ),
    "composite": SingleFrameConfig(
        backbone=CoarseResNetConfig((1, 1, 1, 1), width=8, neck=16, num_up=2, lateral=True),
        head="composite",
        crop=CropSpec((64, 64)),
        sigma_px=1.5,
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


@pytest.mark.parametrize("name", ["hrnet", "simple_baseline"])
@pytest.mark.parametrize("head", ["conv1x1", "conv3x3", "conv5x5", "mlp"])
def test_every_parameter_gets_a_gradient(name: str, head: str) -> None:
    config = replace(MODELS[name], head=head)
    model = SingleFrameNet(config)
    heatmaps = model(torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8))["heatmaps"]
    assert heatmaps.shape == (2, 15, *config.heatmap.size_hw)
    heatmap_loss(heatmaps, torch.rand_like(heatmaps), torch.ones(2, 15)).backward()
    assert without_gradient(model) == []


@pytest.mark.parametrize("head", [*get_args(HeadType), "composite"])
def test_only_what_gives_maps_starts_near_zero(head: str) -> None:
    """The hidden layer of a perceptron, which has no batch norm, would learn nothing for long."""
    torch.manual_seed(0)
    model = SingleFrameNet(replace(MODELS["simple_baseline"], head=head))
    layers = [layer for layer in model.head.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert len(layers) == {"mlp": 2, "composite": 3}.get(head, 1)
    for layer in layers:
        std = 0.001 if layer.out_channels == 15 else (2 / layer.out_channels) ** 0.5
        assert float(layer.weight.detach().std()) == pytest.approx(std, rel=0.3)
        assert layer.bias is not None
        assert not layer.bias.any()


@pytest.mark.parametrize("name", ["composite", "hourglass"])
def test_every_parameter_of_composite_networks_gets_a_gradient(name: str) -> None:
    task = opened(tiny(name))
    model = task.build()
    sum(task.losses(model, batch_of(name)).values()).backward()
    assert without_gradient(model) == []


def without_gradient(model: SingleFrameNet) -> list[str]:
    return [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]


def batch_of(name: str) -> dict[str, torch.Tensor]:
    """Two crops with all joints at one place each."""
    places = np.array([[[4.3, 3.2]] * 15, [[5.6, 6.0]] * 15])
    targets = MODELS[name].codec.encode(places, np.ones((2, 15), bool))
    return {
        "rgb": torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8),
        "weight": torch.ones(2, 15),
        **{key: torch.from_numpy(maps) for key, maps in targets.items()},
    }


@pytest.mark.parametrize("name", MODELS)
def test_one_batch_is_learned(name: str) -> None:
    task = opened(tiny(name))
    torch.manual_seed(0)
    model = task.build()
    batch = batch_of(name)
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
    torch.manual_seed(0)
    model = task.build()
    # Peaks that do not depend on the last bits: heads start near zero.
    for weight in model.head.parameters():
        torch.nn.init.normal_(weight, std=1.0)
    parts, card = task.parts(model)
    assert card.name == recipe.name
    crops = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8))
    with torch.inference_mode():
        features, embedding = parts.encoder(crops)
        found, whole = parts.solver({"key": features}), model(crops)
    assert found.keys() == whole.keys() == MODELS[name].codec.channels(15).keys()
    assert all(torch.equal(found[key], whole[key]) for key in whole)
    assert embedding.shape == (2, model.encoder.channels)
    # export_pose compares joints by torch with those by ONNX Runtime and raises if they differ.
    card = replace(card, name="tiny", scores={"a": "1"})
    files = export_pose(parts, card, tmp_path)
    assert [f.name for f in files] == ["tiny.encoder.onnx", "tiny.fusion.onnx"]
    written = read_card(files[1])
    assert isinstance(written, PoseCard)
    assert (written.crop, written.codec) == (MODELS[name].crop, MODELS[name].codec)
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
    change = {"head": "conv5x5"}
    if name == "hourglass":  # its guesses would not fit the head
        change = {"backbone": replace(recipe.model.backbone, num_stacks=3)}
    other = replace(recipe, model=replace(recipe.model, **change))
    with pytest.raises(BadWeights, match=r"head\.weight is .*, expected|it has no "):
        opened(replace(other, init_from=str(tmp_path / "best.pt"))).build()
    # A run whose own weights are loaded next does not look for those that it started from.
    gone = opened(replace(recipe, init_from=str(tmp_path / "gone.pt"))).build(fresh=True)
    assert gone.state_dict().keys() == weights.keys()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pose_small", "picture_small"])  # the second has 16 bits
def test_training_goes_on_from_shipped_weights(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    shipped = find_weights(name, "pose").part("encoder")
    recipe = on_synth_only(load_recipe("longer_small"))
    few = replace(recipe.data, num_synth_scenes=1)
    estimate = load_estimator(name)
    cropped_so = replace(recipe.model, crop=estimate.card.crop)
    recipe = replace(recipe, init_from=str(shipped), data=few, model=cropped_so)
    model = SingleFrameTask(recipe, tmp_path).build()
    crops = np.random.default_rng(0).integers(0, 256, (2, *estimate.card.crop.size_hw, 3), np.uint8)
    encoded = estimate.encode(crops)
    expected = encoded.maps or estimate.solve({"key": encoded.features})
    with torch.inference_mode():
        found = model.eval()(torch.from_numpy(crops))
    np.testing.assert_allclose(found["heatmaps"], expected["heatmaps"], atol=1e-3)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert all(not torch.allclose(n.running_mean, torch.zeros(())) for n in norms)


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


def test_composite_heads_go_by_the_names_of_the_joints_too(tmp_path: Path) -> None:
    recipe = tiny("composite")
    of_jhmdb = replace(recipe, model=replace(recipe.model, skeleton="jhmdb15"))
    donor = opened(of_jhmdb).build()
    said = json.dumps(to_plain(of_jhmdb))
    torch.save({"ema": donor.state_dict(), "recipe": said}, tmp_path / "best.pt")
    other = opened(replace(recipe, init_from=str(tmp_path / "best.pt"))).build()
    for name, layer in other.head.maps.items():  # the right ankle's row
        assert torch.equal(layer.weight[0], donor.head.maps[name].weight[13])


def test_guesses_of_hourglasses_go_by_the_names_of_the_joints_too(tmp_path: Path) -> None:
    recipe = tiny("hourglass")
    backbone = replace(recipe.model.backbone, num_maps=51)
    model = replace(recipe.model, num_joints=17, skeleton="coco17", backbone=backbone)
    of_coco = replace(recipe, model=model)
    donor = opened(of_coco).build()
    said = json.dumps(to_plain(of_coco))
    torch.save({"ema": donor.state_dict(), "recipe": said}, tmp_path / "best.pt")
    other = opened(replace(recipe, init_from=str(tmp_path / "best.pt"))).build()
    for kind in range(3):  # the right ankle's rows
        its, mine = (net.encoder.guesses[0].weight for net in (donor, other))
        assert torch.equal(mine[15 * kind], its[17 * kind + 16])


def test_a_composite_head_keeps_exact_conventions() -> None:
    with pytest.raises(BadConfig, match=r"head is 'composite'.*mapping 'centre'"):
        replace(MODELS["composite"], mapping="origin")
    with pytest.raises(BadConfig, match=r"backbone\.pyramid is \[\]; expected 1 to 3 widths"):
        EfficientNetLiteConfig(pyramid=())
    with pytest.raises(BadConfig, match=r"backbone\.num_up is 4; expected 0 to 3"):
        CoarseResNetConfig(num_up=4)


def test_an_hourglass_is_supervised_at_every_stack() -> None:
    config = MODELS["hourglass"]
    model = SingleFrameNet(config).eval()
    crops = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    early, answer = model.guesses(crops)
    whole = model(crops)
    assert early.keys() == answer.keys() == whole.keys()
    assert all(torch.equal(answer[name], whole[name]) for name in whole)
    assert all(early[name].shape == whole[name].shape for name in whole)
    # The channels of a guess are the maps in their order: what follows it reads all of them.
    assert not torch.equal(early["heat"], early["dx"])
    with pytest.raises(BadConfig, match=r"num_maps is 45, but the head 'conv3x3' makes 15 maps"):
        replace(config, head="conv3x3")
    with pytest.raises(BadConfig, match="multiples of 16"):
        replace(config, crop=CropSpec((72, 64)))


def test_joints_and_skeleton_agree() -> None:
    with pytest.raises(BadConfig, match="num_joints is 17, but the skeleton posetrack15 has 15"):
        SingleFrameConfig(num_joints=17)


def test_our_own_recipes_keep_exact_conventions() -> None:
    heatmap = load_recipe("pretrain_small").model.heatmap
    assert (heatmap.mapping, heatmap.decode, heatmap.rounded) == ("centre", "dark", False)
    assert load_recipe("pretrain_small").model.crop.anchor == "centre"
