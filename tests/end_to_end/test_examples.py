"""The examples run, on a short synthetic clip and with tiny weights."""

import csv
import re
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import glpose
from glpose.cli.main import main
from glpose.imaging import read_image, write_image
from glpose.runtime import load
from glpose.synth import SceneSpec, render_scene
from glpose.video.reader import open_video
from glpose.video.writer import VideoWriter

EXAMPLES = Path(__file__).parents[2] / "examples"
NUM_FRAMES = 10

Example = Callable[..., None]


@pytest.fixture
def example(
    tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Runs an example by name, with the tiny weights in place of the shipped ones."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    for source, target in (
        ("tiny.encoder.onnx", "pose_small.encoder.onnx"),
        ("tiny.fusion.onnx", "pose_small.fusion.onnx"),
        ("tiny.encoder.onnx", "picture_small.encoder.onnx"),
        ("tiny.fusion.onnx", "picture_small.fusion.onnx"),
        ("finder.onnx", "person_small.onnx"),
    ):
        shutil.copy(tiny_weights / source, shipped / target)
    monkeypatch.setattr(load, "_package_folder", lambda: shipped)

    def run(name: str, *arguments: str | Path) -> None:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")

    return run


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    scene = render_scene(SceneSpec((96, 128), NUM_FRAMES, num_people=(1, 1)), seed=3)
    with VideoWriter(path, scene.spec.size_hw, scene.spec.rate_hz) as writer:
        for frame, _ in scene.frames():
            assert frame.rgb is not None
            writer.write(frame.rgb, frame.time_s)
    return path


@pytest.fixture
def results(clip: Path, example: Example, tmp_path: Path) -> Path:
    assert example  # the weights are in place
    assert main(["run", str(clip), "-o", str(tmp_path), "--no-overlay", "--quiet"]) == 0
    return tmp_path / "clip" / "poses.jsonl"


def test_all_examples_are_tested():
    text = Path(__file__).read_text("utf-8")
    assert all(f'"{path.name}"' in text for path in EXAMPLES.glob("*.py"))


def test_print_wrists(example: Example, clip: Path, capsys: pytest.CaptureFixture[str]):
    example("print_wrists.py", clip)
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all("wrist" in line and "score" in line for line in lines)


def test_joint_to_csv(example: Example, results: Path, tmp_path: Path):
    example("joint_to_csv.py", results, "left_knee", tmp_path / "knee.csv")
    with (tmp_path / "knee.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(poses.people) for poses in glpose.load(results).frames) > 0
    with pytest.raises(SystemExit, match="left_foot"):
        example("joint_to_csv.py", results, "left_foot", tmp_path / "foot.csv")
    with pytest.raises(SystemExit, match=r"foot\.csv: cannot be written \(No such file"):
        example("joint_to_csv.py", results, "left_knee", tmp_path / "new" / "foot.csv")


def test_own_boxes(example: Example, clip: Path, capsys: pytest.CaptureFixture[str]):
    example("own_boxes.py", clip, 30, 10, 90, 90)
    assert len(capsys.readouterr().out.splitlines()) == NUM_FRAMES


def test_draw_frame(example: Example, clip: Path, results: Path, tmp_path: Path):
    example("draw_frame.py", clip, results, NUM_FRAMES - 1, tmp_path / "out.png")
    drawn = read_image(tmp_path / "out.png")
    assert drawn.shape == (96, 128, 3)
    # A file of a part of the video gives the same picture.
    header, *frames = results.read_text("utf-8").splitlines()
    (tmp_path / "part.jsonl").write_text("\n".join([header, *frames[6:]]), encoding="utf-8")
    example("draw_frame.py", clip, tmp_path / "part.jsonl", NUM_FRAMES - 1, tmp_path / "part.png")
    assert (read_image(tmp_path / "part.png") == drawn).all()
    for given, said in (
        ((clip, tmp_path / "part.jsonl", 2), "frame 2 is not in the result"),
        ((clip, results, "x"), "found x in place of a frame"),
        ((tmp_path / "no.mp4", results, 2), r"no\.mp4: "),
    ):
        with pytest.raises(SystemExit, match=said):
            example("draw_frame.py", *given, tmp_path / "no.png")
    for out, said in (
        ("new/a.png", r"cannot be written \(No such file"),
        ("a.xyz", "no writer"),
        ("a.pgm", "no writer for '.pgm' of 128x96 pixels in colour; use .png"),
    ):
        with pytest.raises(SystemExit, match=rf"{out}: {said}"):
            example("draw_frame.py", clip, results, 2, tmp_path / out)


def test_single_picture(example: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rgb = next(iter(render_scene(SceneSpec((96, 128), 1), seed=3).frames()))[0].rgb
    assert rgb is not None
    write_image(tmp_path / "picture.png", rgb)
    example("single_picture.py", tmp_path / "picture.png")
    assert "person 1 in" in capsys.readouterr().out


def test_the_document_of_live_sources(
    example: Example, clip: Path, capsys: pytest.CaptureFixture[str]
):
    assert example  # the weights are in place
    text = (EXAMPLES.parent / "docs" / "howto" / "live.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    exec(code, {"camera": [frame.rgb for frame in open_video(clip).frames()]})
    frames = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert frames == [str(number) for number in range(NUM_FRAMES)]


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_an_example_without_arguments_says_how_it_is_called(example: Example, name: str) -> None:
    with pytest.raises(SystemExit, match=rf"python {name} [A-Z]+"):
        example(name)


@pytest.mark.parametrize(
    "words",
    [
        ("print_wrists.py", "no.mp4"),
        ("own_boxes.py", "no.mp4", "1", "2", "30", "40"),
        ("single_picture.py", "no.png"),
        ("joint_to_csv.py", "no.jsonl", "left_wrist", "out.csv"),
        ("draw_frame.py", "no.mp4", "no.jsonl", "0", "out.png"),
    ],
)
def test_an_example_says_in_a_line_which_file_is_missing(
    example: Example, words: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit, match=r"^no\.\w+: .*[Nn]o such file"):
        example(*words)
