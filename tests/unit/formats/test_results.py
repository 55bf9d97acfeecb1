"""The files of a run: what they look like, what a killed run leaves, what bad ones are told."""

import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import glpose
from glpose.errors import BadInput
from glpose.formats.poses import read_poses
from glpose.formats.results import (
    ResultWriter,
    holds_frames,
    load,
    poses_files_of,
    read_boxes,
    write_boxes,
    write_summary,
)
from glpose.formats.text import lines
from glpose.jobs.given import open_given
from glpose.skeleton import POSETRACK15
from glpose.types import BeforeSmoothing, FramePoses, People, VideoInfo

VIDEO = VideoInfo("wälk (1).mp4", (480, 640), 29.97, 100, 3.3367, 90)
MODELS = {"detector": {"name": "person_small", "version": "1", "sha256": "ab"}}


def people(*track_ids: int) -> People:
    n = len(track_ids)
    xyxy = np.array([[10.123, 20, 110.5, 220]], np.float32).repeat(n, 0)
    return People(xyxy, np.full(n, 0.87654, np.float32), np.array(track_ids, np.int64))


def poses(frame: int, *track_ids: int) -> FramePoses:
    n = len(track_ids)
    xy = np.arange(n * 30, dtype=np.float32).reshape(n, 15, 2) + np.float32(0.126)
    score = np.full((n, 15), 0.5, np.float32)
    xy[:, 3], score[:, 3] = np.nan, 0
    return FramePoses(frame, frame / 29.97, people(*track_ids), xy, score)


def write(path: Path, *frames: FramePoses) -> Path:
    with ResultWriter(path, VIDEO, POSETRACK15, MODELS, {"threads": 2}) as writer:
        for frame in frames:
            writer.write(frame)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    undecodable = FramePoses.empty(1, 0.0334, 15, "undecodable")
    return write(tmp_path / "poses.jsonl", poses(0, 1, 2), undecodable, poses(2, 2))


def test_the_file_is_as_documented(file: Path) -> None:
    header, first, second, _ = [json.loads(line) for line in file.read_text().splitlines()]
    assert list(header) == ["format", "video", "skeleton", "models", "settings"]
    assert header["format"] == "glpose/1"
    assert header["video"] == {
        "name": "wälk (1).mp4",
        "width": 640,
        "height": 480,
        "rotation": 90,
        "fps": 29.97,
        "frames": 100,
        "duration_s": 3.3367,
    }
    assert header["skeleton"]["name"] == "posetrack15"
    assert header["skeleton"]["joints"] == list(POSETRACK15.joints)
    assert header["skeleton"]["bones"][0] == list(POSETRACK15.bones[0])
    assert header["models"] == MODELS
    assert header["settings"] == {"threads": 2}
    assert list(first) == ["frame", "time_s", "status", "people"]
    person = first["people"][0]
    assert list(person) == ["track_id", "box_xyxy", "box_score", "joints"]
    assert person["box_xyxy"] == [10.12, 20.0, 110.5, 220.0]
    assert person["box_score"] == 0.8765
    assert person["joints"][0] == [0.13, 1.13, 0.5]
    assert person["joints"][3] == [None, None, 0.0]
    assert second == {"frame": 1, "time_s": 0.0334, "status": "undecodable", "people": []}


def test_what_was_written_is_read(file: Path) -> None:
    result = load(file)
    assert result.video == VIDEO
    assert result.skeleton is POSETRACK15
    assert result.models == MODELS
    assert result.settings == {"threads": 2}
    assert [f.frame for f in result.frames] == [0, 1, 2]
    assert [f.status for f in result.frames] == ["ok", "undecodable", "ok"]
    assert result.frames[0].people.track_id.tolist() == [1, 2]
    assert result.frames[1].xy.shape == (0, 15, 2)
    np.testing.assert_allclose(result.frames[0].xy, poses(0, 1, 2).xy, atol=0.0051)
    assert np.isnan(result.frames[0].xy[:, 3]).all()
    assert (result.frames[0].score[:, 3] == 0).all()


def test_each_line_is_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "poses.jsonl"
    writer = ResultWriter(path, VIDEO, POSETRACK15)
    assert load(path).frames == ()
    writer.write(poses(0, 1))
    assert len(load(path).frames) == 1
    writer.close()


