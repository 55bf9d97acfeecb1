"""The examples of docs/howto run, on a figure of sticks that walks past."""

import csv
import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bad_videos
import glpose
from glpose.cli.main import main
from glpose.errors import BadConfig
from glpose.formats.poses import read_poses
from glpose.formats.results import write_summary
from glpose.motion.angles import FLEXIONS, SEGMENTS
from glpose.recipes import RECIPES, load_recipe
from glpose.runtime.presets import PRESETS
from glpose.skeleton import BODY19
from glpose.train.change import on_synth_only
from glpose.types import People
from glpose.video.writer import VideoWriter
from walking import INFO, Walk, frame_of, walk, written

HOWTO = Path(__file__).parents[2] / "docs" / "howto"

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of results as the pages name it, in the folder where the commands run."""
    monkeypatch.chdir(tmp_path)
    return written(tmp_path / "glpose-out" / "walk", walk([i / 25 for i in range(75)]))


def blocks(page: str, language: str) -> list[str]:
    text = (HOWTO / page).read_text("utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[list[str]]:
    """The arguments of `glpose` in the lines of a page's examples."""
    lines = "".join(blocks(page, "sh")).splitlines()
    assert lines
    assert all(line.startswith("glpose ") for line in lines)
    return [line.split(" #")[0].split()[1:] for line in lines]


def test_train_says_what_cannot_do_without_data() -> None:
    text = (HOWTO / "train.md").read_text("utf-8").partition("## Without data")[2]
    for name in RECIPES:
        try:
            on_synth_only(load_recipe(name))
        except BadConfig:
            assert re.sub(r"\d+$", "*", name) in text or name in text, name


def test_train_and_the_list_of_recipes_start_from_the_same() -> None:
    text = (HOWTO / "train.md").read_text("utf-8")
    begun = dict(re.findall(r"glpose train (\w+) +\$DATA --init runs/(\w+)/", text))
    said = {name: re.search(r"(?:from|on) (\w+_small)", RECIPES[name].line) for name in begun}
    named = {name: found[1] for name, found in said.items() if found}
    assert len(named) > 4
    assert named == {name: begun[name] for name in named}


def test_tables(capsys: Capture) -> None:
    has_parquet = importlib.util.find_spec("pyarrow") is not None
    for call in commands("tables.md"):
        assert main(call) == (2 if "parquet" in call[3] and not has_parquet else 0), call
    (code,) = blocks("tables.md", "python")
    capsys.readouterr()
    exec(compile(code, "tables.md", "exec"), {})
    assert capsys.readouterr().out == "75 rows from 0.0 s to 2.96 s\n"


def test_smooth() -> None:
    for call in commands("smooth.md"):
        assert main(call) == 0, call
    header = (Path("glpose-out") / "walk" / "smooth.jsonl").read_text("utf-8").splitlines()[0]
    assert '"smooth": {"filter": "rts", "cutoff_hz": 4.0, "fill_s": 0.5}' in header
    with Path("walk-smooth.csv").open(newline="") as file:
        assert {"x_raw_px", "y_raw_px", "change"} <= set(next(csv.reader(file)))


def test_report(results: Path, capsys: Capture) -> None:
    small = replace(INFO, size_hw=(60, 250))
    written(results, walk([i / 25 for i in range(75)]), small)
    for path in (Path("walk.mp4"), results / "overlay.mp4"):
        bad_videos.write_video(path, num_frames=75, size_hw=small.size_hw)
    for call in commands("report.md"):
        assert main(call) == 0, call
    assert "video/mp4" in Path("walk.html").read_text("utf-8")
    assert "smoothed by glpose smooth" in Path("walk-smooth.html").read_text("utf-8")
    (code,) = blocks("report.md", "python")
    capsys.readouterr()
    exec(compile(code, "report.md", "exec"), {})
    assert capsys.readouterr().out == "pages/walk.html []\n"


def test_the_page_of_the_report_names_its_keys() -> None:
    """As the page itself does."""
    told = (HOWTO / "report.md").read_text("utf-8")
    page = (Path(glpose.__file__).parent / "viewer" / "page" / "page.html").read_text("utf-8")
    keys = re.findall(r"<kbd>(.)</kbd>", page)
    assert {"K", "P", "N", "S", "W", "?"} <= set(keys)
    table = "".join(re.findall(r"^\| (.*?) \|", told, re.MULTILINE))
    assert all(key in table for key in keys)


