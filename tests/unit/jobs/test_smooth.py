"""`glpose smooth`: the file that it writes, with raw values beside, and what it refuses."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import glpose
import tiny_onnx
from glpose.cli.main import main
from glpose.motion.series import series_of
from glpose.motion.smooth import SmoothSpec, smooth, smoothed_frames
from glpose.skeleton import BODY19
from glpose.types import FramePoses, PosesInSpace
from walking import NUM, Walk, frame_of, walk, written

Capture = pytest.CaptureFixture[str]
TIMES = [i / 25 for i in range(30)]
KNEE = 13


def spoilt() -> list[FramePoses]:
    """A walk whose left knee is missing twice and once far off."""
    people = [Walk().joints(t) for t in TIMES]
    people[10][KNEE] = people[11][KNEE] = np.nan
    people[20][KNEE] += 90
    return [frame_of(i, t, {1: xy}) for i, (t, xy) in enumerate(zip(TIMES, people, strict=True))]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return written(tmp_path / "walk", spoilt())


def test_raw_values_are_kept_and_changes_marked(results: Path, capsys: Capture) -> None:
    before = (results / "poses.jsonl").read_bytes()
    assert main(["smooth", str(results)]) == 0
    said = capsys.readouterr().out
    assert f"1 people, {30 * NUM} joints filtered, 2 filled in, 1 outliers replaced, 0 kept" in said
    assert (results / "poses.jsonl").read_bytes() == before
    raw, smooth = (glpose.load(results / name) for name in ("poses.jsonl", "smooth.jsonl"))
    assert smooth.settings == {"smooth": {"filter": "butterworth", "cutoff_hz": 6.0, "fill_s": 0.3}}
    for a, b in zip(raw.frames, smooth.frames, strict=True):
        assert b.before is not None
        np.testing.assert_array_equal(a.xy, b.before.xy)
        assert b.before.is_filled[0, KNEE] == (a.frame in (10, 11))
        assert b.before.is_outlier[0, KNEE] == (a.frame == 20)
        assert np.abs(b.xy[0] - Walk().joints(a.time_s)).max() < 8


def test_exchanged_limbs_stay_among_themselves(tmp_path: Path) -> None:
    """Also those that were exchanged for moments, which are marked."""
    frames = walk([i / 25 for i in range(60)])
    legs = [
        BODY19.index(f"{side}_{part}") for side in ("left", "right") for part in ("knee", "ankle")
    ]
    for i in range(30, 40):
        xy = frames[i].xy.copy()
        xy[0, legs] = xy[0, [*legs[2:], *legs[:2]]]
        frames[i] = replace(frames[i], xy=xy, unsure_sides=np.array([True]))
    results = written(tmp_path / "walk", frames)
    assert main(["smooth", str(results), "--quiet"]) == 0
    for poses in glpose.load(results / "smooth.jsonl").frames:
        off = np.abs(poses.xy[0] - Walk().joints(poses.time_s)).max()
        is_unsure = 30 <= poses.frame < 40
        assert poses.unsure_sides is not None
        assert poses.unsure_sides.tolist() == [is_unsure]
        assert (off > 4) == is_unsure


def test_a_table_of_it_has_both(results: Path, tmp_path: Path) -> None:
    assert main(["smooth", str(results), "--filter", "rts", "--quiet"]) == 0
    smooth = str(results / "smooth.jsonl")
    assert main(["table", smooth, "-o", str(tmp_path / "t.csv"), "--quiet"]) == 0
    assert main(["table", smooth, "-o", str(tmp_path / "w.csv"), "--wide", "--quiet"]) == 0
    long, wide = (
        list(csv.DictReader((tmp_path / name).read_text().splitlines()))
        for name in ("t.csv", "w.csv")
    )
    knee = [row for row in long if row["joint"] == "left_knee"]
    assert (knee[10]["x_raw_px"], knee[10]["change"]) == ("", "filled")
    assert float(knee[10]["x_px"]) > 0
    assert knee[20]["change"] == "outlier"
    assert float(knee[20]["x_raw_px"]) - float(knee[20]["x_px"]) == pytest.approx(90, abs=10)
    assert knee[0]["change"] == ""
    assert [row["left_knee_x_raw_px"] for row in wide] == [row["x_raw_px"] for row in knee]
    assert [row["left_knee_change"] for row in wide] == [row["change"] for row in knee]


def refused(results: Path, capsys: Capture, *more: str) -> str:
    """The one line that is said when nothing is written."""
    before = sorted(results.iterdir()) if results.is_dir() else []
    assert main(["smooth", str(results), *more]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert (sorted(results.iterdir()) if results.is_dir() else []) == before
    return line


def of(tmp_path: Path, frames: Sequence[FramePoses]) -> Path:
    return written(tmp_path / "bad", frames)


def test_results_in_which_nothing_moves(tmp_path: Path, capsys: Capture) -> None:
    nowhere = np.full((NUM, 2), np.nan)
    for frames, said in (
        (walk([0.0]), "holds a single frame"),
        (walk([2.0] * 9), "all 9 frames have the time 2.0 s; expected seconds"),
        (walk([0.0, 0.2, 0.1]), "frame 2 is at 0.1 s, before frame 1 at 0.2 s"),
        ([frame_of(i, t, {1: nowhere}) for i, t in enumerate(TIMES)], "no joint was found"),
        ([frame_of(i, t, {}) for i, t in enumerate(TIMES)], "no joint was found"),
        (
            [frame_of(i, t, {1: Walk().joints(t)} if i < 2 else {}) for i, t in enumerate(TIMES)],
            "nobody is seen in 5 frames on end",
        ),
    ):
        assert said in refused(of(tmp_path, frames), capsys)


def test_calls_that_are_refused(results: Path, tmp_path: Path, capsys: Capture) -> None:
    assert "expected less than 12.5 Hz" in refused(results, capsys, "--cutoff", "15")
    assert "the cut-off is -1.0 Hz" in refused(results, capsys, "--cutoff", "-1")
    assert "gaps up to -1.0 s" in refused(results, capsys, "--fill", "-1")
    assert "butterwort" in refused(results, capsys, "--filter", "butterwort")
    (tmp_path / "file").write_text("")
    assert "is a file" in refused(results, capsys, "-o", str(tmp_path / "file"))
    assert main(["smooth", str(results), "--quiet"]) == 0
    assert "holds smooth.jsonl already" in refused(results, capsys)
    assert "is smoothed already" in refused(results / "smooth.jsonl", capsys)
    assert main(["smooth", str(results), "--quiet", "--overwrite"]) == 0
    assert main(["smooth", str(results), "--quiet", "-o", str(tmp_path / "new")]) == 0
    assert (tmp_path / "new" / "smooth.jsonl").exists()


def test_a_file_that_is_cut_off_or_cannot_be_written(
    results: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = results / "poses.jsonl"
    file.write_bytes(file.read_bytes()[:-50])
    assert main(["smooth", str(results), "--quiet"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert "the 29 whole frames were used" in line
    assert len(glpose.load(results / "smooth.jsonl").frames) == 29
    (results / "smooth.jsonl").unlink()

    def no(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", no)
    assert "cannot be written (Permission denied)" in refused(results, capsys)


def test_times_that_vary_are_used(tmp_path: Path) -> None:
    """A camera that drops every other frame for a while: by frame numbers the walk would stretch."""
    times = [i / 25 for i in range(60) if i < 20 or i > 40 or i % 2]
    results = of(tmp_path, walk(times))
    assert main(["smooth", str(results), "--quiet"]) == 0
    for poses in glpose.load(results / "smooth.jsonl").frames[3:-3]:
        assert np.abs(poses.xy[0] - Walk().joints(poses.time_s)).max() < 4


def test_joints_in_space_would_not_belong_to_smoothed_ones(
    results: Path, tmp_path: Path, capsys: Capture
) -> None:
    weights = tiny_onnx.write_lifter(tmp_path / "tiny.lift.onnx")
    assert main(["lift", str(results / "poses.jsonl"), "--weights", str(weights)]) == 0
    capsys.readouterr()
    space = results / "poses_3d.jsonl"
    assert main(["smooth", str(space), "-o", str(tmp_path / "no")]) == 2
    assert "has poses in space" in capsys.readouterr().err
    assert main(["smooth", str(results)]) == 0
    assert main(["lift", str(results / "smooth.jsonl"), "--weights", str(weights)]) == 0
    capsys.readouterr()
    (lifted,) = results.glob("smooth_3d.jsonl")
    assert main(["smooth", str(lifted), "-o", str(tmp_path / "no")]) == 2
    assert "is smoothed already" in capsys.readouterr().err


def test_in_python_joints_in_space_are_gone_where_others_are_smoothed() -> None:
    frames = [
        replace(p, lifted=PosesInSpace(np.zeros((1, NUM, 3)), *np.zeros((2, 1), bool)))
        for p in spoilt()
    ]
    people = {n: (one, smooth(one, SmoothSpec())) for n, one in series_of(frames).items()}
    assert all(poses.lifted is None for poses in smoothed_frames(frames, people))
