"""Refining poses that exist: what can be read, what is refused, and that nothing is lost."""

import json
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
from glpose.formats.results import ResultWriter
from glpose.imaging import resize
from glpose.jobs.refine import RefineOptions, refine_video
from glpose.jobs.run import Options, run_sources
from glpose.jobs.writers import Target, poses_jsonl
from glpose.refine import refiner_named
from glpose.refine.sides import SidesSpec
from glpose.runtime.card import NeighbourSlot
from glpose.runtime.engine import EngineSpec
from glpose.skeleton import COCO17
from glpose.types import Detections, Frame, FramePoses, People, PoseResult, VideoInfo
from glpose.video.reader import open_video

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


def info_of(video: Path) -> VideoInfo:
    return open_video(video).info


def refined(video: Path, poses: Path, out: Path) -> PoseResult:
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


def test_people_without_track_ids_are_linked(video: Path, tmp_path: Path) -> None:
    frames = [standing(i, 1, 2) for i in range(SHORT)]
    path = written(tmp_path / "in.jsonl", info_of(video), frames)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines[1:]:
        for person in line["people"]:
            del person["track_id"]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n")
    assert ids(refined(video, path, tmp_path / "o")) == [[1, 2]] * SHORT


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


def test_coco_results_are_read_frame_by_frame(video: Path, tmp_path: Path) -> None:
    path = tmp_path / "coco.json"
    path.write_text(coco([standing(i, 1) for i in range(SHORT) if i not in (3, 4)]))
    result = refined(video, path, tmp_path / "o")
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


def test_results_are_never_replaced_by_their_own_refinement(video: Path, tmp_path: Path) -> None:
    (tmp_path / "o" / "walk").mkdir(parents=True)
    path = written(tmp_path / "o" / "walk" / "poses.jsonl", info_of(video), [standing(0, 1)])
    before = path.read_bytes()
    with pytest.raises(BadInput, match="its own refinement; choose another -o"):
        refine_video(video, path, RefineOptions(tmp_path / "o", overwrite=True))
    assert path.read_bytes() == before


def test_the_command_and_its_complaints(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "in.jsonl", info_of(video), [standing(i, 1) for i in range(SHORT)])
    call = ["refine", str(video), str(path), "-o", str(tmp_path / "o"), "--quiet", "--threads", "1"]
    assert main(call) == 0
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


def test_unknown_refiners_are_named(video: Path, tiny_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="unknown refiner 'filter'; known: flow"):
        refiner_named("filter", COCO17)
    options = Options(tmp_path / "o", weights=str(tiny_weights), also=("filter",))
    options = replace(options, detector=str(tiny_weights / "finder.onnx"))
    with pytest.raises(BadInput, match="unknown refiner"):
        run_sources([video], options)


def test_a_run_refines_by_name_as_afterwards(
    video: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    """Refining while it runs gives what refining its results gives, up to the file's rounding."""
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
    changed = 0
    for a, b, c in zip(both[0].frames, both[1].frames, untouched.frames, strict=True):
        assert a.people.track_id.tolist() == b.people.track_id.tolist()
        np.testing.assert_allclose(a.xy, b.xy, atol=0.1)
        changed += not np.allclose(a.xy, c.xy, atol=0.02)
    assert changed


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
    models = Models(FakeEstimator((tiny_onnx.SLOTS[0], around)), Somebody(), {})
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