def test_angles(capsys: Capture) -> None:
    has_plot = importlib.util.find_spec("matplotlib") is not None
    for call in commands("angles.md"):
        draws = "--no-plot" not in call and "all-angles.csv" not in call
        assert main(call) == (0 if has_plot or not draws else 3), call
    assert Path("walk-rts/angles.csv").exists()
    assert Path("all-angles.csv").read_text().startswith("results,time_s,frame,person,")
    (code,) = blocks("angles.md", "python")
    capsys.readouterr()
    exec(compile(code, "angles.md", "exec"), {})
    assert capsys.readouterr().out == (
        "person 1: 1.20 s a stride, 100 steps a minute\nrange of the left knee: 60 degrees\n"
    )


def test_the_example_of_angles_where_nothing_was_measured(results: Path, capsys: Capture) -> None:
    """Person 1 has no gait, 2 no left knee."""
    people = {1: Walk().joints(0.0)}
    frames = walk([i / 25 for i in range(75)])
    knee = BODY19.index("left_knee")
    for poses in frames:
        poses.xy[:, knee], poses.score[:, knee] = np.nan, 0
    still = [frame_of(i, i / 25, people) for i in range(75)]
    both = [
        replace(
            one,
            people=People(
                np.concatenate([one.people.xyxy, other.people.xyxy]),
                np.concatenate([one.people.score, other.people.score]),
                np.array([1, 2]),
            ),
            xy=np.concatenate([one.xy, other.xy]),
            score=np.concatenate([one.score, other.score]),
        )
        for one, other in zip(still, frames, strict=True)
    ]
    written(results, both)
    assert main(["angles", str(results), "--no-plot"]) == 0
    (code,) = blocks("angles.md", "python")
    capsys.readouterr()
    exec(compile(code, "angles.md", "exec"), {})
    assert capsys.readouterr().out == (
        "person 1: no two regular strides seen from the side\n"
        "person 2: 1.20 s a stride, 100 steps a minute\nrange of the left knee: not measured\n"
    )


KEYED = ("people", "models", "sha256", "seconds_per_stage")
"""Objects whose keys are no words of the format: numbers, uses, names."""


def keys_of(value: object) -> set[str]:
    """All keys of JSON that the format gives."""
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    if not isinstance(value, dict):
        return set()
    inner = [
        list(v.values()) if k in KEYED and isinstance(v, dict) else v for k, v in value.items()
    ]
    return {*value} | keys_of(inner)


@pytest.mark.slow
def test_the_page_of_formats_names_each_key(results: Path) -> None:
    bad_videos.write_video(Path("clip.mp4"), num_frames=3)
    frames = walk([i / 25 for i in range(75)])
    knee = BODY19.index("left_knee")
    frames[9].xy[0, knee], frames[9].score[0, knee] = np.nan, 0  # to be filled
    frames[20].xy[0, knee] += 90
    frames[30] = replace(frames[30], unsure_sides=np.array([True]), propagated=np.array([True]))
    written(results, frames)
    folder = str(results)
    smooth = f"{folder}/smooth.jsonl"
    calls = [
        ["smooth", folder], ["angles", folder, "--no-plot"], ["lift", folder], ["lift", smooth],
        ["table", smooth, "-o", f"{folder}/smooth.csv"],
        ["table", folder, "-o", f"{folder}/wide.csv", "--wide"],
        ["run", "clip.mp4"], ["refine", "clip.mp4", "glpose-out/clip", "-o", "refined"],
    ]  # fmt: skip
    for call in calls:
        assert main(call) == 0, call
    write_summary(Path(folder, "summary.json"), {"state": "interrupted"})
    assert main(["smooth", folder, "-o", "cut"]) == 3
    told = set(re.findall(r"`([^`\n]+)`", (HOWTO.parent / "formats.md").read_text("utf-8")))
    files = [path for path in Path().rglob("*") if path.suffix in (".json", ".jsonl")]
    assert {path.name for path in files} == {
        "poses.jsonl", "smooth.jsonl", "poses_3d.jsonl", "smooth_3d.jsonl", "gait.json",
        "summary.json",
    }  # fmt: skip
    found = keys_of([json.loads(n) for f in files for n in f.read_text("utf-8").splitlines()])
    assert {"filled", "outliers", "window", "events_s", "refiner", "private", "run_state"} <= found
    assert found - told == set()
    pages = ("formats.md", "angles.md", "howto/tables.md", "howto/smooth.md")
    text = "".join((HOWTO.parent / page).read_text("utf-8") for page in pages)
    for path in Path().rglob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            columns = next(csv.reader(file))
        for column in columns:
            part = re.sub(rf"^({'|'.join(BODY19.joints)}|left|right)_", "", column)
            part = re.sub(r"(_raw)?_deg$", "", part)
            assert f"{part}`" in text, (path, column)


