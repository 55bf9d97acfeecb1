"""DKD by the command line: trained, resumed, exported, run on a video, evaluated on a set."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

import glpose  # noqa: E402
from glpose.cli.main import main  # noqa: E402
from glpose.jobs.runs import open_run  # noqa: E402
from glpose.synth import SceneSpec, render_scene  # noqa: E402
from glpose.synth.layouts import write_layout  # noqa: E402
from glpose.train.run.log import RunLog  # noqa: E402
from glpose.video.writer import VideoWriter  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx"),
]

NAME = "dkd_r50_subjhmdb1"
TINY = (
    "num_steps=2",
    "batch_size=2",
    "data.num_frames=3",
    "data.curriculum=[[1,2]]",
    "model.crop.size_hw=[64,64]",
    "model.min_score=0.0",
    "model.every=4",
    *(
        f"model.{part}.{setting}"
        for part in ("backbone", "small")
        for setting in ("num_blocks=[1,1,1,1]", "width=8", "deconv_width=8")
    ),
)


def with_clear_maps(run: Path) -> None:
    """Two steps teach nothing: give the run weights whose maps have peaks to compare."""
    torch.manual_seed(0)
    model = open_run(run).model
    for head in (model.initializer.head, model.static):
        torch.nn.init.normal_(head.weight, std=0.3)
    crops = torch.randint(0, 256, (4, 3, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad():
        for _ in range(40):
            model.train().unroll(crops, model.initializer(crops[:, 0]))
    torch.nn.init.constant_(model.match.u.get_parameter("1.weight"), 0.3)
    saved = torch.load(run / "best.pt", weights_only=True)
    torch.save(saved | {"ema": model.eval().state_dict()}, run / "best.pt")


def write_clip(path: Path) -> Path:
    """A synthetic clip of one person; returns the file of the true boxes."""
    scene = render_scene(SceneSpec((96, 128), 6, num_people=(1, 1)), seed=3)
    lines = []
    with VideoWriter(path, scene.spec.size_hw, scene.spec.rate_hz) as writer:
        for frame, truth in scene.frames():
            writer.write(frame.rgb, frame.time_s)
            box = {"track_id": 1, "box_xyxy": truth.people.xyxy[0].tolist(), "box_score": 1.0}
            lines.append(json.dumps({"frame": frame.index, "people": [box]}) + "\n")
    boxes = path.with_suffix(".jsonl")
    boxes.write_text("".join(lines), "utf-8")
    return boxes


def test_from_a_set_to_poses_and_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunLog, "draw", lambda self: None)
    monkeypatch.chdir(tmp_path)
    write_layout("jhmdb", tmp_path / "set", seed=1, num_videos=4, num_frames=5, size_hw=(96, 128))
    changes = [word for item in TINY for word in ("--set", item)]
    trained = ["train", NAME, "--data", "subjhmdb=set", *changes]
    assert main(trained) == 0
    assert main([*trained, "--resume"]) == 0
    run = tmp_path / "runs" / NAME
    with_clear_maps(run)
    assert main(["export", str(run), "-o", "weights", "--name", "tiny"]) == 0
    files = sorted(path.name for path in (tmp_path / "weights").glob("*.onnx"))
    assert files == ["tiny.encoder.onnx", "tiny.fusion.onnx", "tiny.starter.onnx"]
    sums = (tmp_path / "weights" / "SHA256SUMS").read_text("utf-8")
    assert all(name in sums for name in files)

    boxes = write_clip(tmp_path / "walk.mp4")
    weights = ["--weights", "weights/tiny.starter.onnx", "--boxes", str(boxes)]
    found = []
    for threads in (1, 2):
        out = tmp_path / f"out{threads}"
        options = [*weights, "-o", str(out), "--threads", str(threads), "--quiet"]
        assert main(["run", "walk.mp4", *options]) == 0
        found.append(glpose.load(out / "walk" / "poses.jsonl"))
    assert set(found[0].models["pose"]["sha256"]) == set(files)
    one, two = ([frame.xy for frame in result.frames] for result in found)
    assert len(one) == 6
    np.testing.assert_allclose(one, two, atol=1e-3)

    shares = []
    for what in (["weights"], [str(run)], ["weights", "--flip"]):
        out = tmp_path / f"scored{len(shares)}"
        options = ["--data", "set", "--metric", "jhmdb", "--split", "1", "--out", str(out)]
        assert main(["evaluate", *what, *options, "--threads", "1"]) == 0
        shares.append(json.loads((out / "scores.json").read_text("utf-8")))
    assert shares[0]["settings"]["weights"]["sha256"].keys() == set(files)
    assert shares[0]["settings"]["options"] == shares[1]["settings"]["options"]
    assert shares[2]["settings"]["options"]["flip"]

    write_layout(
        "posetrack18", tmp_path / "pt", seed=1, num_videos=2, num_frames=5, size_hw=(96, 128)
    )
    options = ["--data", "pt", "--metric", "posetrack", "--split", "train", "--out", "pt-out"]
    assert main(["evaluate", "weights", *options, "--threads", "1"]) == 0
    scores = json.loads(Path("pt-out/scores.json").read_text("utf-8"))
    assert scores["sequences"]["scored"] == scores["sequences"]["of"] > 0
