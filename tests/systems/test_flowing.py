"""Flowing ConvNets: what is trained, what the runtime gets, flow in training as in running, export."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glpose.errors import BadConfig, BadWeights, GLPoseError  # noqa: E402
from glpose.export.pose import check_crops, export_pose  # noqa: E402
from glpose.files import file_digest  # noqa: E402
from glpose.jobs.runs import export_run  # noqa: E402
from glpose.nets.spec import ResNetConfig  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from glpose.runtime.card import Shared  # noqa: E402
from glpose.runtime.engine import EngineSpec  # noqa: E402
from glpose.runtime.engines.open import open_graph  # noqa: E402
from glpose.runtime.estimator import OnnxEstimator  # noqa: E402
from glpose.runtime.load import load_estimator  # noqa: E402
from glpose.systems.flowing.net import Flowing  # noqa: E402
from glpose.systems.flowing.spec import AlignedConfig, FlowingConfig, Settings  # noqa: E402
from glpose.systems.flowing.system import SYSTEM, FlowingTask  # noqa: E402
from glpose.systems.single_frame.net import SingleFrameNet  # noqa: E402
from glpose.systems.single_frame.spec import SingleFrameConfig  # noqa: E402
from glpose.train.loop import train  # noqa: E402
from glpose.types import CropSpec  # noqa: E402

pytestmark = pytest.mark.torch

SHARED = {
    "backbone": ResNetConfig((1, 1, 1, 1), width=8, deconv_width=16),
    "crop": CropSpec((64, 64)),
    "sigma_px": 1.5,
}
CONFIG = FlowingConfig(k=1, **SHARED)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A single-frame run's weights."""
    torch.manual_seed(0)
    net = SingleFrameNet(SingleFrameConfig(**SHARED))
    torch.nn.init.normal_(net.head.weight, std=0.3)
    path = tmp_path_factory.mktemp("single") / "best.pt"
    torch.save({"ema": net.state_dict()}, path)
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def settings(single: Path, **changes: object) -> Settings:
    return replace(
        load_recipe("flowing_small"),
        model=replace(CONFIG, **changes),
        data=AlignedConfig(sources=("synth",), validation="synth", num_keys=12, num_synth_scenes=3),
        init_from=str(single),
        pretrained_on=(),
        batch_size=4,
    )


def task(single: Path, cache: Path, **changes: object) -> FlowingTask:
    return FlowingTask(settings(single, **changes), cache)


def test_only_the_merging_is_trained_and_starts_as_the_mean(single: Path, cache: Path) -> None:
    opened = task(single, cache)
    model = opened.build().train()
    assert [n for n, p in model.named_parameters() if p.requires_grad] == [
        "pool.weight_JT", "pool.bias_J",
    ]  # fmt: skip
    assert not any(m.training for m in model.encoder.modules())
    data = opened.train_data()
    rows = data.rows(0, [0, 1, 2, 3])
    batch = {name: torch.from_numpy(values) for name, values in rows.items()}
    merged = model.merge(batch["key"], batch["neighbours"], None)
    mean = torch.cat([batch["key"][:, None], batch["neighbours"]], 1).mean(1)
    assert torch.allclose(merged, mean, atol=1e-5)
    losses = opened.losses(model, batch)
    sum(losses.values()).backward()
    assert model.pool.weight_JT.grad.abs().max() > 0


def test_joints_without_a_label_shall_stay_as_they_were(single: Path, cache: Path) -> None:
    """All maps are 1: the labelled joint is 1 too high, another one 3 off what it was alone."""
    opened = task(single, cache, align="none")
    model, side = opened.build(), 4
    num = model.config.num_joints
    maps = torch.ones(2, num, side, side)
    weight = torch.zeros(2, num)
    weight[:, 0] = 1
    alone = maps.clone()
    alone[:, 0], alone[0, 2] = 100.0, 4.0
    losses = opened.losses(
        model,
        {
            "key": maps,
            "neighbours": maps[:, None].repeat(1, len(model.config.offsets), 1, 1, 1),
            "heatmaps": 0 * maps,
            "alone": alone,
            "weight": weight,
        },
    )
    assert float(losses["heatmap"].detach()) == pytest.approx(1000 * 1 / num)
    assert float(losses["unlabelled"].detach()) == pytest.approx(1000 * 9 / num / 2)


