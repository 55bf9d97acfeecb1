"""What users hold: frames with named joints, people over time, tables and dictionaries."""

import json
import pickle
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from glpose.errors import BadInput, MissingExtra
from glpose.formats.results import ResultWriter
from glpose.result import Poses, PoseStream, Result, load
from glpose.skeleton import POSETRACK15 as JOINTS
from glpose.types import Frame, FramePoses, People, VideoInfo
from glpose.viewer.overlay import draw

VIDEO = VideoInfo("walk.mp4", (120, 160), 25.0, num_frames=5)
WRIST, NOSE = JOINTS.index("left_wrist"), JOINTS.index("nose")


def frame(index: int, *track_ids: int) -> FramePoses:
    """Person t of frame i has joint j at (100 t + j, i); the nose was not found."""
    num = len(track_ids)
    xy = np.zeros((num, 15, 2), np.float32)
    xy[..., 0] = 100 * np.array(track_ids)[:, None] + np.arange(15)
    xy[..., 1] = index
    xy[:, NOSE] = np.nan
    score = np.full((num, 15), 0.5, np.float32)
    score[:, NOSE] = 0
    boxes = np.tile(np.array([10, 10, 60, 100], np.float32), (num, 1))
    people = People(boxes, np.full(num, 0.75, np.float32), np.array(track_ids, np.int64))
    return FramePoses(index, index / 25, people, xy, score)


FRAMES = (frame(0, 1), frame(1, 1, 2), frame(2, 1), frame(3, 2), frame(4))


@pytest.fixture
def result() -> Result:
    pairs = ((Frame(poses.frame, poses.time_s, None), poses) for poses in FRAMES)
    return PoseStream(pairs, VIDEO, JOINTS, {"pose": {"name": "x"}}, {"a": 1}).collect()


def test_a_stream_is_read_once_and_the_rest_can_be_collected() -> None:
    pairs = ((Frame(poses.frame, poses.time_s, None), poses) for poses in FRAMES)
    stream = PoseStream(pairs, VIDEO, JOINTS, {}, {})
    assert next(stream).frame == 0
    assert [poses.frame for poses in stream.collect().frames] == [1, 2, 3, 4]
    assert stream.collect().frames == ()


def test_a_closed_stream_gives_no_more_and_ends_the_reading() -> None:
    ended = []

    def pairs():
        try:
            for poses in FRAMES:
                yield Frame(poses.frame, poses.time_s, None), poses
        finally:
            ended.append(True)

    stream = PoseStream(pairs(), VIDEO, JOINTS, {}, {})
    next(stream)
    stream.close()
    assert list(stream) == []
    assert ended == [True]


def test_at_the_end_of_a_with_statement_a_stream_is_closed() -> None:
    let_go = []
    pairs = ((Frame(poses.frame, poses.time_s, None), poses) for poses in FRAMES)
    with PoseStream(pairs, VIDEO, JOINTS, {}, {}, lambda: let_go.append(True)) as stream:
        assert next(stream).frame == 0
    assert let_go == [True]
    assert list(stream) == []


def test_an_error_while_poses_are_made_lets_go_of_the_source() -> None:
    let_go = []

    def pairs():
        yield Frame(0, 0.0, None), FRAMES[0]
        raise RuntimeError("of a refiner")

    stream = PoseStream(pairs(), VIDEO, JOINTS, {}, {}, lambda: let_go.append(True))
    next(stream)
    with pytest.raises(RuntimeError, match="of a refiner"):
        next(stream)
    assert let_go == [True]
    assert list(stream) == []
    assert let_go == [True]


def test_problems_of_the_source_are_known_while_it_is_read_and_afterwards() -> None:
    warnings: list[str] = []

    def pairs():
        for poses in FRAMES:
            warnings.extend(["a\nb: the file ends early"] * (poses.frame >= 2))
            yield Frame(poses.frame, poses.time_s, None), poses

    stream = PoseStream(pairs(), VIDEO, JOINTS, {}, {}, warned=lambda: warnings)
    next(stream)
    assert stream.warnings == ()
    result = stream.collect()
    assert result.warnings == stream.warnings == (r"a\nb: the file ends early",)
    assert "warnings" not in result.to_dict()


def test_joints_of_a_frame_by_name(result: Result) -> None:
    poses = result.frames[1]
    np.testing.assert_array_equal(poses["left_wrist"], [[100 + WRIST, 1], [200 + WRIST, 1]])
    both = poses[["nose", "left_wrist"]]
    assert both.shape == (2, 2, 2)
    assert np.isnan(both[:, 0]).all()
    assert poses.people.track_id.tolist() == [1, 2]


def test_a_frame_is_found_by_its_number_in_the_video(result: Result) -> None:
    some = replace(result, frames=(result.frames[1], *result.frames[3:]))
    assert [some.at(number).frame for number in (1, 3, 4)] == [1, 3, 4]
    assert some.at(3) is some.frames[1]
    for number in (-1, 0, 2, 5):
        with pytest.raises(BadInput, match=f"walk.mp4: frame {number} is not in .* of 1 to 4"):
            some.at(number)
    with pytest.raises(BadInput, match="it has none"):
        replace(result, frames=()).at(0)