@pytest.mark.slow
def test_speed(capsys: Capture) -> None:
    bad_videos.write_video(Path("walk.mp4"), num_frames=3)
    for call in commands("speed.md"):
        assert main(call) == 0, call
    summary = json.loads(Path("own/walk/summary.json").read_text("utf-8"))
    how = summary["settings"]
    assert (how["preset"], how["detect_every"], how["flip"]) == ("best", 1, False)
    (code,) = blocks("speed.md", "python")
    said = capsys.readouterr().err
    assert "preset fast: people searched every 15 frames, less often" in said
    exec(compile(code, "speed.md", "exec"), {})
    assert capsys.readouterr().out == "best 1 CPUExecutionProvider\n"


def test_people(results: Path) -> None:
    """1 is lost and found as 3; the runs find nobody in their video."""
    times, joints = [i / 25 for i in range(10)], Walk().joints(0.0)
    frames = [
        frame_of(i, t, {1 if i < 5 else 3: joints, 4: joints + 400}) for i, t in enumerate(times)
    ]
    written(results, frames)
    bad_videos.write_video(Path("walk.mp4"), num_frames=3)
    for call in commands("people.md"):
        assert main(call) == 0, call
    assert glpose.load(results / "poses.jsonl").track_ids == (1,)
    assert len(glpose.load(results / "poses.jsonl").track(1)) == 10


def test_refine(results: Path) -> None:
    small = replace(INFO, size_hw=(60, 250))
    written(results, walk([i / 25 for i in range(6)]), small)
    bad_videos.write_video(Path("walk.mp4"), num_frames=6, size_hw=small.size_hw)
    for call in commands("refine.md"):
        assert main(call) == 0, call
    assert "refined" in (Path("glpose-refined") / "walk" / "poses.jsonl").read_text("utf-8")
    assert Path("steadier/walk/poses.jsonl").exists()


def test_lift(capsys: Capture) -> None:
    for call in commands("lift.md"):
        assert main(call) == 0, call
    first = glpose.load("walk-metres.jsonl").frames[30].lifted
    assert first is not None
    assert np.isfinite(first.xyz).any()
    (code,) = blocks("lift.md", "python")
    capsys.readouterr()
    exec(compile(code, "lift.md", "exec"), {})
    assert capsys.readouterr().out == "(2, 3)\n"


def test_every_verb_for_users_has_an_example() -> None:
    """Those of README's list of commands, somewhere in the pages whose examples run."""
    readme = (HOWTO.parents[1] / "README.md").read_text("utf-8")
    block = readme.split("## On your own videos")[1].split("```")[1]
    verbs = set(re.findall(r"^glpose ([a-z]+) ", block, re.MULTILINE)) - {"info"}
    shown = "".join(page.read_text("utf-8") for page in HOWTO.glob("*.md"))
    assert {"run", "link", "refine", "table", "report"} <= verbs
    assert [verb for verb in sorted(verbs) if f"\nglpose {verb}" not in shown] == []