def test_a_file_cut_anywhere_gives_its_whole_lines(file: Path, tmp_path: Path) -> None:
    data = file.read_bytes()
    ends = [i + 1 for i, byte in enumerate(data) if byte == ord("\n")]
    cut = tmp_path / "cut.jsonl"
    for length in range(ends[0], len(data) + 1, 41):
        cut.write_bytes(data[:length])
        # A line that lacks nothing but its end is whole.
        assert len(load(cut).frames) == sum(length >= end - 1 for end in ends[1:])
    cut.write_bytes(data[: ends[0] // 2])
    with pytest.raises(BadInput, match="no whole line"):
        load(cut)
    cut.write_bytes(data[: ends[1] + 20] + b"\n" + data[ends[2] :])
    with pytest.raises(BadInput, match="line 3: found broken JSON"):
        load(cut)


def test_the_name_of_a_picture_is_kept_where_there_is_one(tmp_path: Path) -> None:
    named = replace(poses(0, 1), picture="img_\udcff9.jpg")
    path = write(tmp_path / "a", named, poses(1, 1))
    assert [frame.picture for frame in load(path).frames] == [named.picture, None]
    assert [b'"picture"' in line for line in path.read_bytes().splitlines()[1:]] == [True, False]


def test_unknown_length_and_odd_names_survive(tmp_path: Path) -> None:
    video = VideoInfo("-\udcff\n.mp4", (1, 1), 0.0)
    with ResultWriter(tmp_path / "a", video, POSETRACK15, settings={"out": Path("x")}):
        pass
    result = load(tmp_path / "a")
    assert result.video == video
    assert result.settings == {"out": "x"}


@pytest.mark.parametrize("time_s", [Fraction(1, 4), np.float32(0.25), np.int64(0), 0])
def test_times_may_be_numbers_of_any_kind(time_s: object, tmp_path: Path) -> None:
    frame = poses(0, 1)
    object.__setattr__(frame, "time_s", time_s)  # as where types are not checked
    (read,) = load(write(tmp_path / "a", frame)).frames
    assert read.time_s == time_s


@pytest.mark.parametrize("time_s", [math.nan, -math.inf, 1e300, None, "0"])
def test_times_that_could_not_be_read_are_not_written(time_s: object, tmp_path: Path) -> None:
    frame = poses(0, 1)
    object.__setattr__(frame, "time_s", time_s)
    with pytest.raises(BadInput, match="expected a finite number below 1e300"):
        write(tmp_path / "a", frame)


def test_frames_out_of_order_or_with_other_joints_are_refused(tmp_path: Path) -> None:
    with ResultWriter(tmp_path / "a", VIDEO, POSETRACK15) as writer:
        writer.write(poses(5, 1))
        with pytest.raises(BadInput, match="frame 5 came after frame 5"):
            writer.write(poses(5, 1))
        with pytest.raises(BadInput, match=r"expected \(15, 2\)"):
            writer.write(FramePoses.empty(6, 0.2, 17))
    assert len(load(tmp_path / "a").frames) == 1


Change = Callable[[dict], object]


@pytest.mark.parametrize(
    ("line", "change", "message"),
    [
        (0, lambda d: d.update(format="glpose/2"), 'line 1: found format "glpose/2"; .*update'),
        (0, lambda d: d.pop("format"), 'line 1: found no "format"'),
        (0, lambda d: d.pop("video"), 'found no "video"'),
        (0, lambda d: d["video"].update(width="wide"), '"width" "wide"; expected a whole number'),
        (0, lambda d: d["video"].pop("fps"), 'found no "fps"'),
        (0, lambda d: d["skeleton"].update(name="octopus"), "skeleton 'octopus'"),
        (0, lambda d: d["skeleton"]["joints"].pop(), "14 joints"),
        (0, lambda d: d.update(models=[1]), r'"models" \[1\]; expected an object'),
        (2, lambda d: d.update(status="fine"), 'line 3: found status "fine"'),
        (2, lambda d: d.update(frame=0), "line 3: found frame 0 after frame 0"),
        (2, lambda d: d.update(frame=1.5), '"frame" 1.5; expected a whole number'),
        (2, lambda d: d.update(frame=True), '"frame" true'),
        (2, lambda d: d.pop("time_s"), 'found no "time_s"'),
        (3, lambda d: d["people"][0]["joints"].pop(), "14 joints; expected 15"),
        (3, lambda d: d["people"][0]["joints"][4].pop(), r"joints\[4\]"),
        (3, lambda d: d["people"][0]["joints"][4].__setitem__(2, 1.5), r"joints\[4\]"),
        (3, lambda d: d["people"][0]["joints"][4].__setitem__(0, None), r"joints\[4\]"),
        (3, lambda d: d["people"][0]["joints"][3].__setitem__(2, 0.5), r"joints\[3\]"),
        (3, lambda d: d["people"].append(3), r'"people\[1\]" 3; expected an object'),
        (3, lambda d: d.update(people={}), '"people" {}; expected a list'),
    ],
)
def test_a_results_file_that_is_not_ours(
    file: Path, line: int, change: Change, message: str
) -> None:
    lines = [json.loads(text) for text in file.read_text().splitlines()]
    change(lines[line])
    file.write_text("".join(json.dumps(data) + "\n" for data in lines))
    with pytest.raises(BadInput, match=message):
        load(file)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"missing\.jsonl: cannot be read \(No such file"):
        load(tmp_path / "missing.jsonl")
    with pytest.raises(BadInput, match=r"holds no poses\.jsonl; expected a results folder"):
        read_boxes(tmp_path)
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(BadInput, match="no whole line"):
        load(tmp_path / "empty")


def boxes_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "boxes.jsonl"
    path.write_text(text)
    return path


def test_boxes_are_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "boxes.jsonl"
    write_boxes(path, {4: people(7), 0: people(1, 2), 9: People.empty()})
    assert [json.loads(text)["frame"] for text in path.read_text().splitlines()] == [0, 4, 9]
    boxes = read_boxes(path)
    assert boxes[0].track_id.tolist() == [1, 2]
    assert len(boxes[9]) == 0
    np.testing.assert_allclose(boxes[4].xyxy, people(7).xyxy, atol=0.0051)


@pytest.mark.parametrize("of_folder", [False, True])
def test_boxes_are_read_from_poses_too(file: Path, *, of_folder: bool) -> None:
    if of_folder:
        file.replace(file.with_name("poses.jsonl"))
    boxes = read_boxes(file.parent if of_folder else file)
    assert {frame: who.track_id.tolist() for frame, who in boxes.items()} == {
        0: [1, 2],
        1: [],
        2: [2],
    }


def test_boxes_by_hand(tmp_path: Path) -> None:
    text = '\ufeff{"frame": 3, "people": [{"track_id": 0, "box_xyxy": [-5, 0, 4, 9], '
    path = boxes_file(tmp_path, text + '"box_score": 1, "colour": "red"}]}\n\n')
    np.testing.assert_array_equal(read_boxes(path)[3].xyxy, [[-5, 0, 4, 9]])
    assert read_boxes(boxes_file(tmp_path, "")) == {}


GOOD = '{"frame": 0, "people": [{"track_id": 1, "box_xyxy": [0, 0, 9, 9], "box_score": 0.5}]}'


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[0, 0, 9, 9]", "[0, NaN, 9, 9]", "found NaN, which is not JSON"),
        ("[0, 0, 9, 9]", "[0, 0, -Infinity, 9]", "found -Infinity"),
        ("[0, 0, 9, 9]", "[0, 0, 1e999, 9]", "four finite numbers"),
        ("[0, 0, 9, 9]", "[0, 0, null, 9]", "four finite numbers"),
        ("[0, 0, 9, 9]", "[0, 0, true, 9]", "four finite numbers"),
        ("[0, 0, 9, 9]", "[0, 0, 9]", "four finite numbers"),
        ("[0, 0, 9, 9]", "[9, 0, 0, 9]", "x2 > x1 and y2 > y1"),
        ("[0, 0, 9, 9]", "[0, 5, 9, 5]", "x2 > x1 and y2 > y1"),
        ("[0, 0, 9, 9]", "[0, 0, 1e-9, 9]", "x2 > x1 and y2 > y1"),
        ("[0, 0, 9, 9]", '"0 0 9 9"', "expected a list"),
        ('"frame": 0', '"frame": -1', '"frame" -1; expected a whole number from 0'),
        ('"frame": 0', '"frame": 5', "frame 5 for the second time"),
        ('"frame": 0', '"frames": 0', r'no "frame" \(there is: frames, people\)'),
        ('"people"', '"persons"', 'no "people"'),
        ('"track_id": 1, ', "", 'no "track_id"'),
        ('"track_id": 1', f'"track_id": {2**70}', '"track_id"'),
        ('"track_id": 1', f'"track_id": {"9" * 5000}', "absurd numbers"),
        ("0.5", "1.5", "a score from 0 to 1"),
        ('"box_score": 0.5', '"box_score": "high"', "a finite number"),
        ("}]}", "}, " + GOOD[24:-2] + "]}", "track_id 1 twice in a frame"),
        ("]}", "}", "broken JSON"),
        (GOOD, "[]", r"found \[\]; expected one JSON object"),
        (GOOD, "[" * 100000, "absurd|broken"),
        (GOOD, "frame,x1,y1", "broken JSON"),
    ],
)
def test_boxes_that_cannot_be_used_name_the_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    before = GOOD.replace('"frame": 0', '"frame": 5')
    path = boxes_file(tmp_path, f"{before}\n{GOOD.replace(old, new, 1)}\n")
    with pytest.raises(BadInput, match=r"boxes\.jsonl, line 2: found ") as caught:
        read_boxes(path)
    assert caught.match(message)
    assert "\n" not in str(caught.value)


