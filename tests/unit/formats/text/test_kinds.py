"""Files that are no text are told by their first bytes, and refused in words where poses are read."""

from pathlib import Path

import numpy as np
import pytest

import bad_videos
from glpose.errors import BadInput
from glpose.formats.poses import check_order, read_poses
from glpose.formats.results import load, read_boxes
from glpose.formats.text.kinds import kind_of
from glpose.imaging import write_image


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a", b"\0\0\0\x20ftypisom", "a video"),
        ("a.mov", b"\0\0\0\x08wide", "a video"),
        ("a.mkv", b"\x1aE\xdf\xa3", "a video"),
        ("a.avi", b"RIFF\0\0\0\0AVI ", "a video"),
        ("a.ts", b"G" + b"\0" * 187 + b"G", "a video"),
        ("a.webp", b"RIFF\0\0\0\0WEBP", "a picture"),
        ("a.CSV", b"frame,x\n", "a table"),
        ("a", b"PAR1\x15", "a table"),
        ("a.npy", b"\x93NUMPY\1\0", "no text"),
        ("a.csv", b'\xef\xbb\xbf{"format"', None),
        ("a.jsonl", b"", None),
        ("a.json", b"[\n", None),
        ("a.txt", b"Good morning", None),
        ("a.json", '{"name": "é"}'.encode("latin-1"), None),
    ],
)
def test_kinds(name: str, head: bytes, kind: str | None) -> None:
    assert kind_of(Path(name), head) == kind


def test_what_is_given_in_place_of_poses_is_named(tmp_path: Path) -> None:
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=2)
    picture = tmp_path / "f.png"
    write_image(picture, np.zeros((8, 8, 3), np.uint8))
    table = tmp_path / "poses.csv"
    table.write_text("frame,time_s\n0,0.0\n")
    for read in (load, read_boxes, read_poses):
        for path, kind in ((video, "a video"), (picture, "a picture"), (table, "a table")):
            with pytest.raises(BadInput, match=rf"{path.name}: is {kind}; expected JSON.*; give"):
                read(path)


def test_a_video_in_the_place_of_poses_tells_the_order(tmp_path: Path) -> None:
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=2)
    with pytest.raises(BadInput, match="the order is glpose refine VIDEO POSES"):
        check_order(video, "glpose refine VIDEO POSES")
    check_order(tmp_path, "of a folder")
    check_order(tmp_path / "nothing", "of nothing")
    (tmp_path / "poses.jsonl").write_text("{}")
    check_order(tmp_path / "poses.jsonl", "of poses")
