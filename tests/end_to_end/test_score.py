"""`glpose score` on the worked examples, on sets in official layout, and on bad files."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from glpose.cli.main import main
from glpose.formats.jhmdb.labels import open_subjhmdb
from glpose.formats.results import ResultWriter
from glpose.skeleton import JHMDB15, POSETRACK15, Skeleton, convert
from glpose.types import FramePoses, VideoInfo

EXAMPLES = Path(__file__).parents[1] / "parity" / "examples"
EX3, EX4 = EXAMPLES / "ex3_ap_posetrack18_format", EXAMPLES / "ex4_mot_tracking"
EX8 = EXAMPLES / "ex8_coco_oks"

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def score(capsys: pytest.CaptureFixture[str]) -> Call:
    """Status, output and the one line of complaint, if any."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        status = main(["score", *map(str, arguments)])
        out, err = capsys.readouterr()
        lines = err.splitlines()
        assert len(lines) == (status != 0), lines
        return status, out, lines[0] if lines else ""

    return run


def read(path: Path) -> Any:
    return json.loads(path.read_text(), parse_constant=pytest.fail)


def copy(source: Path, target: Path, change: Callable[[Any], Any]) -> Path:
    """A changed copy of a JSON file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(change(json.loads(source.read_text()))))
    return target


def test_posetrack_prints_the_official_tables(score: Call, tmp_path: Path) -> None:
    status, out, _ = score("posetrack", EX4 / "gt", EX4 / "pred", "--json", tmp_path / "s.json")
    assert status == 0
    official = (EX4 / "official_output" / "printed_table.txt").read_text()
    tables = [line for line in official.splitlines() if line.startswith("&")]
    assert len(tables) == 5
    assert [line for line in out.splitlines() if line.startswith("&")] == tables
    assert "1 sequences, 5 frames, 5 labelled, 5 scored (with people), 10 people" in out
    assert "the correct total is 95.7" in out
    saved = read(tmp_path / "s.json")
    for kind in ("ap", "mot"):
        expected = json.loads(
            (EX4 / "official_output" / f"total_{kind.upper()}_metrics.json").read_text()
        )
        for name in expected.keys() - {"names"}:
            assert saved[kind][name] == pytest.approx(expected[name], abs=1e-6)
        assert saved[kind]["names"] == expected["names"]
    assert saved["mot"]["motp_correct"][-1] == pytest.approx(100 * (1 - 0.3 / 7))
    assert (saved["num_sequences"], saved["num_labelled_frames"]) == (1, 5)


def test_posetrack_takes_single_files_and_files_of_2018(score: Call, tmp_path: Path) -> None:
    assert score("posetrack", EX3 / "gt", EX3 / "pred")[0] == 0
    name = next((EX3 / "gt").glob("*.json")).name
    status, out, _ = score("posetrack", EX3 / "gt" / name, EX3 / "pred" / name, "--no-mot")
    assert status == 0
    assert "1 sequences" in out
    assert "MOTA" not in out


def test_posetrack_leaves_mot_out_where_track_ids_are_places(score: Call, tmp_path: Path) -> None:
    def place(data: dict) -> dict:
        for frame in data["annolist"]:
            for i, person in enumerate(frame["annorect"]):
                person["track_id"] = [i]
        return data

    file = next((EX4 / "pred").glob("*.json"))
    placed = copy(file, tmp_path / "pred" / file.name, place)
    status, out, _ = score("posetrack", EX4 / "gt", placed.parent)
    assert status == 0
    assert "MOT is left out" in out
    assert "MOTA" in score("posetrack", EX4 / "gt", placed.parent, "--mot")[1]


def test_posetrack_does_not_count_dummies_as_poses(score: Call, tmp_path: Path) -> None:
    def with_dummies(data: dict) -> dict:
        dummy = {"id": [0], "x": [0], "y": [0], "score": [-100]}
        for frame in data["annolist"]:
            for person in frame["annorect"]:
                points = person["annopoints"][0]["point"]
                person["annopoints"][0]["point"] = [p for p in points if p["id"][0] not in (0, 5)]
        frame["annorect"] = [{"track_id": [0], "annopoints": [{"point": [dummy]}]}]
        return data

    file = next((EX4 / "pred").glob("*.json"))
    found = copy(file, tmp_path / file.name, with_dummies)
    _, out, _ = score("posetrack", EX4 / "gt" / file.name, found)
    num_poses = sum(len(frame["annorect"]) for frame in read(found)["annolist"]) - 1
    assert f"predictions: {num_poses} poses\n" in out
    assert "never predicted: right_ankle, left_ankle\n" in out


def test_posetrack_without_quirks_counts_the_last_frame(score: Call) -> None:
    out = score("posetrack", EX4 / "gt", EX4 / "pred", "--no-quirks")[1]
    assert "without the quirks" in out
    assert "MOT (frames: 5)" in out


def test_posetrack_tells_what_has_no_truth_and_undefined_is_null(
    score: Call, tmp_path: Path
) -> None:
    folder = EXAMPLES / "ex6_ap_unannotated_joints"
    result = tmp_path / "s.json"
    status, out, _ = score("posetrack", folder / "gt", folder / "pred", "--json", result)
    assert status == 0
    assert "without truth, left out of the total: right_ankle" in out
    assert read(result)["ap"]["ap"][0] is None


def test_posetrack_names_the_missing_and_ignores_the_foreign(score: Call, tmp_path: Path) -> None:
    first, second = sorted((EX3 / "pred").glob("*.json"))
    copy(first, tmp_path / "pred" / first.name, lambda data: data)
    result = tmp_path / "s.json"
    status, out, line = score("posetrack", EX3 / "gt", tmp_path / "pred", "--json", result)
    assert (status, out) == (2, "")
    assert f"{second.name}: not found" in line
    assert "1 of 2 sequences" in line
    assert not result.exists()
    copy(second, tmp_path / "pred" / second.name, lambda data: data)
    copy(second, tmp_path / "pred" / "other.json", lambda data: data)
    out = score("posetrack", EX3 / "gt", tmp_path / "pred")[1]
    assert "ignored: 1 files without truth, such as other.json" in out


def renamed(frames: list[dict], names: list[str]) -> None:
    for frame, name in zip(frames, names, strict=True):
        (image,) = frame["image"]
        image["name"] = str(Path(image["name"]).with_name(name))


def test_posetrack_refuses_predictions_in_another_order(score: Call, tmp_path: Path) -> None:
    file = next((EX4 / "pred").glob("*.json"))

    def swapped(data: dict) -> dict:
        data["annolist"][2:4] = data["annolist"][3:1:-1]
        return data

    def unnamed(data: dict) -> dict:
        for frame in swapped(data)["annolist"]:
            del frame["image"]
        return data

    for change, found, expected in (
        (swapped, "00000004.jpg", "00000003.jpg"),
        (unnamed, "4", "3"),
    ):
        bad = copy(file, tmp_path / "pred" / file.name, change)
        status, out, line = score("posetrack", EX4 / "gt", bad.parent)
        assert (status, out) == (2, "")
        assert f"{bad}: frame 2 is of the picture {found}, but the truth has {expected}" in line


def test_posetrack_of_2018_knows_pictures_by_their_ids_too(score: Call, tmp_path: Path) -> None:
    file = next((EX3 / "pred").glob("*.json"))

    def reversed_without_names(data: dict) -> dict:
        images = [{"id": image["id"]} for image in reversed(data["images"])]
        return data | {"images": images}

    bad = copy(file, tmp_path / "pred" / file.name, reversed_without_names)
    status, out, line = score("posetrack", EX3 / "gt" / file.name, bad)
    assert (status, out) == (2, "")
    assert "frame 0 is of the picture 10009010001, but the truth has 10009010000 there" in line


def test_posetrack_takes_pictures_that_were_numbered_anew(score: Call, tmp_path: Path) -> None:
    """Most people's copies begin at 1; some of their names are those of other pictures."""
    file = next((EX4 / "gt").glob("*.json"))

    def later(data: dict) -> dict:
        renamed(data["annolist"], [f"{i:08d}.jpg" for i in range(3, 8)])
        return data

    truth = copy(file, tmp_path / "gt" / file.name, later)
    status, out, _ = score("posetrack", truth.parent, EX4 / "pred")
    assert status == 0
    assert (
        "pictures have other names in 1 files, such as images/bonn/000904_bonn/00000001.jpg for "
        "images/bonn/000904_bonn/00000003.jpg; they are taken in the order of the file"
    ) in out
    assert "other names" not in score("posetrack", EX4 / "gt", EX4 / "pred")[1]

    def reversed_names(data: dict) -> dict:
        renamed(data["annolist"], [f"{i:08d}.jpg" for i in range(5, 0, -1)])
        return data

    bad = copy(EX4 / "pred" / file.name, tmp_path / "pred" / file.name, reversed_names)
    status, out, line = score("posetrack", truth.parent, bad.parent)
    assert (status, out) == (2, "")
    assert "frame 0 is of the picture 00000005.jpg, but the truth has 00000003.jpg there" in line


