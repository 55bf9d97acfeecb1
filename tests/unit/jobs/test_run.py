"""Runs from Python: outcomes and a reporter in place of exit statuses and lines, own parts."""

import json
import math
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pytest

import bad_videos
import glpose
from glpose import api
from glpose.cli.main import main
from glpose.errors import BadConfig, BadInput, BadWeights, VideoError
from glpose.imaging import write_image
from glpose.jobs.interrupt import Interrupt
from glpose.jobs.report import Reporter, Silent
from glpose.jobs.run import Options, run_sources
from glpose.jobs.writers import OpenWriter, Target, overlay_mp4, poses_jsonl, writing
from glpose.refine import Refiner
from glpose.runtime.engine import EngineSpec
from glpose.runtime.presets import Wish
from glpose.types import Frame, FrameAndPoses, FramePoses, VideoInfo
from glpose.video.reader import open_video
from glpose.video.source import Source
from glpose.weights import DEFAULT_DETECTOR, DEFAULT_PICTURE, DEFAULT_POSE

SHORT = 12


@pytest.fixture
def how(tiny_weights: Path) -> dict:
    return {
        "weights": str(tiny_weights),
        "detector": str(tiny_weights / "finder.onnx"),
        "engine": EngineSpec(threads=1),
    }


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return bad_videos.write_video(tmp_path / "walk.mp4", num_frames=SHORT)


