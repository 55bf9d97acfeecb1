"""Motion capture from `.npz` files: joints by name, clips by their lengths, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.formats.motion import read_motions
from glpose.skeleton import LIMB13

NAMES = ["pelvis", *("thorax" if joint == "neck" else joint for joint in LIMB13.joints)]


def write(path: Path, **changes: object) -> Path:
    xyz = np.arange(5 * len(NAMES) * 3, dtype=np.float16).reshape(5, len(NAMES), 3)
    arrays = {"xyz_m": xyz, "clip_name": ["a", "b"], "clip_frames": [2, 3], "joints": NAMES}
    arrays |= {"rate_hz": 15.0, **changes}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def test_clips_and_joints_are_found_by_name(tmp_path: Path):
    a, b = read_motions(write(tmp_path / "m.npz"), LIMB13)
    assert (a.name, b.name, a.rate_hz, len(a.xyz), len(b.xyz)) == ("a", "b", 15.0, 2, 3)
    row = 2 * len(NAMES) * 3
    np.testing.assert_array_equal(b.xyz[0, 0], np.arange(3) + row + 3)
    neck = NAMES.index("thorax") * 3
    np.testing.assert_array_equal(b.xyz[0, LIMB13.index("neck")], np.arange(3) + row + neck)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rate_hz": None}, "not a file of motions .*; expected xyz_m, clip_name"),
        ({"joints": [*NAMES[:-1], "tail"]}, "has no joint 'neck'"),
        ({"clip_frames": [2, 2]}, r"shape \(5, 14, 3\), but 2 clips of together 4 frames"),
        ({"clip_name": ["a"]}, "but 1 clips"),
        ({"xyz_m": np.full((5, 14, 3), np.nan)}, "values that are not finite"),
        ({"rate_hz": 0.0}, "not finite"),
        ({"clip_frames": ["two", "three"]}, "not a file of motions"),
        ({"clip_frames": 5}, "not a file of motions"),
    ],
)
def test_what_does_not_fit_is_said(tmp_path: Path, changes: dict, message: str):
    with pytest.raises(BadInput, match=message):
        read_motions(write(tmp_path / "m.npz", **changes), LIMB13)


def test_a_file_that_is_missing_or_another(tmp_path: Path):
    with pytest.raises(BadInput, match="cannot be read"):
        read_motions(tmp_path / "none.npz", LIMB13)
    for content in (b"", b"no archive", write(tmp_path / "m.npz").read_bytes()[:-40]):
        (tmp_path / "m.npz").write_bytes(content)
        with pytest.raises(BadInput, match=r"m\.npz: not a \.npz file"):
            read_motions(tmp_path / "m.npz", LIMB13)