@pytest.mark.slow
def test_doctor(capsys: Capture) -> None:
    plain, as_json = commands("doctor.md")
    assert main(plain) == 0
    names = [line.split(":")[0].split()[1] for line in capsys.readouterr().out.splitlines()]
    rows = re.findall(r"^\| (`.*`) \|", (HOWTO / "doctor.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(names) == sorted(re.findall(r"`(\w+)`", " ".join(rows)))
    assert as_json[-1] == "--json"


def test_the_table_of_presets_is_that_of_the_code() -> None:
    page = (HOWTO / "speed.md").read_text("utf-8")
    for name, effort in PRESETS.items():
        flags = (effort.flip, effort.fuse, effort.small_people)
        words = r" \| ".join("yes" if flag else "no" for flag in flags)
        row = rf"^\| `{name}`.* \| {effort.detect_every} \| {words} \|"
        assert re.search(row, page, re.MULTILINE)


def test_the_drawing_shows_what_is_measured() -> None:
    """And the page names every angle, with the ranges that the code has."""
    pytest.importorskip("matplotlib")
    from draw_angles import _PANELS, _RANGES, _STANDING, measured_deg

    values = [round(measured_deg(name, _STANDING | moved)) for name, moved in _PANELS]
    assert values == [61, -25, 59, -9, 121, -35, 104, 90, -45, 30]
    page = (HOWTO.parent / "angles.md").read_text("utf-8")
    for name, how in FLEXIONS.items():
        joint = name.split("_")[1]
        assert _RANGES[joint] == f"{how.least_deg:.0f} to {how.least_deg + 360:.0f}"
        assert re.search(rf"_{joint}_flexion` .*\| {_RANGES[joint]} \|", page)
    for name in SEGMENTS:
        assert f"{name.removeprefix('left_').removeprefix('right_')}_segment`" in page


TINY_NET = ("model.backbone.pyramid=[16]", "model.backbone.channels=16", "optimizer.rates=[]")
TINY_STEPS = ("num_steps=2", "validate_every=2", "batch_size=2", "precision=fp32")
TINY = {
    "pretrain": (*TINY_NET, *TINY_STEPS, "init_from=", "model.crop.size_hw=[32,32]",
                 "model.grid=[1,1]", "model.widths=[48,8,8]"),
    "train": (*TINY_NET, *TINY_STEPS, "model.crop.size_hw=[64,64]", "data.num_synth_scenes=1"),
}  # fmt: skip
"""What makes the examples of a page small, by command."""


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.filterwarnings("ignore:You are using the legacy:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning:torch.onnx")
def test_pretrain(results: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """People are those of the result, where a bar walks; labels are those of rendered people."""
    pytest.importorskip("torch")
    from glpose.train.data import crops
    from glpose.train.run.log import RunLog

    info = replace(INFO, size_hw=(480, 600))
    written(results, walk([i / 25 for i in range(40)]), info)
    given = {found.frame: found for found in read_poses(results / "poses.jsonl").frames}
    Path("pool").mkdir()
    with VideoWriter(Path("pool") / "walk.mp4", info.size_hw) as writer:
        for found in given.values():
            rgb = np.full((*info.size_hw, 3), 90, np.uint8)
            left, top, right, bottom = found.people.xyxy[0].astype(int)
            rgb[top:bottom, (2 * left + right) // 3 : (left + 2 * right) // 3] = (200, 40, 40)
            writer.write(rgb, found.time_s)
    Path("walk.mp4").write_bytes((Path("pool") / "walk.mp4").read_bytes())
    monkeypatch.setattr(crops, "load_models", lambda: None)
    monkeypatch.setattr(
        crops, "poses_of", lambda frames, *_, **__: ((f, given[f.index]) for f in frames)
    )
    monkeypatch.setattr(RunLog, "draw", lambda self: None)
    for call in commands("pretrain.md"):
        given_labels = ["--data", "jhmdb=JHMDB"]
        few = [part for part in call if part not in given_labels]
        few += ["--synth-only"] * (few != call)
        few += [part for setting in TINY.get(call[0], ()) for part in ("--set", setting)]
        assert main([*few, *["--threads", "1"] * (call[0] in TINY)]) == 0, call
    said = capsys.readouterr().out
    assert "pool/walk.mp4: 1 clip of people" in said
    (code,) = blocks("pretrain.md", "python")
    exec(compile(code, "pretrain.md", "exec"), {})
    assert capsys.readouterr().out.startswith("[0, ")