def broken(data: dict, change: str) -> dict:
    frames = data["annolist"]
    people = next(frame["annorect"] for frame in frames if frame["annorect"])
    point = people[0]["annopoints"][0]["point"][0]
    match change:
        case "frames":
            frames.pop()
        case "nan":
            point["x"] = [float("nan")]
        case "score":
            point["score"] = [float("inf")]
        case "joint":
            point["id"] = [15]
        case "twice":
            people.append(people[0])
        case "track":
            people[0]["track_id"] = [10000]
        case "head":
            del people[0]["x1"]
        case "foreign":
            return {"images": data}
    return data


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("frames", "holds 4 frames, but"),
        ("nan", r"annorect\[0\].annopoints.*'? is nan"),
        ("score", "inf"),
        ("joint", "a joint from 0 to 14"),
        ("twice", "track_id"),
        ("track", "10000"),
        ("foreign", "no file of PoseTrack"),
    ],
)
def test_posetrack_refuses_bad_predictions(
    score: Call, tmp_path: Path, change: str, words: str
) -> None:
    file = next((EX4 / "pred").glob("*.json"))
    bad = copy(file, tmp_path / "pred" / file.name, lambda data: broken(data, change))
    result = tmp_path / "s.json"
    status, out, line = score("posetrack", EX4 / "gt", bad.parent, "--json", result)
    assert (status, out) == (2, "")
    assert file.name in line
    assert re.search(words, line), line
    assert list(tmp_path.iterdir()) == [bad.parent]


