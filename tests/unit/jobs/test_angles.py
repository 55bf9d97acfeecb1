"""`glpose angles`: the files that it writes, what it says, and what it refuses."""

import csv
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from glpose.cli.main import main
from glpose.formats.results import ResultWriter
from glpose.jobs.angles_figure import _line, _spans
from glpose.skeleton import BODY19, COCO17, LSP14, convert
from glpose.types import FramePoses
from walking import INFO, NUM, Walk, frame_of, turned, walk, written

Capture = pytest.CaptureFixture[str]
TIMES = [i / 25 for i in range(90)]


def frames() -> list[FramePoses]:
    """Person 1 walks, with unsure sides in frames 35 to 37; person 2 faces the camera."""
    joints = Walk().joints(0.0) + [900, 0]
    joints[0, 0] = joints[17, 0]
    return [
        replace(
            frame_of(i, t, {1: Walk().joints(t), 2: joints}),
            unsure_sides=np.array([35 <= i <= 37, False]),
        )
        for i, t in enumerate(TIMES)
    ]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return written(tmp_path / "walk", frames())


def test_frames_filled_in_between_unsure_sides_are_marked_and_not_counted(tmp_path: Path) -> None:
    people = frames()
    people[38:41] = [FramePoses.empty(i, TIMES[i], NUM) for i in range(38, 41)]
    results = written(tmp_path / "walk", people)
    assert main(["angles", str(results), "--no-plot", "--quiet"]) == 0
    told = json.loads((results / "gait.json").read_text())["people"]["1"]
    assert (told["frames"], told["unsure_sides"]) == (87, 3)
    rows = list(csv.DictReader((results / "angles.csv").read_text().splitlines()))
    assert [i for i, row in enumerate(rows[:90]) if row["sides"]] == [35, 36, 37, 38, 39, 40]
    assert rows[39]["trunk_segment_deg"] != ""


