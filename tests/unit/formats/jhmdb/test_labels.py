"""Sub-JHMDB in its official layout: what is read, from where pixels count, what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from glpose.errors import BadInput
from glpose.formats.jhmdb.labels import box_of, open_subjhmdb, read_list
from glpose.skeleton import JHMDB15

ACTION = "jump"
NAMES = ("a.avi(2)!_b@home", "C++", "plain")


def positions(frames: int) -> np.ndarray:
    """x = 10 * joint + frame + 1, y = joint + 1: the files count from 1."""
    joint, frame = np.meshgrid(np.arange(15), np.arange(frames), indexing="ij")
    return np.stack([10 * joint + frame + 1, joint + 1]).astype(np.float64)


def masks(frames: int) -> np.ndarray:
    out = np.zeros((24, 32, frames), np.uint8)
    out[3:10, 5:21] = 1
    return out


def write_clip(
    root: Path,
    name: str,
    frames: int = 3,
    *,
    pos_img: np.ndarray | None = None,
    part_mask: np.ndarray | None = None,
    pictures: int | None = None,
) -> None:
    for folder, file, key, value in (
        ("joint_positions", "joint_positions.mat", "pos_img", pos_img),
        ("puppet_mask", "puppet_mask.mat", "part_mask", part_mask),
    ):
        default = positions(frames) if key == "pos_img" else masks(frames)
        place = root / folder / ACTION / name
        place.mkdir(parents=True)
        content = {key: default if value is None else value, "viewpoint": "N"}
        savemat(place / file, content, do_compression=True)
    place = root / "Rename_Images" / ACTION / name
    place.mkdir(parents=True)
    for i in range(frames if pictures is None else pictures):
        (place / f"{i + 1:05d}.png").write_bytes(b"not opened")


def write_list(root: Path, split: int, text: str, action: str = ACTION) -> Path:
    path = root / "sub_splits" / f"{action}_test_split_{split}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three clips; each split tests on another one."""
    for name in NAMES:
        write_clip(tmp_path, name)
    for split in (1, 2, 3):
        lines = [f"{n}.avi {2 if i == split - 1 else 1} \n" for i, n in enumerate(NAMES)]
        write_list(tmp_path, split, "\n".join(lines) + "\n")
    return tmp_path


def remade(root: Path, **changes: object) -> None:
    """The clip that split 3 tests on, with something else in it."""
    for folder in ("joint_positions", "puppet_mask", "Rename_Images"):
        shutil.rmtree(root / folder / ACTION / "plain")
    write_clip(root, "plain", **changes)  # type: ignore[arg-type]


def test_pixels_count_from_0_and_all_joints_count(root: Path):
    (sequence,) = open_subjhmdb(root, 3, "test")
    assert sequence.name == "jump/plain"
    assert sequence.skeleton is JHMDB15
    assert sequence.video is None
    assert [path.name for path in sequence.images] == ["00001.png", "00002.png", "00003.png"]
    truth = sequence.truth()
    assert [t.frame for t in truth] == [0, 1, 2]
    for i, frame in enumerate(truth):
        expected = np.stack([10 * np.arange(15) + i, np.arange(15)], -1)
        assert (frame.xy[0] == expected).all()
        assert (frame.visibility == 2).all()
        # First and last column and row, so that the width is x2 - x1 as in the published tables.
        assert frame.people.xyxy.tolist() == [[5, 3, 20, 9]]


def test_splits_are_kept_apart(root: Path):
    for split in (1, 2, 3):
        tested = {s.name for s in open_subjhmdb(root, split, "test")}
        trained = {s.name for s in open_subjhmdb(root, split, "train")}
        assert tested == {f"jump/{NAMES[split - 1]}"}
        assert trained == {f"jump/{name}" for name in NAMES} - tested


def test_opening_reads_no_labels_and_truth_reads_them_once(root: Path):
    remade(root)
    file = root / "joint_positions/jump/plain/joint_positions.mat"
    whole = file.read_bytes()
    file.write_bytes(b"")
    (sequence,) = open_subjhmdb(root, 3, "test")
    file.write_bytes(whole)
    first = sequence.truth()
    file.write_bytes(b"")
    assert sequence.truth() is first


def test_litter_of_file_servers_is_passed_over(root: Path):
    (root / "sub_splits/.AppleDouble").mkdir()
    (root / "sub_splits/.AppleDouble/jump_test_split_3.txt").write_text("Mac OS X")
    (root / "sub_splits/._jump_test_split_3.txt").write_bytes(b"\x00\x05\x16\x07\xff")
    pictures = root / "Rename_Images/jump/plain"
    (pictures / ".AppleDouble").mkdir()
    for name in ("._00001.png", ".00002.png", "Thumbs.db", ".DS_Store"):
        (pictures / name).write_bytes(b"")
    (sequence,) = open_subjhmdb(root, 3, "test")
    assert len(sequence.images) == 3


def test_frames_are_ordered_by_number(root: Path):
    remade(root, frames=12, pictures=0)
    for i in range(12):
        (root / f"Rename_Images/jump/plain/{i + 1}.png").write_bytes(b"")
    (sequence,) = open_subjhmdb(root, 3, "test")
    assert [int(path.stem) for path in sequence.images] == list(range(1, 13))


def test_a_stray_picture_does_not_take_the_place_of_a_missing_one(root: Path):
    folder = root / "Rename_Images/jump/plain"
    (folder / "00002.png").rename(folder / "00099.png")
    assert "plain: the picture of frame 2 is 00003.png; expected the numbers 1 to 3" in complaint(
        root
    )