def test_posetrack_names_the_truth_that_cannot_be_scored(score: Call, tmp_path: Path) -> None:
    file = next((EX4 / "gt").glob("*.json"))
    bad = copy(file, tmp_path / "twice" / file.name, lambda data: broken(data, "twice"))
    status, out, line = score("posetrack", bad, EX4 / "pred" / file.name, "--mot")
    assert (status, out) == (2, "")
    assert f"{bad}: frame" in line
    assert line.endswith("correct the file, or leave MOT out with --no-mot")
    assert score("posetrack", bad, EX4 / "pred" / file.name, "--no-mot")[0] == 0

    bad = copy(file, tmp_path / "high" / file.name, lambda data: broken(data, "track"))
    status, out, line = score("posetrack", bad, EX4 / "pred" / file.name, "--mot")
    assert (status, out) == (2, "")
    assert f"{bad}: frame" in line
    assert "has the track_id 10000; expected less than 10000" in line
    assert score("posetrack", bad, EX4 / "pred" / file.name, "--no-mot")[0] == 0

    bad = copy(file, tmp_path / "head" / file.name, lambda data: broken(data, "head"))
    status, out, line = score("posetrack", bad, EX4 / "pred" / file.name)
    assert (status, out) == (2, "")
    assert f"{bad}, frame" in line
    assert "has joints but no head box" in line

    def nobody(data: dict) -> dict:
        return {"annolist": [{**frame, "annorect": []} for frame in data["annolist"]]}

    bad = copy(file, tmp_path / "nobody" / file.name, nobody)
    status, out, line = score("posetrack", bad, EX4 / "pred" / file.name)
    assert (status, out) == (2, "")
    assert f"{bad}: no frame has a person" in line


def test_truncated_files_of_all_kinds(score: Call, tmp_path: Path) -> None:
    cut = tmp_path / "000904_bonn.json"
    cut.write_bytes((EX4 / "pred" / cut.name).read_bytes()[:500])
    for call in (
        ("posetrack", EX4 / "gt", cut.parent),
        ("posetrack", cut, EX4 / "pred"),
        ("coco", EX8 / "gt.json", cut),
        ("coco", cut, EX8 / "pred.json"),
    ):
        status, out, line = score(*call)
        assert (status, out) == (2, "")
        assert f"{cut}: not JSON" in line


