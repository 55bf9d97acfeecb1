"""A run's folder rebuilds itself from its own record, whatever became of its recipe.

`tests/records` has records that older versions wrote (first line: `recipe.json` without what tells
of the machine; second line: names and shapes of the weights in its `best.pt`), of networks made tiny
by `--set`. The recipe `glpose_w48` of 0.1.0 has another name since 0.2.0, and the systems `hrnet` and
`simple_baseline` of 0.2.0 are `single_frame` now.
"""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glpose.errors import BadConfig, BadInput, BadWeights  # noqa: E402
from glpose.jobs.runs import estimator_of_run, export_run, open_run, recorded_recipe  # noqa: E402
from glpose.jobs.weights import open_weights  # noqa: E402
from glpose.nets.spec import HRNetConfig, ResNetConfig  # noqa: E402
from glpose.recipes import RECIPES  # noqa: E402
from glpose.runtime.engine import EngineSpec  # noqa: E402
from glpose.systems import load_system  # noqa: E402
from glpose.systems.glpose.spec import GLPoseConfig  # noqa: E402
from glpose.systems.single_frame.spec import SingleFrameConfig  # noqa: E402
from glpose.train.run.record import check_record  # noqa: E402

pytestmark = pytest.mark.torch

RECORDS = Path(__file__).parents[2] / "records"
OLD = {
    "hrnet_0.2.0": ("single_frame", SingleFrameConfig, HRNetConfig),
    "simple_baseline_0.2.0": ("single_frame", SingleFrameConfig, ResNetConfig),
    "glpose_w48_0.1.0": ("glpose", GLPoseConfig, HRNetConfig),
}


def old_run(name: str, folder: Path) -> Path:
    """The folder of an old run, with weights of its names and shapes."""
    record, weights = (RECORDS / f"{name}.json").read_text("utf-8").splitlines()
    folder.mkdir()
    (folder / "recipe.json").write_text(record, "utf-8")
    torch.manual_seed(0)
    ema = {key: torch.rand(shape) for key, shape in json.loads(weights).items()}
    torch.save({"ema": ema, "step": 1, "seconds": 60.0, "recipe": record}, folder / "best.pt")
    return folder


@pytest.mark.parametrize("name", OLD)
def test_runs_of_older_versions_open_again(name: str, tmp_path: Path) -> None:
    system, model, backbone = OLD[name]
    folder = old_run(name, tmp_path / "run")
    run = open_run(folder)
    assert run.recipe.system == system
    assert type(run.recipe.model) is model
    assert type(run.recipe.model.backbone) is backbone
    assert run.recipe.model.backbone.width == 4
    ema = torch.load(folder / "best.pt", weights_only=True)["ema"]
    state = run.model.state_dict()
    assert state.keys() == ema.keys()
    assert all(torch.equal(state[key], value.to(state[key].dtype)) for key, value in ema.items())
    assert run.made_by["steps"] == "1 of 1"
    estimate, record = estimator_of_run(folder)
    assert record["name"] == run.recipe.name
    assert estimate.card.crop == run.recipe.model.crop


