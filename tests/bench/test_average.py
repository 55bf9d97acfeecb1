"""Averages of two trainings of a network: weights between, norms measured anew, strangers refused."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
import average  # noqa: E402
from average import measure_norms, mixed, start_of  # noqa: E402

import glpose  # noqa: E402
from glpose.cli.main import main  # noqa: E402
from glpose.errors import BadWeights  # noqa: E402
from glpose.formats.sets import DATASETS  # noqa: E402
from glpose.runtime.load import load_estimator  # noqa: E402
from glpose.train.run.log import RunLog  # noqa: E402

Called = Callable[..., tuple[int, str, str]]

TINY = (
    "precision=fp32",
    "batch_size=2",
    "data.num_synth_scenes=1",
    "model.backbone.width=0.25",
    "model.backbone.pyramid=[8,8,8]",
    "model.backbone.channels=8",
    "model.crop.size_hw=[64,48]",
)


def weights(value: float, size: int = 3) -> dict[str, Any]:
    return {"weight": torch.full((size,), value), "count": torch.tensor(int(value))}


def test_weights_lie_between_and_whole_numbers_are_those_of_the_second() -> None:
    for share, expected in ((0.0, 1.0), (0.75, 2.5), (1.0, 3.0)):
        found = mixed(weights(1.0), weights(3.0), share)
        assert found["weight"].tolist() == [expected] * 3
        assert found["count"] == 3


def test_another_network_is_refused() -> None:
    with pytest.raises(BadWeights, match="different networks"):
        mixed(weights(1.0, 3), weights(1.0, 4), 0.5)


def test_norms_have_the_statistics_of_all_batches_and_weights_stay() -> None:
    net = torch.nn.Sequential(torch.nn.BatchNorm2d(1))
    net[0].running_mean.fill_(77.0)
    task: Any = SimpleNamespace(losses=lambda model, batch: model(batch["images"]))
    batches = [{"images": torch.full((2, 1, 4, 4), value)} for value in (1.0, 2.0, 6.0)]
    measure_norms(task, net, batches)
    assert net[0].running_mean.item() == pytest.approx(3.0)
    assert net[0].running_var.item() == pytest.approx(0.0, abs=1e-6)
    assert net[0].weight.item() == 1.0
    assert not net.training


def test_norms_of_tracks_are_measured_too() -> None:
    net = torch.nn.Sequential(torch.nn.BatchNorm1d(1))
    task: Any = SimpleNamespace(losses=lambda model, batch: model(batch["joints"]))
    measure_norms(task, net, [{"joints": torch.full((2, 1, 4), value)} for value in (2.0, 6.0)])
    assert net[0].running_mean.item() == pytest.approx(4.0)


@pytest.mark.parametrize("is_seeded", [True, False])
def test_a_start_with_new_weights_is_known_if_they_come_from_the_seed(*, is_seeded: bool) -> None:
    def build() -> Any:
        if is_seeded:
            torch.manual_seed(3)
        return torch.nn.Linear(2, 2)

    task: Any = SimpleNamespace(build=build)
    recipe: Any = SimpleNamespace(init_from="start.pt", name="tiny")
    if is_seeded:
        assert torch.equal(start_of(task, recipe, is_own=True).weight, build().weight)
        return
    with pytest.raises(BadWeights, match=r"^start.pt: has not all weights of the network of tiny;"):
        start_of(task, recipe, is_own=True)


def test_another_network_has_to_have_all_weights_whatever_a_seed_would_draw(tmp_path: Path) -> None:
    whole = torch.nn.Linear(2, 2)
    task: Any = SimpleNamespace(build=lambda: whole)
    for name, keys in (("whole", ("weight", "bias")), ("few", ("weight",))):
        torch.save({"ema": {key: whole.state_dict()[key] for key in keys}}, tmp_path / f"{name}.pt")
        recipe: Any = SimpleNamespace(
            init_from=str(tmp_path / f"{name}.pt"), name="tiny", system="glpose"
        )
        if name == "whole":
            assert start_of(task, recipe, is_own=False) is whole
            continue
        with pytest.raises(BadWeights, match="has not all weights of the network of tiny"):
            start_of(task, recipe, is_own=False)


@pytest.mark.parametrize("lacks", ["seed", "seconds", "recipe"])
def test_what_does_not_say_how_it_was_trained_is_told_by_its_name(
    lacks: str, tmp_path: Path
) -> None:
    recipe = {"name": "tiny", "seed": 1}
    recipe.pop(lacks, None)
    state = {"recipe": json.dumps(recipe), "step": 7, "seconds": 60.0}
    if lacks == "recipe":
        state["recipe"] = "no JSON"
    state.pop(lacks if lacks == "seconds" else "", None)
    torch.save(state, tmp_path / "other.pt")
    assert average.told(tmp_path / "other.pt") == "other.pt"


def train(folder: Path, name: str, *settings: str) -> int:
    """`glpose train` of a tiny network into `folder / name`, or on from there."""
    changes = [word for item in (*TINY, *settings) for word in ("--set", item)]
    where = ("--cache", str(folder / "cache"), "-o", str(folder / name), "--resume")
    return main(["train", "pretrain_small", "--synth-only", *where, *changes])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with run `a` and run `b`, which started from it, and the `cache` of both."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunLog, "draw", lambda self: None)
        patch.setattr("glpose.train.run.sheet.NUM_SAMPLES", 2)
        first = ("num_steps=1", "seed=3", "init_from=", "pretrained_on=[]")
        assert train(folder, "a", *first) == 0
        assert train(folder, "b", "num_steps=2", "seed=6", f"init_from={folder / 'a'}") == 0
    return folder


def told(run: Path, seed: int, steps: int) -> str:
    minutes = f"{torch.load(run / 'last.pt', weights_only=True)['seconds'] / 60:.0f} minutes"
    return f"pretrain_small (seed {seed}, {steps} steps, {minutes}, glpose {glpose.__version__})"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
def test_an_average_of_two_runs_is_exported_as_it_is_and_its_card_says_what_it_is(
    runs: Path, called: Called, tmp_path: Path
) -> None:
    last, first = runs / "b" / "last.pt", runs / "a" / "last.pt"
    how = ("--first", first, "--share", "0.8", "--cache", runs / "cache")
    assert called("average", last, "mean", *how, "--steps", "1") == (0, "wrote mean\n", "")
    parts = f"0.8 of {told(runs / 'b', 6, 2)} and 0.2 of {told(runs / 'a', 3, 1)}"
    assert main(["export", "mean", "--name", "mine"]) == 0
    card = load_estimator("weights/mine.fusion.onnx").card
    assert card.made_by["average"] == f"{parts}; batch norms measured anew (--steps 1)"
    assert card.made_by["recipe"] == "pretrain_small"
    assert not {"steps", "minutes"} & card.made_by.keys()
    assert card.trained_on == (DATASETS["synth"].terms,)
    assert main(["info", "weights"]) == 0
    weights = [torch.load(path, weights_only=True)["ema"] for path in (first, last)]
    found = torch.load("mean/best.pt", weights_only=True)["ema"]
    between = mixed(weights[0], weights[1], 0.8)
    torch.testing.assert_close(found["head.weight"], between["head.weight"])
    means = [name for name in found if name.endswith("running_mean")]
    assert any(not torch.allclose(found[name], between[name]) for name in means)
    command = json.loads((tmp_path / "mean" / "recipe.json").read_text("utf-8"))["command"]
    assert command[:3] == ["average.py", str(last), "mean"]
    # Without data where norms are averaged, with the start of the run's own, and of an average.
    assert called("average", last, "own", "--steps", "0", "--cache", "none")[0] == 0
    own = torch.load("own/best.pt", weights_only=True)["average"]
    assert (
        own
        == f"0.75 of {told(runs / 'b', 6, 2)} and 0.25 of {told(runs / 'a', 3, 1)}; batch norms averaged, too"
    )
    assert called("average", last, "again", "--first", "own", "--steps", "0")[0] == 0
    again = torch.load("again/best.pt", weights_only=True)["average"]
    assert f" and 0.25 of pretrain_small ({own}); " in again


@pytest.mark.slow
def test_no_run_goes_on_in_the_folder_of_an_average(
    runs: Path, called: Called, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert called("average", runs / "b" / "last.pt", "mean", "--steps", "0")[0] == 0
    before = Path("mean/best.pt").read_bytes()
    how = ("num_steps=2", "seed=6", f"init_from={runs / 'a'}")
    assert train(tmp_path, "mean", *how) == 2
    assert "last.pt: not the checkpoint of this run" in capsys.readouterr().err
    assert Path("mean/best.pt").read_bytes() == before


@pytest.mark.slow
def test_what_cannot_be_averaged_is_one_line_and_leaves_no_run(
    runs: Path, called: Called, tmp_path: Path
) -> None:
    last = runs / "b" / "last.pt"
    saved = torch.load(last, weights_only=True)

    def refused(*arguments: object) -> str:
        status, out, err = called("average", *arguments, "--steps", "0")
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert not Path("mean").exists()
        return err

    few = {name: value for name, value in saved["ema"].items() if name.startswith("encoder.")}
    wide = saved["ema"] | {"head.weight": torch.zeros(9, 9, 1, 1)}
    for name, ema in (("few", few), ("wide", wide)):
        torch.save(saved | {"ema": ema}, f"{name}.pt")
    assert "few.pt: does not fit this recipe's network (it has no head.weight)" in refused(
        last, "mean", "--first", "few.pt"
    )
    assert "wide.pt: does not fit this recipe's network" in refused(
        last, "mean", "--first", "wide.pt"
    )
    assert "started from no network" in refused(runs / "a" / "last.pt", "mean")
    for change in ({"ema": saved["ema"]}, saved | {"ema": 3}, saved | {"recipe": "[1]"}):
        torch.save(change, "bare.pt")
        assert "bare.pt: not a checkpoint of a training run" in refused("bare.pt", "mean")
    assert "exists; expected a folder that can be made" in refused(last, tmp_path)
