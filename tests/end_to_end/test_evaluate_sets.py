"""`glpose evaluate` on rendered sets in the official layouts, with tiny weights."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import glpose
from bad_videos import write_video
from fake_estimator import FakeEstimator
from glpose.cli.main import main
from glpose.errors import BadInput
from glpose.evaluation.sets import Metric, PoseTrackSet, open_set
from glpose.formats.coco.labels import open_coco
from glpose.formats.dataset import LabelledSequence
from glpose.formats.jhmdb.labels import open_subjhmdb
from glpose.formats.posetrack.labels import open_posetrack, read_prediction_file
from glpose.jobs import interrupt
from glpose.synth.layouts import write_layout
from tiny_onnx import slots

LAYOUT = {"posetrack": "posetrack18", "jhmdb": "jhmdb", "coco": "coco"}
PART = {"posetrack": "train", "jhmdb": "1", "coco": "val"}
SMALL = {"num_videos": 4, "num_frames": 5, "size_hw": (96, 128)}
NUM_SEQUENCES = 3  # of PoseTrack's four videos a quarter is for validation


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sets")
    for metric, layout in LAYOUT.items():
        write_layout(layout, folder / metric, seed=1, **SMALL)
    return {metric: folder / metric for metric in LAYOUT}


Call = Callable[..., int]


@pytest.fixture
def call(tiny_weights: Path, sets: dict[str, Path], tmp_path: Path) -> Call:
    """`glpose evaluate` with the tiny weights, on the set of a metric, into `tmp_path / "out"`."""

    def evaluate(metric: str, *arguments: str | Path, data: Path | None = None) -> int:
        given = {str(a) for a in arguments}
        options: list[str | Path] = ["--metric", metric, "--data", data or sets[metric]]
        if "--out" not in given:
            options += ["--out", tmp_path / "out"]
        if "--split" not in given:
            options += ["--split", PART.get(metric, "1")]
        weights = tiny_weights / "tiny.encoder.onnx"
        return main(["evaluate", str(weights), *map(str, [*options, "--threads", 1, *arguments])])

    return evaluate


def scores(folder: Path) -> dict:
    return json.loads((folder / "scores.json").read_text())


def problem(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(lines) == 1, lines
    assert lines[0].startswith("glpose: ")
    return lines[0]


def videos(sets: dict[str, Path]) -> list[LabelledSequence]:
    return open_posetrack(sets["posetrack"], 2018, PART["posetrack"])


@pytest.mark.parametrize("metric", LAYOUT)
def test_a_set_is_predicted_and_scored_as_glpose_score_does(
    metric: str,
    call: Call,
    sets: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(metric) == 0
    told = capsys.readouterr().out.splitlines()
    out = tmp_path / "out"
    made = scores(out)
    assert made["sequences"]["scored"] == made["sequences"]["of"] > 0
    assert made["settings"]["metric"] == metric
    assert made["settings"]["part"] == PART[metric]
    assert made["settings"]["boxes"] == "gt"
    assert "tiny.encoder.onnx" in made["settings"]["weights"]["sha256"]
    truth = {
        "posetrack": sets["posetrack"] / "annotations" / "train",
        "jhmdb": sets["jhmdb"],
        "coco": sets["coco"],
    }[metric]
    more = ["--no-mot"] if metric == "posetrack" else []
    more += ["--interpolate-belly"] if metric == "jhmdb" else []
    predictions = out if metric == "coco" else out / "predictions"
    again = tmp_path / "again.json"
    assert main(["score", metric, str(truth), str(predictions), "--json", str(again), *more]) == 0
    assert json.loads(again.read_text()) == made["scores"]
    assert all(line in told for line in capsys.readouterr().out.splitlines())


def test_predictions_of_posetrack_hold_the_labelled_people(
    call: Call, sets: dict[str, Path], tmp_path: Path
) -> None:
    assert call("posetrack") == 0
    for sequence in videos(sets):
        found = read_prediction_file(tmp_path / "out" / "predictions" / f"{sequence.name}.json")
        assert len(found) == len(sequence.images)
        truth = {frame.frame: frame for frame in sequence.truth()}
        assert truth.keys() <= set(range(len(found)))
        for place, poses in enumerate(found):
            if place not in truth:
                assert (poses.score[np.isfinite(poses.xy).all(-1)] == -100).all()
                continue
            people = truth[place].people
            has_box = (people.xyxy[:, 2:] > people.xyxy[:, :2]).all(1)
            if has_box.any():
                assert poses.people.track_id.tolist() == people.track_id[has_box].tolist()


def test_a_person_who_is_labelled_twice_does_not_stop_posetrack(
    call: Call, sets: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(sets["posetrack"], tmp_path / "twice")
    file = next((tmp_path / "twice" / "annotations" / PART["posetrack"]).glob("*.json"))
    labels = json.loads(file.read_text())
    labels["annotations"].append(labels["annotations"][0])
    file.write_text(json.dumps(labels))
    assert call("posetrack", data=tmp_path / "twice") == 0
    assert scores(tmp_path / "out")["sequences"]["scored"] == NUM_SEQUENCES


def test_a_person_without_a_head_box_stops_posetrack_at_once(
    call: Call, sets: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(sets["posetrack"], tmp_path / "headless")
    file = max((tmp_path / "headless" / "annotations" / PART["posetrack"]).glob("*.json"))
    labels = json.loads(file.read_text())
    for person in labels["annotations"]:
        del person["bbox_head"]
    file.write_text(json.dumps(labels))
    assert call("posetrack", data=tmp_path / "headless") == 2
    assert f"{file}: frame" in problem(capsys)
    assert not (tmp_path / "out").exists()
    assert call("posetrack", "--limit", "1", data=tmp_path / "headless") == 0


def test_track_numbers_that_poseval_refuses_do_not_stop_posetrack(
    call: Call, sets: dict[str, Path], tmp_path: Path
) -> None:
    shutil.copytree(sets["posetrack"], tmp_path / "high")
    file = next((tmp_path / "high" / "annotations" / PART["posetrack"]).glob("*.json"))
    labels = json.loads(file.read_text())
    for person in labels["annotations"]:
        person["track_id"] += 10_000
    file.write_text(json.dumps(labels))
    assert call("posetrack", data=tmp_path / "high") == 0
    assert scores(tmp_path / "out")["sequences"]["scored"] == NUM_SEQUENCES


def test_predictions_that_cannot_be_written_cost_their_own_sequence_alone(
    call: Call,
    sets: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, write = videos(sets)[0].name, PoseTrackSet.write

    def refuse(self: PoseTrackSet, path: Path, name: str, *others: Any) -> None:
        if name == first:
            raise BadInput(f"{name}: strange") from problem
        write(self, path, name, *others)

    monkeypatch.setattr(PoseTrackSet, "write", refuse)
    problem: Exception | None = None
    assert call("posetrack") == 3
    assert f"{first}: strange (left out of the scores)" in capsys.readouterr().err
    assert list(scores(tmp_path / "out")["sequences"]["failed"]) == [first]
    problem = OSError("no space left")
    assert call("posetrack", "--out", tmp_path / "full") == 2
    assert not list((tmp_path / "full" / "predictions").iterdir())


def test_the_category_of_coco_is_that_of_the_truth(
    call: Call, sets: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(sets["coco"], other := tmp_path / "other")
    file = other / "annotations" / "person_keypoints_val2017.json"
    labels = json.loads(file.read_text())
    labels["categories"][0]["id"] = 3
    for person in labels["annotations"]:
        person["category_id"] = 3
    file.write_text(json.dumps(labels))
    assert call("coco", data=other) == 0
    assert {
        entry["category_id"]
        for entry in json.loads((tmp_path / "out" / "results.json").read_text())
    } == {3}
    labels["categories"] *= 2
    file.write_text(json.dumps(labels))
    assert call("coco", "--out", tmp_path / "none", data=other) == 2
    assert "expected one class of people" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_predictions_of_jhmdb_are_poses_of_all_frames(
    call: Call, sets: dict[str, Path], tmp_path: Path
) -> None:
    assert call("jhmdb") == 0
    for clip in open_subjhmdb(sets["jhmdb"], 1, "test"):
        result = glpose.load(tmp_path / "out" / "predictions" / f"{clip.name}.jsonl")
        assert [poses.frame for poses in result.frames] == [t.frame for t in clip.truth()]
        assert all(len(poses.people) == 1 for poses in result.frames)
        assert not list((tmp_path / "out").rglob("*.part"))


def test_a_video_that_ends_before_its_labels_costs_its_own_clip_alone(
    call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_layout("jhmdb", hurt := tmp_path / "hurt", seed=1, **(SMALL | {"num_videos": 8}))
    clips = open_subjhmdb(hurt, 1, "test")
    folder = clips[0].images[0].parent
    shutil.rmtree(folder)
    video = hurt / "ReCompress_Videos" / f"{clips[0].name}.avi"
    video.parent.mkdir(parents=True)
    write_video(video, num_frames=3, codec="mpeg4", size_hw=(96, 128))
    assert call("jhmdb", data=hurt) == 3
    said = capsys.readouterr().err
    assert f"{video}: 3 of 5 labelled frames are in the video" in said
    made = scores(tmp_path / "out")["sequences"]
    assert (made["scored"], made["of"]) == (len(clips) - 1, len(clips))
    assert list(made["failed"]) == [clips[0].name]


class Sure(FakeEstimator):
    """Its maps exceed 1."""

    def solve(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: 9 * m for name, m in super().solve(inputs).items()}


@pytest.mark.parametrize(("metric", "are_ranked"), [("posetrack", 1), ("coco", 1), ("jhmdb", 0)])
def test_joints_are_ranked_by_their_maps_also_above_1(
    metric: Metric, are_ranked: bool, sets: dict[str, Path], tmp_path: Path
) -> None:
    official, estimate = open_set(metric, sets[metric], PART[metric], None), Sure(slots())
    if metric == "coco":
        estimate.card = replace(estimate.card, skeleton="coco17")
    name = official.names[0]
    poses = list(official.predict(name, estimate, official.usual, 0))
    found = np.concatenate([p.score for p in poses])
    assert found.max() >= 1
    assert (found.max() > 1) == are_ranked
    (file := tmp_path / official.file(name)).parent.mkdir(exist_ok=True)
    official.write(file, name, poses, estimate)
    official.score(tmp_path, [name], estimate)


def detections_file(sequences: list[LabelledSequence], path: Path, score: float = 0.8) -> Path:
    """The true boxes, a little wider, as the detector of PoseWarper's family would name them."""
    entries = []
    for sequence in sequences:
        for frame in sequence.truth():
            name = "/".join(sequence.images[frame.frame].parts[-3:])
            for x1, y1, x2, y2 in frame.people.xyxy.tolist():
                box = [x1 - 2, y1 - 2, x2 - x1 + 4, y2 - y1 + 4]
                entries.append({"image_name": name, "bbox": box, "score": score, "category_id": 1})
    path.write_text(json.dumps(entries))
    return path