def test_a_track_has_every_frame_from_first_to_last(result: Result) -> None:
    assert result.track_ids == (1, 2)
    track = result.track(2)
    assert track.frame.tolist() == [1, 2, 3]
    assert track.times_s == pytest.approx([0.04, 0.08, 0.12])
    assert track.xy.shape == (3, 15, 2)
    assert len(track) == 3
    np.testing.assert_array_equal(
        track["left_wrist"], [[200 + WRIST, 1], [np.nan, np.nan], [200 + WRIST, 3]]
    )
    assert track.score[:, WRIST].tolist() == [0.5, 0, 0.5]
    assert np.isnan(track.xyxy[1]).all()
    assert track.xyxy[2].tolist() == [10, 10, 60, 100]
    assert track.skeleton is JOINTS
    assert track[["left_wrist"]].shape == (3, 1, 2)


def test_unknown_people_and_joints_are_one_clear_line(result: Result) -> None:
    with pytest.raises(BadInput, match="nobody has the number 7; the numbers are: 1, 2"):
        result.track(7)
    with pytest.raises(BadInput, match="no joint 'wrist'"):
        _ = result.track(1)["wrist"]
    with pytest.raises(BadInput, match="no joint 'hand'"):
        _ = result.frames[0][["nose", "hand"]]


def test_plot_draws_what_the_overlay_shows(result: Result) -> None:
    rgb = np.full((120, 400, 3), 90, np.uint8)
    for numbered in (True, False):
        expected = draw(rgb, FRAMES[1], JOINTS, numbered=numbered)
        np.testing.assert_array_equal(result.frames[1].plot(rgb, numbered=numbered), expected)
    assert (rgb == 90).all()
    with pytest.raises(BadInput, match="the picture to draw on is an empty array of shape"):
        result.frames[1].plot(rgb[:0])


def test_a_loaded_result_is_the_same(result: Result, tmp_path: Path) -> None:
    path = tmp_path / "poses.jsonl"
    with ResultWriter(path, VIDEO, JOINTS, result.models, result.settings) as writer:
        for poses in FRAMES:
            writer.write(poses)
    loaded = load(path)
    np.testing.assert_array_equal(loaded.track(2).xy, result.track(2).xy)
    assert loaded.to_dict() == load(tmp_path).to_dict() == result.to_dict()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    whole = json.loads(json.dumps(result.to_dict()))
    assert [{k: v for k, v in whole.items() if k != "frames"}, *whole["frames"]] == lines


def test_a_table_has_a_row_for_each_joint(result: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    """pandas is optional: only what is given to it is checked here."""
    pandas = ModuleType("pandas")
    pandas.DataFrame = dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    table = result.to_pandas()
    assert list(table) == ["frame", "time_s", "track_id", "joint", "x", "y", "score"]
    assert {len(column) for column in table.values()} == {5 * 15}
    row = 2 * 15 + WRIST  # person 2 of frame 1
    assert [column[row] for column in table.values()] == [
        1, 0.04, 2, "left_wrist", 200 + WRIST, 1, 0.5,
    ]  # fmt: skip
    assert np.isnan(table["x"][NOSE])
    alone = result.track(2).to_pandas()
    assert alone["frame"].tolist() == [1] * 15 + [2] * 15 + [3] * 15
    assert set(alone["track_id"]) == {2}
    assert np.isnan(alone["x"][15:30]).all()


@pytest.mark.slow
def test_pandas_takes_it_with_its_types(result: Result) -> None:
    pandas = pytest.importorskip("pandas")
    table = result.to_pandas()
    assert [str(kind) for kind in table.dtypes.drop("joint")] == [
        "int64", "float64", "int64", "float32", "float32", "float32",
    ]  # fmt: skip
    assert table["joint"].tolist() == list(JOINTS.joints) * 5
    assert set(table.loc[table["x"].isna(), "score"]) == {0}
    assert pandas.api.types.is_string_dtype(table["joint"])
    wrist = table[(table["joint"] == "left_wrist") & (table["track_id"] == 2)]
    np.testing.assert_array_equal(wrist["x"], [200 + WRIST, 200 + WRIST])
    assert len(result.track(2).to_pandas()) == 3 * 15
    empty = Result(VIDEO, JOINTS, (Poses.of(FRAMES[4], JOINTS),)).to_pandas()
    assert (len(empty), list(empty)) == (0, list(table))


def test_what_is_printed_of_them_is_one_line(result: Result) -> None:
    assert repr(result) == "Result(walk.mp4, 5 frames, people 1, 2)"
    assert repr(result.at(1)) == "Poses(frame 1, people 1, 2)"
    assert repr(result.at(3)) == "Poses(frame 3, person 2)"
    assert repr(result.at(4)) == "Poses(frame 4, nobody)"
    assert repr(result.track(2)) == "Track(2, frames 1 to 3)"
    again = pickle.loads(pickle.dumps(result))
    assert repr(again) == repr(result)
    assert again.to_dict() == result.to_dict()
    crowd = Poses.of(frame(7, *range(1, 31)), JOINTS)
    assert repr(replace(result, frames=(crowd,))) == "Result(walk.mp4, 1 frame, 30 people)"


def test_without_pandas_one_line_says_how_to_get_it(
    result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        MissingExtra, match=r"'pandas', which is not installed.*pip install pandas$"
    ):
        result.to_pandas()
    with pytest.raises(MissingExtra):
        result.track(1).to_pandas()


def test_an_empty_result_is_an_empty_table(monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = ModuleType("pandas")
    pandas.DataFrame = dict  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    result = Result(VIDEO, JOINTS, (Poses.of(FRAMES[4], JOINTS),))
    assert {len(column) for column in result.to_pandas().values()} == {0}
    with pytest.raises(BadInput, match="nobody is in it"):
        result.track(1)
