"""Training from a bare clone: each recipe on synth alone, export, and a run with what came out."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

pytestmark = [
    pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx"),
]

import glpose  # noqa: E402
import glpose.train.__main__  # noqa: E402
from glpose.cli.main import main  # noqa: E402
from glpose.formats.sets import DATASETS  # noqa: E402
from glpose.imaging import read_image  # noqa: E402
from glpose.runtime.load import find_weights, load_detector, load_estimator, read_card  # noqa: E402
from glpose.systems.person_detector import system as person_detector  # noqa: E402
from glpose.train.run.log import RunLog  # noqa: E402
from rendered import write_clip  # noqa: E402

SHORT = ("num_steps=2", "batch_size=2", "data.num_synth_scenes=1", "precision=fp32")
TINY_BACKBONE = (
    "model.backbone.width=0.25",
    "model.backbone.pyramid=[8,8,8]",
    "model.backbone.channels=8",
    "model.crop.size_hw=[64,48]",
)
TINY = {
    "pretrain_small": (*TINY_BACKBONE, "init_from=", "pretrained_on=[]"),
    "glpose_small": (*TINY_BACKBONE, "data.num_variants=1", "data.damaged_stride=1"),
    "person_small": (
        "model.backbone.width=0.25",
        "model.neck_width=8",
        "model.size_hw=[64,96]",
        "init_from=",
        "pretrained_on=[]",
        "data.synth_frames=1",
        "data.sizes_hw=[[96,96]]",
    ),
}

Train = Callable[..., int]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def train(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """`glpose train NAME`, tiny, into `tmp_path / "runs" / NAME`."""
    monkeypatch.setattr(RunLog, "draw", lambda self: None)
    monkeypatch.setattr("glpose.train.run.sheet.NUM_SAMPLES", 2)
    monkeypatch.setattr(person_detector, "_NUM_SYNTH_SCENES", 1)
    monkeypatch.chdir(tmp_path)

    def call(name: str, *options: str | Path) -> int:
        settings = [*SHORT, *TINY.get(name, ())]
        if "--init" in options:  # a setting would count more
            settings = [item for item in settings if item != "init_from="]
        changes = [word for item in settings for word in ("--set", item)]
        return main(["train", name, "--cache", str(cache), *changes, *map(str, options)])

    return call


def export(name: str) -> int:
    return main(["export", f"runs/{name}", "-o", "weights"])


def test_recipes_train_on_synth_alone_and_their_weights_run(
    train: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("pretrain_small", "--synth-only") == 0
    assert "export it with: glpose export runs/pretrain_small" in capsys.readouterr().out
    sheet = read_image(Path("runs/pretrain_small/samples/step_000002.jpg"))
    assert sheet.shape == (256 + 8, 2 * (192 + 4) + 4, 3)
    start = ("--init", "runs/pretrain_small/best.pt")
    assert train("glpose_small", "--synth-only", *start) == 0
    assert train("person_small", "--synth-only") == 0
    assert all(export(name) == 0 for name in TINY)
    assert capsys.readouterr().err == ""
    Path("file").touch()
    assert main(["export", "runs/pretrain_small", "-o", "file"]) == 2
    assert "--output file: file cannot be written (File exists)" in only_line(capsys)

    boxes = write_clip(Path("walk.mp4"))
    finder = ("--detector", "weights/person_small.onnx")
    for pose, found in (("glpose_small", finder), ("pretrain_small", ("--boxes", str(boxes)))):
        out = tmp_path / pose
        weights = ["--weights", f"weights/{pose}.encoder.onnx", "-o", str(out), "--threads", "1"]
        assert main(["run", "walk.mp4", *weights, *found, "--quiet"]) == 0
        result = glpose.load(out / "walk" / "poses.jsonl")
        assert len(result.frames) == 6
        assert result.models["pose"]["name"] == pose
    assert all(len(poses.people) == 1 for poses in result.frames)


@pytest.mark.slow
def test_torchrun_trains_as_one_process_does(
    train: Train, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("pretrain_small", "--synth-only", "--set", "log_every=1") == 0
    settings = [*SHORT, *TINY["pretrain_small"], "log_every=1"]
    changes = [word for item in settings for word in ("--set", item)]
    where = ["--cache", str(cache), "-o", "runs/two"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"),
            *("-m", "glpose.train", "pretrain_small", "--synth-only", *where, *changes),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("best checkpoint: runs/two/best.pt")
    assert len([line for line in done.stdout.splitlines() if "step 1/2" in line]) == 1
    one, two = (losses_of(Path("runs") / name) for name in ("pretrain_small", "two"))
    assert len(one) == 2
    assert two == pytest.approx(one, rel=1e-4)


def losses_of(folder: Path) -> list[float]:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [row["losses"]["heatmap"] for row in rows if "losses" in row]


@pytest.mark.parametrize("rank", ["0", "1"])
def test_one_of_several_processes_answers_for_wrong_words(
    rank: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr(sys, "argv", ["", "pretrain_small", "--datas", "x"])
    monkeypatch.setattr(glpose.train.__main__, "_GRACE_S", 0.0)
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process keeps its own
    assert glpose.train.__main__.start() == 2
    assert capsys.readouterr().err.count("--datas") == (1 if rank == "0" else 0)


def test_a_network_that_is_validated_on_what_it_is_trained_on_says_so_but_trains(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--synth-only", "--set", "num_steps=1", "--set", "data.validation=synth")
    assert train("pretrain_small", *options) == 0
    assert "pretrain_small is validated on synth, which it is trained on" in only_line(capsys)


def test_a_network_that_should_not_start_at_random_says_so_but_trains(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("glpose_small", "--synth-only", "--set", "num_steps=1") == 0
    told = only_line(capsys)
    assert "starts from random" in told
    assert "--init" in told
    # Nor does a card claim data that had no part in it.
    assert export("glpose_small") == 0
    trained_on = load_estimator("weights/glpose_small.fusion.onnx").card.trained_on
    assert trained_on == (DATASETS["synth"].terms,)


def test_a_processor_that_only_emulates_bf16_is_told_of(
    train: Train, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glpose.train.run.processor.emulates_bf16", lambda device: True)
    once = ("pretrain_small", "--synth-only", "--set", "num_steps=1")
    assert train(*once, "--set", "precision=bf16") == 0
    assert "give --set precision=fp32" in only_line(capsys)
    # A run cannot change its precision any more.
    assert train(*once, "--set", "precision=bf16", "--resume") == 0
    assert not capsys.readouterr().err


@pytest.mark.slow
def test_training_goes_on_from_shipped_weights(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    still = ("--set", "num_steps=1", "--set", "optimizer.lr=0")
    tiny = ("--set", "model.crop.size_hw=[64,48]")
    assert train("longer_small", "--synth-only", "--init", "pose_small", *still, *tiny) == 0
    assert capsys.readouterr().err == ""
    started = json.loads(Path("runs/longer_small/recipe.json").read_text("utf-8"))
    assert started["recipe"]["init_from"].endswith("pose_small.encoder.onnx")
    again = ("-o", "runs/again", *still, *tiny)
    assert train("longer_small", "--synth-only", "--init", "picture_small", *again) == 0
    # What the weights had seen before stays on the card, also of a recipe that names less.
    shipped = read_card(find_weights("person_small", "detector").files[0])
    few = [*SHORT, "data.synth_frames=1", "data.sizes_hw=[[96,96]]"]
    small = [word for item in few for word in ("--set", item)]
    call = ["train", "person_small", "--synth-only", "--init", "person_small", *small, *still]
    assert main(call) == 0
    assert main(["export", "runs/person_small", "-o", "weights"]) == 0
    assert set(shipped.trained_on) <= set(read_card(Path("weights/person_small.onnx")).trained_on)
    assert main(["export", "runs/person_small", "-o", "half", "--half"]) == 0
    sizes = [Path(folder, "person_small.onnx").stat().st_size for folder in ("half", "weights")]
    assert sizes[0] < 0.6 * sizes[1]
    rgb = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), np.uint8)
    half, whole = (load_detector(f"{folder}/person_small.onnx") for folder in ("half", "weights"))
    for one, two in zip(half.run(rgb), whole.run(rgb), strict=True):
        assert not np.array_equal(one, two)
        np.testing.assert_allclose(one, two, atol=0.05)


def only_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("glpose: ")
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pretrain_smal"], "unknown recipe 'pretrain_smal'; did you mean 'pretrain_small'?"),
        (["pretrain_small", "--set", "optimiser.lr=1"], "did you mean 'optimizer'?"),
        (["pretrain_small", "--set", "model.backbone.width=wide"],
         "width: expected float, found 'wide'"),
        (["pretrain_small", "--set", "num_steps=2.0"], "Recipe.num_steps: expected int, found 2.0"),
        (["pretrain_small", "--set", "num_steps=0"], "num_steps is 0; expected 1 to 1e+09"),
        (["pretrain_small", "--set", "num_steps"], "expected NAME=VALUE"),
        (["pretrain_small"], "pass --data lspet=FOLDER, or train on synth alone with --synth-only"),
        (["pretrain_small", "--data", "lspet"],
         "uses several sets (badminton, coco, free_exercise, jhmdb, lsp, lspet,"),
        (["pretrain_small", "--data", "lspe=."], "unknown set 'lspe'; did you mean 'lspet'?"),
        (["pretrain_small", "--data", "lspet=nowhere"], "nowhere is not a folder"),
        (["glpose_small", "--data", "nowhere"], "nowhere is not a folder"),
        (["pretrain_small", "--synth-only", "--set", "accumulate=4"], "expected a multiple of 4"),
        (["pretrain_small", "--synth-only", "--set", "num_epochs=2"], "exclude each other"),
        (["pretrain_small", "--synth-only", "-o", "/proc/nothing/run"],
         "/proc/nothing/run: nothing can be written there"),
        (["pretrain_small", "--synth-only", "--init", "none.pt"], "none.pt: not found"),
        (["dkd_small", "--synth-only", "--init", "pose_small"],
         "pose_small.encoder.onnx: an exported network, which this recipe cannot start from"),
        (["pretrain_small", "--synth-only", "--set", "optimizer.lr=-1"],
         "optimizer.lr is -1.0; expected 0 to 1000"),
        (["pretrain_small", "--synth-only", "--set", "model.crop.size_hw=[63,0]"],
         "crop.size_hw is (63, 0); expected 1 to 4096"),
        (["glpose_small", "--synth-only", "--set", "model.crop.size_hw=[63,61]"],
         "crop.size_hw is [63, 61]"),
        (["pretrain_small", "--threads", "0"], "--threads is 0"),
        (["pretrain_small", "--datas", "x"], "--datas"),
    ],
)  # fmt: skip
def test_wrong_calls_are_one_line_and_leave_no_run(
    train: Train, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(*arguments) == 2
    assert words in only_line(capsys)
    assert not Path("runs").exists()


def test_a_run_is_resumed_only_when_asked_and_only_as_it_was(
    train: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("pretrain_small", "--synth-only") == 0
    capsys.readouterr()
    assert train("pretrain_small", "--synth-only") == 2
    assert "runs/pretrain_small holds a run already" in only_line(capsys)
    assert train("pretrain_small", "--synth-only", "--resume", "--set", "optimizer.lr=0.5") == 2
    assert "another recipe (changed: optimizer.lr)" in only_line(capsys)
    assert train("pretrain_small", "--synth-only", "--resume") == 0
    assert "resumed at step 2 of 2" in capsys.readouterr().out
    other = ("--set", "model.backbone.depth=2.0", "-o", "runs/other")
    init = ("--init", "runs/pretrain_small/best.pt")
    assert train("pretrain_small", "--synth-only", *init, *other) == 2
    assert "best.pt: does not fit this recipe's network" in only_line(capsys)
    best = torch.load("runs/pretrain_small/best.pt", weights_only=True)
    torch.save({**best, "ema": {}}, "runs/pretrain_small/best.pt")
    assert export("pretrain_small") == 2
    assert "best.pt: not the checkpoint of this run" in only_line(capsys)
    Path("runs/pretrain_small/recipe.json").write_text('{"recipe": {}}')
    assert export("pretrain_small") == 2
    assert "recipe.json: cannot be read as the record of a run" in only_line(capsys)
    assert main(["export", "runs/pretrain_small", "--score", "ap"]) == 2
    assert "--score ap: expected METRIC=VALUE" in only_line(capsys)
    assert not Path("weights").exists()