def test_boxes_of_a_detector_posetrack(
    call: Call, sets: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = detections_file(videos(sets), tmp_path / "boxes.json")
    assert call("posetrack", "--boxes", boxes) == 0
    made = scores(tmp_path / "out")
    assert made["settings"]["boxes"]["name"] == "boxes.json"
    name = videos(sets)[0].name
    for poses in read_prediction_file(tmp_path / "out" / "predictions" / f"{name}.json"):
        # As in the family: numbers are places in the frame.
        assert poses.people.track_id.tolist() == list(range(len(poses.people)))
    # Weak boxes are left out as the papers do, unless a call says otherwise.
    weak = detections_file(videos(sets), tmp_path / "weak.json", 0.15)
    assert call("posetrack", "--boxes", weak, "--out", tmp_path / "weak") == 0
    assert scores(tmp_path / "weak")["scores"]["ap"]["columns"]["Total"] == 0
    assert call("posetrack", "--boxes", weak, "--min-box", "0.1", "--out", tmp_path / "few") == 0
    assert scores(tmp_path / "few")["settings"]["options"]["min_box"] == 0.1
    assert scores(tmp_path / "few")["scores"]["num_poses"] == made["scores"]["num_poses"]


def test_what_a_file_of_boxes_lacks_is_said(
    call: Call, sets: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *_ = videos(sets)
    entries = json.loads(detections_file([first], tmp_path / "boxes.json").read_text())
    entries[1]["category_id"] = 3
    entries[2]["bbox"][2] = 0
    entries.append(entries[0] | {"image_name": "images/train/other/1.jpg"})
    (tmp_path / "boxes.json").write_text(json.dumps(entries))
    assert call("posetrack", "--boxes", tmp_path / "boxes.json") == 0
    told, at_once = capsys.readouterr()
    num_pictures = sum(len(video.images) for video in videos(sets))
    for line in (
        f"no boxes in {NUM_SEQUENCES - 1} of {NUM_SEQUENCES} sequences, such as ",
        "1 boxes of other categories than 1 (person) were left out",
        "1 boxes without area were left out",
        "1 boxes of pictures that are not in this part of the set were left out",
        f" of {num_pictures} pictures\n",
        f"boxes: {len(entries) - 3}, in ",
    ):
        assert line in told
        assert line in at_once
    assert len(scores(tmp_path / "out")["notes"]) == 5
    boxes = [{"image_id": 1, "bbox": [1, 2, 30, 40], "score": 1, "category_id": 0}]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    assert call("coco", "--boxes", tmp_path / "boxes.json", "--out", tmp_path / "none") == 2
    assert "no box of a person is left: of 1 boxes 1 have another" in problem(capsys)


def test_boxes_of_a_detector_jhmdb_and_coco(
    call: Call, sets: dict[str, Path], tmp_path: Path
) -> None:
    clips = open_subjhmdb(sets["jhmdb"], 1, "test")
    twice = json.loads(detections_file(clips, tmp_path / "jhmdb.json").read_text())
    twice += [{**entry, "score": 0.3} for entry in twice]  # one person a clip: the better box
    (tmp_path / "jhmdb.json").write_text(json.dumps(twice))
    assert call("jhmdb", "--boxes", tmp_path / "jhmdb.json", "--out", tmp_path / "j") == 0
    assert scores(tmp_path / "j")["scores"]["num_frames"] > 0
    _, pictures = open_coco(sets["coco"], "val")
    entries = [
        {"image_id": p.truth.frame, "bbox": [10, 5, 40, 80], "score": 0.9, "category_id": 1}
        for p in pictures
    ]
    # Twice the same person: the suppression of HRNet's recipe leaves one of them.
    (tmp_path / "coco.json").write_text(json.dumps(entries * 2))
    assert call("coco", "--boxes", tmp_path / "coco.json", "--out", tmp_path / "c") == 0
    assert scores(tmp_path / "c")["scores"]["num_poses"] == len(pictures)
    both = ("--oks-nms", "1", "--out", tmp_path / "both")
    assert call("coco", "--boxes", tmp_path / "coco.json", *both) == 0
    assert scores(tmp_path / "both")["scores"]["num_poses"] == 2 * len(pictures)


@pytest.mark.parametrize(
    ("switch", "option", "value"),
    [
        (("--flip",), "flip", True),
        (("--decode", "argmax"), "decode", "argmax"),
        (("--score", "heatmap"), "score", "heatmap"),
        (("--candidates", "past"), "candidates", "past"),
        (("--candidates", "even"), "sampling", "even"),
        (("--seed", "5"), None, 5),
    ],
)
def test_switches_are_recorded_and_change_predictions(
    switch: tuple[str, ...],
    option: str | None,
    value: object,
    call: Call,
    sets: dict[str, Path],
    tmp_path: Path,
) -> None:
    boxes = detections_file(videos(sets), tmp_path / "boxes.json")
    one = ("--limit", "1", "--boxes", boxes)
    assert call("posetrack", *one, "--out", tmp_path / "plain") == 0
    assert call("posetrack", *one, *switch, "--out", tmp_path / "other") == 0
    settings = scores(tmp_path / "other")["settings"]
    assert (settings["options"][option] if option else settings["seed"]) == value
    file = f"{videos(sets)[0].name}.json"
    plain, other = (
        (tmp_path / name / "predictions" / file).read_bytes() for name in ("plain", "other")
    )
    # Of so few crops all are candidates, whatever the seed and the spacing; and the highest points
    # of these maps lie on borders, where nothing is refined.
    assert (plain != other) == (option not in (None, "sampling", "decode"))


def test_a_call_goes_on_where_it_was_interrupted_and_refuses_other_settings(
    call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call("posetrack", "--limit", "1") == 0
    assert f"limited to 1 of {NUM_SEQUENCES} sequences by --limit" in capsys.readouterr().out
    (first,) = (out / "predictions").iterdir()
    stamp = first.stat().st_mtime_ns
    assert call("posetrack") == 0
    assert "1 sequences had been predicted before" in capsys.readouterr().out
    assert first.stat().st_mtime_ns == stamp
    assert len(list((out / "predictions").iterdir())) == NUM_SEQUENCES
    assert call("posetrack", "--flip") == 2
    assert "made otherwise (another options), which were kept" in problem(capsys)
    assert call("posetrack", "--flip", "--overwrite", "--limit", "1") == 0
    assert len(list((out / "predictions").iterdir())) == 1
    assert scores(out)["settings"]["options"]["flip"] is True


@pytest.mark.parametrize(
    ("metric", "content"), [("coco", ""), ("coco", "5"), ("posetrack", ""), ("jhmdb", "")]
)
def test_kept_predictions_that_are_damaged_are_named(
    metric: str, content: str, call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(metric) == 0
    predictions = tmp_path / "out" / "predictions"
    kept = next(file for file in sorted(predictions.rglob("*")) if file.is_file())
    kept.write_text(content)
    capsys.readouterr()
    assert call(metric) == 2
    assert str(kept) in problem(capsys)


def test_what_was_done_before_an_interruption_is_kept(
    call: Call,
    sets: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = len(videos(sets)[0].truth())

    class Impatient(interrupt.Interrupt):
        checks = 0

        def check(self) -> None:
            self.checks += 1
            self.requested = self.checks > first + 1
            super().check()

    monkeypatch.setattr(interrupt, "SignalInterrupt", Impatient)
    assert call("posetrack") == 130
    assert f"interrupted after 1 of {NUM_SEQUENCES} sequences" in problem(capsys)
    assert len(list((tmp_path / "out" / "predictions").iterdir())) == 1
    assert not (tmp_path / "out" / "scores.json").exists()
    monkeypatch.undo()
    assert call("posetrack") == 0


def test_a_sequence_without_its_pictures_is_named_and_the_others_are_scored(
    call: Call, sets: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "set"
    shutil.copytree(sets["posetrack"], root)
    broken, damaged, whole = open_posetrack(root, 2018, PART["posetrack"])
    broken.images[1].unlink()
    damaged.images[damaged.truth()[0].frame].write_bytes(b"damaged")
    assert call("posetrack", data=root) == 3
    captured = capsys.readouterr()
    assert broken.images[1].name in captured.err
    assert "1 pictures could not be read" in captured.out
    assert "incomplete: these are scores of 2 of 3 sequences" in captured.out
    assert "limited" not in captured.out
    made = scores(tmp_path / "out")
    assert list(made["sequences"]["failed"]) == [broken.name]
    assert made["scores"]["num_sequences"] == 2
    damaged.images[0].unlink()
    whole.images[0].unlink()
    assert call("posetrack", "--overwrite", data=root) == 2
    assert "no sequence could be evaluated" in capsys.readouterr().err


def test_wrong_calls_are_one_line_and_leave_nothing(
    call: Call,
    sets: dict[str, Path],
    tiny_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"

    def refused(expected: str, status: int) -> None:
        assert status == 2
        line = problem(capsys)
        assert expected in line, line
        assert not out.exists()

    def with_weights(weights: Path | str) -> int:
        set_ = ["--data", str(sets["posetrack"]), "--metric", "posetrack"]
        return main(["evaluate", str(weights), *set_, "--out", str(out)])

    refused("no such folder", call("posetrack", data=tmp_path / "nowhere"))
    refused("annotations/train", call("posetrack", data=sets["jhmdb"]))
    refused("sub_splits", call("jhmdb", data=sets["posetrack"]))
    refused("person_keypoints_val2017.json", call("coco", data=sets["jhmdb"]))
    refused("annotations/middle", call("posetrack", "--split", "middle"))
    refused("expected 1, 2 or 3", call("jhmdb", "--split", "4"))
    refused("no part 'test'", call("coco", "--split", "test"))
    refused("no such file", call("posetrack", "--boxes", tmp_path / "boxes.json"))
    (tmp_path / "boxes.json").write_text("[]")
    refused("no detections", call("posetrack", "--boxes", tmp_path / "boxes.json"))
    foreign = [{"image_name": "a/b/1.jpg", "bbox": [1, 2, 3, 4], "score": 1, "category_id": 1}]
    (tmp_path / "boxes.json").write_text(json.dumps(foreign))
    refused("belong to other pictures", call("posetrack", "--boxes", tmp_path / "boxes.json"))
    refused("holds no box of", call("coco", "--boxes", tmp_path / "boxes.json"))
    refused("--limit is 0", call("posetrack", "--limit", "0"))
    refused("the seed is -1; expected a whole number from 0", call("posetrack", "--seed", "-1"))
    refused("expected a similarity", call("posetrack", "--oks-nms", "2"))
    refused("expected a score", call("posetrack", "--min-box", "2"))
    refused("sharp", call("posetrack", "--decode", "sharp"))
    refused("--frobnicate", call("posetrack", "--frobnicate"))
    refused("mpii", call("mpii", data=sets["coco"]))
    refused("kind 'detector', expected pose weights", with_weights(tiny_weights / "finder.onnx"))
    refused("no such file", with_weights(tmp_path / "runs" / "mine"))
    refused("unknown pose weights", with_weights("pose_huge"))


def test_a_folder_of_unknown_predictions_is_left_alone(
    call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "out" / "predictions" / "mine.json"
    mine.parent.mkdir(parents=True)
    mine.write_text("{}")
    for more in ((), ("--overwrite",)):
        assert call("posetrack", *more) == 2
        assert "does not say that an evaluation made it" in problem(capsys)
        for content in ("{", "[1, 2]", '{"lr": 1}'):
            (tmp_path / "out" / "settings.json").write_text(content)
            assert call("posetrack", *more) == 2
            assert f"{mine.parent}: is there, but settings.json does not say" in problem(capsys)
            assert (tmp_path / "out" / "settings.json").read_text() == content
        (tmp_path / "out" / "settings.json").unlink()
        assert [path.name for path in (tmp_path / "out").rglob("*")] == ["predictions", "mine.json"]
    assert mine.read_text() == "{}"
    (tmp_path / "file").write_text("")
    assert call("posetrack", "--out", tmp_path / "file") == 2
    assert "is a file; expected a folder" in problem(capsys)


@pytest.mark.parametrize("name", ["scores.json", "results.json", "undecodable.json"])
def test_a_file_of_that_name_that_no_evaluation_made_is_left_alone(
    name: str, call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text('{"accuracy": 1}')
    for more in ((), ("--overwrite",)):
        assert call("coco", *more) == 2
        assert f"{name}: is there, but" in problem(capsys)
    assert (tmp_path / "out" / name).read_text() == '{"accuracy": 1}'


def contents(folder: Path) -> dict[str, bytes]:
    """The content of every file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_what_is_replaced_is_kept_until_the_new_evaluation_is_finished(
    call: Call,
    sets: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert call("posetrack") == 0
    (out / "mine.txt").write_text("mine")
    before = contents(out)

    shutil.copytree(sets["posetrack"], bare := tmp_path / "bare")
    for picture in (bare / "images").rglob("*.jpg"):
        picture.unlink()
    assert call("posetrack", "--overwrite", data=bare) == 2  # fails at once
    assert contents(out) == before
    assert not (out / "replaced").exists()

    def refuse(*_: object) -> None:
        raise BadInput("cannot be scored")

    monkeypatch.setattr(PoseTrackSet, "score", refuse)
    for _ in range(2):  # what was never finished is not kept in place of what was
        assert call("posetrack", "--flip", "--overwrite") == 2
        assert f"{out / 'replaced'}: keeps the evaluation that was there" in capsys.readouterr().err
        assert contents(out / "replaced") | {"mine.txt": b"mine"} == before
    # Nor are predictions of a call before lost if the next one is stopped at its first sequence.
    first, *others = sorted((out / "predictions").iterdir())
    first.unlink()

    def stop(*_: object) -> None:
        raise interrupt.Interrupted

    monkeypatch.setattr(PoseTrackSet, "predict", stop)
    assert call("posetrack", "--flip") == 130
    assert sorted((out / "predictions").iterdir()) == others
    monkeypatch.undo()
    assert call("posetrack", "--flip") == 0
    assert "sequences had been predicted before" in capsys.readouterr().out
    assert not (out / "replaced").exists()
    assert (out / "mine.txt").read_text() == "mine"
    assert scores(out)["settings"]["options"]["flip"] is True