class Told(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.calls: list[tuple] = []

    def start(self, name: str, total: int | None) -> None:
        self.calls.append(("start", name, total))

    def update(self, frames: int, people: int) -> None:
        self.calls.append(("update", frames, people))

    def stop(self) -> None:
        self.calls.append(("stop",))

    def note(self, message: str) -> None:
        self.calls.append(("note", message))

    def problem(self, message: str) -> None:
        self.calls.append(("problem", message))

    def result(self, line: str) -> None:
        self.calls.append(("result", line))


class Heights:
    """A writer of one's own: the height of the picture of each frame, and of joint 0."""

    needs_pictures = True
    files = ("heights.txt",)

    def __init__(self, target: Target) -> None:
        self.path, self.lines, self.warnings = target.folder / "heights.txt", [], []

    def write(self, frame: Frame, poses: FramePoses) -> None:
        assert frame.rgb is not None
        assert frame.index == poses.frame
        self.lines.append(f"{frame.rgb.shape[0]} {poses.xy[:, 0, 1].tolist()}")

    def __enter__(self) -> "Heights":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.path.write_text("\n".join(self.lines))
        self.warnings.append("heights are rounded")


class Failing(Heights):
    def write(self, frame: Frame, poses: FramePoses) -> None:
        if frame.index == 4:
            raise BadInput("heights.txt: cannot be written")


@pytest.mark.slow
def test_outcomes_and_reports(
    video: Path, how: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told()
    assert isinstance(told, Reporter)
    sources = [video, tmp_path / "nothing.mp4"]
    good, bad = run_sources(sources, Options(tmp_path / "out", **how), told)
    assert (good.name, good.folder, good.state) == ("walk", tmp_path / "out" / "walk", "ok")
    assert (good.frames, good.poses, good.warnings) == (SHORT, SHORT, [])
    assert (bad.state, bad.frames, len(bad.warnings)) == ("failed", 0, 1)
    assert "no such file" in bad.warnings[0]
    assert told.calls.pop(0)[0] == "note"
    assert told.calls[0] == ("start", "walk", SHORT)
    assert [call[:2] for call in told.calls[1:-3]] == [("update", n) for n in range(1, SHORT + 1)]
    assert told.calls[-4][2] == len(good.tracks)
    assert told.calls[-3] == ("stop",)
    assert told.calls[-2][0] == "result"
    assert str(good.folder) in told.calls[-2][1]
    assert told.calls[-1] == ("problem", bad.warnings[0])
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_what_stops_all_sources_is_raised(video: Path, how: dict, tmp_path: Path) -> None:
    with pytest.raises(BadWeights):
        run_sources([video], Options(tmp_path / "out", **how | {"weights": "pose_huge"}))
    with pytest.raises(BadInput, match="the span"):
        run_sources([video], Options(tmp_path / "out", start_s=2.0, end_s=1.0, **how))
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="expected a folder"):
        run_sources([video], Options(tmp_path / "file", **how))


def test_networks_are_opened_once_for_all_sources(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def counted(open_it: Callable, weights: str, engine: EngineSpec) -> object:
        opened.append(weights)
        return open_it(weights, engine)

    for name in ("open_estimator", "open_detector"):
        monkeypatch.setattr(api, name, partial(counted, getattr(api, name)))
    picture = np.full((80, 120, 3), 90, np.uint8)
    options = Options(tmp_path / "out", writers=(poses_jsonl,), engine=EngineSpec(threads=1))
    told = Told()
    outcomes = run_sources([picture, video, picture, picture[None]], options, told)
    notes = [call[1] for call in told.calls if call[0] == "note"]
    # What is done is said once for pictures, and once for videos.
    assert ["looked at 10 times" in note for note in notes] == [True, False]
    assert "frames fused" in notes[1]
    assert [outcome.state for outcome in outcomes] == ["ok"] * 4
    assert sorted(opened) == [DEFAULT_DETECTOR, DEFAULT_PICTURE, DEFAULT_POSE]
    for outcome in outcomes:
        told = json.loads((outcome.folder / "summary.json").read_text())
        assert told["models"]["detector"]["name"] == DEFAULT_DETECTOR


def test_what_a_source_raises_is_its_problem_alone(how: dict, tmp_path: Path) -> None:
    rgb = np.full((96, 128, 3), 100, np.uint8)

    def pictures(*problems: Exception) -> Iterator[np.ndarray]:
        yield rgb
        for problem in problems:
            raise problem

    def broken() -> Endless:
        camera = Endless()
        camera.frames = lambda *_: pictures(RuntimeError("lost"))  # type: ignore[method-assign]
        return camera

    options = Options(tmp_path / "out", writers=(poses_jsonl,), **how)
    problems = (RuntimeError("camera gone"), ConnectionError("no route"), KeyError(1))
    outcomes = run_sources([*map(pictures, problems), broken(), pictures()], options)
    assert [outcome.state for outcome in outcomes] == ["failed"] * 4 + ["ok"]
    said = [warning for outcome in outcomes for warning in outcome.warnings[:1]]
    assert "pictures: RuntimeError: camera gone (1 frames were done)" in said[0]
    assert "pictures-2: ConnectionError: no route" in said[1]
    for outcome in outcomes[:3]:
        assert len(glpose.load(outcome.folder).frames) == 1
        summary = json.loads((outcome.folder / "summary.json").read_text())
        assert summary["state"] == "failed"


def test_faults_that_are_of_no_source_are_raised(video: Path, how: dict, tmp_path: Path) -> None:
    def faulty(pairs: Iterable[FrameAndPoses]) -> Iterator[FrameAndPoses]:
        next(iter(pairs))
        raise RuntimeError("a fault")
        yield

    for source in (video, [np.full((96, 128, 3), 100, np.uint8)]):
        options = Options(tmp_path / "out", refiners=(faulty,), **how)
        with pytest.raises(RuntimeError, match="a fault"):
            run_sources([source], options)


def test_names_that_are_too_long_are_cut_and_told_apart(how: dict, tmp_path: Path) -> None:
    rgb = np.full((96, 128, 3), 100, np.uint8)
    sources = [glpose.ArraySource([rgb], name=name) for name in ("x" * 300, "x" * 300, "ü" * 200)]
    options = Options(tmp_path / "out", writers=(poses_jsonl,), **how)
    outcomes = run_sources(sources, options)
    assert [outcome.state for outcome in outcomes] == ["ok"] * 3
    assert [o.folder.name for o in outcomes] == ["x" * 255, "x" * 253 + "-2", "ü" * 127]
    deep = tmp_path
    while len(str(deep)) < 3900:  # so that the whole path is too long for the system
        deep /= "y" * 100
    bad, good = run_sources([sources[0], [rgb]], replace(options, output=deep))
    assert (bad.state, good.state) == ("failed", "ok")
    assert "File name too long" in bad.warnings[0]


class Endless:
    """A camera that nobody stops; `given` are the frames that were taken from it."""

    def __init__(self) -> None:
        self.info, self.time_base = VideoInfo("cam", (96, 128), 25.0), Fraction(1, 25)
        self.audio, self.warnings, self.given = None, list[str](), list[int]()

    def frames(
        self, start_s: float | None = None, end_s: float | None = None
    ) -> Generator[Frame, None, None]:
        for index in count():
            self.given.append(index)
            yield Frame(index, index / 25, np.full((96, 128, 3), 100, np.uint8))


def test_a_rate_that_nobody_knows_is_read_back(how: dict, tmp_path: Path) -> None:
    camera = Endless()
    camera.info = replace(camera.info, rate_hz=math.nan, duration_s=9.0)
    options = Options(
        tmp_path / "out", end_s=0.2, frames=(0, 5), writers=(poses_jsonl, overlay_mp4), **how
    )
    (outcome,) = run_sources([camera], options)
    assert (outcome.state, outcome.frames) == ("ok", 5)
    result = glpose.load(outcome.folder)
    assert math.isnan(result.video.rate_hz)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))["video"]["fps"] is None


