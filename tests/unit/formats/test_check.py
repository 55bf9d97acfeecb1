"""What is said of a JHMDB or COCO set on disk: counts, what is missing, what to do."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from scipy.io import loadmat, savemat

from glpose.errors import BadInput
from glpose.formats.check import Part, Report
from glpose.formats.coco.check import check_coco
from glpose.formats.jhmdb.check import check_subjhmdb
from glpose.imaging import read_image, resize, write_image
from glpose.synth.layouts import write_layout

FRAMES = 4


@pytest.fixture(scope="module")
def jhmdb_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jhmdb")
    write_layout("jhmdb", folder, num_videos=4, num_frames=FRAMES, size_hw=(48, 64))
    return folder


@pytest.fixture(scope="module")
def coco_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("coco")
    write_layout("coco", folder, num_videos=2, num_frames=8, size_hw=(120, 160))
    return folder


@pytest.fixture
def jhmdb(jhmdb_set: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(jhmdb_set, tmp_path / "set")


@pytest.fixture
def coco(coco_set: Path, tmp_path: Path) -> Path:
    return shutil.copytree(coco_set, tmp_path / "set")


def part(report: Report, name: str) -> Part:
    return next(part for part in report.parts if part.name == name)


def clips(root: Path) -> list[Path]:
    return sorted(p.parent for p in (root / "joint_positions/catch").glob("*/joint_positions.mat")
                  if not p.parent.name.startswith("."))  # fmt: skip


@pytest.mark.slow
def test_a_whole_jhmdb_set(jhmdb: Path):
    report = check_subjhmdb(jhmdb)
    assert report.state == "complete"
    # Lengths are 4, 3, 2 and 4; each split tests on another clip, none has the 12 actions.
    assert part(report, "listed clips").counts["frames"].startswith("13 ")
    assert part(report, "listed clips").counts["pictures"].startswith("13,")
    tested = [part(report, f"split {n}").counts["test"] for n in (1, 2, 3)]
    assert tested == ["1 lines, 4 frames", "1 lines, 3 frames", "1 lines, 2 frames"]
    assert part(report, "split 1").counts["train"] == "3 lines, 9 frames"
    assert part(report, "split 1").notes == ("12 actions are expected",)
    assert "319" in part(report, "listed clips").notes[0]
    assert report.notes == ()  # litter is no clip of JHMDB


def test_every_kind_of_damage_is_counted(jhmdb: Path):
    first, second, third, fourth = clips(jhmdb)
    (first / "joint_positions.mat").unlink()
    shutil.rmtree(jhmdb / "puppet_mask/catch" / second.name)
    shutil.rmtree(jhmdb / "Rename_Images/catch" / third.name)
    pictures = jhmdb / "Rename_Images/catch" / fourth.name
    (pictures / "00001.png").unlink()
    num = len(list(pictures.glob("0*.png")))
    report = check_subjhmdb(jhmdb)
    assert report.state == "unusable"
    found = {p.what: p for p in part(report, "listed clips").problems}
    assert [p.count for p in found.values()] == [1, 1, 1, 1]
    assert first.name in found["clips without joint_positions.mat"].examples[0]
    assert "puppet_mask.zip" in found["clips without puppet_mask.mat"].remedy
    assert "Rename_Images.tar.gz" in found["clips without pictures or a video"].remedy
    together = found["clips whose files cannot be used together"].examples[0]
    assert f"{num + 1} frames of joints, but {num} pictures" in together


def test_a_stray_picture_of_jhmdb_is_told(jhmdb: Path):
    pictures = jhmdb / "Rename_Images/catch" / clips(jhmdb)[0].name
    (pictures / "00001.png").rename(pictures / "00099.png")
    report = check_subjhmdb(jhmdb)
    assert report.state == "incomplete"
    (problem,) = part(report, "listed clips").problems
    assert "the picture of frame 1 is 00002.png" in problem.examples[0]


def test_one_broken_clip_leaves_the_others(jhmdb: Path):
    file = clips(jhmdb)[0] / "joint_positions.mat"
    file.write_bytes(file.read_bytes()[:300])
    report = check_subjhmdb(jhmdb)
    assert report.state == "incomplete"
    assert part(report, "listed clips").counts["clips"] == "4, 3 can be used"


def test_empty_masks_and_clips_beyond_the_lists_are_notes(jhmdb: Path):
    file = jhmdb / "puppet_mask/catch" / clips(jhmdb)[0].name / "puppet_mask.mat"
    mask = loadmat(file)["part_mask"]
    mask[..., 0] = 0
    savemat(file, {"part_mask": mask})
    (jhmdb / "joint_positions/brush_hair/more").mkdir(parents=True)
    report = check_subjhmdb(jhmdb)
    assert report.state == "complete"
    assert part(report, "listed clips").notes[1].startswith("1 frames have an empty mask")
    assert report.notes == ("1 clips with joints are in no list; they belong to JHMDB as a whole",)


def test_wrong_and_missing_lists(jhmdb: Path):
    lists = jhmdb / "sub_splits"
    text = (lists / "catch_test_split_2.txt").read_text()
    (lists / "catch_test_split_2.txt").write_text(text + "who knows\n")
    (lists / "catch_test_split_3.txt").unlink()
    report = check_subjhmdb(jhmdb)
    assert report.state == "incomplete"
    wrong, missing = report.problems
    assert "line 5: found 'who knows'" in wrong.examples[0]
    assert "_test_split_3.txt" in missing.examples[0]
    assert not part(report, "split 3").usable
    assert part(report, "split 1").usable


def test_a_list_without_a_test(jhmdb: Path):
    path = jhmdb / "sub_splits/catch_test_split_1.txt"
    path.write_text(path.read_text().replace(".avi 2", ".avi 1"))
    report = check_subjhmdb(jhmdb)
    assert [p.what for p in part(report, "split 1").problems] == ["part without clips (test)"]


def test_a_folder_without_lists_says_all_that_is_to_be_unpacked(jhmdb: Path):
    shutil.rmtree(jhmdb / "sub_splits")
    shutil.rmtree(jhmdb / "puppet_mask")
    with pytest.raises(BadInput, match=r"still to be unpacked in .*: puppet_mask.zip, sub_splits"):
        check_subjhmdb(jhmdb)


def test_a_whole_coco_set(coco: Path):
    report = check_coco(coco)
    assert report.state == "complete"
    assert [p.name for p in report.parts] == ["train", "val"]
    assert part(report, "train").counts["pictures"] == "2 listed, 2 there"
    assert "118287" in part(report, "train").notes[0]


def test_pictures_of_coco_are_looked_for_where_they_are_opened(coco: Path):
    path = coco / "annotations" / "person_keypoints_val2017.json"
    labels = json.loads(path.read_text())
    for image in labels["images"]:
        image["file_name"] = f"val2017/{image['file_name']}"
    path.write_text(json.dumps(labels))
    report = check_coco(coco)
    assert report.state == "incomplete"
    (problem,) = part(report, "val").problems
    assert problem.count == len(labels["images"])
    assert "val2017/val2017/" in problem.examples[0]


def test_pictures_of_coco_that_are_no_longer_what_was_labelled(coco: Path):
    for path in (coco / "train2017").iterdir():
        write_image(path, resize(read_image(path), (60, 80)))
    min((coco / "val2017").iterdir()).write_bytes(b"<html>not found</html>")
    report = check_coco(coco)
    assert report.state == "incomplete"
    (problem,) = part(report, "train").problems
    assert (problem.what, problem.count) == ("pictures of 2 opened that do not fit", 2)
    assert "has 80 x 60 pixels as shown, its labels are for 160 x 120" in problem.examples[0]
    (problem,) = part(report, "val").problems
    assert problem.count == 1


def test_few_pictures_of_a_large_set_are_opened(coco: Path, monkeypatch: pytest.MonkeyPatch):
    labels = coco / "annotations/person_keypoints_train2017.json"
    told = json.loads(labels.read_text())
    first = told["images"][0]
    told["images"] = [first | {"id": 1000 + n} for n in range(199)]
    labels.write_text(json.dumps(told | {"annotations": []}))
    opened: list[Path] = []
    monkeypatch.setattr(
        "glpose.formats.dataset.read_image", lambda path: opened.append(path) or read_image(path)
    )
    check_coco(coco)
    assert sum(path.parent.name == "train2017" for path in opened) == 100


def test_what_lacks_in_coco(coco: Path):
    picture = min((coco / "train2017").iterdir())
    picture.unlink()
    shutil.rmtree(coco / "val2017")
    report = check_coco(coco)
    assert report.state == "incomplete"
    (problem,) = part(report, "train").problems
    assert (problem.count, problem.examples) == (1, (str(picture),))
    (problem,) = part(report, "val").problems
    assert "unpack val2017.zip" in problem.examples[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda labels: labels["annotations"].append(labels["annotations"][0]),
            "as that of 'annotations[0]'",
        ),
        (lambda labels: labels["annotations"][0].pop("id"), "the key 'id' is missing"),
        (lambda labels: labels["categories"].append({"id": 2}), "expected one class of people"),
        (
            lambda labels: labels["annotations"].append(
                labels["annotations"][0] | {"id": 7, "keypoints": [0] * 51, "bbox": None}
            ),
            "the key 'bbox' is missing",
        ),
    ],
)
def test_labels_of_coco_that_can_be_trained_on_but_not_scored(
    coco: Path, change: Callable[[dict], object], words: str
):
    path = coco / "annotations" / "person_keypoints_val2017.json"
    labels = json.loads(path.read_text())
    change(labels)
    path.write_text(json.dumps(labels))
    report = check_coco(coco)
    assert report.state == "incomplete"
    (problem,) = part(report, "val").problems
    assert problem.what == "label file that cannot be scored"
    assert problem.examples[0].startswith(f"{path}: ")
    assert words in problem.examples[0]


@pytest.mark.slow
def test_coco_without_people_or_labels(coco: Path):
    for part_ in ("train", "val"):
        path = coco / f"annotations/person_keypoints_{part_}2017.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"annotations": []}))
    report = check_coco(coco)
    assert report.state == "unusable"
    assert [p.what for p in part(report, "val").problems] == ["no person with joints"]
    shutil.rmtree(coco / "annotations")
    with pytest.raises(BadInput, match=r"annotations_trainval2017.zip, train2017.zip"):
        check_coco(coco)
