"""PoseTrack sets: opening reads no labels, and every frame finds its picture or says so."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

import posetrack_sets as sets
from glpose.errors import BadInput
from glpose.formats.dataset import LabelledSequence
from glpose.formats.posetrack.images import list_pictures
from glpose.formats.posetrack.labels import open_posetrack


def rename(root: Path, place: str, names: list[str]) -> None:
    old = sorted((root / place).iterdir())
    for path, name in zip(old, names, strict=True):
        path.rename(path.with_name(f"{name}.new"))
    for path in (root / place).iterdir():
        path.rename(path.with_suffix(""))


def only(root: Path, year: int = 2017) -> LabelledSequence:
    (sequence,) = open_posetrack(root, year, "val")
    return sequence


@pytest.mark.parametrize(("year", "make"), [(2017, sets.set17), (2018, sets.set18)])
@pytest.mark.parametrize("inner", ["", "posetrack_data"])
def test_truth_is_that_of_labelled_frames(
    tmp_path: Path, year: int, make: type[None], inner: str
) -> None:
    make(tmp_path / inner)  # type: ignore[call-arg]
    sequence = only(tmp_path, year)
    assert sequence.name == ("000342_mpii" if year == 2017 else "000342_mpii_test")
    assert sequence.skeleton is sets.POSETRACK15
    assert len(sequence.images) == 5
    assert all(path.is_file() for path in sequence.images)
    truth = sequence.truth()
    assert [frame.frame for frame in truth] == [1, 3]
    assert truth[0].xy.dtype == np.float32
    assert truth[0].xy[0, 13].tolist() == [40.5, 80]


def test_labelled_frames_without_people_are_there(tmp_path: Path) -> None:
    sets.set17(tmp_path)
    path = tmp_path / "annotations" / "val" / f"{sets.SEQUENCE}.json"
    document = json.loads(path.read_text())
    document["annolist"][4]["is_labeled"] = [1]
    sets.write(path, document)
    assert [(t.frame, len(t.people)) for t in only(tmp_path).truth()] == [(1, 1), (3, 1), (4, 0)]


@pytest.mark.parametrize(
    ("labels", "disk"),
    [
        ("{:08d}.jpg", "{:08d}.jpg"),
        ("{:04d}_crop.jpg", "{:08d}.jpg"),
        ("{:04d}_crop.jpg", "{:04d}_crop.jpg"),
        ("{:d}.jpg", "{:d}.jpg"),
    ],
)
@pytest.mark.parametrize("first", [1, 0, 8, 97])
def test_frames_are_paired_in_the_archive_and_in_the_renamed_copy(
    tmp_path: Path, labels: str, disk: str, first: int
) -> None:
    sets.set17(tmp_path)
    names = sets.numbered(5, labels, first)
    path = tmp_path / "annotations" / "val" / f"{sets.SEQUENCE}.json"
    document = json.loads(path.read_text())
    for entry, name in zip(document["annolist"], names, strict=True):
        entry["image"][0]["name"] = f"{sets.PLACE}/{name}"
    path.write_text(json.dumps(document).replace("/", "\\/"))
    there = names if labels == disk else sets.numbered(5)
    rename(tmp_path, sets.PLACE, there)
    sequence = only(tmp_path)
    assert [picture.name for picture in sequence.images] == there  # 9.jpg comes before 10.jpg
    assert [frame.frame for frame in sequence.truth()] == [1, 3]


def test_labels_of_some_frames_only_go_by_name_or_number(tmp_path: Path) -> None:
    entries = [sets.entry17(n, sets.person17(0, [sets.point17(0, n, n)])) for n in (4, 8)]
    path = tmp_path / "annotations" / "val" / f"{sets.SEQUENCE}.json"
    sets.write(path, {"annolist": entries})
    sets.write_pictures(tmp_path / sets.PLACE, sets.numbered(10))
    assert [frame.frame for frame in only(tmp_path).truth()] == [3, 7]
    for entry in entries:  # names that are not there: `imgnum` counts from 1
        entry["image"][0]["name"] = f"{sets.PLACE}/00{entry['imgnum'][0]:02d}_crop.jpg"
    sets.write(path, {"annolist": entries})
    assert [frame.frame for frame in only(tmp_path).truth()] == [3, 7]
    entries[1]["imgnum"] = [11]
    sets.write(path, {"annolist": entries})
    with pytest.raises(BadInput, match="2 frames in its label file and 10 pictures"):
        only(tmp_path).truth()


def test_frames_in_another_order_than_their_pictures_are_named(tmp_path: Path) -> None:
    sets.set17(tmp_path)
    path = tmp_path / "annotations" / "val" / f"{sets.SEQUENCE}.json"
    frames = json.loads(path.read_text())["annolist"]
    sets.write(path, {"annolist": [frames[0], frames[1], frames[3], frames[2], frames[4]]})
    with pytest.raises(BadInput, match=r"frame 3 \(00000003.jpg\) after 00000004.jpg"):
        only(tmp_path).truth()


@pytest.mark.parametrize(("year", "make"), [(2017, sets.set17), (2018, sets.set18)])
def test_a_frame_without_a_picture_is_named(tmp_path: Path, year: int, make: type[None]) -> None:
    make(tmp_path)  # type: ignore[call-arg]
    sequence = only(tmp_path, year)
    sequence.images[2].unlink()
    shorter = only(tmp_path, year)  # opening does not mind
    assert len(shorter.images) == 4
    with pytest.raises(BadInput, match=rf"{sequence.name} has 5 .* frame 2 \(0+[23].jpg\)"):
        shorter.truth()


@pytest.mark.parametrize(("year", "make"), [(2017, sets.set17), (2018, sets.set18)])
@pytest.mark.parametrize("num_strays", [1, 2])
def test_strange_pictures_do_not_take_the_place_of_a_missing_one(
    tmp_path: Path, year: int, make: type[None], num_strays: int
) -> None:
    make(tmp_path)  # type: ignore[call-arg]
    sequence = only(tmp_path, year)
    missing, last = sequence.images[2], sequence.images[-1]
    missing.unlink()
    for i in range(1, 1 + num_strays):
        last.with_name(f"{int(last.stem) + i:0{len(last.stem)}d}.jpg").touch()
    assert len(only(tmp_path, year).images) == 4 + num_strays
    with pytest.raises(BadInput, match=rf"frame 2 \({missing.name}\) has none"):
        only(tmp_path, year).truth()


def test_a_sequence_without_pictures_says_where_they_belong(tmp_path: Path) -> None:
    sets.set17(tmp_path)
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    sequence = only(tmp_path)
    assert sequence.images == ()
    with pytest.raises(BadInput, match=rf"{sets.PLACE}: there are no pictures of .*unpack"):
        sequence.truth()


def test_the_label_file_says_which_of_two_folders_it_is(tmp_path: Path) -> None:
    sets.set17(tmp_path)
    sets.write_pictures(tmp_path / "images" / "bonn" / sets.SEQUENCE, sets.numbered(30))
    assert {p.parent.parent.name for p in only(tmp_path).images} == {"bonn_5sec"}


def test_long_names_of_label_files_find_their_folder(tmp_path: Path) -> None:
    sets.set17(tmp_path)
    path = tmp_path / "annotations" / "val" / f"{sets.SEQUENCE}.json"
    path = path.rename(path.with_name(f"{sets.SEQUENCE}_relpath_5sec_testsub.json"))
    path.write_text(" " * 70_000 + path.read_text())  # so far in that the first name is not seen
    sets.write_pictures(tmp_path / "images" / "bonn_5sec" / "000342", ["1.jpg"])
    sequence = only(tmp_path)
    assert len(sequence.images) == 5
    assert len(sequence.truth()) == 2


def test_json_goes_before_mat_and_dot_files_are_none(tmp_path: Path) -> None:
    sets.set17(tmp_path)
    folder = tmp_path / "annotations" / "val"
    sets.write_mat(folder / f"{sets.SEQUENCE}.mat", [sets.entry17(1)])
    sets.write(folder / f"._{sets.SEQUENCE}.json", "rubbish")
    (tmp_path / sets.PLACE / "._00000001.jpg").touch()
    (tmp_path / sets.PLACE / "Thumbs.db").touch()
    sequence = only(tmp_path)
    assert len(sequence.images) == 5
    assert len(sequence.truth()) == 2
    (folder / f"{sets.SEQUENCE}.json").unlink()
    assert only(tmp_path).truth() == ()  # the other file has one frame, not labelled


def test_folders_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"not_there: cannot be read \(No such file"):
        list_pictures(tmp_path / "not_there")
    sets.set17(tmp_path)
    (tmp_path / "annotations" / "val" / "000001_mpii.json").mkdir()
    first, second = open_posetrack(tmp_path, 2017, "val")
    with pytest.raises(BadInput, match="000001_mpii: there are no pictures"):
        first.truth()
    assert len(second.truth()) == 2


def test_names_that_lead_out_of_the_set_are_not_followed(tmp_path: Path) -> None:
    sets.set17(tmp_path / "set")
    path = tmp_path / "set" / "annotations" / "val" / f"{sets.SEQUENCE}.json"
    path.write_text(path.read_text().replace("images/bonn_5sec", "../../other"))
    sets.write_pictures(tmp_path / "other" / sets.SEQUENCE, sets.numbered(9))
    assert len(only(tmp_path / "set").images) == 5


@pytest.mark.parametrize(
    ("folder", "complaint"),
    [("annotations/train", "no folder annotations/val"), ("annotations/val", "no label files")],
)
def test_empty_sets(tmp_path: Path, folder: str, complaint: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(BadInput, match=rf"{complaint}; expected .*unpack"):
        open_posetrack(tmp_path, 2017, "val")


def test_only_two_years_are_known(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="PoseTrack 2021 is not known; expected 2017 or 2018"):
        open_posetrack(tmp_path, 2021, "val")


def test_opening_reads_no_labels_and_no_pictures(tmp_path: Path) -> None:
    for i in range(300):
        name = f"{i:06d}_mpii"
        text = f'{{"annolist": [{{"image": [{{"name": "images/mpii_5sec/{name}/1.jpg"}}] cut off'
        sets.write(tmp_path / "annotations" / "train" / f"{name}.json", text)
        sets.write_pictures(tmp_path / "images" / "mpii_5sec" / name, ["1.jpg"])
    start = time.process_time()
    sequences = open_posetrack(tmp_path, 2017, "train")
    assert time.process_time() - start < 3
    assert len(sequences) == 300
    assert all(len(sequence.images) == 1 for sequence in sequences)
    with pytest.raises(BadInput, match=r"000299_mpii.json: not JSON"):
        sequences[-1].truth()