def test_places_that_are_not_there_or_not_right(score: Call, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for arguments, words in (
        (("posetrack", tmp_path / "no", EX4 / "pred"), "no such file or folder"),
        (("posetrack", EX4 / "gt", tmp_path / "no"), "no such file or folder"),
        (("posetrack", tmp_path / "empty", EX4 / "pred"), "has no annotations"),
        (("posetrack", EX4 / "gt", tmp_path / "empty"), "1 of 1 sequences"),
        (("posetrack", EX4 / "gt", EX8 / "pred.json"), "a file, but the truth is a folder"),
        (("coco", EX8 / "gt.json", tmp_path / "empty"), "results.json"),
        (("coco", tmp_path / "empty", EX8 / "pred.json"), "person_keypoints_val2017.json"),
        (("jhmdb", tmp_path / "empty", tmp_path), "sub_splits"),
        (("coco", EX8 / "gt.json", EX8 / "pred.json", "--json", tmp_path), "found a folder"),
        (("coco", EX8 / "gt.json", EX8 / "pred.json", "--json", tmp_path / "a" / "b"), "no folder"),
        (("coco", EX8 / "gt.json", EX8 / "pred.json", "--json", EX8 / "gt.json"), "choose another"),
        (("posetrack", EX4 / "gt"), "PREDICTIONS"),
        (("lspet", EX4 / "gt", EX4 / "pred"), "lspet"),
    ):
        status, out, line = score(*arguments)
        assert (status, out) == (2, ""), arguments
        assert words in line


@pytest.mark.parametrize(
    "content",
    ['{"metric": "accuracy"}', '{"scores": {"metric": "coco"}}', "[3]", '{"metric": ["coco"]}'],
)
def test_a_file_that_is_no_score_is_not_replaced(score: Call, tmp_path: Path, content: str) -> None:
    result = tmp_path / "mine.json"
    result.write_text(content)
    status, out, line = score("coco", EX8 / "gt.json", EX8 / "pred.json", "--json", result)
    assert (status, out) == (2, "")
    assert "there is a file that is no score of glpose; choose another name" in line
    assert result.read_text() == content


@pytest.mark.parametrize("metric", ["coco", "posetrack"])
def test_a_score_is_replaced(score: Call, tmp_path: Path, metric: str) -> None:
    files = {"coco": (EX8 / "gt.json", EX8 / "pred.json"), "posetrack": (EX4 / "gt", EX4 / "pred")}
    for _ in range(2):
        assert score(metric, *files[metric], "--json", tmp_path / "s.json")[0] == 0


def test_coco_prints_and_saves_what_pycocotools_says(score: Call, tmp_path: Path) -> None:
    result = tmp_path / "s.json"
    status, out, _ = score("coco", EX8 / "gt.json", EX8 / "pred.json", "--json", result)
    assert status == 0
    assert out.splitlines()[-1].split() == [
        "58.1",
        "91.6",
        "66.3",
        "-",
        "58.1",
        "60.0",
        "100.0",
        "66.7",
        "-",
        "60.0",
    ]
    saved = read(result)
    assert saved["ap"] == pytest.approx(58.1188, abs=1e-4)
    assert saved["ap_medium"] is None
    assert list(tmp_path.iterdir()) == [result]
    assert score("coco", EX8 / "gt.json", EX8 / "pred.json", "--json", result)[0] == 0  # once more


def test_coco_takes_the_official_layout_and_no_results_at_all(score: Call, tmp_path: Path) -> None:
    copy(EX8 / "gt.json", tmp_path / "annotations" / "person_keypoints_val2017.json", lambda d: d)
    (tmp_path / "results.json").write_text("[]")
    status, out, _ = score("coco", tmp_path, tmp_path)
    assert status == 0
    assert out.splitlines()[-1].split()[0] == "0.0"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("image_id", 9, "'[1].image_id' is 9; expected a picture that the truth has"),
        ("category_id", 2, "'[1].category_id' is 2; expected 1, the truth's only class"),
        ("keypoints", [1.0] * 45, "'[1].keypoints' is a list of 45; expected 51 finite numbers"),
        ("keypoints", [float("nan")] * 51, "'[1].keypoints' is nan at place 0"),
        ("score", float("nan"), "'[1].score' is nan; expected a finite number"),
        ("score", "high", "'[1].score' is 'high'; expected a finite number"),
        ("score", None, "the key 'score' is missing"),
    ],
)
def test_coco_refuses_bad_results(
    score: Call, tmp_path: Path, key: str, value: Any, words: str
) -> None:
    def change(entries: list[dict]) -> list[dict]:
        entries[1][key] = value
        return entries

    bad = copy(EX8 / "pred.json", tmp_path / "pred.json", change)
    status, out, line = score("coco", EX8 / "gt.json", bad, "--json", tmp_path / "s.json")
    assert (status, out) == (2, "")
    assert str(bad) in line
    assert words in line
    assert not (tmp_path / "s.json").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: [], "the key 'categories' is missing"),
        (lambda data: data | {"images": []}, "'images' is missing or empty"),
        (lambda data: data | {"categories": []}, "'categories' is missing or empty"),
        (
            lambda data: data | {"categories": [{"id": 1, "keypoints": ["nose"]}]},
            "an unknown set of 1 joints",
        ),
        (lambda data: data | {"annotations": [data["annotations"][0]] * 2}, "each id once"),
        (lambda data: data | {"images": data["images"] * 2}, "each id once"),
        (lambda data: data | {"images": data["images"][:1]}, "image_id' is 2"),
        (
            lambda data: data | {"annotations": [data["annotations"][0] | {"area": None}]},
            "the key 'area' is missing",
        ),
    ],
)
def test_coco_refuses_bad_truth(
    score: Call, tmp_path: Path, change: Callable[[Any], Any], words: str
) -> None:
    bad = copy(EX8 / "gt.json", tmp_path / "gt.json", change)
    status, out, line = score("coco", bad, EX8 / "pred.json")
    assert (status, out) == (2, "")
    assert str(bad) in line
    assert words in line