def test_a_run_runs_on_the_device_and_threads_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, before = old_run("hrnet_0.2.0", tmp_path / "run"), torch.get_num_threads()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BadConfig, match="device is 'cuda', but torch finds no GPU"):
        open_weights(str(folder), EngineSpec(device="cuda"))
    # The CPU is what is asked for unless told, whether or not there is a GPU.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    used: list[int] = []
    conv2d = torch.conv2d

    def counted(*inputs: object, **more: object) -> torch.Tensor:
        used.append(torch.get_num_threads())
        return conv2d(*inputs, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(torch.nn.functional, "conv2d", counted)
    estimate, _ = open_weights(str(folder), EngineSpec(threads=before + 1))
    estimate.encode(np.zeros((1, *estimate.card.crop.size_hw, 3), np.uint8))
    assert set(used) == {before + 1}
    assert torch.get_num_threads() == before


@pytest.mark.slow
def test_a_run_whose_recipe_is_gone_is_exported(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    run = old_run("glpose_w48_0.1.0", tmp_path / "run")
    assert "glpose_w48" not in RECIPES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        files = export_run(run, tmp_path / "out", None, {}, [])
    assert [file.name for file in files] == ["glpose_w48.encoder.onnx", "glpose_w48.fusion.onnx"]


def test_an_encoder_is_shared_with_weights_that_have_one(tmp_path: Path) -> None:
    run = old_run("hrnet_0.2.0", tmp_path / "run")
    fusion = tmp_path / "half.fusion.onnx"
    fusion.write_bytes(b"")
    with pytest.raises(
        BadWeights, match=r"--share .*half\.fusion\.onnx: has no encoder of its own"
    ):
        export_run(run, tmp_path / "out", None, {}, [], share=str(fusion))


@pytest.mark.parametrize("name", ["hrnet_0.2.0", "simple_baseline_0.2.0"])
def test_a_run_of_a_system_that_was_renamed_can_be_resumed(name: str, tmp_path: Path) -> None:
    folder = old_run(name, tmp_path / "run")
    recipe = open_run(folder).recipe
    formerly = load_system("single_frame").formerly
    assert check_record(folder, recipe, resume=True, formerly=formerly)
    with pytest.raises(BadConfig, match=r"another recipe \(changed: system\)"):
        check_record(folder, recipe, resume=True)


def test_settings_of_use_are_changed_and_weights_to_start_from_are_not_looked_for(
    tmp_path: Path,
) -> None:
    folder = old_run("hrnet_0.2.0", tmp_path / "run")
    record = json.loads((folder / "recipe.json").read_text("utf-8"))
    record["recipe"] |= {"init_from": "gone.pt", "pretrained_on": ["coco"]}
    (folder / "recipe.json").write_text(json.dumps(record), "utf-8")
    run = open_run(folder, ["model.decode=quarter"])
    assert run.recipe.model.decode == "quarter"
    # The card still says what the weights have seen.
    assert "COCO" in " ".join(estimator_of_run(folder)[0].card.trained_on)


def test_what_a_record_lacks_or_has_too_much_is_named(tmp_path: Path) -> None:
    plain = json.loads((RECORDS / "hrnet_0.2.0.json").read_text("utf-8").splitlines()[0])["recipe"]
    with pytest.raises(
        BadConfig, match="unknown system 'vitpose'; known: css, dg_net, dkd, flowing, glpose, "
    ):
        recorded_recipe(plain | {"system": "vitpose"})
    with pytest.raises(BadConfig, match="unknown setting 'batchsize' in Recipe; did you mean"):
        recorded_recipe(plain | {"batchsize": 3})
    with pytest.raises(BadConfig, match="SingleFrameConfig"):
        recorded_recipe(plain | {"model": plain["model"] | {"stride": 8}})
    folder = old_run("hrnet_0.2.0", tmp_path / "run")
    (folder / "recipe.json").write_text('{"recipe": {"name": "x"}}', "utf-8")
    with pytest.raises(BadInput, match="cannot be read as the record of a run"):
        open_run(folder)
    whole = json.loads((RECORDS / "hrnet_0.2.0.json").read_text("utf-8").splitlines()[0])
    for changed in ({"commit": None}, {"versions": [1]}, {"in_steps": None}):
        record = {
            key: value for key, value in (whole | changed).items() if key != "commit" or value
        }
        (folder / "recipe.json").write_text(json.dumps(record), "utf-8")
        with pytest.raises(BadInput, match=r"recipe\.json: cannot be read as the record of a run"):
            open_run(folder)


def test_what_a_checkpoint_lacks_is_named_and_so_is_a_run_without_one(tmp_path: Path) -> None:
    folder = old_run("hrnet_0.2.0", tmp_path / "run")
    best = folder / "best.pt"
    saved = torch.load(best, weights_only=True)
    for name in ("ema", "step", "seconds"):
        torch.save({key: value for key, value in saved.items() if key != name}, best)
        with pytest.raises(BadWeights, match=rf"not the .* of this run \(it has no '{name}'\)"):
            open_run(folder)
    torch.save(saved | {"ema": {}}, best)
    with pytest.raises(BadWeights, match=r"\(its network or its parts are others\)"):
        open_run(folder)
    best.unlink()
    with pytest.raises(BadWeights, match=r"run: has no best\.pt, .*--resume, or copy last\.pt"):
        open_run(folder)


def test_an_average_of_runs_has_no_steps_of_its_own(tmp_path: Path) -> None:
    folder = old_run("hrnet_0.2.0", tmp_path / "run")
    ema = torch.load(folder / "best.pt", weights_only=True)["ema"]
    torch.save({"ema": ema, "average": "0.8 of this and 0.2 of that"}, folder / "best.pt")
    made_by = open_run(folder).made_by
    assert list(made_by)[:3] == ["recipe", "average", "commit"]
    assert made_by["average"] == "0.8 of this and 0.2 of that"
