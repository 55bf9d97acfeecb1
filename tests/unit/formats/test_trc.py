"""Markers in a TRC file, read back as its readers do."""

from pathlib import Path

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.formats.trc import write_trc


def test_what_the_readers_expect(tmp_path: Path) -> None:
    xyz = np.array([[[1.0, 2.0, -0.5], [np.nan] * 3], [[1.25, 2.0, 0.0], [0.1, 0.2, 0.3]]])
    path = tmp_path / "walk.trc"
    write_trc(path, ("left_knee", "nose"), np.array([4, 5]), np.array([0.16, 0.2]), xyz, 25.0)
    assert path.read_text("utf-8").split("\n") == [
        "PathFileType\t4\t(X/Y/Z)\twalk.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        "25\t25\t2\t2\tm\t25\t1\t2",
        "Frame#\tTime\tleft_knee\t\t\tnose\t\t",
        "\t\tX1\tY1\tZ1\tX2\tY2\tZ2",
        "5\t0.160000\t1.00000\t2.00000\t-0.50000\t\t\t",
        "6\t0.200000\t1.25000\t2.00000\t0.00000\t0.10000\t0.20000\t0.30000",
        "",
    ]


def test_a_name_that_is_no_text_is_one_cell(tmp_path: Path) -> None:
    path = tmp_path / "a\tb\udcff.trc"
    write_trc(path, ("nose",), np.array([0]), np.zeros(1), np.zeros((1, 1, 3)), 25.0)
    first = path.read_text("utf-8").split("\n")[0]
    assert first == "PathFileType\t4\t(X/Y/Z)\ta\\tb\\udcff.trc"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    nobody = np.zeros((0, 1, 3))
    with pytest.raises(BadInput, match="cannot be written"):
        write_trc(tmp_path / "no" / "a.trc", ("nose",), np.zeros(0, int), np.zeros(0), nobody, 25.0)
