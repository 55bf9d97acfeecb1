"""`glpose table`: what it writes, what it refuses, and that nothing is left half written."""

import csv
import math
import sys
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from glpose.cli.main import main
from glpose.errors import BadInput, MissingExtra
from glpose.evaluation.scoring.posetrack import score_posetrack
from glpose.formats.poses import read_poses
from glpose.formats.results import ResultWriter
from glpose.jobs.given import open_given
from glpose.jobs.table import TableOptions, write_table
from glpose.skeleton import BODY19, COCO17, JHMDB15, LIMB13, POSETRACK15
from glpose.types import BeforeSmoothing, FramePoses, PosesInSpace
from posetrack_sets import document18, image18, person18, write
from walking import INFO, NUM, Walk, frame_of, walk, written

Capture = pytest.CaptureFixture[str]
TIMES = [i / 25 for i in range(10)]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return written(tmp_path / "walk", walk(TIMES))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def refused(results: Path, out: Path, capsys: Capture, *more: str) -> str:
    """The one line that is said when no table is made."""
    assert main(["table", str(results), "-o", str(out), *more]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert list(out.parent.glob("*.part")) == []
    return line


def test_folder_and_file_give_the_same_table(results: Path, tmp_path: Path) -> None:
    assert main(["table", str(results), "-o", str(tmp_path / "new" / "a.csv")]) == 0
    assert main(["table", str(results / "poses.jsonl"), "-o", str(tmp_path / "b.csv")]) == 0
    rows = rows_of(tmp_path / "new" / "a.csv")
    assert len(rows) == 10 * NUM
    assert rows[-1]["time_s"] == "0.36"
    assert (tmp_path / "b.csv").read_bytes() == (tmp_path / "new" / "a.csv").read_bytes()


def test_the_wide_table(results: Path, tmp_path: Path) -> None:
    assert main(["table", str(results), "-o", str(tmp_path / "t.CSV"), "--wide"]) == 0
    rows = rows_of(tmp_path / "t.CSV")
    assert len(rows) == 10
    knee = Walk().joints(0.36)[13]
    assert float(rows[-1]["left_knee_x_px"]) == pytest.approx(knee[0], abs=0.01)


def test_parquet_holds_what_csv_holds(results: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for name in ("t.parquet", "t.csv"):
        assert main(["table", str(results), "-o", str(tmp_path / name), "--wide"]) == 0
    read = parquet.read_table(tmp_path / "t.parquet").to_pylist()
    for row, cells in zip(read, rows_of(tmp_path / "t.csv"), strict=True):
        assert {k: "" if v is None else str(v) for k, v in row.items()} == cells


@pytest.mark.slow
@pytest.mark.parametrize("form", [[], ["--wide"]], ids=["long", "wide"])
def test_parquet_in_pandas_is_typed_and_holds_what_csv_holds(
    form: list[str], tmp_path: Path
) -> None:
    """A joint that was not found is NaN, with the score 0."""
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    frames = walk(TIMES)
    xy = frames[3].xy.copy()
    xy[:, 0] = np.nan
    score = np.where(np.isnan(xy[..., 0]), 0, frames[3].score).astype(np.float32)
    frames[3] = replace(frames[3], xy=xy, score=score)
    results = written(tmp_path / "walk", frames)
    for name in ("t.parquet", "t.csv"):
        assert main(["table", str(results), "-o", str(tmp_path / name), *form]) == 0
    table = pandas.read_parquet(tmp_path / "t.parquet")
    numbers = table.select_dtypes("number")
    assert [str(numbers[name].dtype) for name in ("frame", "person")] == ["int64", "int64"]
    assert {str(kind) for kind in numbers.dtypes[numbers.dtypes != "int64"]} == {"float64"}
    words = [name for name in table if name not in numbers]
    assert words == ([] if form else ["joint"]) + ["sides", "source"]
    said = pandas.read_csv(tmp_path / "t.csv")
    assert list(table) == list(said)
    pandas.testing.assert_frame_equal(numbers, said[list(numbers)])
    lost = table[table["frame"] == 3].iloc[0]
    x, score = ("nose_x_px", "nose_score") if form else ("x_px", "score")
    assert np.isnan(lost[x])
    assert lost[score] == 0
    assert table[x].isna().sum() == 1
    assert table["sides"].isna().all()


@pytest.mark.parametrize("form", [[], ["--wide"]], ids=["long", "wide"])
def test_parquet_of_nobody_keeps_its_columns(form: list[str], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    results = written(tmp_path / "walk", [frame_of(0, 0.0, {})])
    for name in ("t.parquet", "t.csv"):
        assert main(["table", str(results), "-o", str(tmp_path / name), *form]) == 3
    table = parquet.read_table(tmp_path / "t.parquet")
    assert table.num_rows == 0
    assert ",".join(table.column_names) == (tmp_path / "t.csv").read_text("utf-8").strip()
    assert [str(table.schema.field(name).type) for name in ("time_s", "frame", "sides")] == [
        "double", "int64", "string",
    ]  # fmt: skip


def test_parquet_without_pyarrow_is_one_line_and_no_file(
    results: Path,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    line = refused(results, tmp_path / "t.parquet", capsys)
    assert "'pyarrow', which is not installed" in line
    assert 'pip install ".[tables]"' in line
    assert not (tmp_path / "t.parquet").exists()
    with pytest.raises(MissingExtra):
        write_table(results, TableOptions(tmp_path / "t.parquet"))


def test_a_table_that_exists_is_kept(results: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "t.csv"
    out.write_text("mine")
    assert "holds t.csv already; use --overwrite" in refused(results, out, capsys)
    assert out.read_text() == "mine"
    assert main(["table", str(results), "-o", str(out), "--overwrite"]) == 0
    assert len(rows_of(out)) == 10 * NUM


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "found no whole line; expected a header"),
        ("{nothing\n", "line 1: found broken JSON"),
        ('{"format": "glpose/2"}\n', 'found format "glpose/2"; expected glpose/1'),
        (None, "No such file"),
    ],
)
def test_bad_results(content: str | None, said: str, tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "poses.jsonl"
    if content is not None:
        path.write_text(content)
    assert said in refused(path, tmp_path / "t.csv", capsys)
    assert not (tmp_path / "t.csv").exists()


def test_a_link_in_a_circle(tmp_path: Path, capsys: Capture) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert f"{loop}: cannot be read" in refused(loop, tmp_path / "x.csv", capsys)


def test_folders_that_are_no_results(results: Path, tmp_path: Path, capsys: Capture) -> None:
    written(tmp_path / "more", walk(TIMES))
    said = refused(tmp_path, tmp_path / "t.trc", capsys, str(results))
    assert "t.trc: holds one video, 2 results are given; give one" in said
    (tmp_path / "empty").mkdir()
    assert "holds no poses.jsonl" in refused(tmp_path / "empty", tmp_path / "t.csv", capsys)
    header = (results / "poses.jsonl").read_text().splitlines()[0]
    (tmp_path / "empty" / "poses.jsonl").write_text(header + "\n")
    assert "holds no frame" in refused(tmp_path / "empty", tmp_path / "t.csv", capsys)


def test_names_of_other_tables(results: Path, tmp_path: Path, capsys: Capture) -> None:
    assert "expected .csv, .parquet, .trc or .json" in refused(results, tmp_path / "t.xlsx", capsys)
    assert "expected .csv, .parquet, .trc or .json" in refused(results, tmp_path / "folder", capsys)
    (tmp_path / "file").write_text("")
    assert "is a file; expected a folder" in refused(results, tmp_path / "file" / "t.csv", capsys)


def test_a_folder_that_cannot_be_written(
    results: Path,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", no)
    assert "cannot be written (Permission denied)" in refused(results, tmp_path / "t.csv", capsys)
    assert not (tmp_path / "t.csv").exists()
    monkeypatch.setattr(Path, "is_file", no)
    assert "cannot be read (Permission denied)" in refused(results, tmp_path / "t.csv", capsys)


def incomplete(results: Path, out: Path, capsys: Capture) -> str:
    """The one line that is said about a table that lacks something."""
    assert main(["table", str(results), "-o", str(out), "--quiet"]) == 3
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_killed_run_gives_its_whole_frames(
    results: Path, tmp_path: Path, capsys: Capture
) -> None:
    file = results / "poses.jsonl"
    file.write_bytes(file.read_bytes()[:-50])
    said = incomplete(results, tmp_path / "t.csv", capsys)
    assert "the last line is cut off" in said
    assert "the 9 whole frames" in said
    assert len(rows_of(tmp_path / "t.csv")) == 9 * NUM


def test_a_last_line_without_its_end_is_whole(results: Path) -> None:
    file = results / "poses.jsonl"
    file.write_bytes(file.read_bytes()[:-1])
    assert not open_given(results).lack


def test_results_without_a_joint_or_without_time(tmp_path: Path, capsys: Capture) -> None:
    nothing = np.full((NUM, 2), np.nan)
    path = written(tmp_path / "a", [frame_of(i, i / 25, {1: nothing}) for i in range(3)])
    assert "no joint was found" in incomplete(path, tmp_path / "t.csv", capsys)
    assert [row["x_px"] for row in rows_of(tmp_path / "t.csv")] == [""] * 3 * NUM
    path = written(tmp_path / "b", walk([0.0, 0.0, 0.0]))
    assert "all frames have the time 0.0 s" in incomplete(path, tmp_path / "u.csv", capsys)


def test_one_frame_is_a_table(tmp_path: Path) -> None:
    path = written(tmp_path / "a", walk([0.0]))
    assert main(["table", str(path), "-o", str(tmp_path / "t.csv"), "--quiet"]) == 0
    assert len(rows_of(tmp_path / "t.csv")) == NUM


@pytest.mark.parametrize("form", [[], ["--wide"]], ids=["long", "wide"])
def test_raw_columns_are_there_if_any_frame_has_raw_joints(form: list[str], tmp_path: Path) -> None:
    """Whatever the settings say, and empty for people who were not smoothed."""
    first, second = walk(TIMES[:2])
    marks = np.zeros((1, NUM), bool)
    smoothed = replace(first, before=BeforeSmoothing(first.xy + np.float32(1), marks, marks))
    column = "nose_x_raw_px" if form else "x_raw_px"
    for name, frames, expected in (
        ("none", [first, second], None),
        ("one", [smoothed, second], ""),
    ):
        folder = tmp_path / name
        folder.mkdir()
        settings = {"smooth": {"seconds": 1}}
        with ResultWriter(folder / "poses.jsonl", INFO, BODY19, {}, settings) as writer:
            for poses in frames:
                writer.write(poses)
        assert main(["table", str(folder), "-o", str(tmp_path / f"{name}.csv"), *form]) == 0
        rows = rows_of(tmp_path / f"{name}.csv")
        assert rows[-1].get(column) == expected
        assert bool(rows[0].get(column)) == (name == "one")


@pytest.mark.parametrize("form", [[], ["--wide"]], ids=["long", "wide"])
def test_columns_in_space_are_there_if_any_frame_was_lifted(
    form: list[str], tmp_path: Path
) -> None:
    first, second = walk(TIMES[:2])
    xyz = np.full((1, NUM, 3), 0.25, np.float32)
    lifted = replace(first, lifted=PosesInSpace(xyz, *np.zeros((2, 1), bool)))
    path = tmp_path / "poses_3d.jsonl"
    with ResultWriter(path, INFO, BODY19) as writer:
        writer.write(lifted)
        writer.write(second)
    assert main(["table", str(path), "-o", str(tmp_path / "t.csv"), *form]) == 0
    rows, column = rows_of(tmp_path / "t.csv"), "nose_z_3d" if form else "z_3d"
    assert (rows[0][column], rows[-1][column]) == ("0.25", "")


def markers_of(path: Path, num: int = NUM) -> tuple[list[str], list[list[str]]]:
    """The third line's values and the rows of a TRC file."""
    lines = [line.split("\t") for line in path.read_text("utf-8").splitlines()]
    assert all(len(row) == 2 + 3 * num for row in lines[5:])
    return lines[2], lines[5:]


def test_markers_are_the_joints_of_one_person(tmp_path: Path) -> None:
    frames = [frame_of(i, t, {1: Walk().joints(t), 7: Walk(start_px=600).joints(t)})
              for i, t in enumerate(TIMES)]  # fmt: skip
    frames[0] = frame_of(0, TIMES[0], {1: Walk().joints(0.0)})
    frames[4] = frame_of(4, TIMES[4], {})
    results = written(tmp_path / "walk", frames)
    said = main(["table", str(results), "-o", str(tmp_path / "a.trc"), "--person", "7"])
    assert said == 0
    (rate, _, num, joints, unit, *_), rows = markers_of(tmp_path / "a.trc")
    assert (rate, num, joints, unit) == ("25", "9", str(NUM), "m")
    assert [row[0] for row in rows] == [
        str(n) for n in range(2, 11)
    ]  # from where person 7 comes in
    assert set(rows[3][2:]) == {""}
    knee = 2 + 3 * BODY19.index("left_knee")
    x, y, z = map(float, rows[-1][knee : knee + 3])
    seen = Walk(start_px=600).joints(TIMES[-1])[BODY19.index("left_knee")]
    assert (1000 * x, -1000 * y, z) == pytest.approx((*seen, 0.0), abs=0.01)


def test_markers_in_metres(tmp_path: Path) -> None:
    frames = [replace(poses, lifted=PosesInSpace(np.full((1, NUM, 3), poses.time_s, np.float32),
                                                 np.zeros(1, bool), np.zeros(1, bool)))
              for poses in walk(TIMES)]  # fmt: skip
    frames[2] = replace(frames[2], lifted=None)
    for poses in frames:
        if poses.lifted is not None:
            poses.lifted.xyz[:, BODY19.index("nose")] = np.nan
    for unit in ("metres", "statures"):
        with ResultWriter(
            tmp_path / f"{unit}.jsonl", INFO, BODY19, settings={"lift": {"unit": unit}}
        ) as to:
            for poses in frames:
                to.write(poses)
    made = write_table(tmp_path / "metres.jsonl", TableOptions(tmp_path / "m.trc"))
    assert made.files == [tmp_path / "m.trc"]
    values, rows = markers_of(tmp_path / "m.trc", NUM - 1)
    assert values[3] == str(NUM - 1)
    assert "nose" not in (tmp_path / "m.trc").read_text("utf-8")
    assert rows[3][2:5] == ["0.12000"] * 3
    assert set(rows[2][2:]) == {""}
    both = [tmp_path / f"{unit}.jsonl" for unit in ("metres", "statures")]
    with pytest.raises(BadInput, match=r"in space in statures, others in metres"):
        write_table(both, TableOptions(tmp_path / "both.csv"))
    with pytest.raises(BadInput, match=r"heights of the person.*--height"):
        write_table(tmp_path / "statures.jsonl", TableOptions(tmp_path / "s.trc"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ([], "a .trc has one person, here are 1, 2; name one with --person"),
        (["--person", "3"], "has no person 3; there are 1, 2"),
        (["--person", "1", "--wide"], "leave out --wide"),
    ],
)
def test_whose_markers_are_meant(
    more: list[str], words: str, tmp_path: Path, capsys: Capture
) -> None:
    frames = [
        frame_of(i, t, {1: Walk().joints(t), 2: Walk().joints(t)}) for i, t in enumerate(TIMES)
    ]
    results = written(tmp_path / "walk", frames)
    assert words in refused(results, tmp_path / "a.trc", capsys, *more)


def test_markers_need_times(tmp_path: Path, capsys: Capture) -> None:
    still = written(tmp_path / "still", walk([0.0, 0.0, 0.0]))
    assert "times do not grow" in refused(still, tmp_path / "a.trc", capsys)
    unknown = replace(INFO, rate_hz=math.nan)
    one = written(tmp_path / "one", walk([0.0]), unknown)
    assert "tells neither a rate nor times" in refused(one, tmp_path / "a.trc", capsys)
    two = written(tmp_path / "two", walk([0.0, 0.05]), unknown)
    assert main(["table", str(two), "-o", str(tmp_path / "two.trc"), "--quiet"]) == 0
    assert markers_of(tmp_path / "two.trc")[0][:2] == ["20", "20"]
    empty = written(tmp_path / "empty", [frame_of(0, 0.0, {})])
    assert "here are nobody" in refused(empty, tmp_path / "b.trc", capsys)


def test_one_person_of_a_table(tmp_path: Path) -> None:
    frames = [
        frame_of(i, t, {1: Walk().joints(t), 2: Walk().joints(t)}) for i, t in enumerate(TIMES)
    ]
    results = written(tmp_path / "walk", frames)
    assert main(["table", str(results), "-o", str(tmp_path / "a.csv"), "--person", "2"]) == 0
    assert {row["person"] for row in rows_of(tmp_path / "a.csv")} == {"2"}


@pytest.mark.parametrize("wide", [False, True])
def test_one_table_of_many_trials(
    wide: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    frames = [
        frame_of(i, t, {1: Walk().joints(t), 2: Walk().joints(t)}) for i, t in enumerate(TIMES)
    ]
    written(Path("out/pre"), walk(TIMES))
    written(Path("out/=post"), frames)
    written(Path("=odd"), frames[:3])
    more = ["--wide"] if wide else []
    assert main(["table", "out", "=odd", "out/pre", "out/pre/", "-o", "a.csv", *more]) == 0
    assert (
        capsys.readouterr().out == f"3 results: {36 if wide else 36 * NUM} rows; table in a.csv\n"
    )
    rows = rows_of(Path("a.csv"))
    assert list(rows[0])[:2] == ["results", "time_s"]
    counts = {
        name: sum(row["results"] == name for row in rows) for name in {r["results"] for r in rows}
    }
    each = 1 if wide else NUM
    assert counts == {"out/pre": 10 * each, "out/=post": 20 * each, "./=odd": 6 * each}
    assert main(["table", "out/pre", "out/=post", "-o", "b.csv", "--person", "2", *more]) == 3
    assert {row["results"] for row in rows_of(Path("b.csv"))} == {"out/=post"}
    assert "out/pre/poses.jsonl: has no person 2; there are 1" in capsys.readouterr().err
    assert main(["table", "out", "-o", "c.csv", "--person", "3", *more]) == 2
    assert "out/=post/poses.jsonl: has no person 3; there are 1, 2" in capsys.readouterr().err
    # A folder with a single one in it is a folder of results, too.
    written(Path("alone/pre"), walk(TIMES))
    capsys.readouterr()
    assert main(["table", "alone", "-o", "d.csv", *more]) == 0
    assert capsys.readouterr().out.startswith("walk.mp4: ")
    assert rows_of(Path("d.csv"))[0]["results"] == "alone/pre"


def test_trials_that_do_not_fit_together(results: Path, tmp_path: Path, capsys: Capture) -> None:
    with ResultWriter(tmp_path / "b.jsonl", INFO, COCO17) as writer:
        writer.write(FramePoses.empty(0, 0.0, len(COCO17.joints)))
    said = refused(results, tmp_path / "t.csv", capsys, str(tmp_path / "b.jsonl"))
    assert "has the joints coco17" in said
    assert "has body19; write a table of each" in said
    assert main(["table", "-o", str(tmp_path / "t.csv")]) == 2
    assert "no results given" in capsys.readouterr().err


def test_coco_results_are_read_back(tmp_path: Path, capsys: Capture) -> None:
    frames = [frame_of(i, t, {1: Walk().joints(t), 5: Walk(start_px=600).joints(t)})
              for i, t in enumerate(TIMES)]  # fmt: skip
    frames[3] = frame_of(3, TIMES[3], {})
    lost = Walk().joints(0.0)
    lost[BODY19.index("left_wrist")] = np.nan
    frames[0] = frame_of(0, 0.0, {5: lost})
    results = written(tmp_path / "walk", frames)
    out = tmp_path / "coco.json"
    assert main(["table", str(results), "-o", str(out), "--person", "5"]) == 0
    assert capsys.readouterr().out.endswith(f": 9 poses; results in {out}\n")
    found = read_poses(out)
    assert found.skeleton == COCO17
    assert [poses.frame for poses in found.frames] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    where = [BODY19.index(name) for name in COCO17.joints]
    for poses in found.frames:
        given = frames[poses.frame]
        row = given.people.track_id.tolist().index(5)
        np.testing.assert_allclose(poses.xy[0], given.xy[row, where], atol=0.01)
        np.testing.assert_allclose(poses.people.xyxy[0], given.people.xyxy[row], atol=0.02)
        assert poses.people.track_id.tolist() == [5]
    assert np.isnan(found.frames[0].xy[0, COCO17.index("left_wrist")]).all()
    for skeleton, lacking in ((LIMB13, "nose"), (JHMDB15, "left_eye")):
        with ResultWriter(tmp_path / "b.jsonl", INFO, skeleton) as writer:
            writer.write(FramePoses.empty(0, 0.0, len(skeleton.joints)))
        said = refused(tmp_path / "b.jsonl", tmp_path / "b.json", capsys)
        assert f"COCO results have the joints of COCO, these poses no {lacking}; write" in said


def test_results_that_cannot_be_read_are_left_out(tmp_path: Path, capsys: Capture) -> None:
    for name in ("a", "b", "c"):
        written(tmp_path / "out" / name, walk(TIMES))
    (tmp_path / "out/a/poses.jsonl").write_text("no poses\n")
    out = tmp_path / "t.csv"
    assert main(["table", str(tmp_path / "out"), "-o", str(out)]) == 3
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert "a/poses.jsonl, line 1" in line
    assert captured.out.startswith(f"2 results: {20 * NUM} rows")
    assert {Path(row["results"]).name for row in rows_of(out)} == {"b", "c"}
    for name in ("b", "c"):
        (tmp_path / "out" / name / "poses.jsonl").write_text("no poses\n")
    assert main(["table", str(tmp_path / "out"), "-o", str(out), "--overwrite"]) == 2
    assert "none of the 3 results can be used" in capsys.readouterr().err
    assert len(rows_of(out)) == 20 * NUM


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_names_of_pictures(wide: bool, suffix: str, tmp_path: Path) -> None:
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    names = ["=1.jpg", "b,\udcff\t.jpg"]
    frames = [replace(p, picture=n) for p, n in zip(walk(TIMES[:2]), names, strict=True)]
    pictures = written(tmp_path / "pictures", frames)
    video = written(tmp_path / "video\udcff", walk(TIMES[:1]))
    out, more = tmp_path / f"t\udcff.{suffix}", ["--wide"] if wide else []
    assert main(["table", str(pictures), str(video), "-o", str(out), *more]) == 0
    rows = _rows_of_any(out)
    assert list(rows[0])[:5] == ["results", "time_s", "frame", "picture", "person"]
    assert [row["picture"] or "" for row in rows[:: 1 if wide else NUM]] == [
        "./=1.jpg", "b,\\udcff\\t.jpg", "",
    ]  # fmt: skip
    assert Path(rows[-1]["results"]).name == "video\\udcff"


def _rows_of_any(path: Path) -> list[dict[str, str]]:
    if path.suffix == ".csv":
        return rows_of(path)
    from pyarrow import parquet  # pyright: ignore[reportMissingImports]

    return parquet.read_table(BytesIO(path.read_bytes())).to_pylist()


def test_predictions_of_posetrack_are_scored(tmp_path: Path, capsys: Capture) -> None:
    spots = np.random.default_rng(1).uniform(20, 400, (3, 2, 15, 2)).round(1)
    truth = tmp_path / "000342_mpii_test.json"
    people = [
        person18(i, 5 + p, {j: (*spots[i, p, j], 1) for j in range(15)})
        for i in (0, 2) for p in range(2)
    ]  # fmt: skip
    write(truth, document18([image18(i) for i in range(3)], people))
    where = [BODY19.index(name) for name in POSETRACK15.joints]
    joints = np.full((3, 2, NUM, 2), np.nan)
    joints[:, :, where] = spots
    frames = [
        replace(frame_of(i, i / 25, {1: a, 8: b} if i != 1 else {}), picture=f"{i:06d}.jpg")
        for i, (a, b) in enumerate(joints)
    ]
    info = replace(INFO, name="000342_mpii_test")
    results = written(tmp_path / "walk", frames, info)
    out = tmp_path / "guess.json"
    assert main(["table", str(results), "-o", str(out), "--posetrack"]) == 0
    assert "4 poses" in capsys.readouterr().out
    report = score_posetrack(truth, out)
    assert not any("other names" in line for line in report.lines)
    assert set(report.plain["ap"]["ap"]) == set(report.plain["mot"]["mota"]) == {100.0}
    found = read_poses(out)
    assert [poses.people.track_id.tolist() for poses in found.frames] == [[1, 8], [], [1, 8]]
    np.testing.assert_allclose(found.frames[2].xy, spots[2], atol=0.01)
    # Frames of a video have no names, and are scored by their place, too.
    video = written(tmp_path / "video", [replace(poses, picture=None) for poses in frames])
    assert main(["table", str(video), "-o", str(tmp_path / "v.json"), "--posetrack"]) == 0
    assert score_posetrack(truth, tmp_path / "v.json").lines == report.lines
    capsys.readouterr()
    said = refused(results, tmp_path / "t.csv", capsys, "--posetrack")
    assert "predictions of PoseTrack are a .json" in said
    many = written(tmp_path / "many", [frame_of(0, 0.0, {10000: joints[0, 0]})])
    said = refused(many, tmp_path / "m.json", capsys, "--posetrack")
    assert "m.json: frame 0: track_id 10000; expected less than 10000" in said