FRAMES = 12
WITHOUT_MASK = 4


@pytest.fixture
def jhmdb(tmp_path: Path) -> Path:
    """A set of one clip in the official layout; one of its frames has an empty mask."""
    root, clip = tmp_path / "set", "catch/C++.avi@home_(2)"
    rng = np.random.default_rng(0)
    joints = rng.uniform(60, 180, (2, 15, 1)) + rng.normal(0, 3, (2, 15, FRAMES))
    shoulder, hip = joints[:, 3:5].mean(1), joints[:, 5:7].mean(1)
    joints[0, 1], joints[1, 1] = (shoulder + hip)[0] / 2 + 5, 0.35 * shoulder[1] + 0.65 * hip[1]
    masks = np.zeros((240, 320, FRAMES), np.uint8)
    masks[50:190, 50:200] = 1
    masks[..., WITHOUT_MASK] = 0
    for folder, name, content in (
        ("joint_positions", "joint_positions.mat", {"pos_img": joints + 1}),
        ("puppet_mask", "puppet_mask.mat", {"part_mask": masks}),
    ):
        (root / folder / clip).mkdir(parents=True)
        savemat(root / folder / clip / name, content)
    (root / "Rename_Images" / clip).mkdir(parents=True)
    for i in range(FRAMES):
        (root / "Rename_Images" / clip / f"{i + 1:05d}.png").touch()
    (root / "sub_splits").mkdir()
    lines = f"{Path(clip).name}.avi 2\nother.avi 1\n"
    (root / "sub_splits" / "catch_test_split_1.txt").write_text(lines)
    return root


def predict(
    root: Path,
    folder: Path,
    skeleton: Skeleton = JHMDB15,
    change: Callable[[FramePoses], FramePoses | None] = lambda poses: poses,
) -> Path:
    """The truth of the clip as predictions, changed; returns their file."""
    (sequence,) = open_subjhmdb(root, 1, "test")
    file = folder / f"{sequence.name}.jsonl"
    file.parent.mkdir(parents=True)
    with ResultWriter(file, VideoInfo("clip", (240, 320), 30.0), skeleton) as writer:
        for t in sequence.truth():
            score = np.ones(t.xy.shape[:2], np.float32)
            xy, score = convert(t.xy.astype(np.float32), score, JHMDB15, skeleton)
            poses = change(FramePoses(t.frame, t.time_s, t.people, xy, score))
            if poses is not None:
                writer.write(poses)
    return file