@pytest.mark.parametrize("causal", [False, True])
def test_another_thread_can_ask_to_stop_and_what_was_taken_is_written(
    causal: bool, how: dict, tmp_path: Path
) -> None:
    """Poses of a second or three are held back for what follows; they are not lost."""
    interrupt, camera = Interrupt(), Endless()

    class Stop(Silent):
        def update(self, frames: int, people: int) -> None:
            if frames == 5:
                interrupt.requested = True

    outcomes = []
    writers = (poses_jsonl, overlay_mp4)
    options = Options(tmp_path / "out", writers=writers, causal=causal, **how)

    def work() -> None:
        outcomes.extend(run_sources([camera, camera], options, Stop(), interrupt))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    (outcome,) = outcomes
    taken = camera.given[:-1]  # the last one was taken when the request was seen
    assert (outcome.state, outcome.frames) == ("interrupted", len(taken))
    kept = glpose.load(outcome.folder / "poses.jsonl").frames
    assert [poses.frame for poses in kept] == taken
    overlay = open_video(outcome.folder / "overlay.mp4")
    assert sum(1 for _ in overlay.frames()) == len(taken)


def test_a_writer_of_ones_own(video: Path, how: dict, tmp_path: Path) -> None:
    options = Options(tmp_path / "out", writers=(poses_jsonl, Heights), **how)
    (outcome,) = run_sources([video], options)
    assert sorted(path.name for path in outcome.folder.iterdir()) == [
        "heights.txt", "poses.jsonl", "summary.json",
    ]  # fmt: skip
    assert (outcome.state, outcome.warnings) == ("ok", ["heights are rounded"])
    lines = (outcome.folder / "heights.txt").read_text().splitlines()
    assert len(lines) == SHORT
    assert all(line.startswith("240 [") for line in lines)


