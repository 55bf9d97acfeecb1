"""Refining poses that exist: what can be read, what is refused, and that nothing is lost."""

import json
import math
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import bad_videos
import glpose
import tiny_onnx
from fake_estimator import FakeEstimator, people
from glpose.api import Models, poses_of
from glpose.cli.main import main
from glpose.errors import BadInput
from glpose.flow import Motions
from glpose.formats import results
from glpose.formats.results import ResultWriter, write_boxes, write_summary
from glpose.imaging import resize, write_image
from glpose.jobs.given import open_given
from glpose.jobs.refine import RefineOptions, refine_video
from glpose.jobs.run import Options, run_sources
from glpose.jobs.writers import Target, poses_jsonl
from glpose.pipeline import estimate_poses
from glpose.refine import refiner_named
from glpose.refine.sides import SidesSpec
from glpose.runtime.card import NeighbourSlot
from glpose.runtime.engine import EngineSpec
from glpose.runtime.load import load_estimator
from glpose.skeleton import COCO17, POSETRACK15
from glpose.types import Detections, Frame, FramePoses, People, PoseResult, VideoInfo
from glpose.video.arrays import ArraySource
from glpose.video.reader import open_video
from glpose.video.source import Source

SHORT = 12
NUM = len(COCO17.joints)
LIMIT = (poses_jsonl,)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return bad_videos.write_video(tmp_path / "walk.mp4", num_frames=SHORT)


def standing(frame: int, *track_ids: int, shift: float = 0.0) -> FramePoses:
    """People beside each other who do not move."""
    xyxy = np.array([[10 + 40 * i, 10, 40 + 40 * i, 60] for i in range(len(track_ids))], np.float32)
    xyxy = xyxy.reshape(-1, 4)
    xy = xyxy[:, None, :2] + np.linspace(0, 25, NUM, dtype=np.float32)[:, None]
    score = np.full((len(track_ids), NUM), 0.8, np.float32)
    people = People(xyxy, np.full(len(track_ids), 0.9, np.float32), np.array(track_ids, np.int64))
    return FramePoses(frame, frame / 25, people, xy + np.float32(shift), score)


def written(path: Path, info: VideoInfo, frames: list[FramePoses]) -> Path:
    with ResultWriter(path, info, COCO17) as writer:
        for poses in frames:
            writer.write(poses)
    return path


