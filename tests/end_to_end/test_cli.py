"""The command line on good and bad input, in this process, with tiny weights made by script."""

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

import bad_videos
import glpose
import tiny_onnx
from glpose.cli import progress
from glpose.cli.main import main
from glpose.errors import BadInput, BadWeights, VideoError
from glpose.formats.results import read_boxes
from glpose.imaging import read_image, write_image
from glpose.runtime import load
from glpose.synth import demo
from glpose.video.reader import open_video
from glpose.weights import DEFAULT_PICTURE, DEFAULT_POSE

SHORT = 12


@pytest.fixture
def call(tiny_weights: Path, tmp_path: Path) -> Callable[..., int]:
    """`glpose run` with the tiny weights and results in `tmp_path / "out"`."""

    def run(
        *arguments: str | Path, out: Path = tmp_path / "out", weights: Path = tiny_weights
    ) -> int:
        options = ["--threads", "1", "--weights", str(weights)]
        options += ["--detector", str(tiny_weights / "finder.onnx"), "-o", str(out)]
        return main(["run", *options, *map(str, arguments)])

    return run


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return bad_videos.write_video(tmp_path / "walk.mp4", num_frames=SHORT)


def problem_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(lines) == 1, lines
    assert lines[0].startswith("glpose: ")
    return lines[0]


def summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