@pytest.mark.parametrize("own", [Heights, writing("heights.txt")(Heights)])
def test_files_that_writers_name_are_kept_or_replaced(
    video: Path, how: dict, tmp_path: Path, own: OpenWriter
) -> None:
    folder = tmp_path / "out" / "walk"
    folder.mkdir(parents=True)
    (folder / "heights.txt").write_text("old")
    (folder / "notes.txt").write_text("mine")
    options = Options(tmp_path / "out", writers=(poses_jsonl, own), **how)
    (kept,) = run_sources([video], options)
    assert kept.state == "failed"
    assert r"holds results already (heights.txt), which were kept" in kept.warnings[0]
    assert (folder / "heights.txt").read_text() == "old"
    run_sources([video], replace(options, overwrite=True))
    assert len((folder / "heights.txt").read_text().splitlines()) == SHORT
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["smooth.jsonl", "smooth_3d.jsonl"])
def test_what_was_made_of_old_results_goes_with_them(
    name: str, video: Path, how: dict, tmp_path: Path
) -> None:
    folder = tmp_path / "out" / "walk"
    folder.mkdir(parents=True)
    (folder / name).write_text("old")
    options = Options(tmp_path / "out", writers=(poses_jsonl,), **how)
    (kept,) = run_sources([video], options)
    assert f"holds results already ({name})" in kept.warnings[0]
    run_sources([video], replace(options, overwrite=True))
    assert not (folder / name).exists()


def test_a_source_is_never_taken_for_old_results(video: Path, how: dict, tmp_path: Path) -> None:
    folder = tmp_path / "overlay"
    folder.mkdir()
    own = video.rename(folder / "overlay.mp4")
    whole = own.read_bytes()
    options = Options(tmp_path, overwrite=True, writers=(poses_jsonl,), **how)
    (outcome,) = run_sources([own], options)
    assert outcome.state == "failed"
    assert "would be replaced by its own results; choose another -o" in outcome.warnings[0]
    assert own.read_bytes() == whole


def test_results_are_not_put_among_the_pictures(how: dict, tmp_path: Path) -> None:
    folder = bad_videos.image_folder(tmp_path)
    before = sorted(folder.iterdir())
    options = Options(tmp_path, overwrite=True, writers=(poses_jsonl,), **how)
    (outcome,) = run_sources([folder], options)
    assert outcome.state == "failed"
    assert "results are not put among them; choose another -o" in outcome.warnings[0]
    assert sorted(folder.iterdir()) == before


def test_a_frame_is_done_when_the_first_writer_has_it(
    video: Path, how: dict, tmp_path: Path
) -> None:
    options = Options(tmp_path / "out", writers=(poses_jsonl, Failing), **how)
    (outcome,) = run_sources([video], options)
    assert (outcome.state, outcome.frames) == ("failed", 5)
    assert len(glpose.load(outcome.folder / "poses.jsonl").frames) == 5


def test_pictures_are_not_kept_for_writers_that_do_not_look_at_them(
    video: Path, how: dict, tmp_path: Path
) -> None:
    seen: list[object] = []

    class Blind(Heights):
        needs_pictures = False

        def write(self, frame: Frame, poses: FramePoses) -> None:
            seen.append(frame.rgb)

    run_sources([video], Options(tmp_path / "out", writers=(Blind,), **how))
    assert seen == [None] * SHORT


@pytest.mark.slow
def test_a_refiner_of_ones_own(video: Path, how: dict, tmp_path: Path) -> None:
    looked: list[tuple[int, ...]] = []

    def to_the_right(pairs: Iterable[FrameAndPoses]) -> Iterator[FrameAndPoses]:
        for frame, poses in pairs:
            assert frame.rgb is not None
            looked.append(frame.rgb.shape)
            xy = poses.xy + np.float32([100, 0])
            yield frame, FramePoses(poses.frame, poses.time_s, poses.people, xy, poses.score)

    assert isinstance(to_the_right, Refiner)
    plain = list(glpose.run(video, refiners=(), **how))
    moved = list(glpose.run(video, refiners=(to_the_right, to_the_right), **how))
    assert len(looked) == 2 * SHORT
    for before, after in zip(plain, moved, strict=True):
        np.testing.assert_allclose(after.xy - before.xy, [[[200, 0]] * 15], atol=1e-3)
    options = Options(tmp_path / "out", refiners=(to_the_right,), writers=(poses_jsonl,), **how)
    (outcome,) = run_sources([video], options)
    (first, *_) = glpose.load(outcome.folder / "poses.jsonl").frames
    np.testing.assert_allclose(first.xy, plain[0].xy + np.float32([100, 0]), atol=0.01)


