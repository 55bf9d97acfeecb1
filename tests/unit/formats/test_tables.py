"""Tables of poses: what each cell holds, and that spreadsheets of any locale read it alike."""

import csv
import locale
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.formats.tables import CsvTable, Layout, long_layout, wide_layout
from glpose.skeleton import BODY19, SKELETONS, Skeleton
from glpose.types import FramePoses, PosesInSpace
from walking import NUM, frame_of

MakeLayout = Callable[[Skeleton], Layout]
LAYOUTS = (long_layout, wide_layout)


def two_people() -> FramePoses:
    """Person 7 lacks the nose and has unsure sides; person 2 was found in frames around it."""
    xy = np.arange(2 * NUM * 2, dtype=np.float64).reshape(2, NUM, 2) - 3.14159
    xy[0, 0] = np.nan
    poses = frame_of(4, 0.1234567, {7: xy[0], 2: xy[1]})
    return replace(poses, unsure_sides=np.array([True, False]), propagated=np.array([False, True]))


def table_of(path: Path, layout: Layout, *frames: FramePoses) -> list[dict[str, str]]:
    with CsvTable(path, layout.columns) as table:
        for poses in frames:
            table.write(layout.rows(poses))
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_long_form_has_a_row_for_each_joint(tmp_path: Path) -> None:
    rows = table_of(tmp_path / "t.csv", long_layout(BODY19), two_people())
    assert len(rows) == 2 * NUM
    assert [row["joint"] for row in rows[:NUM]] == list(BODY19.joints)
    assert rows[0] == {
        "time_s": "0.123457", "frame": "4", "person": "7", "joint": "nose",
        "x_px": "", "y_px": "", "score": "0.0", "sides": "unsure", "source": "",
    }  # fmt: skip
    assert rows[NUM + 1] == {
        "time_s": "0.123457", "frame": "4", "person": "2", "joint": "left_eye",
        "x_px": "36.86", "y_px": "37.86", "score": "0.8", "sides": "", "source": "propagated",
    }  # fmt: skip


def test_the_wide_form_has_a_row_for_each_person(tmp_path: Path) -> None:
    poses = two_people()
    rows = table_of(tmp_path / "t.csv", wide_layout(BODY19), poses)
    assert [row["person"] for row in rows] == ["7", "2"]
    assert (rows[0]["nose_x_px"], rows[0]["nose_score"], rows[0]["sides"]) == ("", "0.0", "unsure")
    for j, name in enumerate(BODY19.joints):
        assert float(rows[1][f"{name}_x_px"]) == pytest.approx(float(poses.xy[1, j, 0]), abs=0.006)
        assert float(rows[1][f"{name}_y_px"]) == pytest.approx(float(poses.xy[1, j, 1]), abs=0.006)
    box = [float(rows[1][f"box_{part}_px"]) for part in ("x1", "y1", "x2", "y2")]
    assert box == pytest.approx(poses.people.xyxy[1].tolist(), abs=0.006)
    assert rows[1]["box_score"] == "0.9"


def test_joints_in_space_have_columns_of_their_own(tmp_path: Path) -> None:
    xyz = np.full((2, NUM, 3), np.nan, np.float32)
    xyz[1] = [0.25, -0.5, 1.0]
    lifted = replace(two_people(), lifted=PosesInSpace(xyz, *np.zeros((2, 2), bool)))
    rows = table_of(tmp_path / "t.csv", long_layout(BODY19, in_space=True), lifted)
    assert [rows[0][f"{axis}_3d"] for axis in "xyz"] == ["", "", ""]
    assert [rows[NUM][f"{axis}_3d"] for axis in "xyz"] == ["0.25", "-0.5", "1.0"]
    rows = table_of(tmp_path / "t.csv", wide_layout(BODY19, raw=True, in_space=True), lifted)
    assert [rows[1][f"left_knee_{part}"] for part in ("x_raw_px", "z_3d")] == ["", "1.0"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_frame_without_people_has_no_row(layout: MakeLayout, tmp_path: Path) -> None:
    empty = FramePoses.empty(0, 0.0, NUM)
    assert table_of(tmp_path / "t.csv", layout(BODY19), empty) == []


@pytest.fixture
def comma_locale() -> Iterator[None]:
    """A locale with a decimal comma, if the machine has one."""
    before = locale.setlocale(locale.LC_ALL)
    for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"):
        try:
            locale.setlocale(locale.LC_ALL, name)
            break
        except locale.Error:
            continue
    else:
        pytest.skip("no locale with a decimal comma is installed")
    yield
    locale.setlocale(locale.LC_ALL, before)


def test_numbers_have_points_in_any_locale(comma_locale: None, tmp_path: Path) -> None:
    rows = table_of(tmp_path / "t.csv", long_layout(BODY19), two_people())
    assert rows[1]["x_px"] == "-1.14"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_no_cell_can_be_a_formula(layout: MakeLayout, skeleton: Skeleton, tmp_path: Path) -> None:
    """Cells are numbers, or words of letters, figures and underscores, and so are the headings."""
    num = len(skeleton.joints)
    poses = replace(
        two_people(), xy=np.full((2, num, 2), -1e5, np.float32), score=np.ones((2, num), np.float32)
    )
    made = table_of(tmp_path / "t.csv", layout(skeleton), poses)
    for cell in {cell for row in made for pair in row.items() for cell in pair}:
        assert cell.replace("_", "").isalnum() or float(cell or 0) is not None, cell


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_have_a_cell_for_each_column_of_its_type(layout: MakeLayout) -> None:
    made = layout(BODY19)
    for row in made.rows(two_people()):
        for cell, kind in zip(row, made.columns.values(), strict=True):
            assert cell is None or isinstance(cell, kind)


def test_a_full_disk_is_one_clear_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(BadInput, match="No space left"):
        CsvTable(Path("/dev/full"), {"time_s": float})
    with pytest.raises(BadInput, match="cannot be written"):
        CsvTable(Path("/nowhere/t.csv"), {"time_s": float})