def test_what_is_written_and_said(results: Path, capsys: Capture) -> None:
    assert main(["angles", str(results), "--no-plot"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "2 people, 180 poses; left and right blanked in 3 where sides are unsure" in first
    assert "flexions in 90 not seen from the side" in first
    assert second == (
        "walk.mp4: person 1: 3 strides of 1.20 s, 100 steps a minute; range of the knee in degrees: "
        "left 60, right 60"
    )
    assert sorted(path.name for path in results.iterdir()) == [
        "angles.csv", "gait.json", "poses.jsonl",
    ]  # fmt: skip
    rows = list(csv.DictReader((results / "angles.csv").read_text().splitlines()))
    assert [row["person"] for row in rows] == ["1"] * 90 + ["2"] * 90
    assert [int(row["frame"]) for row in rows[:90]] == list(range(90))
    for i, row in enumerate(rows[:90]):
        is_unsure = 35 <= i <= 37
        assert row["sides"] == ("unsure" if is_unsure else "")
        assert row["facing"] == "right"
        for name in ("left_knee_flexion_deg", "left_knee_flexion_raw_deg"):
            if is_unsure:
                assert row[name] == ""
            else:
                true = Walk().flexion("knee", "left", TIMES[i])
                assert float(row[name]) == pytest.approx(true, abs=4)
        assert float(row["trunk_segment_deg"]) == pytest.approx(90, abs=0.2)
    assert (rows[90]["left_knee_flexion_deg"], rows[90]["facing"]) == ("", "")
    assert float(rows[90]["left_thigh_segment_deg"]) == pytest.approx(-63, abs=1)


def test_the_summary_of_the_gait(results: Path) -> None:
    assert main(["angles", str(results), "--no-plot", "--cutoff", "5", "--quiet"]) == 0
    told = json.loads((results / "gait.json").read_text())
    assert told["smooth"]["cutoff_hz"] == 5
    one, two = told["people"]["1"], told["people"]["2"]
    assert (one["frames"], one["unsure_sides"], one["not_from_the_side"]) == (90, 3, 0)
    assert one["gait"]["stride_s"] == pytest.approx(1.2, abs=0.02)
    assert one["gait"]["left"]["strides"] == len(one["gait"]["events_s"]["left"]) - 1
    assert (two["not_from_the_side"], two["gait"]) == (90, None)


def test_poses_without_a_nose_have_no_flexions(tmp_path: Path, capsys: Capture) -> None:
    """It is not said that nobody is seen from the side, which nobody knows."""
    results = tmp_path / "walk"
    results.mkdir()
    with ResultWriter(results / "poses.jsonl", INFO, LSP14) as writer:
        for poses in walk(TIMES[:9]):
            xy, score = convert(poses.xy, poses.score, BODY19, LSP14)
            writer.write(replace(poses, xy=xy, score=score))
    assert main(["angles", str(results), "--no-plot"]) == 0
    said = capsys.readouterr().out
    assert "sides are unsure, no flexions, as these poses have no nose; angles in" in said
    told = json.loads((results / "gait.json").read_text())["people"]["1"]
    assert (told["frames"], told["not_from_the_side"], told["gait"]) == (9, None, None)
    assert "flexion" not in (results / "angles.csv").read_text()


def test_one_person(results: Path, capsys: Capture) -> None:
    assert main(["angles", str(results), "--no-plot", "--person", "2", "--quiet"]) == 0
    rows = list(csv.DictReader((results / "angles.csv").read_text().splitlines()))
    assert {row["person"] for row in rows} == {"2"}
    capsys.readouterr()
    assert main(["angles", str(results), "--person", "7", "--overwrite"]) == 2
    assert "has no person 7; there are 1, 2" in capsys.readouterr().err


def test_the_picture(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = pytest.importorskip("matplotlib.figure")
    drawn = []
    monkeypatch.setattr(
        figures.Figure, "savefig", lambda self, path, **_: (drawn.append(self), path.touch())
    )
    assert main(["angles", str(results), "--quiet"]) == 0
    assert (results / "angles.png").exists()
    knee, *_, trunk = drawn[0].axes
    assert knee.get_title().startswith("person 1: stride 1.20 s, 100 steps/min, knee 60 to 60")
    by_label = {line.get_label(): line for line in knee.lines}
    left = np.array([Walk().flexion("knee", "left", t) for t in TIMES])
    left[35:38] = math.nan
    np.testing.assert_allclose(by_label["left"].get_ydata(), left, atol=4)
    np.testing.assert_allclose(by_label["left"].get_xdata(), TIMES)
    assert [line.get_label() for line in trunk.lines][1] == "trunk"


def test_the_picture_of_who_lies(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trunk sways by 2 degrees about 180: raw and filtered curves lie on each other."""
    figures = pytest.importorskip("matplotlib.figure")
    drawn = []
    monkeypatch.setattr(
        figures.Figure, "savefig", lambda self, path, **_: (drawn.append(self), path.touch())
    )
    sway = [2 * math.sin(2 * math.pi * t) for t in TIMES]
    lying = [
        frame_of(i, t, {1: turned(Walk().joints(t), 90 + deg)})
        for i, (t, deg) in enumerate(zip(TIMES, sway, strict=True))
    ]
    written(results, lying)
    assert main(["angles", str(results), "--quiet"]) == 0
    for line in drawn[0].axes[-1].lines:
        np.testing.assert_allclose(line.get_ydata(), 180 + np.array(sway), atol=0.3)


def test_a_line_has_a_gap_where_an_angle_wraps() -> None:
    time_s, values = _line(np.arange(4.0), np.array([150.0, 178.0, -178.0, -150.0]))
    np.testing.assert_array_equal(values, [150, 178, math.nan, -178, -150])
    np.testing.assert_array_equal(time_s, [0, 1, 2, 2, 3])


def test_the_picture_is_one(results: Path) -> None:
    pytest.importorskip("matplotlib")
    assert main(["angles", str(results), "--quiet"]) == 0
    assert (results / "angles.png").read_bytes().startswith(b"\x89PNG")
    assert list(results.glob("*.part")) == []


def test_marked_rows_are_spans_up_to_half_a_frame_around() -> None:
    times = np.array([0.0, 1.0, 2.0, 4.0])
    assert list(_spans(np.array([1, 0, 0, 1], bool), times)) == [(0.0, 0.5), (3.0, 4.0)]
    assert list(_spans(np.array([0, 1, 1, 0], bool), times)) == [(0.5, 3.0)]
    assert list(_spans(np.zeros(4, bool), times)) == []


def test_without_matplotlib_all_but_the_picture_is_there(
    results: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["angles", str(results), "--quiet"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "angles.png: was not drawn" in line
    assert "'matplotlib', which is not installed" in line
    assert 'pip install ".[plot]"' in line
    assert "--no-plot" in line
    assert sorted(path.name for path in results.iterdir()) == [
        "angles.csv", "gait.json", "poses.jsonl",
    ]  # fmt: skip


def refused(results: Path, capsys: Capture, *more: str) -> str:
    """The one line that is said when nothing is written."""
    before = sorted(results.iterdir()) if results.is_dir() else []
    assert main(["angles", str(results), *more]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert (sorted(results.iterdir()) if results.is_dir() else []) == before
    return line


def test_results_without_angles(tmp_path: Path, capsys: Capture) -> None:
    def of(some: Sequence[FramePoses]) -> Path:
        return written(tmp_path / "bad", some)

    nowhere = np.full((NUM, 2), np.nan)
    head = nowhere.copy()
    head[0] = 3
    for some, said in (
        (walk([0.0]), "holds a single frame"),
        (walk([2.0] * 9), "all 9 frames have the time 2.0 s"),
        ([frame_of(i, t, {1: nowhere}) for i, t in enumerate(TIMES)], "no joint was found"),
        ([frame_of(i, t, {1: head}) for i, t in enumerate(TIMES)], "nobody has an angle"),
    ):
        assert said in refused(of(some), capsys)


def test_a_person_in_two_frames_has_raw_angles(tmp_path: Path) -> None:
    some = [frame_of(i, t, {1: Walk().joints(t)} if i < 2 else {}) for i, t in enumerate(TIMES)]
    path = written(tmp_path / "short", some)
    assert main(["angles", str(path), "--no-plot", "--quiet"]) == 0
    rows = list(csv.DictReader((path / "angles.csv").read_text().splitlines()))
    assert len(rows) == 2
    assert rows[0]["left_knee_flexion_deg"] == rows[0]["left_knee_flexion_raw_deg"] != ""


def test_calls_that_are_refused(results: Path, tmp_path: Path, capsys: Capture) -> None:
    assert "expected less than 12.5 Hz" in refused(results, capsys, "--cutoff", "12.5")
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(results, capsys, "-o", str(tmp_path / "file"))
    assert main(["smooth", str(results), "--quiet"]) == 0
    assert "is smoothed; give the poses.jsonl" in refused(results / "smooth.jsonl", capsys)
    assert main(["angles", str(results), "--no-plot", "--quiet"]) == 0
    assert "holds angles.csv, gait.json already" in refused(results, capsys)


def test_a_file_that_is_cut_off_or_cannot_be_written(
    results: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = results / "poses.jsonl"
    file.write_bytes(file.read_bytes()[:-50])
    assert main(["angles", str(results), "--no-plot", "--quiet"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "the 89 whole frames were used" in line
    for name in ("angles.csv", "gait.json"):
        (results / name).unlink()

    def no(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", no)
    assert "cannot be written (Permission denied)" in refused(results, capsys)


def test_one_table_of_many_trials(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["angles", "walk", "--no-plot"]) == 0
    alone = list(csv.DictReader((results / "angles.csv").read_text().splitlines()))
    written(Path("out/=a"), frames())
    written(Path("out/b"), walk(TIMES[:30]))
    written(Path("out/c"), walk(TIMES))
    Path("out/c/poses.jsonl").write_text("no poses\n")
    Path("out/b/summary.json").write_text('{"state": "interrupted"}')
    capsys.readouterr()
    assert main(["angles", "out", "-o", "new/all.csv"]) == 3
    captured = capsys.readouterr()
    of_a, gait, of_b = captured.out.splitlines()
    assert of_a.startswith("out/=a: 2 people")
    assert gait.startswith("out/=a: person 1: 3 strides")
    assert of_b.startswith("out/b: 1 people")
    bad, cut = sorted(captured.err.splitlines(), key=lambda line: "interrupted" in line)
    assert "out/c/poses.jsonl, line 1" in bad
    assert "out/b/poses.jsonl: of a run that was interrupted" in cut
    rows = list(csv.DictReader(Path("new/all.csv").read_text().splitlines()))
    assert next(iter(rows[0])) == "results"
    of_a = [row for row in rows if row.pop("results") == "out/=a"]
    assert of_a == alone
    assert len(rows) == len(alone) + 30
    assert sorted(path.name for path in Path().rglob("gait.json")) == ["gait.json"]  # of "walk"
    gaits = json.loads(Path("new/all.gait.json").read_text())["results"]
    assert list(gaits) == ["out/=a", "out/b"]
    assert gaits["out/=a"] == json.loads((results / "gait.json").read_text())
    Path("new/all.csv").unlink()
    assert main(["angles", "out", "-o", "new/all.csv"]) == 2
    assert "holds all.gait.json already" in capsys.readouterr().err
    # Of one there is no column, as of tables of poses.
    assert main(["angles", "out/=a", "-o", "new/all.csv", "--overwrite", "--quiet"]) == 0
    assert Path("new/all.csv").read_bytes() == (results / "angles.csv").read_bytes()
    assert Path("new/all.gait.json").read_bytes() == (results / "gait.json").read_bytes()
    assert main(["angles", "out/c", "-o", "new/c.csv"]) == 2
    assert sorted(path.name for path in Path("new").iterdir()) == ["all.csv", "all.gait.json"]


@pytest.mark.parametrize("order", [1, -1])
def test_trials_with_other_joints_share_a_table(
    results: Path, tmp_path: Path, order: Literal[1, -1]
) -> None:
    """Angles that some lack are empty there."""
    folders = [results]
    for skeleton in (COCO17, LSP14):
        folder = tmp_path / skeleton.name
        folder.mkdir()
        with ResultWriter(folder / "poses.jsonl", INFO, skeleton) as writer:
            for poses in frames():
                xy, score = convert(poses.xy, poses.score, BODY19, skeleton)
                writer.write(replace(poses, xy=xy, score=score))
        folders.append(folder)
    out = tmp_path / "all.csv"
    assert main(["angles", *map(str, folders[::order]), "-o", str(out)]) == 0
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 180
    told = {
        name: {row["results"].rpartition("/")[2] for row in rows if row[f"{name}_deg"]}
        for name in ("head_segment", "left_knee_flexion", "left_shank_segment")
    }
    assert told == {
        "head_segment": {"walk", "lsp14"},
        "left_knee_flexion": {"walk", "coco17"},
        "left_shank_segment": {"walk", "coco17", "lsp14"},
    }