@pytest.mark.slow
def test_a_causal_run_is_that_of_the_library_and_says_so(
    video: Path, how: dict, tmp_path: Path
) -> None:
    words = ["run", str(video), "-o", str(tmp_path), "--no-overlay", "--quiet", "--threads", "1"]
    words += ["--weights", how["weights"], "--detector", how["detector"]]
    assert main([*words, "--causal"]) == 0
    written = glpose.load(tmp_path / "walk" / "poses.jsonl")
    assert written.settings["causal"] is True
    causal, usual = (list(glpose.run(video, causal=c, **how)) for c in (True, False))
    start = glpose.ArraySource([frame.rgb for frame in open_video(video).frames()][:7])
    for number, one in enumerate(glpose.run(start, causal=True, **how)):
        np.testing.assert_array_equal(one.xy, causal[number].xy)
        np.testing.assert_array_equal(one.people.xyxy, causal[number].people.xyxy)
    differ = 0
    for one, two, other in zip(written.frames, causal, usual, strict=True):
        np.testing.assert_allclose(one.xy, two.xy, atol=0.01)
        differ += not np.allclose(two.score, other.score)
    assert differ > SHORT // 2
    (outcome,) = run_sources([video], Options(tmp_path / "out", writers=(poses_jsonl,), **how))
    assert glpose.load(outcome.folder / "poses.jsonl").settings["causal"] is False


def test_settings_of_a_run_are_those_of_the_library(video: Path, how: dict, tmp_path: Path) -> None:
    (outcome,) = run_sources(
        [video], Options(tmp_path, writers=(poses_jsonl,), frames=(0, 2), **how)
    )
    written = glpose.load(outcome.folder / "poses.jsonl").settings
    ours = glpose.run(video, frames=(0, 2), **how).collect().settings
    assert ours == {key: written[key] for key in ours} | {"frames": (0, 2)}
    assert ours["detect_every"] is None  # weights that follow nobody


@pytest.mark.slow
def test_arrays_give_the_poses_of_the_same_frames_of_a_video(
    video: Path, how: dict, tmp_path: Path
) -> None:
    frames = list(open_video(video).frames())
    arrays = glpose.ArraySource([frame.rgb for frame in frames], name="walk.mp4")
    expected, got = list(glpose.run(video, **how)), list(glpose.run(arrays, **how))
    assert len(got) == SHORT
    for one, two in zip(expected, got, strict=True):
        assert (one.frame, one.time_s, one.status) == (two.frame, two.time_s, two.status)
        np.testing.assert_array_equal(one.people.xyxy, two.people.xyxy)
        np.testing.assert_array_equal(one.xy, two.xy)
        np.testing.assert_array_equal(one.score, two.score)
    (given,) = run_sources([arrays], Options(tmp_path / "arrays", **how))
    (read,) = run_sources([video], Options(tmp_path / "file", **how))
    lines = [(out.folder / "poses.jsonl").read_text().splitlines()[1:] for out in (given, read)]
    assert lines[0] == lines[1]
    assert (given.folder / "overlay.mp4").stat().st_size > 0


@pytest.mark.slow
def test_a_source_of_ones_own_with_losses(how: dict, tmp_path: Path) -> None:
    class Camera:
        info = VideoInfo("camera/1.cam", (80, 120), 25.0)
        time_base, audio = Fraction(1, 1000), None

        def __init__(self) -> None:
            self.warnings: list[str] = []

        def frames(
            self, start_s: float | None = None, end_s: float | None = None
        ) -> Generator[Frame, None, None]:
            for index in range(0, 10, 2):
                yield Frame(index, index / 25, np.full((80, 120, 3), 100, np.uint8))
            self.warnings.append("camera: 5 frames were dropped")

    assert isinstance(Camera(), Source)
    options = Options(tmp_path / "out", writers=(poses_jsonl, overlay_mp4), **how)
    (outcome,) = run_sources([Camera()], options)
    assert (outcome.name, outcome.state, outcome.frames) == ("1.cam", "incomplete", 5)
    assert "camera: 5 frames were dropped" in outcome.warnings
    told = json.loads((outcome.folder / "summary.json").read_text())
    assert told["source"] == "camera/1.cam"
    with pytest.raises(BadInput, match="frame 99, but camera has 3 frames"):
        three = glpose.ArraySource(np.zeros((3, 80, 120, 3), np.uint8), name="camera")
        glpose.run(three, boxes={99: glpose.People.empty()}, **how)