def test_a_row_depends_on_seed_step_and_place_alone(single: Path, cache: Path) -> None:
    one, two = (task(single, cache).train_data() for _ in range(2))
    assert (one.num_samples, one.has_epochs) == (12, False)
    for name, values in one.rows(3, [0, 1, 2, 3]).items():
        np.testing.assert_array_equal(values[2:], two.rows(3, [2, 3])[name])
    assert len(one.describe(3)) == 4
    assert any(
        not np.array_equal(a, b)
        for a, b in zip(one.rows(3, [0])["key"], one.rows(4, [0])["key"], strict=True)
    )


def test_damaged_keys_have_their_own_maps_and_the_clean_ones_as_teachers(
    single: Path, cache: Path
) -> None:
    opened = task(single, cache)
    data = opened.train_data()
    held, keys = data._sets[0], np.arange(4)
    clean = held.inputs(keys, np.zeros(4, bool))
    hurt = held.inputs(keys, np.ones(4, bool))
    np.testing.assert_array_equal(clean["key"], held.maps[:4, 0].astype(np.float32))
    assert not np.array_equal(clean["key"], hurt["key"])
    # At the ends of a clip the key is a neighbour, too, and as damaged there.
    own = held.is_key[:4]
    assert own.any()
    np.testing.assert_array_equal(clean["neighbours"][~own], hurt["neighbours"][~own])
    for key, slot in zip(*np.nonzero(own), strict=True):
        np.testing.assert_array_equal(hurt["neighbours"][key, slot], hurt["key"][key])
    taught = data._sample(held, 0, is_damaged=True)["alone"]
    np.testing.assert_array_equal(taught, clean["key"][0])


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
def test_exported_weights_ask_for_flow_and_answer_alone(
    single: Path, cache: Path, tmp_path: Path
) -> None:
    opened = task(single, cache)
    model = opened.build()
    torch.nn.init.normal_(model.pool.weight_JT)
    # export_pose compares joints by torch with those by ONNX Runtime, with flow in both.
    export_pose(*opened.parts(model), tmp_path)
    estimate = load_estimator(tmp_path)
    assert estimate.card.inputs == ("key", "neighbours", "gone")
    assert estimate.card.answers
    plain = task(single, cache, align="none")
    parts, card = plain.parts(plain.build())
    export_pose(parts, card, tmp_path / "plain")
    assert load_estimator(tmp_path / "plain").card.inputs == ("key", "neighbours")


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
def test_the_encoder_of_another_model_is_named_and_not_written(
    single: Path, cache: Path, tmp_path: Path
) -> None:
    plain = task(single, cache, align="none")
    model = plain.build()
    parts, card = plain.parts(model)
    card = replace(card, name="tiny")
    encoder, _ = export_pose(parts, card, tmp_path)
    other = replace(card, name="other")
    (file,) = export_pose(parts, other, tmp_path, share=encoder)
    shared = load_estimator(file)
    assert shared.card.encoder == Shared("tiny.encoder.onnx", file_digest(encoder), "features")
    before = encoder.read_bytes()
    with pytest.raises(BadWeights, match=r"tiny\.encoder\.onnx: is there from an export without"):
        export_pose(parts, card, tmp_path, share=encoder)
    with pytest.raises(BadWeights, match=r"is neither in .*elsewhere nor shipped"):
        export_pose(parts, other, tmp_path / "elsewhere", share=encoder)
    assert encoder.read_bytes() == before
    assert not (tmp_path / "elsewhere").exists()
    crops = check_crops(3, (64, 64))
    own, its = load_estimator(encoder).encode(crops), shared.encode(crops)
    np.testing.assert_array_equal(own.features, its.features)
    np.testing.assert_array_equal(own.maps["heatmaps"], its.maps["heatmaps"])
    # Features that are the maps themselves are asked for once.
    again = OnnxEstimator(
        open_graph(encoder, encoder.read_bytes(), EngineSpec(threads=1)).run,
        lambda inputs, names: [],
        replace(shared.card, encoder=replace(shared.card.encoder, features="heatmaps")),
    )
    np.testing.assert_array_equal(again.encode(crops).features, own.features)
    np.testing.assert_array_equal(again.encode(crops).maps["heatmaps"], own.features)
    torch.nn.init.normal_(model.head.weight)
    parts, _ = plain.parts(model)
    # What fails its check leaves the files that were there.
    held = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(GLPoseError, match=r"or the network in tiny\.encoder\.onnx is another"):
        export_pose(parts, other, tmp_path, share=encoder)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == held
    for kind in ("starter", "summary"):
        (tmp_path / f"tiny.{kind}.onnx").touch()
        with pytest.raises(BadWeights, match=rf"{kind}\.onnx: is there from an export of a netw"):
            export_pose(parts, card, tmp_path)
        (tmp_path / f"tiny.{kind}.onnx").unlink()
    small = task(single, cache, crop=CropSpec((32, 32)))
    parts, card = small.parts(Flowing(small._recipe.model))
    with pytest.raises(BadWeights, match=r"its crops are \[64, 64, 3\], but this network's \[32"):
        export_pose(parts, card, tmp_path, share=encoder)


