"""What is said of a PoseTrack set on disk: counts, versions, and all that is missing or wrong."""

import json
import shutil
from pathlib import Path

import pytest

import posetrack_sets as sets
from glpose.errors import BadInput
from glpose.formats.check import Part, Problem, Report
from glpose.formats.posetrack.check import check_posetrack, label_version
from glpose.formats.posetrack.labels import check_scorable

VAL = Path("annotations/val")
FILE17 = VAL / f"{sets.SEQUENCE}.json"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A set of 2017 with the same video for training and validation."""
    sets.set17(tmp_path)
    shutil.copytree(tmp_path / VAL, tmp_path / "annotations" / "train")
    return tmp_path


def val(report: Report) -> Part:
    return next(part for part in report.parts if part.name == "val")


def problem(report: Report, words: str) -> Problem:
    problems = [*report.problems, *(p for part in report.parts for p in part.problems)]
    (found,) = [p for p in problems if words in p.what]
    return found


def change(path: Path, frame: int, **changes: object) -> None:
    document = json.loads(path.read_text())
    document["annolist"][frame].update(changes)
    path.write_text(json.dumps(document))


def test_a_whole_set(root: Path) -> None:
    change(root / FILE17, 4, is_labeled=[1])
    report = check_posetrack(root, 2017)
    assert report.state == "complete"
    assert [part.name for part in report.parts] == ["train", "val"]
    assert val(report).counts == {
        "label files": "1 (1 JSON of 2017)",
        "frames": "5, 3 labelled, 2 with people",
        "people": "1 in 2 poses with joints",
        "pictures": "5, folders: 1 of 1",
    }
    assert val(report).notes == ("the paper counts 50 videos in this split, here are 1",)


def test_mat_files_are_told_apart(root: Path) -> None:
    sets.write_mat(root / FILE17.with_suffix(".mat"), [sets.entry17(n) for n in range(1, 6)])
    (root / FILE17).unlink()
    assert val(check_posetrack(root, 2017)).counts["label files"] == "1 (1 MAT of 2017)"


def test_a_missing_split_is_a_problem_but_not_that_of_the_test(root: Path) -> None:
    shutil.rmtree(root / "annotations" / "train")
    report = check_posetrack(root, 2017)
    assert report.state == "incomplete"
    assert "annotations/train" in problem(report, "no split 'train'").examples[0]


def test_a_split_without_people_is_a_problem(root: Path) -> None:
    for frame in range(5):
        change(root / FILE17, frame, annorect=[])
    report = check_posetrack(root, 2017)
    assert report.state == "incomplete"
    assert problem(report, "nobody has joints").count == 1
    assert problem(report, "nobody has joints") in val(report).problems


def test_missing_pictures_and_where_they_go(root: Path) -> None:
    last = root / sets.PLACE / "00000005.jpg"
    last.unlink()
    report = check_posetrack(root, 2017)
    assert report.state == "incomplete"
    found = [p for p in val(report).problems if "have no picture" in p.what]
    assert "frame 4 (00000005.jpg) has none" in found[0].examples[0]
    shutil.rmtree(root / sets.PLACE)
    found = [p for p in val(check_posetrack(root, 2017)).problems if "without pictures" in p.what]
    assert found[0].examples == (str(root / sets.PLACE),)
    assert str(root / "images" / "<source>" / "<video>") in found[0].remedy


def test_a_label_file_that_cannot_be_used_does_not_end_the_check(root: Path) -> None:
    sets.write(root / VAL / "000001_mpii.json", '{"annolist": [')
    sets.write(root / VAL / "000002_mpii.json", '{"info": 1}')
    report = check_posetrack(root, 2017)
    found = problem(report, "cannot be used")
    assert found.count == 2
    assert "000001_mpii.json: not JSON" in found.examples[0]
    assert "000002_mpii.json: no file of PoseTrack" in found.examples[1]
    assert val(report).counts["label files"] == "3 (1 JSON of 2017)"
    assert report.state == "incomplete"


def test_labels_of_frames_that_do_not_exist(tmp_path: Path) -> None:
    sets.set18(tmp_path)
    scene = sets.document18([sets.image18(0)], [sets.person18(9, 1, {0: (1, 2, 1)})])
    sets.write(tmp_path / VAL / "000009_mpii_test.json", scene)
    found = problem(check_posetrack(tmp_path, 2018), "cannot be used")
    assert "image_id' is 10003420009; expected" in found.examples[0]
    assert "no such frame" in found.examples[0]


def test_tracks_that_come_twice_or_are_too_high(root: Path) -> None:
    people = [sets.person17(t, [sets.point17(0, 1, 2)]) for t in (3, 3, 12_000)]
    change(root / FILE17, 2, annorect=people)
    report = check_posetrack(root, 2017)
    twice, high = problem(report, "track of another"), problem(report, "10000 or more")
    assert (twice.count, high.count) == (1, 1)
    assert twice.examples[0].endswith("frame 2 (00000003.jpg), track_id 3")
    assert high.examples[0].endswith("frame 2 (00000003.jpg), track_id 12000")


def test_the_other_year_is_noticed(root: Path) -> None:
    found = problem_of_val(check_posetrack(root, 2018), "another year's form")
    assert "JSON of 2017" in found.what


def problem_of_val(report: Report, words: str) -> Problem:
    (found,) = [p for p in val(report).problems if words in p.what]
    return found


@pytest.mark.parametrize(
    ("num_files", "num_frames", "words"),
    [
        (170, 8923, "labels v0.45, the current ones, by 8923 frames with people in 170 files"),
        (74, 3902, "labels v0.2, outdated, by 3902 frames with people in 74 files"),
        (74, 10, "labels v0.2, outdated, by 10 frames with people in 74 files"),
        (170, 10, "version of the labels unknown: 10 frames with people (8923 are v0.45"),
    ],
)
def test_versions_of_2018(num_files: int, num_frames: int, words: str) -> None:
    assert label_version(num_files, num_frames).startswith(words)


def test_the_version_is_told_for_validation_only(tmp_path: Path) -> None:
    sets.set18(tmp_path)
    shutil.copytree(tmp_path / VAL, tmp_path / "annotations" / "train")
    report = check_posetrack(tmp_path, 2018)
    assert label_version(1, 2) in val(report).notes
    assert not any("version" in note for note in report.parts[0].notes)


def test_nothing_usable(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no labels of PoseTrack; expected .*annotations/train"):
        check_posetrack(tmp_path, 2017)
    sets.write(tmp_path / FILE17, "rubbish")
    assert check_posetrack(tmp_path, 2017).state == "unusable"


def test_people_who_cannot_be_scored_for_want_of_a_head_box(tmp_path: Path) -> None:
    file = sets.set18(tmp_path) / VAL / f"{sets.SEQUENCE}_test.json"
    document = json.loads(file.read_text())
    del document["annotations"][1]["bbox_head"]
    file.write_text(json.dumps(document))
    report = check_posetrack(tmp_path, 2018)
    found = problem(report, "no head box")
    assert found.examples == (f"{file}: frame 3 (000003.jpg), track_id 1",)
    with pytest.raises(BadInput, match=r"frame 3: the person with track id 1 .* head box"):
        check_scorable(tmp_path / VAL)
    # In an ignore region nothing is measured.
    document["images"][3] |= {"ignore_regions_x": [[0, 99, 0]], "ignore_regions_y": [[0, 0, 199]]}
    file.write_text(json.dumps(document))
    check_scorable(tmp_path / VAL)
    report = check_posetrack(tmp_path, 2018)
    assert not [p for p in val(report).problems if "head box" in p.what]


def test_labels_of_nobody_cannot_be_scored(tmp_path: Path) -> None:
    sets.set17(tmp_path, labelled=())
    with pytest.raises(BadInput, match="val: no frame has a person"):
        check_scorable(tmp_path / VAL)
    sets.write(tmp_path / VAL / "000001_mpii.json", '{"annolist": [')
    check_scorable(tmp_path / VAL)