def test_boxes_cut_off_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"line 1: .*the line is cut off, remove it"):
        read_boxes(boxes_file(tmp_path, GOOD[:40]))
    path = tmp_path / "walk.mp4"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(BadInput, match="line 1: found bytes that are not UTF-8"):
        read_boxes(path)


def test_a_summary_is_there_whole(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    write_summary(path, {"people": np.int64(3), "fps": float("nan"), "seconds": {"read": 1.5}})
    assert json.loads(path.read_text()) == {"people": 3, "fps": None, "seconds": {"read": 1.5}}
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


def test_a_full_disk_leaves_the_old_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "summary.json"
    write_summary(path, {"state": "old"})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match=r"cannot be written \(No space left on device\); free some"):
        write_summary(path, {"state": "new"})
    assert json.loads(path.read_text()) == {"state": "old"}
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with pytest.raises(BadInput, match=r"cannot be written \(No space left on device\)"):
        ResultWriter("/dev/full", VIDEO, POSETRACK15)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_keeps_the_frames_before(tmp_path: Path) -> None:
    path = tmp_path / "poses.jsonl"
    with ResultWriter(path, VIDEO, POSETRACK15) as writer:
        writer.write(poses(0, 1))
        with Path("/dev/full").open("wb") as full:
            os.dup2(full.fileno(), writer._file.fileno())
        with pytest.raises(BadInput, match="No space left on device"):
            writer.write(poses(1, 1))
        with pytest.raises(BadInput, match="No space left on device"):
            writer.close()
    assert len(load(path).frames) == 1


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot be written \(No such file or directory\)"):
        ResultWriter(tmp_path / "no" / "poses.jsonl", VIDEO, POSETRACK15)
    with pytest.raises(BadInput, match="cannot be written"):
        write_boxes(tmp_path / "no" / "boxes.jsonl", {})


