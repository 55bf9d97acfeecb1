"""`glpose lift` on files of any tool, `run --lift`, and what they refuse."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bad_videos
import glpose
import tiny_onnx
from glpose.cli.main import main
from glpose.errors import BadInput, BadWeights
from glpose.formats.results import ResultWriter, write_summary
from glpose.runtime.load import find_weights, open_lifter, weights_in
from glpose.skeleton import COCO17, Skeleton
from glpose.types import FramePoses, People, VideoInfo

NUM, SHORT = len(COCO17.joints), 12
INFO = VideoInfo("walk", (200, 300), 25.0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_onnx.write_lifter(tmp_path_factory.mktemp("lift") / "tiny.lift.onnx")


def person(number: int, joints: Skeleton = COCO17) -> FramePoses:
    shape = np.random.default_rng(1).uniform(0, 90, (1, len(joints.joints), 2))
    people = People(np.float32([[0, 0, 90, 90]]), np.float32([0.9]), np.array([4]))
    xy = (shape + [2.0 * number, 0]).astype(np.float32)
    return FramePoses(number, number / 25, people, xy, np.full(xy.shape[:2], 0.8, np.float32))


def written(path: Path, frames: list[FramePoses]) -> Path:
    with ResultWriter(path, INFO, COCO17, {"pose": {"name": "some"}}) as writer:
        for poses in frames:
            writer.write(poses)
    return path


def refused(capsys: pytest.CaptureFixture, *arguments: object) -> str:
    assert main(["lift", *map(str, arguments)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_file_gets_joints_in_space(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    frames = [person(i) for i in range(SHORT)]
    frames[5] = replace(frames[5], xy=np.full_like(frames[5].xy, np.nan))
    path = written(tmp_path / "poses.jsonl", frames)
    assert main(["lift", str(path), "--weights", str(weights), "--height", "1.6"]) == 0
    told = capsys.readouterr().out
    assert "lifted 12 of 12 poses, 1 of 1 people, in metres" in " ".join(told.split())
    result = glpose.load(tmp_path / "poses_3d.jsonl")
    assert result.settings["lift"]["unit"] == "metres"
    assert result.settings["lift"]["height_m"] == 1.6
    assert "z towards the camera" in result.settings["lift"]["frame"]
    assert result.models["pose"] == {"name": "some"}
    assert list(result.models["lift"]["sha256"]) == ["tiny.lift.onnx"]
    expected = glpose.lift(glpose.load(path), weights=weights, height_m=1.6)
    for a, b in zip(result.frames, expected.frames, strict=True):
        np.testing.assert_allclose(a.lifted.xyz, b.lifted.xyz, atol=0.6e-4)
        np.testing.assert_array_equal(a.lifted.padded, b.lifted.padded)
        np.testing.assert_array_equal(a.lifted.bridged, b.lifted.bridged)
    lines = [json.loads(line) for line in (tmp_path / "poses_3d.jsonl").read_text().splitlines()]
    people = [line["people"][0] for line in lines[1:]]
    assert people[0]["window"] == ["padded"]
    assert people[5]["window"] == ["bridged"]
    assert "window" not in people[7]
    assert people[7]["joints_3d"][COCO17.index("nose")] == [None, None, None]


def test_a_folder_of_results_stands_for_its_poses(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    assert "holds no poses.jsonl" in refused(capsys, tmp_path, "--weights", weights)
    written(tmp_path / "poses.jsonl", [person(i) for i in range(SHORT)])
    assert main(["lift", str(tmp_path), "--weights", str(weights)]) == 0
    assert len(glpose.load(tmp_path / "poses_3d.jsonl").frames) == SHORT


def test_coco_results_need_a_rate_and_get_numbers(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    entries = [
        {
            "image_id": i,
            "score": 0.9,
            "keypoints": np.c_[poses.xy[0], poses.score[0]].ravel().tolist(),
        }
        for i, poses in enumerate(map(person, range(SHORT)))
    ]
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(entries))
    line = refused(capsys, path, "--weights", weights)
    assert line.endswith("names no frame rate; expected the video's, give it with --rate")
    out = tmp_path / "out.jsonl"
    assert main(["lift", str(path), "--weights", str(weights), "--rate", "25", "-o", str(out)]) == 0
    done = glpose.load(out)
    assert [poses.people.track_id.tolist() for poses in done.frames] == [[1]] * SHORT
    assert all(np.isfinite(poses.lifted.xyz).any() for poses in done.frames)


def test_poses_with_times_are_lifted_whatever_rate_the_header_names(weights: Path, tmp_path: Path):
    """FFmpeg names 1000 frames a second of WebM by browsers' recorders."""
    made = []
    for fps in ("25.0", "1000.0", "2.5"):
        path = written(tmp_path / f"{fps}.jsonl", [person(i) for i in range(SHORT)])
        path.write_text(path.read_text().replace('"fps": 25.0', f'"fps": {fps}'))
        assert main(["lift", str(path), "--weights", str(weights)]) == 0
        frames = glpose.load(tmp_path / f"{fps}_3d.jsonl").frames
        made.append(np.stack([poses.lifted.xyz for poses in frames]))
    np.testing.assert_array_equal(made[1], made[0])
    np.testing.assert_array_equal(made[2], made[0])


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "1e300", "1e-300"])
def test_rates_that_no_video_has_are_refused(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture, rate: str
):
    coco = tmp_path / "coco.json"
    coco.write_text(json.dumps([{"image_id": 0, "score": 1, "keypoints": [1.0] * 3 * NUM}]))
    line = refused(capsys, coco, "--weights", weights, "--rate", rate)
    said = "nan, not known" if rate == "nan" else f"{float(rate):g}"
    assert f"coco.json: the frame rate is {said}; expected frames in a second" in line
    path = written(tmp_path / "p.jsonl", [person(i) for i in range(SHORT)])
    if abs(float(rate)) < 2:  # others are no numbers in a file
        path.write_text(path.read_text().replace('"fps": 25.0', f'"fps": {rate}'))
        assert "p.jsonl: the frame rate is" in refused(capsys, path, "--weights", weights)
    assert [p.name for p in tmp_path.glob("*_3d*")] == []


