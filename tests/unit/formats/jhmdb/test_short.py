"""JHMDB labels, from files written in its layout."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from glpose.errors import BadInput
from glpose.formats.jhmdb.short import clip_names, open_clips, read_clips

NAME = "jump/a_clip"


def write(
    root: Path, positions: np.ndarray, boxes: Any, *, split: str = f"# clip frames\n{NAME} 3\n\n"
) -> Path:
    folder = root / "joint_positions" / NAME
    folder.mkdir(parents=True)
    savemat(folder / "joint_positions.mat", {"pos_img": positions}, do_compression=True)
    (root / "person_boxes.json").write_text(json.dumps({NAME: {"xyxy": boxes}}))
    (root / "train.txt").write_text(split)
    return root


def positions(frames: int = 3) -> np.ndarray:
    """x = 10 * joint + frame + 1, y = joint + 1: the file counts from 1."""
    joint, frame = np.meshgrid(np.arange(15), np.arange(frames), indexing="ij")
    return np.stack([10 * joint + frame + 1, joint + 1]).astype(np.float64)


BOX = [1.0, 2.0, 30.0, 40.0]


def test_joints_are_counted_from_0_and_in_order(tmp_path: Path) -> None:
    (clip,) = read_clips(write(tmp_path, positions(), [BOX] * 3), "train")
    assert clip.name == NAME
    assert clip.video == tmp_path / "videos" / "jump" / "a_clip.mp4"
    assert len(clip.truth) == 3
    for i, truth in enumerate(clip.truth):
        assert truth.frame == i
        assert truth.people.xyxy.tolist() == [BOX]
        expected = np.stack([10 * np.arange(15) + i, np.arange(15)], -1)
        assert (truth.xy[0] == expected).all()
        assert (truth.visibility == 2).all()


def test_a_clip_of_one_frame(tmp_path: Path) -> None:
    # MATLAB drops the last axis of length 1.
    (clip,) = read_clips(write(tmp_path, positions(1)[..., 0], [BOX]), "train")
    assert clip.truth[0].xy[0, 3].tolist() == [30, 3]


def test_joints_outside_the_picture_or_nan_are_not_labelled(tmp_path: Path) -> None:
    data = positions(1)
    data[:, 0, 0] = (0.4, 1)  # x = -0.6: outside; the corner pixel's area starts at -0.5
    data[:, 1, 0] = (320.4, 240.4)  # 319.4, 239.4: still on the last pixel
    data[:, 2, 0] = (320.6, 1)
    data[:, 3, 0] = (5, 240.6)
    data[:, 4, 0] = np.nan
    (clip,) = read_clips(write(tmp_path, data, [BOX]), "train")
    assert clip.truth[0].visibility[0, :6].tolist() == [0, 2, 0, 0, 0, 2]


def test_a_frame_without_a_box_or_with_a_nan_in_it_has_no_person(tmp_path: Path) -> None:
    (clip,) = read_clips(write(tmp_path, positions(), [None, BOX, [1, 2, np.nan, 4]]), "train")
    assert [len(t.people) for t in clip.truth] == [0, 1, 0]
    assert clip.truth[0].xy.shape == (0, 15, 2)
    assert clip.truth[2].visibility.shape == (0, 15)


def test_missing_and_empty_lists_of_clips(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"val.txt: not found"):
        clip_names(tmp_path, "val")
    (tmp_path / "val.txt").write_text("# nothing\n  \n")
    with pytest.raises(BadInput, match=r"val.txt: lists no clips"):
        clip_names(tmp_path, "val")


def test_lists_of_other_editors_are_read(tmp_path: Path) -> None:
    """A byte order mark, the line ends of Windows, and a line of spaces."""
    (tmp_path / "val.txt").write_bytes("\ufeff# clips\r\n   \r\n jump/a 3\r\nrun/b\r\n".encode())
    assert clip_names(tmp_path, "val") == ["jump/a", "run/b"]
    (tmp_path / "val.txt").write_bytes(b"\xff\xfej\0")
    with pytest.raises(BadInput, match=r"val.txt: not text in UTF-8; expected lines of clips"):
        clip_names(tmp_path, "val")


def test_a_clip_listed_twice_or_in_both_splits_is_refused(tmp_path: Path) -> None:
    """It would count twice, or be trained and scored on."""
    train, val = tmp_path / "train.txt", tmp_path / "val.txt"
    train.write_text("jump/a 3\nrun/b\njump/a\n")
    with pytest.raises(BadInput, match=r"train\.txt: names jump/a 2 times"):
        clip_names(tmp_path, "train")
    train.write_text("jump/a\nrun/b\n")
    val.write_text("run/b\nrun/c\n")
    for split, other in (("train", "val"), ("val", "train")):
        with pytest.raises(BadInput, match=rf"{split}\.txt: names run/b as {other}\.txt does"):
            clip_names(tmp_path, split)
        with pytest.raises(BadInput, match="names run/b as"):
            open_clips(tmp_path, split)
    val.write_text("run/b\njump/a\n")
    with pytest.raises(BadInput, match=r"train\.txt: names jump/a and 1 more as val\.txt does"):
        clip_names(tmp_path, "train")
    val.write_text("run/c\n")
    assert clip_names(tmp_path, "train") == ["jump/a", "run/b"]
    assert clip_names(tmp_path, "val") == ["run/c"]


@pytest.mark.parametrize("content", [b'{"jump/a_cl', b"\xff\xfe\x00", b""])
def test_boxes_that_are_not_json(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, positions(), [BOX] * 3)
    (tmp_path / "person_boxes.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"person_boxes.json: not JSON"):
        read_clips(tmp_path, "train")


@pytest.mark.parametrize(
    "content", [[], {"other": {}}, {NAME: {}}, {NAME: {"xyxy": 3}}, {NAME: {"xyxy": [[1, 2]]}}]
)
def test_boxes_of_a_wrong_form_name_file_and_key(tmp_path: Path, content: Any) -> None:
    write(tmp_path, positions(), [BOX] * 3)
    (tmp_path / "person_boxes.json").write_text(json.dumps(content))
    with pytest.raises(BadInput, match=r"person_boxes.json: .*jump/a_clip"):
        read_clips(tmp_path, "train")


def test_as_many_boxes_as_frames(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"joint_positions.mat: 3 frames of joints, but 2 boxes"):
        read_clips(write(tmp_path, positions(), [BOX] * 2), "train")


@pytest.mark.parametrize("kept", [0, 40, 200, -30])
def test_damaged_joint_files_are_named(tmp_path: Path, kept: int) -> None:
    path = write(tmp_path, positions(), [BOX] * 3) / "joint_positions" / NAME
    path /= "joint_positions.mat"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BadInput, match=r"joint_positions.mat: "):
        read_clips(tmp_path, "train")


def test_joint_files_of_another_form_are_named(tmp_path: Path) -> None:
    write(tmp_path, positions(), [BOX] * 3)
    path = tmp_path / "joint_positions" / NAME / "joint_positions.mat"
    savemat(path, {"other": 1})
    with pytest.raises(BadInput, match=r"joint_positions.mat: the key 'pos_img' is missing"):
        read_clips(tmp_path, "train")
    savemat(path, {"pos_img": np.zeros((3, 15, 3))})
    with pytest.raises(BadInput, match=r"'pos_img' is 3 x 15 x 3 .*expected 2 x 15 x frames"):
        read_clips(tmp_path, "train")
    path.unlink()
    with pytest.raises(BadInput, match=r"joint_positions.mat: not a whole MAT file \(No such file"):
        read_clips(tmp_path, "train")