def test_jhmdb_of_the_truth_itself_is_perfect(score: Call, jhmdb: Path, tmp_path: Path) -> None:
    predict(jhmdb, tmp_path / "pred")
    status, out, _ = score("jhmdb", jhmdb, tmp_path / "pred", "--json", tmp_path / "s.json")
    assert status == 0
    assert "not predicted" not in out
    saved = read(tmp_path / "s.json")
    for norm in ("box", "torso"):
        assert set(saved[norm]["columns"].values()) == {100.0}
        assert saved[norm]["mean_of_15_joints"] == 100
    assert saved["acceleration"]["error"] == pytest.approx(0, abs=0.05)
    assert saved["num_frames"] == FRAMES - 1
    assert "1 clips, 11 frames" in out
    assert "left out: 1 frames whose mask is empty" in out


def test_jhmdb_of_another_skeleton_says_what_it_lacks(
    score: Call, jhmdb: Path, tmp_path: Path
) -> None:
    predict(jhmdb, tmp_path / "pred", POSETRACK15)
    result = tmp_path / "s.json"
    status, out, _ = score("jhmdb", jhmdb, tmp_path / "pred", "--json", result)
    assert status == 0
    assert "never predicted: belly (1 of 15)" in out
    assert "--interpolate-belly" in out
    plain = read(result)
    assert plain["box"]["mean_of_15_joints"] == pytest.approx(100 * 14 / 15)
    assert plain["box"]["mean_of_13_joints"] == 100
    assert plain["num_not_predicted"]["belly"] == plain["num_frames"]
    score("jhmdb", jhmdb, tmp_path / "pred", "--interpolate-belly", "--json", result)
    assert plain["box"]["per_joint"]["belly"] == 0
    assert read(result)["box"]["per_joint"]["belly"] == 100  # it is 5 px from there


def test_jhmdb_frames_without_a_person_are_wrong(score: Call, jhmdb: Path, tmp_path: Path) -> None:
    def nobody_at_first(poses: FramePoses) -> FramePoses:
        return FramePoses.empty(poses.frame, poses.time_s, 15) if poses.frame < 3 else poses

    predict(jhmdb, tmp_path / "pred", change=nobody_at_first)
    status, out, _ = score("jhmdb", jhmdb, tmp_path / "pred", "--json", tmp_path / "s.json")
    assert status == 0
    plain = read(tmp_path / "s.json")
    assert "nobody predicted in 3 frames" in out
    share = 100 * (1 - 3 / plain["num_frames"])
    assert plain["box"]["mean_of_15_joints"] == pytest.approx(share)


@pytest.mark.parametrize("kind", ["short", "crowd", "truncated", "foreign", "missing", "split"])
def test_jhmdb_refuses_bad_predictions(score: Call, jhmdb: Path, tmp_path: Path, kind: str) -> None:
    def change(poses: FramePoses) -> FramePoses | None:
        if kind == "crowd" and len(poses.people):
            people = type(poses.people)(
                np.repeat(poses.people.xyxy, 2, 0), np.ones(2, np.float32), np.array([1, 2])
            )
            xy, score = (np.repeat(part, 2, 0) for part in (poses.xy, poses.score))
            return FramePoses(poses.frame, poses.time_s, people, xy, score)
        return None if kind == "short" and poses.frame == 5 else poses

    file = predict(jhmdb, tmp_path / "pred", change=change)
    words = {
        "short": "each of them once",
        "crowd": "has 2 people; expected one",
        "truncated": "each of them once",
        "foreign": "line 1",
        "missing": "1 of 1 test clips of split 1",
        "split": "expected split 1, 2 or 3",
    }[kind]
    if kind == "truncated":
        file.write_bytes(file.read_bytes()[:-700])
    elif kind == "foreign":
        file.write_bytes((EX8 / "gt.json").read_bytes())
    elif kind == "missing":
        file.unlink()
    options = ["--split", "4"] if kind == "split" else []
    result = tmp_path / "s.json"
    status, out, line = score("jhmdb", jhmdb, tmp_path / "pred", "--json", result, *options)
    assert (status, out) == (2, "")
    assert words in line
    assert kind == "split" or file.name in line
    assert not result.exists()


def test_numbers_are_printed_even_if_they_cannot_be_written(
    score: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    status, out, line = score(
        "coco", EX8 / "gt.json", EX8 / "pred.json", "--json", tmp_path / "s.json"
    )
    assert status == 2
    assert "58.1" in out
    assert "No space left" in line
    assert list(tmp_path.iterdir()) == []
