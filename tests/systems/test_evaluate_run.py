"""A run folder is evaluated by torch as its exported weights are by ONNX Runtime."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from glpose.cli.main import main  # noqa: E402
from glpose.config import to_plain  # noqa: E402
from glpose.formats.posetrack.labels import open_posetrack, read_prediction_file  # noqa: E402
from glpose.jobs.runs import estimator_of_run, export_run  # noqa: E402
from glpose.recipes import load_recipe  # noqa: E402
from glpose.runtime.engine import EngineSpec  # noqa: E402
from glpose.runtime.load import load_estimator  # noqa: E402
from glpose.synth.layouts import write_layout  # noqa: E402
from glpose.systems import load_system  # noqa: E402
from glpose.systems.glpose.spec import with_sources  # noqa: E402
from glpose.train.change import with_roots  # noqa: E402
from glpose.train.loop import train  # noqa: E402
from tiny_hrnet import tiny_hrnet  # noqa: E402

pytestmark = pytest.mark.torch

TINY = tiny_hrnet(4)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A small set, a run of one step on it, and the run's exported weights."""
    folder = tmp_path_factory.mktemp("evaluated")
    data = folder / "posetrack17"
    write_layout("posetrack17", data, seed=1, num_videos=4, num_frames=5, size_hw=(96, 128))
    recipe = with_roots(load_recipe("glpose_w48_posetrack17"), [f"posetrack17={data}"])
    crop = replace(recipe.model.crop, size_hw=(32, 32))
    model = replace(with_sources(recipe.model, k=1, n=2), backbone=TINY, crop=crop, sigma_px=1.0)
    recipe = replace(recipe, model=model, batch_size=2, num_epochs=0, num_steps=1)
    train(recipe, load_system(recipe.system), folder / "run", cache_dir=folder / "cache")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        export_run(folder / "run", folder / "weights", "tiny", {}, [])
    return data, folder / "run", folder / "weights"


def test_the_bridge_gives_what_exported_weights_give(folders: tuple[Path, Path, Path]) -> None:
    _, run, weights = folders
    (by_torch, record), by_onnx = (
        estimator_of_run(run),
        load_estimator(weights, EngineSpec(threads=1)),
    )
    assert by_torch.card.slots == by_onnx.card.slots
    assert by_torch.card.crop == by_onnx.card.crop
    assert by_torch.card.codec == by_onnx.card.codec
    assert set(record) == {"name", "made_by", "sha256"}
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 256, (11, 32, 32, 3), np.uint8)  # more than go through at once
    features, embedding, *_ = by_torch.encode(crops)
    for found, expected in zip(by_onnx.encode(crops)[:2], (features, embedding), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    inputs = {"key": features}
    for slot in by_torch.card.neighbours:
        others = [np.roll(features, i + 1, 0) for i in range(len(slot.offsets))]
        inputs[slot.name] = np.stack(others, 1)
    for slot in by_torch.card.similar:
        others = [np.roll(features, -i - 1, 0) for i in range(slot.num)]
        inputs[slot.name] = np.stack(others, 1)
        inputs[slot.weight] = np.full((11, slot.num, 1), 1 / slot.num, np.float32)
    assert set(inputs) == {"key", "local", "global", "global_weight"}
    a, b = (e.solve(inputs)["heatmaps"] for e in (by_torch, by_onnx))
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_a_run_is_evaluated_as_its_exported_weights_are(
    folders: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    data, run, weights = folders
    names = [sequence.name for sequence in open_posetrack(data, 2017, "train")]
    found = []
    for i, what in enumerate((run, weights)):
        out = tmp_path / str(i)
        set_ = ["--data", str(data), "--metric", "posetrack", "--split", "train"]
        assert main(["evaluate", str(what), *set_, "--out", str(out), "--threads", "1"]) == 0
        files = [out / "predictions" / f"{name}.json" for name in names]
        found.append([poses for file in files for poses in read_prediction_file(file)])
        settings = json.loads((out / "scores.json").read_text())["settings"]
        assert settings["options"]["candidates"] == "video"
        assert list(settings["weights"]["sha256"]) == (
            ["best.pt"] if what is run else ["tiny.encoder.onnx", "tiny.fusion.onnx"]
        )
    for by_torch, by_onnx in zip(*found, strict=True):
        np.testing.assert_array_equal(by_torch.people.track_id, by_onnx.people.track_id)
        np.testing.assert_allclose(by_torch.score, by_onnx.score, atol=1e-3)


def test_what_is_no_run_of_a_pose_estimator_is_refused(
    tmp_path: Path, folders: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    run.mkdir()

    def refusal() -> str:
        set_ = ["--data", str(folders[0]), "--metric", "posetrack"]
        assert main(["evaluate", str(run), *set_, "--out", str(out)]) == 2
        assert not out.exists()
        return capsys.readouterr().err

    (run / "recipe.json").write_text("{")
    assert "cannot be read as the record of a run" in refusal()
    recipe = load_recipe("person_small")
    record = {"recipe": to_plain(recipe), "commit": "", "versions": {}}
    (run / "recipe.json").write_text(json.dumps(record))
    assert "run: has no best.pt, which the first validation" in refusal()
    model = load_system(recipe.system).open(recipe, tmp_path).build()
    state = {"ema": model.state_dict(), "step": 1, "seconds": 1.0}
    torch.save(state, run / "best.pt")
    assert "a run of 'person_small', whose system person_detector estimates no poses" in refusal()