def test_people_of_unsure_sides_are_marked(tmp_path: Path) -> None:
    path = write(
        tmp_path / "poses.jsonl", replace(poses(0, 1, 2), unsure_sides=np.array([True, False]))
    )
    line = json.loads(path.read_text("utf-8").splitlines()[1])
    assert [person.get("sides") for person in line["people"]] == ["unsure", None]
    (found,) = load(path).frames
    assert found.unsure_sides is not None
    assert found.unsure_sides.tolist() == [True, False]


def test_people_put_there_from_frames_around_are_marked(tmp_path: Path) -> None:
    marked = replace(poses(0, 1, 2), propagated=np.array([False, True]))
    path = write(tmp_path / "poses.jsonl", marked)
    assert '"source": "propagated"' in path.read_text().splitlines()[1]
    (found,) = load(path).frames
    assert found.propagated is not None
    assert found.propagated.tolist() == [False, True]


def smoothed(tmp_path: Path) -> Path:
    """Person 2's first joint was filled in, and the second replaced."""
    one = poses(0, 1, 2)
    filled, outlier = np.zeros((2, 2, 15), bool)
    filled[1, 0] = outlier[1, 1] = True
    raw = one.xy + np.float32(0.5)
    raw[1, 0] = np.nan
    return write(
        tmp_path / "smooth.jsonl", replace(one, before=BeforeSmoothing(raw, filled, outlier))
    )


