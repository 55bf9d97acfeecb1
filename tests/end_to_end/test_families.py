"""Each family of methods as a whole: trained, stopped and resumed, exported, run, evaluated."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx"),
]

import glpose  # noqa: E402
from fake_estimator import same  # noqa: E402
from glpose.api import load_models  # noqa: E402
from glpose.cli.main import main  # noqa: E402
from glpose.formats.results import read_boxes  # noqa: E402
from glpose.formats.sets import DATASETS  # noqa: E402
from glpose.pipeline import estimate_poses  # noqa: E402
from glpose.runtime.engine import EngineSpec  # noqa: E402
from glpose.synth.layouts import write_layout  # noqa: E402
from glpose.train import loop  # noqa: E402
from glpose.train.run.log import RunLog  # noqa: E402
from glpose.types import FramePoses, People  # noqa: E402
from glpose.video.reader import open_video  # noqa: E402
from rendered import write_clip  # noqa: E402

SHORT = (
    "num_steps=4",
    "checkpoint_every=2",
    "log_every=1",
    "batch_size=2",
    "data.num_synth_scenes=1",
    "precision=fp32",
    "model.backbone.width=0.25",
    "model.backbone.channels=8",
    "model.crop.size_hw=[64,48]",
)
STOPPED_AT = 3  # after the checkpoint of step 2: a step is lost and made again


@dataclass(frozen=True)
class Family:
    """A recipe, what makes it tiny, what it starts from, and what its card says."""

    recipe: str
    settings: tuple[str, ...]
    inputs: tuple[str, ...]
    maps: tuple[str, ...]
    starts_from: str = ""


FINE = ("model.backbone.pyramid=[8,8,8]",)
NEW = ("init_from=", "pretrained_on=[]")
FAMILIES = {
    "pretrain_small": Family("pretrain_small", (*FINE, *NEW), ("key",), ("heatmaps",)),
    "composite": Family(
        "composite_small", ("model.backbone.pyramid=[8]", *NEW), ("key",), ("heat", "dx", "dy")
    ),
    "flowing": Family(
        "flowing_small",
        (*FINE, "data.num_keys=8"),
        ("key", "neighbours", "gone"),
        ("heatmaps",),
        starts_from="pretrain_small",
    ),
}


@dataclass(frozen=True)
class Made:
    """A family with the folders that its commands left."""

    family: Family
    whole: Path
    resumed: Path
    weights: Path


def train(family: Family, home: Path, out: Path, *options: str) -> int:
    """`glpose train` on synthetic data alone."""
    start = ["--init", str(home / family.starts_from / "best.pt")] if family.starts_from else []
    settings = [word for item in (*SHORT, *family.settings) for word in ("--set", item)]
    where = ["--synth-only", "--cache", str(home / "cache"), "-o", str(out), "--threads", "1"]
    return main(["train", family.recipe, *where, *start, *settings, *options])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for runs, with the one that others start from."""
    folder, threads = tmp_path_factory.mktemp("families"), torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunLog, "draw", lambda self: None)
        patch.setattr("glpose.train.run.sheet.NUM_SAMPLES", 2)
        assert train(FAMILIES["pretrain_small"], folder, folder / "pretrain_small") == 0
        yield folder
    torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=["composite", "flowing"])
def made(request: pytest.FixtureRequest, home: Path) -> Made:
    """A run, one that was stopped and resumed, and the weights of the first."""
    family, folder = FAMILIES[request.param], home / request.param
    found = Made(family, folder / "whole", folder / "resumed", folder / "weights")
    once = loop._one_step

    def stops(run: loop.Run, state: loop.TrainState, step: int, parts: list) -> dict:
        if step == STOPPED_AT:
            raise KeyboardInterrupt
        return once(run, state, step, parts)

    assert train(family, home, found.whole) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_one_step", stops)
        assert train(family, home, found.resumed) == 130
    assert main(["export", str(found.whole), "-o", str(found.weights)]) == 0
    return found


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(
    made: Made, home: Path, tmp_path: Path
) -> None:
    assert not (made.resumed / "best.pt").exists()
    assert train(made.family, home, made.resumed, "--resume") == 0
    assert main(["export", str(made.resumed), "-o", str(tmp_path)]) == 0
    names = [path.name for path in made.weights.iterdir()]
    assert len(names) == 3
    assert [name for name in names if not same_bytes(made.weights / name, tmp_path / name)] == []


def same_bytes(one: Path, two: Path) -> bool:
    return one.read_bytes() == two.read_bytes()


def test_the_card_says_what_the_weights_are(made: Made) -> None:
    card = load_models(made.weights, None).estimate.card
    assert card.name == made.family.recipe
    assert card.inputs == made.family.inputs
    assert card.maps == made.family.maps
    assert card.skeleton == "body19"
    assert card.crop.size_hw == (64, 48)
    assert DATASETS["synth"].terms in card.trained_on
    assert card.made_by["steps"] == "4 of 4"


def test_weights_run_without_torch_and_neither_blocks_nor_threads_change_a_result(
    made: Made, tmp_path: Path
) -> None:
    boxes = write_clip(tmp_path / "walk.mp4")
    words = ["run", str(tmp_path / "walk.mp4"), "--weights", str(made.weights), "--quiet"]
    words += ["--boxes", str(boxes), "-o", str(tmp_path / "out"), "--threads", "1", "--no-overlay"]
    code = (
        "import sys; sys.modules['torch'] = sys.modules['onnx'] = None; "
        f"from glpose.cli.main import main; sys.exit(main({words!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "out").rglob("poses.jsonl")
    frames = glpose.load(file).frames
    assert [len(poses.people) for poses in frames] == [1] * 6
    assert all(poses.score.max() > 0 for poses in frames)

    def poses(threads: int, block_frames: int) -> list[FramePoses]:
        models = load_models(made.weights, None, EngineSpec(threads=threads))
        people = read_boxes(boxes)
        pairs = estimate_poses(
            open_video(tmp_path / "walk.mp4").frames(),
            lambda frame: people.get(frame.index, People.empty()),
            models.estimate,
            block_frames=block_frames,
        )
        return [found for _, found in pairs]

    alone = poses(threads=1, block_frames=1)
    same(alone, poses(threads=2, block_frames=1))
    same(alone, poses(threads=1, block_frames=4))


@pytest.mark.parametrize(("metric", "layout", "part"), [
    ("posetrack", "posetrack18", "train"), ("jhmdb", "jhmdb", "1"),
])  # fmt: skip
def test_official_sets_are_evaluated(
    made: Made, metric: str, layout: str, part: str, tmp_path: Path
) -> None:
    write_layout(layout, tmp_path / "set", seed=1, num_videos=4, num_frames=5, size_hw=(96, 128))
    out = tmp_path / "out"
    words = ["--data", str(tmp_path / "set"), "--metric", metric, "--split", part]
    words += ["--out", str(out), "--threads", "1"]
    assert main(["evaluate", str(made.weights), *words]) == 0
    scores = json.loads((out / "scores.json").read_text("utf-8"))
    assert scores["sequences"]["scored"] == scores["sequences"]["of"] > 0
    digests = scores["settings"]["weights"]["sha256"]
    assert [name.removeprefix(f"{made.family.recipe}.") for name in digests] == [
        "encoder.onnx", "fusion.onnx",
    ]  # fmt: skip