def test_scores_are_of_clean_and_of_damaged_keys(single: Path, cache: Path) -> None:
    opened = task(single, cache)
    scores = opened.score(opened.build().eval())
    assert set(scores) == {
        "mean@0.2", "clean@0.2", "clean@0.1", "damaged@0.2", "damaged@0.1",
    }  # fmt: skip
    assert len(opened.pictures(opened.build().eval())) > 0


def test_it_needs_a_network_to_start_from_and_sensible_settings(single: Path, cache: Path) -> None:
    opened = task(single, cache)
    nothing = FlowingTask(replace(opened._recipe, init_from=""), cache)
    with pytest.raises(BadConfig, match=r"--init RUN/best\.pt"):
        nothing.build()
    assert isinstance(nothing.build(fresh=True), Flowing)
    with pytest.raises(BadConfig, match="k is 0; expected 1 to 7"):
        replace(CONFIG, k=0)
    with pytest.raises(BadConfig, match="num_joints is 15, but the skeleton body19 has 19"):
        replace(CONFIG, skeleton="body19")


def test_a_run_goes_on_from_its_own_weights(single: Path, cache: Path, tmp_path: Path) -> None:
    model = task(single, cache).build()
    torch.nn.init.normal_(model.pool.weight_JT)
    torch.save({"ema": model.state_dict()}, tmp_path / "best.pt")
    again = task(tmp_path / "best.pt", cache).build()
    assert torch.equal(again.pool.weight_JT, model.pool.weight_JT)


@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_merging_without_weights_is_scored_and_exported(
    single: Path, cache: Path, tmp_path: Path, pooling: str
) -> None:
    recipe, told = settings(single, pooling=pooling), []
    best = train(recipe, SYSTEM, tmp_path / "run", cache_dir=cache, report=told.append)
    unused = f"data.num_keys=12 is not used: pooling '{pooling}' learns from no keys"
    assert told[:2] == [
        unused,
        "nothing of this network is trained: it is scored and saved as it is",
    ]
    assert told[2].startswith(f"step 0/{recipe.num_steps} ")
    pictures = (tmp_path / "run" / "samples").iterdir()
    assert [path.name for path in pictures] == ["step_000000.jpg"]
    assert (
        json.loads((tmp_path / "run" / "recipe.json").read_text())["in_steps"]["num_samples"] == 1
    )
    assert torch.load(best, weights_only=True)["scores"]["clean@0.2"] >= 0
    told.clear()
    train(recipe, SYSTEM, tmp_path / "run", cache_dir=cache, resume=True, report=told.append)
    assert told == [unused, f"resumed at step 0 of {recipe.num_steps}"]
    paths = export_run(tmp_path / "run", tmp_path / "out", None, {}, [])
    card = load_estimator(paths[0].parent).card
    assert card.inputs == ("key", "neighbours", "gone")
    assert card.made_by["steps"] == f"0 of {recipe.num_steps}"