def test_raw_joints_stand_beside_the_smoothed_ones(tmp_path: Path) -> None:
    path = smoothed(tmp_path)
    first, second = json.loads(path.read_text().splitlines()[1])["people"]
    assert first["raw"][:2] == [[0.63, 1.63], [2.63, 3.63]]
    assert "filled" not in first
    assert (second["raw"][0], second["filled"], second["outliers"]) == ([None, None], [0], [1])
    before = load(path).frames[0].before
    assert before is not None
    assert np.argwhere(before.is_filled).tolist() == [[1, 0]]
    assert np.argwhere(before.is_outlier).tolist() == [[1, 1]]
    assert np.isnan(before.xy[1, 0]).all()
    assert before.xy[0, 1].tolist() == pytest.approx([2.63, 3.63])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"filled": [0]', '"filled": [15]', "joints from 0 to 14"),
        ('"filled": [0]', '"filled": [true]', "joints from 0 to 14"),
        ('"outliers": [1]', '"outliers": 1', "expected a list"),
        ('"raw": [[null, null]', '"raw": [[null, 3]', '"raw" of another form'),
        ('"raw": [[null, null], ', '"raw": [', '"raw" of another form'),
        ('"raw": [[null, null]', '"raw": [5', '"raw" of another form'),
    ],
)
def test_raw_joints_of_another_form_are_refused(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    path = smoothed(tmp_path)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(BadInput, match=f"line 2: .*{said}"):
        load(path)


def test_a_whole_result_in_one_object_is_read(file: Path, tmp_path: Path) -> None:
    data = glpose.load(file).to_dict()
    whole = tmp_path / "whole.json"
    whole.write_text(json.dumps(data))
    assert len(data["frames"]) == len(load(file).frames)
    assert glpose.load(whole).to_dict() == data
    del data["frames"][1]["status"]
    whole.write_text(json.dumps(data))
    with pytest.raises(BadInput, match=r'line 1: found no "status"'):
        load(whole)


@pytest.mark.parametrize("form", ["indented", "by hand", "after a line", "long"])
def test_a_whole_result_is_read_however_it_is_written(
    form: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = glpose.load(file).to_dict()
    text = json.dumps(data, indent=2)
    if form == "by hand":
        text = json.dumps(data).replace('"video": ', '\n"video":\n')
    elif form == "after a line":
        text = f"\n\n{text}"
    elif form == "long":
        text = json.dumps(data)
        monkeypatch.setattr(lines, "_LONGEST_HEADER", 500)
        monkeypatch.setattr(lines, "_LONGEST", 1000)
    for name in ("whole.json", "whole.jsonl"):
        whole = tmp_path / name
        whole.write_text(text, "utf-8")
        assert glpose.load(whole).to_dict() == data
        assert holds_frames(whole)
        assert sorted(read_boxes(whole)) == [frame["frame"] for frame in data["frames"]]
        assert len(read_poses(whole).frames) == len(data["frames"])
        assert not open_given(whole).lack
    whole.write_text(text[:-20], "utf-8")
    with pytest.raises(BadInput, match="not JSON"):
        glpose.load(whole)
    whole.write_text("[\n1\n]")
    with pytest.raises(BadInput, match="is a list; expected the results of a run"):
        glpose.load(whole)


def test_boxes_are_read_from_a_whole_result_in_one_object(file: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.json"
    data = glpose.load(file).to_dict()
    whole.write_text(json.dumps(data))
    boxes, expected = read_boxes(whole), read_boxes(file)
    assert boxes.keys() == expected.keys() == {0, 1, 2}
    for frame, people in expected.items():
        np.testing.assert_array_equal(boxes[frame].xyxy, people.xyxy)
        assert boxes[frame].track_id.tolist() == people.track_id.tolist()
    whole.write_text(json.dumps(data | {"frames": 3}))
    with pytest.raises(BadInput, match='"frames" 3; expected a list'):
        read_boxes(whole)


@pytest.mark.parametrize("score", [-9999.0, 1.5, np.nan])
def test_scores_that_could_not_be_read_are_not_written(score: float, tmp_path: Path) -> None:
    path = write(tmp_path / "poses.jsonl", poses(0, 1))
    for bad in (
        replace(poses(1, 1), score=np.full((1, 15), score, np.float32)),
        replace(poses(1, 1), people=replace(people(1), score=np.float32([score]))),
    ):
        with (
            ResultWriter(path, VIDEO, POSETRACK15) as writer,
            pytest.raises(BadInput, match=f"frame 1 has the score {score:g}; expected 0 to 1"),
        ):
            writer.write(bad)
        assert not load(path).frames


@pytest.mark.parametrize(
    ("x2", "ids", "words"),
    [
        (10.124, (1, 2), r"the box \[10.12.*; expected .* also when rounded"),
        (110.5, (-1, 2), "the track_id -1; expected whole numbers from 0"),
        (110.5, (2, 2), "the track_id 2 twice"),
    ],
)
def test_people_who_could_not_be_read_are_not_written(
    x2: float, ids: tuple[int, int], words: str, tmp_path: Path
) -> None:
    bad = people(*ids)
    bad.xyxy[1, 2] = x2
    path = tmp_path / "poses.jsonl"
    with (
        ResultWriter(path, VIDEO, POSETRACK15) as writer,
        pytest.raises(BadInput, match=f"poses.jsonl: frame 1 has {words}"),
    ):
        writer.write(replace(poses(1, *ids), people=bad))
    assert not load(path).frames
    with pytest.raises(BadInput, match=f"boxes.jsonl: frame 3 has {words}"):
        write_boxes(tmp_path / "boxes.jsonl", {3: bad})
    assert not (tmp_path / "boxes.jsonl").exists()


@pytest.mark.parametrize("is_still", [True, False])
def test_a_picture_stays_one(is_still: bool, tmp_path: Path) -> None:
    path = tmp_path / "poses.jsonl"
    with ResultWriter(path, replace(VIDEO, is_still=is_still), POSETRACK15) as writer:
        writer.write(poses(0, 1))
    assert load(path).video.is_still is is_still
    assert ("still" in json.loads(path.read_text().splitlines()[0])["video"]) is is_still


def test_files_without_frames_hold_none_but_what_cannot_be_read_may(tmp_path: Path) -> None:
    path = tmp_path / "poses.jsonl"
    header, frame = '{"format": "glpose/1"}\n', '{"frame": 0}\n'
    holding = {"": False, header: False, header + '{"fra': False, header + frame: True}
    for text, is_result in {**holding, "kept": True, "kept\n": True}.items():
        path.write_text(text, encoding="utf-8")
        assert holds_frames(path) is is_result, text


def test_the_documents_show_lines_of_boxes_that_are_read(tmp_path: Path) -> None:
    from glpose.cli.run import run

    page = Path(__file__).parents[3] / "docs" / "formats.md"
    line = page.read_text("utf-8").split("## Boxes")[1].split("```")[1].removeprefix("json\n")
    path = tmp_path / "boxes.jsonl"
    path.write_text(line)
    people = read_boxes(path)[0]
    assert (people.track_id.tolist(), people.score.tolist()) == ([1], [np.float32(0.9)])
    assert set(json.loads(line)["people"][0]) == {"track_id", "box_xyxy", "box_score"}
    said = str(run.__doc__).split("A line is a frame:")[1].split("}]}")[0]
    path.write_text(said.replace("x1, y1, x2, y2", "1, 2, 3, 4") + "}]}")
    assert read_boxes(path)[0].xyxy.tolist() == [[1, 2, 3, 4]]


def test_a_folder_of_results_may_be_named_as_their_file(tmp_path: Path) -> None:
    """As those of poses.jsonl.mp4 are."""
    for name in ("poses.jsonl", "walk"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "poses.jsonl").touch()
    (tmp_path / "none" / "poses.jsonl").mkdir(parents=True)
    found = [tmp_path / "poses.jsonl" / "poses.jsonl", tmp_path / "walk" / "poses.jsonl"]
    assert poses_files_of(tmp_path) == found
    assert poses_files_of(tmp_path / "poses.jsonl") == found[:1]
    with pytest.raises(BadInput, match=r"none: holds no poses\.jsonl"):
        poses_files_of(tmp_path / "none")


@pytest.mark.parametrize("name", ["a\0b", "a\ud800b"])
def test_what_no_file_can_be_called_is_refused_in_a_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=r"cannot be read \(not a name that a file can have\)"):
        load(tmp_path / name)
    with pytest.raises(BadInput, match=r"cannot be read \(not a name that a file can have\)"):
        read_boxes(tmp_path / name)
    with pytest.raises(BadInput, match=r"cannot be written \(not a name that a file can have\)"):
        write(tmp_path / name)