def test_a_rate_is_given_only_for_poses_that_name_none(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    path = written(tmp_path / "p.jsonl", [person(i) for i in range(SHORT)])
    line = refused(capsys, path, "--weights", weights, "--rate", "30")
    assert "names 25 frames a second; a rate can be given only for poses that name none" in line
    assert main(["lift", str(path), "--weights", str(weights), "--rate", "25"]) == 0
    # As people say it: the file has 30000 / 1001.
    path.write_text(path.read_text().replace('"fps": 25.0', f'"fps": {30000 / 1001}'))
    how = ("--weights", str(weights), "--overwrite", "--rate", "29.97")
    assert main(["lift", str(path), *how]) == 0
    path.write_text(path.read_text().replace(f'"fps": {30000 / 1001}', '"fps": null'))
    assert "p.jsonl: names no frame rate" in refused(
        capsys, path, "--weights", weights, "--overwrite"
    )
    with pytest.raises(BadInput, match="the frame rate is nan, not known"):
        glpose.lift(glpose.load(path), weights=weights)
    assert main(["lift", str(path), *how]) == 0
    assert glpose.load(tmp_path / "p_3d.jsonl").video.rate_hz == 29.97


def test_files_are_not_replaced_unasked(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    path = written(tmp_path / "p.jsonl", [person(i) for i in range(SHORT)])
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    assert "holds out.jsonl already" in refused(capsys, path, "--weights", weights, "-o", out)
    assert out.read_text() == "mine"
    assert "what is made of it" in refused(capsys, path, "--weights", weights, "-o", path)
    assert main(["lift", str(path), "--weights", str(weights), "-o", str(out), "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "none of the 0 poses"),
        ([person(0)], "p.jsonl: holds a single frame; expected a video"),
        ([replace(person(i), xy=np.full((1, NUM, 2), np.nan, np.float32)) for i in range(9)],
         "none of the 9 poses in 9 frames has joints"),
        ([replace(person(i), xy=person(i).xy / 300) for i in range(9)], "expected pixels"),
    ],
)  # fmt: skip
def test_poses_that_cannot_be_lifted_leave_no_file(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture, frames: list, message: str
):
    path = written(tmp_path / "p.jsonl", frames)
    made = tmp_path / "new" / "p_3d.jsonl"
    assert message in refused(capsys, path, "--weights", weights, "-o", made)
    assert [p.name for p in tmp_path.iterdir()] == ["p.jsonl"]


def test_files_with_nan_or_other_weights_are_refused(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    path = written(tmp_path / "p.jsonl", [person(i) for i in range(SHORT)])
    bad = tmp_path / "bad.jsonl"
    bad.write_text(re.sub(r"\[\[[\d.]+,", "[[NaN,", path.read_text()))
    assert "bad.jsonl" in refused(capsys, bad, "--weights", weights)
    detector = tiny_onnx.write_detector(tmp_path / "finder.onnx")
    assert "expected lift weights (NAME.lift.onnx)" in refused(capsys, path, "--weights", detector)
    assert "unknown lift weights 'none'" in refused(capsys, path, "--weights", "none")


def test_info_says_what_weights_lift(weights: Path, capsys: pytest.CaptureFixture):
    assert main(["info", str(weights)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "skeleton limb13, windows of 5 samples at 25 Hz, in statures" in told


def test_weights_must_be_what_their_card_says(weights: Path, tmp_path: Path):
    assert [w.use for w in weights_in(weights.parent)] == ["lift"]
    assert find_weights(weights.parent, "lift").files == (weights,)
    wide = tiny_onnx.write_lifter(tmp_path / "a.lift.onnx", tiny_onnx.lift_card(window=7))
    with pytest.raises(BadWeights, match=r"its input 'joints' is .*\?x5x13x3.*\?x7x13x3"):
        open_lifter(wide)
    other = tiny_onnx.write_lifter(tmp_path / "b.lift.onnx", tiny_onnx.lift_card(skeleton="mine"))
    with pytest.raises(BadWeights, match=r"unknown skeleton 'mine'.*update glpose"):
        open_lifter(other)


def test_run_writes_poses_in_space_in_one_go(
    weights: Path, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("glpose.cli.run.DEFAULT_LIFT", str(weights))
    video = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=SHORT)
    call = ["run", str(video), "-o", str(tmp_path / "out"), "--no-overlay", "--threads", "1"]
    call += ["--weights", str(tiny_weights), "--detector", str(tiny_weights), "--quiet"]
    assert main([*call, "--lift", "--height", "1.7"]) in (0, 3)
    folder = tmp_path / "out" / "walk"
    flat, space = (glpose.load(folder / name) for name in ("poses.jsonl", "poses_3d.jsonl"))
    assert space.settings["lift"]["unit"] == "metres"
    assert len(space.frames) == len(flat.frames) == SHORT
    for a, b in zip(flat.frames, space.frames, strict=True):
        np.testing.assert_allclose(a.xy, b.xy)
    assert main([*call, "--overwrite", "--height", "1.7"]) == 2
    assert main([*call, "--overwrite", "--lift", "--causal"]) == 2
    assert main([*call, "--overwrite"]) in (0, 3)
    assert not (folder / "poses_3d.jsonl").exists(), "that of an earlier run is not this one's"


def test_what_was_asked_of_the_run_stays_known(weights: Path, tmp_path: Path) -> None:
    """Who was to be hidden is hidden in what is made of it, too."""
    path = tmp_path / "poses.jsonl"
    settings = {"private": "skeleton", "smooth": {"filter": "rts"}}
    with ResultWriter(path, INFO, COCO17, {}, settings) as writer:
        for number in range(SHORT):
            writer.write(person(number))
    made = tmp_path / "new" / "folder" / "space.jsonl"
    assert main(["lift", str(path), "-o", str(made), "--weights", str(weights)]) == 0
    kept = glpose.load(made).settings
    assert {key: kept[key] for key in settings} == settings
    assert kept["poses"] == "poses.jsonl"
    in_python = glpose.lift(glpose.load(path), weights=weights).settings
    assert in_python == {**settings, "lift": kept["lift"]}


def test_frames_without_times_have_those_of_the_rate(weights: Path, tmp_path: Path) -> None:
    entries = [
        {
            "image_id": number,
            "score": 0.9,
            "track_id": 1,
            "keypoints": np.column_stack([p.xy[0], p.score[0]]).ravel().tolist(),
        }
        for number in range(SHORT)
        for p in [person(number)]
    ]
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(entries))
    made = tmp_path / "space.jsonl"
    words = ["lift", str(path), "-o", str(made), "--weights", str(weights), "--rate", "50"]
    assert main(words) == 0
    assert [p.time_s for p in glpose.load(made).frames] == [i / 50 for i in range(SHORT)]


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = written(tmp_path / "poses.jsonl", [person(i) for i in range(SHORT)])
    made = tmp_path / "space.jsonl"
    made.write_text("old")

    def full(*_: object) -> None:
        raise BadInput("the disk is full")

    monkeypatch.setattr(ResultWriter, "write", full)
    line = refused(capsys, path, "-o", made, "--weights", weights, "--overwrite")
    assert "the disk is full" in line
    assert made.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["poses.jsonl", "space.jsonl"]


def test_poses_of_a_run_that_did_not_end_are_lifted_and_told(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    written(tmp_path / "poses.jsonl", [person(i) for i in range(SHORT)])
    write_summary(tmp_path / "summary.json", {"state": "interrupted"})
    assert main(["lift", str(tmp_path), "--weights", str(weights), "--quiet"]) == 3
    assert f"of a run that was interrupted; the {SHORT} frames" in capsys.readouterr().err
    result = glpose.load(tmp_path / "poses_3d.jsonl")
    assert (len(result.frames), result.settings["run_state"]) == (SHORT, "interrupted")


def test_several_results_are_lifted_each_beside_itself(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    frames = [person(i) for i in range(SHORT)]
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "poses.jsonl", frames)
    smooth = written(tmp_path / "a" / "smooth.jsonl", frames)
    (tmp_path / "short").mkdir()
    written(tmp_path / "short" / "poses.jsonl", frames[:2])
    how = "--weights", str(weights)
    assert main(["lift", str(tmp_path), str(smooth), *how]) == 3
    told = capsys.readouterr()
    assert told.out.count("lifted 12 of 12 poses") == 3
    assert "short/poses.jsonl: no track is long enough" in told.err
    made = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*_3d.jsonl"))
    assert made == ["a/poses_3d.jsonl", "a/smooth_3d.jsonl", "b/poses_3d.jsonl"]
    line = refused(capsys, tmp_path, *how, "-o", tmp_path / "one.jsonl", "--overwrite")
    assert "is for one result, but 3 were given" in line


def test_pictures_among_videos_are_passed_over(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    for name, info in (("photo", replace(INFO, is_still=True)), ("walk", INFO)):
        (tmp_path / name).mkdir()
        with ResultWriter(tmp_path / name / "poses.jsonl", info, COCO17, {}) as writer:
            for i in range(1 if info.is_still else SHORT):
                writer.write(person(i))
    assert main(["lift", str(tmp_path), "--weights", str(weights)]) == 0
    assert "photo/poses.jsonl: is of a single picture; passed over" in capsys.readouterr().err
    assert "single frame" in refused(capsys, tmp_path / "photo", "--weights", weights)