def test_a_picture_is_seen_by_the_network_for_pictures(
    how: dict, video: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "one.png"
    write_image(picture, np.full((80, 120, 3), 90, np.uint8))
    usual = Options(tmp_path / "usual", engine=how["engine"], writers=(poses_jsonl,))
    given = replace(usual, output=tmp_path / "given", weights=how["weights"])
    used = {}
    for options in (usual, given):
        for outcome in run_sources([picture, video, np.zeros((80, 120, 3), np.uint8)], options):
            told = json.loads((outcome.folder / "summary.json").read_text())
            used[options.output.name, outcome.name] = told["models"]["pose"]["name"]
    assert used == {
        ("usual", "one"): DEFAULT_PICTURE,
        ("usual", "walk"): DEFAULT_POSE,
        ("usual", "picture"): DEFAULT_PICTURE,
        **{("given", name): "tiny" for name in ("one", "walk", "picture")},
    }


def test_fusing_is_refused_with_weights_that_see_single_frames_unless_of_pictures(
    video: Path, tmp_path: Path
) -> None:
    rgb = np.full((80, 120, 3), 90, np.uint8)
    how = Options(tmp_path / "out", engine=EngineSpec(threads=1), writers=(poses_jsonl,))
    how = replace(how, wish=Wish("fast", fuse=True))
    assert [outcome.state for outcome in run_sources([rgb, video], how)] == ["ok", "ok"]
    assert len(glpose.run(rgb, fuse=True).collect().frames) == 1
    single = replace(how, weights=DEFAULT_PICTURE, output=tmp_path / "none")
    with pytest.raises(BadConfig, match="sees single frames only"):
        run_sources([rgb, video], single)
    assert not single.output.exists()


@pytest.mark.slow
def test_files_that_are_no_pictures_are_told_and_nothing_is_missing(
    how: dict, tmp_path: Path
) -> None:
    told = Told()
    folder = bad_videos.image_folder(tmp_path)
    (outcome,) = run_sources([folder], Options(tmp_path / "out", **how), told)
    assert outcome.state == "ok"
    assert ["files that are not pictures were ignored" in line for line in outcome.warnings] == [
        True
    ]
    names = [f"frame-{i}.png" for i in range(12)]
    written = glpose.load(outcome.folder / "poses.jsonl")
    assert [frame.picture for frame in written.frames] == names
    table = (outcome.folder / "poses.csv").read_text()
    assert table.startswith("time_s,frame,picture,person,joint,")
    assert [frame.picture for frame in glpose.run(folder, frames=(3, 5), **how)] == names[3:5]
    (folder / "frame-3.png").write_bytes(b"not a picture")
    (outcome,) = run_sources([folder], Options(tmp_path / "again", **how))
    assert outcome.state == "incomplete"
    assert ["undecod" in w or "decoded" in w for w in outcome.warnings] == [True, False, False]
    assert outcome.warnings[0].startswith(f"{folder}: 1 of 12 frames could not be decoded")
    assert "ignored" in outcome.warnings[1]
    assert "frame-3.png" in outcome.warnings[2]


def test_the_library_says_so_when_a_source_cannot_be_used(how: dict, tmp_path: Path) -> None:
    with pytest.raises(VideoError):
        glpose.run(tmp_path / "nothing.mp4", **how)


def test_a_folder_that_cannot_be_called_so_is_refused_in_a_line(options: Options) -> None:
    with pytest.raises(BadInput, match=r"cannot be written \(not a name that a file can have\)"):
        run_sources([], replace(options, output=options.output / "a\0b"))