def without_ids(path: Path) -> Path:
    """The same file with nobody's track id."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines[1:]:
        for person in line["people"]:
            del person["track_id"]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return path


def info_of(video: Path) -> VideoInfo:
    return open_video(video).info


def refined(video: Path | Source, poses: Path, out: Path) -> PoseResult:
    outcome = refine_video(video, poses, RefineOptions(out, writers=LIMIT))
    assert outcome.state == "ok", outcome.warnings
    return glpose.load(outcome.folder / "poses.jsonl")


def ids(result: PoseResult) -> list[list[int]]:
    return [poses.people.track_id.tolist() for poses in result.frames]


def test_a_person_missed_in_between_appears_marked_in_the_file(video: Path, tmp_path: Path) -> None:
    frames = [standing(i, *((4,) if i == 5 else (4, 9))) for i in range(SHORT)]
    result = refined(video, written(tmp_path / "in.jsonl", info_of(video), frames), tmp_path / "o")
    assert ids(result) == [[4, 9]] * SHORT
    marks = [poses.propagated.tolist() for poses in result.frames if poses.propagated is not None]
    assert marks == [[False, i == 5] for i in range(SHORT)]
    lines = (tmp_path / "o" / "walk" / "poses.jsonl").read_text().splitlines()
    assert sum('"source": "propagated"' in line for line in lines) == 1
    assert result.settings["window"] == 4
    assert result.skeleton is COCO17


@pytest.mark.parametrize("has_cut", [False, True])
def test_people_without_track_ids_are_linked(*, has_cut: bool, tmp_path: Path) -> None:
    """One of them is missing in a frame, and is put there; nobody goes on behind a cut."""
    frames = [standing(i, *((1,) if i == 3 else (1, 2))) for i in range(SHORT)]
    source = still(has_cut=has_cut)
    path = without_ids(written(tmp_path / "in.jsonl", source.info, frames))
    found = ids(refined(source, path, tmp_path / "o"))
    half = SHORT // 2
    assert found == [[1, 2]] * half + [[3, 4] if has_cut else [1, 2]] * half


def still(num_frames: int = SHORT, *, has_cut: bool = False) -> ArraySource:
    """A video of one picture, or of another one from the middle on."""
    rng = np.random.default_rng(0)
    scenes = rng.integers(0, 256, (2, 6, 8, 3), np.uint8).repeat(16, 1).repeat(16, 2)
    late = [has_cut and 2 * i >= num_frames for i in range(num_frames)]
    return ArraySource([scenes[int(is_late)] for is_late in late], name="walk")


def coco(frames: list[FramePoses], **more: object) -> str:
    entries = [
        {
            "image_id": poses.frame, "category_id": 1, "score": 0.9, **more,
            "keypoints": np.concatenate([xy, np.full((NUM, 1), 0.8)], 1).ravel().tolist(),
        }
        for poses in frames
        for xy in poses.xy.tolist()
    ]  # fmt: skip
    return json.dumps(entries)


def test_poses_of_other_tools_get_the_names_of_the_pictures(tmp_path: Path) -> None:
    """Wherever they come from, results of several pictures say which file each frame is."""
    names = [f"{letter}.png" for letter in "abcdef"]
    for frame, name in zip(still().frames(), names, strict=False):
        assert frame.rgb is not None
        (tmp_path / "walk").mkdir(exist_ok=True)
        write_image(tmp_path / "walk" / name, frame.rgb)
    (tmp_path / "in.json").write_text(coco([standing(i, 1) for i in range(len(names))]))
    result = refined(tmp_path / "walk", tmp_path / "in.json", tmp_path / "o")
    assert [poses.picture for poses in result.frames] == names
    again = refined(tmp_path / "walk", tmp_path / "o/walk/poses.jsonl", tmp_path / "again")
    assert [poses.picture for poses in again.frames] == names


def test_coco_results_are_read_frame_by_frame(tmp_path: Path) -> None:
    path = tmp_path / "coco.json"
    path.write_text(coco([standing(i, 1) for i in range(SHORT) if i not in (3, 4)]))
    result = refined(still(), path, tmp_path / "o")
    assert ids(result) == [[1]] * SHORT
    assert result.frames[3].xy[0, 0].tolist() == pytest.approx([10, 10], abs=1.5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_id": SHORT}, f"name frame {SHORT}, but .* has {SHORT} frames"),
        ({"image_id": -1}, "is -1; expected the number of a frame"),
        ({"bbox": [0, 0, 0, 5]}, "expected a box with a width and a height"),
        ({"keypoints": [0, 0, 0] * NUM}, "without any joint"),
        ({"keypoints": [1, 1, 1]}, "51 finite numbers"),
        ({"track_id": 3}, "3 twice for picture 0"),
    ],
)
def test_bad_coco_results_are_refused(change: dict, said: str, video: Path, tmp_path: Path) -> None:
    path = tmp_path / "coco.json"
    path.write_text(coco([standing(0, 1, 2)], **change) if "keypoints" not in change else
                    json.dumps([{"image_id": 0, "score": 1, **change}]))  # fmt: skip
    assert re.search(said, complaint(video, path, tmp_path / "o"))


def complaint(video: Path, poses: Path, out: Path) -> str:
    """The one line that is said about poses that cannot be used."""
    try:
        outcome = refine_video(video, poses, RefineOptions(out, writers=LIMIT))
    except BadInput as problem:
        return str(problem)
    assert outcome.state == "failed"
    assert not (out / "walk" / "poses.jsonl").exists()
    (line,) = outcome.warnings
    return line


def test_a_video_and_its_results_the_wrong_way_round(video: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="the order is glpose refine VIDEO POSES"):
        refine_video(tmp_path, video, RefineOptions(tmp_path / "out"))


def test_what_is_live_is_not_refined(video: Path, tmp_path: Path) -> None:
    poses = written(tmp_path / "in.jsonl", info_of(video), [standing(0, 1)])
    for live, said in (("0", "a camera; only"), ("http://host.invalid/a.mp4", "an address; exp")):
        outcome = refine_video(live, poses, RefineOptions(tmp_path / "out", writers=LIMIT))
        assert said in outcome.warnings[0]


def test_poses_of_another_video_are_refused(video: Path, tmp_path: Path) -> None:
    info, frames = info_of(video), [standing(0, 1)]
    for wrong, said in (
        (replace(info, size_hw=(48, 64)), "64 x 48 pixels, but"),
        (replace(info, num_frames=99), "of 99 frames, but"),
    ):
        path = written(tmp_path / "in.jsonl", wrong, frames)
        assert said in complaint(video, path, tmp_path / "o")


def test_poses_behind_the_end_of_a_video_are_kept(video: Path, tmp_path: Path) -> None:
    """The header promises more frames than there are, as in a file that was cut off."""

    class Early:
        def __init__(self) -> None:
            self.inner = open_video(video)
            self.info, self.warnings = self.inner.info, []
            self.time_base, self.audio = self.inner.time_base, None

        def frames(self, start_s: float | None = None, end_s: float | None = None):
            for frame in self.inner.frames(start_s, end_s):
                if frame.index == 7:
                    return
                yield frame

    path = written(tmp_path / "in.jsonl", info_of(video), [standing(i, 1) for i in range(SHORT)])
    outcome = refine_video(Early(), path, RefineOptions(tmp_path / "o", writers=LIMIT))
    assert outcome.state == "incomplete"
    assert outcome.warnings == [
        f"{outcome.name} ends after 7 frames; the poses of 5 frames behind that were kept as they are"
    ]
    assert ids(glpose.load(outcome.folder / "poses.jsonl")) == [[1]] * SHORT
    early = Early()
    early.info = replace(early.info, name="b", rate_hz=math.nan)
    outcome = refine_video(early, path, RefineOptions(tmp_path / "o", writers=LIMIT))
    times_s = [poses.time_s for poses in glpose.load(outcome.folder).frames]
    assert len(times_s) == SHORT
    assert times_s == sorted(times_s)
    write_summary(tmp_path / "summary.json", {"state": "interrupted"})
    path = path.rename(tmp_path / "poses.jsonl")
    outcome = refine_video(early, path, RefineOptions(tmp_path / "p", writers=LIMIT))
    assert re.search(r"was interrupted; .*; b ends", outcome.warnings[0])
    early.info = replace(early.info, name="c", rate_hz=0.0)
    with pytest.raises(BadInput, match="rate_hz"):
        refine_video(early, path, RefineOptions(tmp_path / "o", writers=LIMIT))


def test_a_part_behind_the_end_of_a_video_keeps_its_times(tmp_path: Path) -> None:
    stream = bad_videos.write_video(tmp_path / "walk.ts", num_frames=SHORT)
    frames = [replace(standing(i, 1), time_s=i / 25) for i in range(80, 85)]
    path = written(tmp_path / "poses.jsonl", info_of(stream), frames)
    plain = path.read_text("utf-8")
    path.write_text(plain.replace('"settings": {}', '"settings": {"frames": [80, 85]}'), "utf-8")
    outcome = refine_video(stream, path, RefineOptions(tmp_path / "o", writers=LIMIT))
    assert f"{stream} ends before frame 80; the poses of 5 frames" in outcome.warnings[0]
    after = glpose.load(outcome.folder).frames
    assert [poses.time_s for poses in after] == pytest.approx([i / 25 for i in range(80, 85)])


def test_only_the_part_that_was_run_is_refined(video: Path, tmp_path: Path) -> None:
    frames = [standing(i, 1) for i in range(3, 8)]
    path = written(tmp_path / "poses.jsonl", info_of(video), frames)
    plain = path.read_text("utf-8")
    edited = [{"drop": [2], "drawn": False}]
    for name, part in (("a", {"start_s": 0.1}), ("b", {"end_s": 0.3}), ("c", {"frames": [3, 8]})):
        run = {"glpose": "0", "preset": "best", **part, "edited": edited}
        path.write_text(plain.replace('"settings": {}', f'"settings": {json.dumps(run)}'), "utf-8")
        result = refined(video, path, tmp_path / name)
        assert [poses.frame for poses in result.frames] == list(range(3, 8))
        after = {"glpose": glpose.__version__, "refined": "poses.jsonl", "refiner": "flow"}
        assert result.settings == run | after | {"window": 4, "private": None}
    outcome = refine_video(video, path, RefineOptions(tmp_path / "drawn"))
    assert open_given(outcome.folder).result.settings["edited"] == [{"drop": [2], "drawn": True}]


def test_results_are_never_replaced_by_their_own_refinement(video: Path, tmp_path: Path) -> None:
    (tmp_path / "o" / "walk").mkdir(parents=True)
    path = written(tmp_path / "o" / "walk" / "poses.jsonl", info_of(video), [standing(0, 1)])
    before = path.read_bytes()
    with pytest.raises(BadInput, match="what is made of it; choose another -o"):
        refine_video(video, path, RefineOptions(tmp_path / "o", overwrite=True))
    assert path.read_bytes() == before


@pytest.mark.parametrize("private", ["skeleton", "blur", "of later versions"])
def test_who_was_hidden_stays_hidden(private: str, video: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "in.jsonl", info_of(video), [standing(i, 1) for i in range(SHORT)])
    text = path.read_text("utf-8")
    assert text.count('"settings": {}') == 1
    path.write_text(text.replace('"settings": {}', f'"settings": {{"private": "{private}"}}'))
    poses_alone = refined(video, path, tmp_path / "a")
    assert poses_alone.settings["private"] == private
    if private != "skeleton":
        # Those who are not in the results had their faces blurred, too.
        with pytest.raises(BadInput, match=r"faces were blurred.*--no-overlay"):
            refine_video(video, path, RefineOptions(tmp_path / "b"))
        assert not (tmp_path / "b").exists()
        return
    outcome = refine_video(video, path, RefineOptions(tmp_path / "b"))
    drawn = next(iter(open_video(outcome.folder / "overlay.mp4").frames())).rgb
    assert drawn is not None
    plain = next(iter(open_video(video).frames())).rgb
    assert plain is not None
    # Black but for the skeleton, where the video itself is not.
    assert (drawn < 24).all(-1).mean() > 0.9
    assert (plain < 24).all(-1).mean() < 0.6


def test_the_command_and_its_complaints(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "in.jsonl", info_of(video), [standing(i, 1) for i in range(SHORT)])
    call = ["refine", str(video), str(path), "-o", str(tmp_path / "o"), "--quiet", "--threads", "1"]
    assert main([*call, "--device", "cpu"]) == 0
    assert (tmp_path / "o" / "walk" / "overlay.mp4").exists()
    for more, said in (
        ([], "holds results already"),
        (["--overwrite", "--window", "6"], "the window is 6 frames; expected 1 to 5"),
    ):
        capsys.readouterr()
        assert main([*call, *more]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    assert main(["refine", str(video), str(tmp_path / "no.jsonl")]) == 2
    info = info_of(video)
    for wrong, said in (
        (replace(info, size_hw=(48, 64)), "of a video of 64 x 48 pixels, but"),
        (replace(info, num_frames=SHORT + 1), f"of a video of {SHORT + 1} frames, but"),
    ):
        other = written(tmp_path / "other.jsonl", wrong, [standing(0, 1)])
        capsys.readouterr()
        assert main(["refine", str(video), str(other), "-o", str(tmp_path / "p"), "--quiet"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
        assert not (tmp_path / "p").exists()
    (tmp_path / "file").touch()
    assert main(["refine", str(video), str(path), "-o", str(tmp_path / "file"), "--quiet"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "file" in line


def test_unknown_refiners_are_named(video: Path, tiny_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unknown refiner 'filter'; known: flow"):
        refiner_named("filter", COCO17)
    options = Options(tmp_path / "o", weights=str(tiny_weights), also=("filter",))
    options = replace(options, detector=str(tiny_weights / "finder.onnx"))
    with pytest.raises(BadInput, match="unknown refiner"):
        run_sources([video], options)
    assert not (tmp_path / "o").exists()


def walker(num_frames: int = SHORT) -> list[np.ndarray]:
    """Pictures of a bright, textured person who walks to the right over a dark, textured ground."""
    rng = np.random.default_rng(3)
    ground = rng.integers(0, 60, (12, 16, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    person = rng.integers(120, 256, (15, 5, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    out = []
    for i in range(num_frames):
        picture = ground.copy()
        picture[18:78, 12 + 4 * i : 32 + 4 * i] = person
        out.append(picture)
    return out


def boxes_of_walker(missing: tuple[int, ...] = (5, 6)) -> dict[int, People]:
    """Where the person is; not in the frames that are `missing`."""
    return {
        i: People(
            np.array([[8 + 4 * i, 14, 36 + 4 * i, 82]], np.float32),
            np.full(1, 0.9, np.float32),
            np.array([7]),
        )
        for i in range(SHORT)
        if i not in missing
    }


@pytest.fixture
def walk(tmp_path: Path) -> tuple[Path, Path]:
    """A folder of pictures, and the boxes of who walks there."""
    (tmp_path / "walk").mkdir()
    for i, picture in enumerate(walker()):
        write_image(tmp_path / "walk" / f"{i:02}.png", picture)
    write_boxes(tmp_path / "boxes.jsonl", boxes_of_walker())
    return tmp_path / "walk", tmp_path / "boxes.jsonl"


def test_the_command_run_refines(
    walk: tuple[Path, Path], tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same frames as without; who has no box in two of them is there, and marked."""
    pictures, boxes = walk
    call = ["run", str(pictures), "--boxes", str(boxes), "--weights", str(tiny_weights)]
    call += ["--threads", "1", "--quiet", "--no-overlay", "-o"]
    assert main([*call, str(tmp_path / "plain")]) == 0
    assert main([*call, str(tmp_path / "flow"), "--refine", "flow"]) == 0
    plain, flow = (glpose.load(tmp_path / o / "walk" / "poses.jsonl") for o in ("plain", "flow"))
    assert [p.frame for p in flow.frames] == [p.frame for p in plain.frames] == list(range(SHORT))
    assert [p.time_s for p in flow.frames] == [p.time_s for p in plain.frames]
    assert ids(plain) == [[] if i in (5, 6) else [7] for i in range(SHORT)]
    assert ids(flow) == [[7]] * SHORT
    marked = [p.frame for p in flow.frames if p.propagated is not None and p.propagated.any()]
    assert marked == [5, 6]
    middle = [float(np.nanmean(p.xy[0, :, 0])) for p in flow.frames]
    assert middle[6] - middle[4] == pytest.approx(8, abs=2)
    assert flow.models["flow"] == {"name": "dense inverse search"}
    assert "flow" not in plain.models
    for more, said in (
        (["--refine", "smooth"], "unknown refiner 'smooth'; known: flow"),
        (["--flow", "net.onnx"], "--flow net.onnx is for refining; add --refine flow"),
        (["--refine", "flow", "--flow", "net.onnx"], "net.onnx: no such file"),
    ):
        capsys.readouterr()
        assert main([*call, str(tmp_path / "none"), *more]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    assert not (tmp_path / "none" / "walk").exists()


def test_blocks_of_frames_change_nothing_in_refined_poses(tiny_weights: Path) -> None:
    source, estimate = ArraySource(walker()), load_estimator(tiny_weights, EngineSpec(threads=1))
    boxes = boxes_of_walker()
    found = []
    for block_frames in (1, 3, 100):
        pairs = estimate_poses(
            source.frames(),
            lambda frame: boxes.get(frame.index, People.empty()),
            estimate,
            block_frames=block_frames,
        )
        found.append([poses for _, poses in refiner_named("flow", POSETRACK15)(pairs)])
    assert [len(poses.people) for poses in found[0]] == [1] * SHORT
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(a.xy, b.xy)
            np.testing.assert_array_equal(a.score, b.score)


def test_a_flow_network_takes_the_place_of_dense_inverse_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says that everything moves right by 1 a frame, while nothing is to be seen moving."""
    pictures = [np.full((128, 128, 3), i, np.uint8) for i in range(SHORT)]
    (tmp_path / "grey").mkdir()
    for i, picture in enumerate(pictures):
        write_image(tmp_path / "grey" / f"{i:02}.png", picture)
    frames = [standing(i, *(() if i == 5 else (4,))) for i in range(SHORT)]
    poses = written(tmp_path / "in.jsonl", ArraySource(pictures, name="grey").info, frames)
    net = tiny_onnx.write_flow(tmp_path / "net.onnx")
    call = ["refine", str(tmp_path / "grey"), str(poses), "--threads", "1", "--quiet"]
    call += ["--no-overlay", "--window", "1", "-o"]
    assert main([*call, str(tmp_path / "dis")]) == 0
    assert main([*call, str(tmp_path / "net"), "--flow", str(net)]) == 0
    dis, by_net = (glpose.load(tmp_path / o / "grey" / "poses.jsonl") for o in ("dis", "net"))
    assert ids(dis) == ids(by_net) == [[4]] * SHORT
    assert by_net.models["flow"]["name"] == "net"
    # From before it comes by 1 to the right, from behind by 1 to the left; by 1 up from both.
    np.testing.assert_allclose(by_net.frames[5].xy - dis.frames[5].xy, [[[0, -1]] * NUM], atol=0.1)
    first = by_net.frames[0].xy - dis.frames[0].xy
    assert first[0, :, 0].mean() < -0.1  # there is nothing before it
    tiny_onnx.write_flow(net, scale=float("nan"))
    for path, status, said in (
        (net, 2, "the graph's output 'flow' is not finite"),
        (tmp_path / "in.jsonl", 2, "not a graph that can be opened"),
    ):
        capsys.readouterr()
        more = [str(tmp_path / "bad"), "--flow", str(path), "--overwrite"]
        assert main([*call, *more]) == status
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line


def test_a_person_in_one_frame_only_stays_as_they_are(tmp_path: Path) -> None:
    frames = [standing(i, *((4, 9) if i == 5 else (4,))) for i in range(SHORT)]
    source = still()
    result = refined(source, written(tmp_path / "in.jsonl", source.info, frames), tmp_path / "o")
    assert ids(result) == [[4, 9] if i == 5 else [4] for i in range(SHORT)]
    np.testing.assert_allclose(result.frames[5].xy[1], frames[5].xy[1], atol=0.05)
    assert all(p.propagated is None or not p.propagated.any() for p in result.frames)


def test_nobody_is_carried_across_a_cut(tmp_path: Path) -> None:
    """A pose that is 2 pixels off from the cut on; and one who is missing on both sides of it."""
    half = SHORT // 2
    gone = (half - 1, half)
    frames = [
        standing(i, *((4,) if i in gone else (4, 9)), shift=2.0 * (i >= half)) for i in range(SHORT)
    ]
    for has_cut in (True, False):
        source = still(has_cut=has_cut)
        path = written(tmp_path / "in.jsonl", source.info, frames)
        result = refined(source, path, tmp_path / f"cut {has_cut}")
        off = [float(np.abs(result.frames[i].xy[0] - frames[i].xy[0]).max()) for i in range(SHORT)]
        assert (max(off) < 0.1) == has_cut
        assert [len(result.frames[i].people) for i in gone] == ([1, 1] if has_cut else [2, 2])


def test_a_run_refines_by_name_as_afterwards(
    video: Path, tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refining while it runs gives what refining its results gives.

    The file is written finely: rounding would decide where a neighbour is just as far off as it may be.
    """
    for name in ("_PX", "_SCORE"):
        monkeypatch.setattr(results, name, 9)
    how = Options(
        tmp_path / "plain",
        weights=str(tiny_weights),
        detector=str(tiny_weights / "finder.onnx"),
        engine=EngineSpec(threads=1),
        writers=LIMIT,
    )
    (plain,) = run_sources([video], how)
    (at_once,) = run_sources([video], replace(how, output=tmp_path / "once", also=("flow",)))
    later = refined(video, plain.folder / "poses.jsonl", tmp_path / "later")
    both = glpose.load(at_once.folder / "poses.jsonl"), later
    untouched = glpose.load(plain.folder / "poses.jsonl")
    assert both[0].settings["refine"] == ["flow"]
    moved = []
    for a, b, c in zip(both[0].frames, both[1].frames, untouched.frames, strict=True):
        assert a.people.track_id.tolist() == b.people.track_id.tolist()
        np.testing.assert_allclose(a.xy, b.xy, atol=0.1)
        moved.append(np.abs(a.xy - c.xy).max(-1).ravel())
    assert (np.concatenate(moved) > 0.1).mean() > 0.1


def moving(num: int, step: int) -> list[np.ndarray]:
    """A texture that moves by `step` pixels a frame; the first pixel is the number of the picture."""
    texture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    wide = resize(texture, (80, 120))
    pictures = [np.roll(wide, step * i, axis=1) for i in range(num)]
    for number, rgb in enumerate(pictures):
        rgb[0, 0] = number
    return pictures


class Somebody:
    """A detector that finds one person in every picture."""

    card = tiny_onnx.detector_card()

    def __call__(self, rgb: np.ndarray) -> Detections:
        found = people((1, 60, 40))
        return Detections(found.xyxy, found.score)


class Collected:
    """A writer that keeps the poses of all videos, in `kept`."""

    kept: ClassVar[list[FramePoses]] = []
    needs_pictures, warnings = False, ()

    def __init__(self, target: Target) -> None: ...

    def __enter__(self) -> "Collected":
        return self

    def __exit__(self, *error: object) -> None: ...

    def write(self, frame: Frame, poses: FramePoses) -> None:
        self.kept.append(poses)


@pytest.mark.slow
def test_a_run_that_refines_searches_no_flow_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refiner comes many frames behind the estimator, and asks for some of the same flow."""
    monkeypatch.setattr("glpose.api.SidesSpec", partial(SidesSpec, lookahead=4))  # 30 take long
    num, asked, search = 20, [], Motions._search
    around = NeighbourSlot("around", (-2, -1, 1), flow="gone")
    models = Models(
        FakeEstimator((tiny_onnx.SLOTS[0], around)), Somebody(), {"pose": {"provider": "none"}}
    )
    monkeypatch.setattr("glpose.jobs.run.load_models", lambda *_: models)
    sources = [glpose.ArraySource(moving(num, step), name=f"by{step}") for step in (1, -2)]
    apart = [
        poses
        for source in sources
        for _, poses in refiner_named("flow", models.skeleton)(
            poses_of(source.frames(), source.info, models)
        )
    ]

    def counted(motions: Motions, a_rgb: np.ndarray, b_rgb: np.ndarray) -> np.ndarray:
        asked.append((int(a_rgb[0, 0, 0]), int(b_rgb[0, 0, 0])))
        return search(motions, a_rgb, b_rgb)

    monkeypatch.setattr(Motions, "_search", counted)
    monkeypatch.setattr(Collected, "kept", [])
    run_sources(sources, Options(tmp_path / "out", also=("flow",), writers=(Collected,)))
    near = [(a, b) for a in range(num) for b in (a - 1, a + 1) if 0 <= b < num]
    assert sorted(asked) == sorted(2 * [*near, *((a, a - 2) for a in range(2, num))])
    for one, two in zip(Collected.kept, apart, strict=True):
        np.testing.assert_array_equal(one.xy, two.xy)
        np.testing.assert_array_equal(one.score, two.score)
        assert one.people.track_id.tolist() == [1]


@pytest.mark.parametrize(("setting", "was"), [("smooth", "smoothed"), ("lift", "lifted to poses")])
def test_what_was_made_of_poses_is_not_refined(
    setting: str, was: str, video: Path, tmp_path: Path
) -> None:
    path = tmp_path / "given.jsonl"
    with ResultWriter(path, open_video(video).info, COCO17, {}, {setting: {}}) as writer:
        writer.write(standing(0, 1))
    with pytest.raises(BadInput, match=f"given.jsonl: was {was}"):
        refine_video(video, path, RefineOptions(tmp_path / "out"))


def test_poses_of_a_run_that_did_not_end_are_refined_and_told(video: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "poses.jsonl", info_of(video), [standing(i, 1) for i in range(5)])
    write_summary(tmp_path / "summary.json", {"state": "interrupted"})
    outcome = refine_video(video, path, RefineOptions(tmp_path / "o", writers=LIMIT))
    assert (outcome.state, outcome.frames) == ("incomplete", 5)
    assert "of a run that was interrupted; the 5 frames" in outcome.warnings[-1]
    refined = tmp_path / "o" / "walk" / "poses.jsonl"
    assert "made of results of a run that was interrupted" in open_given(refined).lack