@pytest.mark.parametrize("place", ["ReCompress_Videos/jump/plain.avi", "videos/jump/plain.mp4"])
def test_a_video_in_place_of_pictures(root: Path, place: str):
    shutil.rmtree(root / "Rename_Images/jump/plain")
    (root / place).parent.mkdir(parents=True)
    (root / place).write_bytes(b"not opened")
    (sequence,) = open_subjhmdb(root, 3, "test")
    assert sequence.images == ()
    assert sequence.video == root / place
    assert len(sequence.truth()) == 3


def test_a_clip_of_one_frame(root: Path):
    # MATLAB drops the last axis of length 1.
    remade(root, frames=1, pos_img=positions(1)[..., 0], part_mask=masks(1)[..., 0])
    (truth,) = open_subjhmdb(root, 3, "test")[0].truth()
    assert truth.xy[0, 3].tolist() == [30, 3]
    assert truth.people.xyxy.tolist() == [[5, 3, 20, 9]]


def test_nobody_is_where_the_mask_is_empty(root: Path):
    part_mask = masks(3)
    part_mask[..., 1] = 0
    remade(root, part_mask=part_mask)
    truth = open_subjhmdb(root, 3, "test")[0].truth()
    assert [len(frame.people) for frame in truth] == [1, 0, 1]
    assert truth[1].xy.shape == (0, 15, 2)


def test_the_box_of_one_pixel():
    mask = np.zeros((4, 5), bool)
    assert box_of(mask) is None
    mask[3, 4] = True
    box = box_of(mask)
    assert box is not None
    assert box.tolist() == [4, 3, 4, 3]


def complaint(root: Path, split: int = 3, part: str = "test") -> str:
    with pytest.raises(BadInput) as caught:
        for sequence in open_subjhmdb(root, split, part):  # type: ignore[arg-type]
            sequence.truth()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_other_numbers_of_frames_name_both(root: Path):
    remade(root, pictures=2)
    assert "3 frames of joints, but 2 pictures in" in complaint(root)
    remade(root, part_mask=masks(5))
    assert "5 frames of part_mask, but 3 of pos_img" in complaint(root)


@pytest.mark.parametrize(
    ("folder", "archive"),
    [
        ("joint_positions", "joint_positions.zip"),
        ("puppet_mask", "puppet_mask.zip"),
        ("Rename_Images", "Rename_Images.tar.gz"),
    ],
)
def test_missing_files_are_counted_before_any_is_read(root: Path, folder: str, archive: str):
    shutil.rmtree(root / folder / ACTION / NAMES[1])
    message = complaint(root, 3, "train")
    assert str(root / folder / ACTION / NAMES[1]) in message
    assert archive in message
    assert "1 of the 2 clips of split 3 (train) are incomplete" in message
    assert open_subjhmdb(root, 3, "test")  # the other part is whole


def test_damaged_mat_files_name_file_and_key(root: Path):
    file = root / "puppet_mask/jump/plain/puppet_mask.mat"
    whole = file.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:100], b"", b"<html>not found</html>"):
        file.write_bytes(content)
        message = complaint(root)
        assert message.startswith(f"{file}: ")
        assert "part_mask" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"pos_world": positions(3)}, "the key 'pos_img' is missing"),
        ({"pos_img": positions(3)[:, :14]}, "'pos_img' is 2 x 14 x 3"),
        ({"pos_img": np.zeros((0, 0))}, "'pos_img' is 0 x 0"),
        ({"pos_img": "text"}, "'pos_img' is"),
        ({"pos_img": np.where(positions(3) == 142, np.nan, positions(3))}, "of frame 2 is not fin"),
    ],
)
def test_wrong_contents_name_file_and_key(root: Path, content: dict, words: str):
    file = root / "joint_positions/jump/plain/joint_positions.mat"
    savemat(file, content)
    message = complaint(root)
    assert message.startswith(f"{file}: ")
    assert words in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plain.avi 1\nplain 2\n", r"line 2: found 'plain 2'; expected '<video>.avi <1 or 2>'"),
        ("plain.avi 3\n", r"line 1: found 'plain.avi 3'"),
        (".avi 1\n", r"line 1: found '.avi 1'"),
        ("plain.avi 1\n\nplain.avi 2\n", "line 3: plain comes twice"),
        ("\n \n", "lists no videos"),
        ("plain.avi 1\n", "split 3 lists no clip for test"),
    ],
)
def test_wrong_lists_name_file_and_line(root: Path, text: str, words: str):
    write_list(root, 3, text)
    assert words in complaint(root)
    assert open_subjhmdb(root, 1, "test")


def test_lines_end_at_the_last_avi(tmp_path: Path):
    path = write_list(tmp_path, 1, "\ufeffa.avi b.avi  2\r\nMatch.2004_(1)+@!.avi\t1\r\n")
    assert read_list(path) == [("a.avi b", 2), ("Match.2004_(1)+@!", 1)]


def test_missing_lists_say_what_to_unpack(root: Path):
    shutil.rmtree(root / "sub_splits")
    message = complaint(root)
    assert "sub_splits.zip" in message
    assert "_test_split_3.txt" in message
    with pytest.raises(BadInput, match="not text"):
        path = write_list_bytes(root)
        read_list(path)


def write_list_bytes(root: Path) -> Path:
    path = write_list(root, 1, "")
    path.write_bytes(b"\xff\xfe\x00")
    return path


def test_there_are_three_splits(root: Path):
    assert "expected split 1, 2 or 3, part train or test" in complaint(root, 4)