def num_pictures(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_run_leaves_poses_overlay_and_summary(
    call: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bad_videos.write_video(tmp_path / "walk.mp4", num_frames=SHORT, audio="aac")
    assert call(path) == 0
    folder = tmp_path / "out" / "walk"
    assert sorted(p.name for p in folder.iterdir()) == [
        "overlay.mp4", "poses.csv", "poses.jsonl", "summary.json",
    ]  # fmt: skip
    result = glpose.load(folder / "poses.jsonl")
    assert [p.frame for p in result.frames] == list(range(SHORT))
    assert all(len(p.people) == 1 for p in result.frames)
    assert result.frames[-1].time_s == pytest.approx((SHORT - 1) / 25)
    assert set(result.models) == {"pose", "detector"}
    assert "tiny.encoder.onnx" in str(result.models["pose"]["sha256"])
    assert num_pictures(folder / "overlay.mp4") == SHORT
    with av.open(str(folder / "overlay.mp4")) as container:
        assert container.streams.audio
    told = summary(folder)
    assert told["state"] == "ok"
    assert told["frames"] == {"done": SHORT, "undecodable": 0, "with_people": SHORT}
    assert set(told["seconds_per_stage"]) == {
        "crop", "decode", "detect", "draw", "encode", "fuse", "track", "write",
    }  # fmt: skip
    captured = capsys.readouterr()
    assert str(folder) in captured.out
    # No problem; a slow machine may tell its progress.
    assert "glpose: " not in captured.err


def test_a_run_writes_the_table_that_its_results_give(
    call: Callable[..., int], video: Path, tmp_path: Path
) -> None:
    assert call(video, "--quiet", "--no-overlay") == 0
    folder = tmp_path / "out" / "walk"
    assert main(["table", str(folder), "-o", str(tmp_path / "t.csv"), "--quiet"]) == 0
    assert (folder / "poses.csv").read_bytes() == (tmp_path / "t.csv").read_bytes()
    assert call(video, "--quiet", "--no-overlay", "--no-table", "--overwrite") == 0
    assert sorted(p.name for p in folder.iterdir()) == ["poses.jsonl", "summary.json"]


def test_quiet_says_nothing_and_no_overlay_writes_none(
    call: Callable[..., int], video: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call(video, "--quiet", "--no-overlay") == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
    assert not (tmp_path / "out" / "walk" / "overlay.mp4").exists()


@pytest.mark.parametrize("case", bad_videos.UNUSABLE)
def test_sources_that_cannot_be_used(
    case: str, call: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bad_videos.CASES[case](tmp_path)
    assert call(path, "--quiet") == 2
    assert path.name in problem_line(capsys)
    assert not (tmp_path / "out" / path.stem).exists()


@pytest.mark.parametrize(
    ("case", "num_frames"),
    [("one_frame", 1), ("odd_size", 8), ("turned_90", 8), ("variable_rate", 12),
     ("spaced_name", 8), ("unicode_name", 8), ("image_folder", 12)],
)  # fmt: skip
def test_unusual_sources_that_work(
    case: str, num_frames: int, call: Callable[..., int], tmp_path: Path
) -> None:
    path = bad_videos.CASES[case](tmp_path)
    assert call(path) == 0
    folder = tmp_path / "out" / (path.name if path.is_dir() else path.stem)
    result = glpose.load(folder / "poses.jsonl")
    assert len(result.frames) == num_frames
    assert num_pictures(folder / "overlay.mp4") == num_frames
    if case == "turned_90":
        assert result.video.size_hw == (320, 240)
    if case == "variable_rate":
        shown = [f.time_s for f in open_video(folder / "overlay.mp4").frames()]
        np.testing.assert_allclose(shown, np.array(bad_videos.VFR_MS) / 1000, atol=1e-3)
        assert [f.time_s for f in result.frames] == pytest.approx(shown, abs=1e-3)


def test_a_name_with_a_leading_dash(
    call: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad_videos.dashed_name(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert call("--no-overlay", "--", "-o.mp4") == 0
    assert (tmp_path / "out" / "-o" / "poses.jsonl").exists()
    assert call("--no-overlay", "--overwrite", "./-o.mp4") == 0


@pytest.mark.parametrize(
    ("case", "undecodable"), [("flipped_bytes", 2), ("truncated_with_index", None)]
)
def test_damaged_videos_are_finished_with_status_3(
    case: str,
    undecodable: int | None,
    call: Callable[..., int],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = bad_videos.CASES[case](tmp_path)
    assert call(path, "--quiet") == 3
    told = summary(tmp_path / "out" / path.stem)
    assert told["state"] == "incomplete"
    assert path.name in capsys.readouterr().err
    frames = glpose.load(tmp_path / "out" / path.stem / "poses.jsonl").frames
    bad = [f for f in frames if f.status == "undecodable"]
    assert len(bad) == told["frames"]["undecodable"]
    assert all(not len(f.people) for f in bad)
    if undecodable is not None:
        assert (len(frames), len(bad)) == (60, undecodable)
        assert num_pictures(tmp_path / "out" / path.stem / "overlay.mp4") == 60


def test_one_bad_source_does_not_stop_the_others(
    call: Callable[..., int], video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "more").mkdir()
    clash = bad_videos.write_video(tmp_path / "more" / "walk.mp4", num_frames=3)
    assert call(bad_videos.text(tmp_path), video, clash, "--no-overlay") == 3
    captured = capsys.readouterr()
    assert "text.mp4" in captured.err
    assert [line.partition(": ")[0] for line in captured.out.splitlines()] == [
        "walk", f"walk-2 ({clash})",
    ]  # fmt: skip
    assert len(glpose.load(tmp_path / "out" / "walk" / "poses.jsonl").frames) == SHORT
    assert len(glpose.load(tmp_path / "out" / "walk-2" / "poses.jsonl").frames) == 3


def test_nobody_in_any_frame(
    call: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def black(_index: int, size_hw: tuple[int, int] = bad_videos.SIZE_HW) -> np.ndarray:
        return np.zeros((*size_hw, 3), np.uint8)

    monkeypatch.setattr(bad_videos, "coded_picture", black)
    path = bad_videos.write_video(tmp_path / "night.mp4", num_frames=5)
    assert call(path, "--quiet") == 0
    assert "no person was found" in problem_line(capsys)
    assert num_pictures(tmp_path / "out" / "night" / "overlay.mp4") == 5
    assert len(glpose.load(tmp_path / "out" / "night" / "poses.jsonl").frames) == 5


def test_boxes_can_be_those_of_an_earlier_run(
    call: Callable[..., int], video: Path, tmp_path: Path
) -> None:
    assert call(video, "--no-overlay") == 0
    first = tmp_path / "out" / "walk" / "poses.jsonl"
    again = tmp_path / "again"
    assert call(video, "--no-overlay", "--boxes", first, out=again) == 0
    one, two = read_boxes(first), read_boxes(again / "walk" / "poses.jsonl")
    for frame in one:
        np.testing.assert_array_equal(one[frame].xyxy, two[frame].xyxy)
    assert set(glpose.load(again / "walk" / "poses.jsonl").models) == {"pose"}


BOX = '{"frame": %d, "people": [{"track_id": 1, "box_xyxy": [%s], "box_score": 0.9}]}\n'
BAD_BOXES = {
    "NaN": BOX % (0, "1, 2, NaN, 9"),
    "negative size": BOX % (0, "50, 2, 20, 90"),
    "frame out of range": BOX % (SHORT, "1, 2, 20, 90"),
    "broken JSON": BOX % (0, "1, 2, 20, 90") + '{"frame": 1, "people": [}\n',
}


@pytest.mark.parametrize("case", BAD_BOXES)
def test_bad_boxes_are_a_wrong_call(
    case: str,
    call: Callable[..., int],
    video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    boxes = tmp_path / "boxes.jsonl"
    boxes.write_text(BAD_BOXES[case])
    assert call(video, "--boxes", boxes, "--quiet") == 2
    line = problem_line(capsys)
    assert ("line" in line) != (case == "frame out of range")


def test_boxes_belong_to_one_video(
    call: Callable[..., int], video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = tmp_path / "boxes.jsonl"
    boxes.write_text(BOX % (0, "1, 2, 20, 90"))
    other = bad_videos.one_frame(tmp_path)
    assert call(video, other, "--boxes", boxes, "--quiet") == 2
    assert "belongs to one video" in problem_line(capsys)


def cut_short(folder: Path) -> Path:
    path = tiny_onnx.write_pose(folder)
    path.write_bytes(path.read_bytes()[:300])
    return path


BAD_WEIGHTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda folder: folder / "nothing.encoder.onnx", "no such file"),
    "truncated": (cut_short, "not a graph that can be opened"),
    "another kind": (lambda folder: tiny_onnx.write_detector(folder / "d.onnx"), "kind 'detector'"),
}


@pytest.mark.parametrize("case", BAD_WEIGHTS)
def test_bad_weights_are_a_wrong_call(
    case: str,
    call: Callable[..., int],
    video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make, message = BAD_WEIGHTS[case]
    assert call(video, "--quiet", weights=make(tmp_path)) == 2
    assert message in problem_line(capsys)


@pytest.mark.parametrize("where", ["file", "file/deeper", "/proc/glpose-out"])
def test_an_output_folder_that_cannot_be_written(
    where: str,
    call: Callable[..., int],
    video: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    out = Path(where) if where.startswith("/") else tmp_path / where
    assert call(video, "--quiet", out=out) == 2
    assert str(out) in problem_line(capsys)


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 8 kB; writing then fails as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, old)


@pytest.mark.parametrize("overlay", ["--overlay", "--no-overlay"])
def test_a_full_disk_keeps_what_was_computed(
    overlay: str,
    call: Callable[..., int],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = bad_videos.write_video(tmp_path / "long.mp4", num_frames=40)
    request.getfixturevalue("small_disk")
    assert call(path, "--quiet", overlay) == 3
    line = problem_line(capsys)
    assert "cannot be written" in line
    assert "free some space" in line
    told = summary(tmp_path / "out" / "long")
    assert told["state"] == "failed"
    kept = glpose.load(tmp_path / "out" / "long" / "poses.jsonl").frames
    assert 1 <= len(kept) < 40
    assert len(kept) == told["frames"]["done"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("length", [30, 200])
def test_interrupted_runs_leave_whole_files_and_say_so(
    length: int,
    number: signal.Signals,
    call: Callable[..., int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The shorter video has been read to its end when the request comes, and is done with."""

    class StopAtFive(progress.Quiet):
        def update(self, frames: int, _people: int) -> None:
            if frames == 5:
                signal.raise_signal(number)

    monkeypatch.setattr(progress, "make_reporter", lambda **_: StopAtFive())
    before = signal.getsignal(number)
    path = bad_videos.write_video(tmp_path / "long.mp4", num_frames=length)
    second = bad_videos.one_frame(tmp_path)
    assert call(path, second, "--quiet") == 130
    assert signal.getsignal(number) is before
    folder = tmp_path / "out" / "long"
    done = len(glpose.load(folder / "poses.jsonl").frames)
    assert summary(folder)["frames"]["done"] == done
    if length == 30:
        assert problem_line(capsys) == "glpose: interrupted"
        assert (summary(folder)["state"], done) == ("ok", length)
    else:
        assert f"interrupted after {done} frames" in problem_line(capsys)
        assert summary(folder)["state"] == "interrupted"
        assert 5 < done < length
    assert (folder / "poses.jsonl").read_text().endswith("}\n")
    assert num_pictures(folder / "overlay.mp4") == done
    assert not (tmp_path / "out" / second.stem).exists()


def test_results_that_exist_are_kept_unless_told_otherwise(
    call: Callable[..., int], video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(video, "--quiet") == 0
    poses = tmp_path / "out" / "walk" / "poses.jsonl"
    before = poses.stat().st_mtime_ns
    assert call(video, "--quiet") == 2
    assert "--overwrite" in problem_line(capsys)
    assert poses.stat().st_mtime_ns == before
    assert call(video, "--quiet", "--overwrite", "--no-overlay", "--end", "0.2") == 0
    assert len(glpose.load(poses).frames) == 5
    assert not (tmp_path / "out" / "walk" / "overlay.mp4").exists()


def test_a_span_of_the_video(call: Callable[..., int], video: Path, tmp_path: Path) -> None:
    assert call(video, "--start", "0.2", "--end", "0.4") == 0
    result = glpose.load(tmp_path / "out" / "walk" / "poses.jsonl")
    assert [p.frame for p in result.frames] == [5, 6, 7, 8, 9]
    assert num_pictures(tmp_path / "out" / "walk" / "overlay.mp4") == 5


def test_frames_and_times_as_they_are_typed(
    call: Callable[..., int], video: Path, tmp_path: Path
) -> None:
    assert call(video, "--frames", "3:6", "--start", "0:00.16", "--no-overlay") == 0
    result = glpose.load(tmp_path / "out" / "walk" / "poses.jsonl")
    assert [p.frame for p in result.frames] == [4, 5]
    assert result.settings["frames"] == [3, 6]


def test_a_picture_gives_a_picture(
    call: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rgb = bad_videos.coded_picture(7)
    write_image(tmp_path / "f.png", rgb)
    assert call(tmp_path / "f.png") == 0
    folder = tmp_path / "out" / "f"
    assert sorted(p.name for p in folder.iterdir()) == [
        "overlay.png", "poses.csv", "poses.jsonl", "summary.json",
    ]  # fmt: skip
    (poses,) = glpose.load(folder / "poses.jsonl").frames
    np.testing.assert_array_equal(read_image(folder / "overlay.png"), poses.plot(rgb))
    # Its results are protected and replaced as those of a video.
    assert call(tmp_path / "f.png", "--quiet") == 2
    assert "overlay.png" in capsys.readouterr().err
    assert call(tmp_path / "f.png", "--overwrite", "--no-overlay") == 0
    assert not (folder / "overlay.png").exists()


def test_small_people_are_searched_as_it_was_asked(
    tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And as results tell: null where people are given; a detector that cannot is refused."""
    rgb = np.full((192, 288, 3), 40, np.uint8)
    rgb[80:120, 120:136] = 255
    write_image(tmp_path / "f.png", rgb)
    pose = tiny_onnx.write_pose(tmp_path, "x", answers=True)
    card = tiny_onnx.detector_card(fine_size_hw=(128, 192), fine_side_px=40.0)
    fine = tiny_onnx.write_detector(tmp_path / "fine.onnx", card)

    def asked(out: str, detector: Path, *words: str | Path) -> tuple[int, Path]:
        how = ["--weights", str(pose), "--detector", str(detector), "-o", str(tmp_path / out)]
        picture = str(tmp_path / "f.png")
        return main(["run", picture, "--no-overlay", *how, *map(str, words)]), tmp_path / out / "f"

    ways = {"yes": (True, ()), "no": (False, ("--no-small-people",)),
            "fast": (False, ("--preset", "fast")),
            "asked": (True, ("--preset", "fast", "--small-people"))}  # fmt: skip
    for out, (expected, words) in ways.items():
        status, folder = asked(out, fine, *words)
        assert status == 0
        assert ("small ones of large pictures besides" in capsys.readouterr().err) == expected
        assert glpose.load(folder / "poses.jsonl").settings["small_people"] is expected
        ours = glpose.run(
            tmp_path / "f.png",
            weights=pose,
            detector=fine,
            preset="fast" if "fast" in words else "balanced",
            small_people={"no": False, "asked": True}.get(out),
        )
        assert ours.collect().settings["small_people"] is expected
    status, folder = asked("given", fine, "--boxes", tmp_path / "yes" / "f" / "poses.jsonl")
    assert status == 0
    assert glpose.load(folder / "poses.jsonl").settings["small_people"] is None
    capsys.readouterr()
    assert asked("none", tiny_weights / "finder.onnx", "--small-people")[0] == 2
    assert "has no larger input for small people" in problem_line(capsys)


def test_a_picture_and_a_video_are_seen_by_networks_of_their_own(
    video: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "f.png"
    write_image(picture, bad_videos.coded_picture(7))
    out = tmp_path / "out"
    assert main(["run", str(picture), str(video), "-o", str(out), "--quiet", "--no-overlay"]) == 0
    used = {p.name: glpose.load(p / "poses.jsonl").models["pose"]["name"] for p in out.iterdir()}
    assert used == {"f": DEFAULT_PICTURE, "walk": DEFAULT_POSE}


def test_pictures_at_a_rate(call: Callable[..., int], tmp_path: Path) -> None:
    folder = bad_videos.image_folder(tmp_path)
    assert call(folder, "--fps", "10", "--no-overlay") == 0
    frames = glpose.load(tmp_path / "out" / "pictures" / "poses.jsonl").frames
    assert frames[3].time_s == pytest.approx(0.3)


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "a.mp4", "--no-such-flag"],
        ["run", "a.mp4", "--start", "soon"],
        ["run", "a.mp4", "--start", "3", "--end", "2"],
        ["run", "a.mp4", "--start", "nan"],
        ["run", "a.mp4", "--frames", "7"],
        ["run", "a.mp4", "--frames", "7:2"],
        ["run", "a.mp4", "--fps", "0"],
        ["run", "a.mp4", "--person", "tall"],
        ["run", "a.mp4", "--private", "mask"],
        ["run", "a.mp4", "--private", "blur", "--no-overlay"],
        ["link", "out", "1:3"],
        ["link", "out", "1=3", "2=3"],
        ["link", "out"],
        ["drop", "out"],
        ["drop", "out", "x"],
        ["run", "a.mp4", "--threads", "0"],
        ["fly"],
        ["info", "nothing.mp4"],
    ],
)
def test_wrong_calls(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    problem_line(capsys)


def test_info(
    call: Callable[..., int],
    video: Path,
    tiny_weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def told(*arguments: Path) -> str:
        assert main(["info", *map(str, arguments)]) == 0
        return capsys.readouterr().out

    assert f"glpose {glpose.__version__}" in told()
    assert "320x240" in told(video)
    assert told(tiny_weights).count("licence:") == 1
    pictures = bad_videos.image_folder(tmp_path)
    (pictures / "frame-7.png").unlink()
    assert "missing (7)" in told(pictures)
    assert "2 similar crops" in told(tiny_weights / "tiny.fusion.onnx")
    call(video, "--no-overlay", "--quiet")
    assert f"frames: {SHORT}" in told(tmp_path / "out" / "walk" / "poses.jsonl")
    assert main(["info", str(bad_videos.empty(tmp_path))]) == 2
    assert "empty" in problem_line(capsys)


def test_demo_makes_a_clip_and_runs_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = demo.demo_scene()
    short = replace(scene, spec=replace(scene.spec, num_frames=3))
    monkeypatch.setattr(demo, "demo_scene", lambda: short)
    monkeypatch.setattr(load, "_package_folder", lambda: tmp_path)
    tiny_onnx.write_pose(tmp_path, "pose_small")
    tiny_onnx.write_detector(tmp_path / "person_small.onnx")
    out = tmp_path / "out"
    for _ in range(2):  # the second time replaces the first
        assert main(["demo", "-o", str(out)]) == 0
        assert str(out / "demo") in capsys.readouterr().out
    assert num_pictures(out / "demo.mp4") == num_pictures(out / "demo" / "overlay.mp4") == 3
    assert len(glpose.load(out / "demo" / "poses.jsonl").frames) == 3
    # What somebody else has called so is kept: results, and a clip.
    poses = (out / "demo" / "poses.jsonl").read_bytes()
    (out / "demo.mp4").unlink()
    assert main(["demo", "-o", str(out)]) == 2
    assert f"{out / 'demo'}: has no demo.mp4, so it is kept" in capsys.readouterr().err
    bad_videos.write_video(out / "demo.mp4")
    assert main(["demo", "-o", str(out)]) == 2
    assert "demo.mp4: was not made by a demo" in capsys.readouterr().err
    assert (out / "demo" / "poses.jsonl").read_bytes() == poses


def test_the_library_streams(video: Path, tiny_weights: Path, tmp_path: Path) -> None:
    how = {"weights": tiny_weights, "detector": tiny_weights / "finder.onnx"}
    how["engine"] = glpose.EngineSpec(threads=1)
    poses = glpose.run(video, **how)
    first = next(poses)
    assert first.frame == 0
    assert first.xy.shape == (1, 15, 2)
    assert [p.frame for p in poses] == list(range(1, SHORT))
    boxes = {3: first.people}
    given = list(glpose.run(str(video), boxes=boxes, **how))
    assert [len(p.people) for p in given] == [0, 0, 0, 1] + [0] * (SHORT - 4)
    with pytest.raises(VideoError):
        glpose.run(tmp_path / "nothing.mp4", **how)
    with pytest.raises(BadInput, match="frame 99"):
        glpose.run(video, boxes={99: first.people}, **how)
    with pytest.raises(BadWeights):
        glpose.run(video, weights="nothing")


def test_the_package_is_light_and_lists_its_names() -> None:
    code = (
        "import sys, glpose, glpose.cli.main\n"
        "heavy = {'av', 'cv2', 'numpy', 'onnxruntime', 'scipy', 'torch'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "for name in glpose.__all__: assert getattr(glpose, name) is not None\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert glpose.__all__ == sorted(glpose.__all__)
    assert len(glpose.__all__) <= 21
    with pytest.raises(AttributeError):
        _ = glpose.nothing


def test_ctrl_c_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Stopped(dict):
        def __iter__(self) -> Iterator[str]:
            raise KeyboardInterrupt

    monkeypatch.setattr("glpose.recipes.RECIPES", Stopped())
    assert main(["recipes"]) == 130
    assert capsys.readouterr().err == "glpose: interrupted\n"


def test_a_video_alone_is_run(
    video: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever could be a file, with options behind it; commands and mistyped ones are not."""
    calls: list[list[str]] = []
    monkeypatch.setattr("glpose.cli.main._run", calls.append)
    monkeypatch.chdir(video.parent)
    (video.parent / "holiday").mkdir()
    (video.parent / "data").mkdir()
    given = [str(video), "walk.mp4", "missing.mov", "clips/", "*.mp4", "holiday", "0", "camera:1"]
    for name in given:
        assert main([name, "--quiet"]) == 0
    assert calls == [["run", name, "--quiet"] for name in given]
    calls.clear()
    others = [["info", "walk.mp4"], ["data", "check"], ["rnu"], ["--help"], []]
    for tokens in others:
        main(tokens)
    assert calls == others


def test_the_help_of_run_explains_the_overlay(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "left limbs are light" in told
    assert "a ring is a joint that is unsure" in told
    assert main(["--help"]) == 0
    assert "left limbs" not in capsys.readouterr().out


def test_mistyped_commands_are_told_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rnu", "walk.mp4"]) == 2
    assert 'Did you mean "run"?' in problem_line(capsys)


def test_info_about_folders_and_names(
    call: Callable[..., int],
    video: Path,
    tmp_path: Path,
    tiny_weights: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def told(what: str | Path) -> str:
        assert main(["info", str(what)]) == 0
        return capsys.readouterr().out

    assert call(video, "--no-overlay", "--quiet") == 0
    for folder in (tmp_path / "out", tmp_path / "out" / "walk"):
        lines = told(folder)
        assert f"frames: {SHORT}" in lines
        assert "the run ended: ok" in lines
    summary = tmp_path / "out" / "walk" / "summary.json"
    said = {**json.loads(summary.read_text()), "warnings": ["walk.mp4: ends early"]}
    summary.write_text(json.dumps(said))
    assert "warning: walk.mp4: ends early\n" in told(tmp_path / "out")
    summary.unlink()
    assert "was killed" in told(tmp_path / "out")
    (tmp_path / "out" / "begun").mkdir()
    (tmp_path / "out" / "begun" / "poses.jsonl").touch()
    lines = told(tmp_path / "out")
    assert "found no whole line" in lines
    assert f"frames: {SHORT}" in lines
    assert "walk.mp4: 320x240" in told(video.parent)
    assert told("pose_small").count("  trained on: ") == 1
    assert "optimizer.lr=" in told("queries_small")
    assert main(["info", "a" * 300]) == 2
    assert "cannot be looked at (File name too long)" in problem_line(capsys)
    assert main(["info", "https://me:pw@host.invalid/poses.jsonl"]) == 2
    said = "an address; expected a local file, fetch it first"
    assert problem_line(capsys) == f"glpose: https://host.invalid/poses.jsonl: {said}"
    for text, label in (
        ("file:///tmp/a", "file:///tmp/a"),
        ("https://", "https://"),
        (f"https://me:pw@host.invalid/{'a' * 5000}?pw", f"https://host.invalid/{'a' * 5000}"),
    ):
        assert main(["info", text]) == 2
        assert problem_line(capsys) == f"glpose: {label}: {said}"
    assert main(["info", "pose_smal"]) == 2
    assert "did you mean 'pose_small'?" in problem_line(capsys)


def test_the_licence_of_the_weights_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    told = capsys.readouterr().out
    for word in ("pose_small.encoder.onnx", "picture_small.fusion.onnx", "person_small.onnx"):
        assert word in told
    assert told.count("  licence: ") == 1
    # One a model, not one a file: those of lift_small are others.
    assert told.count("terms of the data: ") == 6


def test_recipes_and_one_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    assert "glpose recipes NAME" in capsys.readouterr().out
    assert main(["recipes", "glpose_w48_posetrack17_k2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "table 4: k=2" in lines[1]
    assert "  model.local.k=2" in lines
    assert main(["recipes", "glpose_smal"]) == 2
    assert "did you mean 'glpose_small'?" in problem_line(capsys)


def test_one_person_without_a_face_and_corrected_afterwards(
    call: Callable[..., int], video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out" / "walk"
    assert call(video, "--person", "largest", "--private", "skeleton", "--quiet") == 0
    result = glpose.load(folder / "poses.jsonl")
    assert result.track_ids == (1,)
    assert (result.settings["person"], result.settings["private"]) == ("largest", "skeleton")
    first = next(open_video(folder / "overlay.mp4").frames())
    assert first.rgb is not None
    assert np.median(first.rgb) < 8
    assert main(["link", str(folder), "1=3"]) == 2
    assert "nobody has the number 3" in problem_line(capsys)
    assert main(["drop", str(folder), "1"]) == 0
    told = capsys.readouterr().out
    assert "the people are now: nobody" in told
    assert "overlay.mp4: still as it was; draw it anew with: glpose drop" in told
    assert call(video, "--person", "7", "--overwrite", "--quiet", "--no-overlay") == 2
    assert "the numbers are: 1" in problem_line(capsys)
