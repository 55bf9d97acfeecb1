"""What the front door does unless it is told otherwise."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tiny_onnx
from bad_videos import NUM_FRAMES, truncated_with_index, write_video
from glpose.api import Models, checked_boxes, load_models, poses_of, run, usual_refiners
from glpose.errors import BadInput
from glpose.hindsight import HindsightSpec
from glpose.metrics.calibration import calibrated
from glpose.refine.limbs import with_plausible_limbs
from glpose.refine.phantoms import without_phantoms
from glpose.refine.sides import with_sides_in_time
from glpose.refine.steady import with_steady_joints
from glpose.runtime.detector import BoxDetector
from glpose.runtime.presets import PRESETS, Effort
from glpose.runtime.protocols import Detector
from glpose.skeleton import BODY19
from glpose.types import Detections, Frame, FrameAndPoses, FramePoses, People, VideoInfo
from glpose.video.arrays import ArraySource
from glpose.weights import DEFAULT_PICTURE, DEFAULT_POSE


def test_phantoms_are_left_out_unless_boxes_are_given() -> None:
    detected, given = (usual_refiners(b, BODY19, (480, 640)) for b in (None, {}))
    assert detected[0] is without_phantoms
    assert without_phantoms not in given
    assert len(detected) == len(given) + 1 == 4


def test_nothing_is_steadied_by_later_frames_if_a_run_is_causal() -> None:
    usual, causal = (usual_refiners({}, BODY19, (480, 640), causal=c) for c in (False, True))
    used = [refine.func for refine in usual if isinstance(refine, partial)]
    assert used == [with_sides_in_time, with_plausible_limbs, with_steady_joints]
    alone = [refine for refine in causal if isinstance(refine, partial)]
    assert [refine.func for refine in alone] == used[:2]
    assert alone[0].keywords["causal"]
    assert alone[1].keywords["how"].lookahead == 0
    as_seen = usual_refiners({}, BODY19, (480, 640), steady=False)
    assert [r.func for r in as_seen if isinstance(r, partial)] == used[:1]
    still = usual_refiners({}, BODY19, (480, 640), is_still=True)
    assert [r.func for r in still if isinstance(r, partial)] == [used[0], used[2]]
    assert [r.keywords["legs"] for r in (usual[0], still[0]) if isinstance(r, partial)] == [
        True,
        False,
    ]


class Counting:
    """A detector that counts how often it looks."""

    def __init__(self, detect: Detector) -> None:
        self.card, self._detect, self.looks = detect.card, detect, 0

    def __call__(self, rgb: np.ndarray) -> Detections:
        self.looks += 1
        return self._detect(rgb)


def look(weights: Path, detector: Path, every: int) -> tuple[list[FramePoses], int]:
    """The poses of a bright spot in twelve pictures, and how often the detector looked."""
    rgb = np.full((96, 128, 3), 40, np.uint8)
    rgb[40:60, 54:74] = 255
    source = ArraySource([rgb] * 12, rate_hz=25.0)
    models = load_models(weights, detector)
    assert models.detect is not None
    counting = Counting(models.detect)
    models = replace(models, detect=counting)
    pairs = poses_of(source.frames(), source.info, models, refiners=(), effort=Effort(every))
    return [poses for _, poses in pairs], counting.looks


def test_encoders_that_answer_spare_looks_and_scores_are_calibrated(tmp_path: Path) -> None:
    detector = tiny_onnx.write_detector(tmp_path / "d.onnx")
    deaf = tiny_onnx.write_pose(tmp_path, "deaf")
    plain = tiny_onnx.write_pose(tmp_path, "plain", answers=True)
    knots = ((0.3, 0.2), (0.9, 0.7))
    sure = tiny_onnx.write_pose(tmp_path, "sure", answers=True, calibration=knots)
    assert look(deaf, detector, 3)[1] == 12
    before, looks = look(plain, detector, 3)
    assert looks == 5  # frames 0, 1, 4, 7 and 10
    after, _ = look(sure, detector, 3)
    for one, two in zip(before, after, strict=True):
        assert one.people.track_id.tolist() == two.people.track_id.tolist() == [1]
        np.testing.assert_array_equal(one.xy, two.xy)
        np.testing.assert_allclose(two.score, calibrated(one.score, knots))
        assert (two.score < one.score).all()
        assert two.side_evidence is not None
        assert two.side_evidence.shape == two.score.shape


def test_joints_of_a_number_that_goes_on_over_a_cut_are_those_of_each_scene(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With boxes drawn one by one all people may have one number."""
    # Not those of limbs: the places of this network's joints are equally good.
    monkeypatch.setattr("glpose.api.usual_refiners", lambda *_, **__: (with_steady_joints,))
    shots = np.zeros((2, 96, 128, 3), np.uint8)
    shots[0, ..., 0] = np.linspace(0, 255, 128)
    shots[1, ..., 2] = np.linspace(255, 0, 128)
    shots[0, 40:60, 48:60] = shots[1, 44:64, 64:76] = 255
    models = load_models(tiny_onnx.write_pose(tmp_path, "plain", answers=True), None)
    box = People(np.array([[30, 20, 94, 84]], np.float32), np.ones(1, np.float32), np.array([1]))

    def poses(pictures: list[np.ndarray]) -> list[FramePoses]:
        source = ArraySource(pictures, rate_hz=25.0)
        boxes = dict.fromkeys(range(len(pictures)), box)
        return [found for _, found in poses_of(source.frames(), source.info, models, boxes)]

    one, other = [shots[0]] * 8, [shots[1]] * 8
    both, alone = poses(one + other), poses(one) + poses(other)
    for found, expected in zip(both, alone, strict=True):
        assert found.people.track_id.tolist() == [1]
        np.testing.assert_allclose(found.xy, expected.xy, atol=0.2)
    assert np.abs(both[7].xy - both[8].xy).max() > 8


@pytest.mark.parametrize(
    ("x2", "score", "ids", "words"),
    [
        (4.0, 1.0, (7, 7), "the track_id 7 twice; expected one box"),
        (4.0, 1.0, (-5, 7), "the track_id -5; expected whole numbers from 0"),
        (0.004, 1.0, (1, 7), r"the box \[0.0, 0.0, 0.004.*with x2 > x1 .* rounded to two decimals"),
        (-4.0, 1.0, (1, 7), r"the box \[0.0, 0.0, -4.0, 4.0\]; expected"),
        (2e6, 1.0, (1, 7), r"the box \[0.0, 0.0, 2000000.0, 4.0\]; expected"),
        (4.0, 1.5, (1, 7), r"the score 1\.5; expected 0 to 1"),
    ],
)
def test_people_whom_no_file_could_give_back_are_refused(
    x2: float, score: float, ids: tuple[int, int], words: str
) -> None:
    info = ArraySource([np.zeros((8, 8, 3), np.uint8)] * 3, rate_hz=25.0).info
    box = np.array([[0, 0, 4, 4], [0, 0, x2, 4]], np.float32)
    people = People(box, np.array([1, score], np.float32), np.array(ids))
    with pytest.raises(BadInput, match=f"^frame 2 of the boxes has {words}"):
        checked_boxes({2: people}, info, "x")


def test_boxes_of_other_numbers_are_those_of_the_same_values() -> None:
    """Small whole numbers would overflow in the middle of a box."""
    code = (  # in a process without type checks, which would refuse them first
        "import glpose, numpy as np\n"
        "from glpose.api import checked_boxes\n"
        "box, info = [[100, 40, 200, 120]], glpose.VideoInfo('x', (250, 250), 25.0)\n"
        "for kind in ('uint8', 'int16', 'float16', 'float64', 'uint64'):\n"
        "    ids = np.array([7], kind if kind.startswith('u') else 'int16')\n"
        "    given = glpose.People(np.array(box, kind), np.ones(1, kind), ids)\n"
        "    found = checked_boxes({np.int64(3): given}, info, 'x')\n"
        "    for people in found.values():\n"
        "        arrays = people.xyxy, people.score, people.track_id\n"
        "        print(list(found), [(str(a.dtype), a.tolist()) for a in arrays])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    box = ("float32", [[100.0, 40.0, 200.0, 120.0]])
    assert set(done.stdout.splitlines()) == {f"[3] {[box, ('float32', [1.0]), ('int64', [7])]}"}
    assert len(done.stdout.splitlines()) == 5


@pytest.mark.slow
def test_numbers_of_numpy_are_numbers_and_come_back_as_those_of_python(tiny_weights: Path) -> None:
    code = (  # in a process without type checks, which would refuse them first
        "import glpose, json, numpy as np, sys\n"
        "rgb, how = np.zeros((5, 48, 64, 3), np.uint8), dict(weights=sys.argv[1], boxes={})\n"
        "span = dict(start_s=np.float32(.04), end_s=np.float64(.5), frames=(np.int64(1), 3))\n"
        "slow = glpose.ArraySource(rgb, rate_hz=np.float32(12.5))\n"
        "for source, more in ((rgb, {'fps': np.int64(25)}), (rgb, {}), (slow, {})):\n"
        "    whole = json.loads(json.dumps(glpose.run(source, **how, **span, **more)"
        ".collect().to_dict()))\n"
        "    print(whole['video']['fps'], [f['frame'] for f in whole['frames']], "
        "whole['settings']['frames'])\n"
    )
    pose = str(tiny_weights / "tiny.encoder.onnx")
    done = subprocess.run(
        [sys.executable, "-c", code, pose], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [
        "25 [1, 2] [1, 3]",
        "25.0 [1, 2] [1, 3]",
        "12.5 [1, 2] [1, 3]",
    ]


@pytest.fixture(scope="module")
def bad_calls() -> dict[str, tuple[list[str], str]]:
    """What calls that cannot be right raise, in a process without type checks."""
    script = Path(__file__).parents[1] / "bad_calls.py"
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_whatever_is_given_wrongly_is_one_line_of_a_glpose_error(
    bad_calls: dict[str, tuple[list[str], str]],
) -> None:
    assert len(bad_calls) > 50
    for name, (kinds, text) in bad_calls.items():
        assert "GLPoseError" in kinds, (name, kinds, text)
        assert text, name
        assert text.isprintable(), name


@pytest.mark.slow
def test_what_is_no_source_is_told_what_is_one(
    bad_calls: dict[str, tuple[list[str], str]],
) -> None:
    for name in ("nothing", "an object", "a dictionary"):
        assert "expected a path, an array, a list or an iterator" in bad_calls[name][1]
    assert "no such file" in bad_calls["paths that are not there"][1]
    for name in ("an empty name", "a list of an empty name", "a list of an empty name and another"):
        assert bad_calls[name][1].startswith("an empty name was given as source"), name
    assert bad_calls["a name of two lines"][1].startswith(r"a\nb.mp4: no such file")
    assert "start is '1:20'; expected a number of seconds" in bad_calls["start_s='1:20'"][1]
    assert (
        "is a PoseStream; expected a result: load one, or collect() a stream"
        in (bad_calls["lift a stream"][1])
    )


@pytest.mark.slow
def test_an_empty_name_is_not_the_current_folder(
    bad_calls: dict[str, tuple[list[str], str]],
) -> None:
    for name in ("boxes=''", "weights=''", "detector=''", "live empty weights"):
        assert bad_calls[name][1].split(";")[0].endswith("is empty"), bad_calls[name]
    assert "weights is empty" in bad_calls["lift empty weights"][1]
    assert "found an empty name" in bad_calls["load an empty name"][1]


@pytest.mark.slow
def test_boxes_of_unequal_length_or_other_kinds_are_refused(
    bad_calls: dict[str, tuple[list[str], str]],
) -> None:
    expected = {
        "one box of two": "xyxy of the boxes is float32 of shape (1, 4)",
        "five columns": "xyxy of the boxes is float32 of shape (2, 5)",
        "a flat box": "xyxy of the boxes is float32 of shape (4,)",
        "lists": "xyxy of the boxes is list",
        "three scores of two": "score of the boxes is float32 of shape (3,)",
        "one id of two": "xyxy of the boxes is float32 of shape (2, 4)",
        "ids that are no numbers": "track_id of the boxes is float64 of shape (2,)",
    }
    for name, says in expected.items():
        text = bad_calls[f"boxes: {name}"][1]
        assert text.startswith(f"frame 0: {says}; expected arrays of numbers, xyxy of n x 4"), text


def test_in_a_picture_people_next_to_others_need_no_later_frame(tmp_path: Path) -> None:
    """Two detections that overlap: in a video the second has to be seen for some frames."""
    rgb = np.full((96, 128, 3), 40, np.uint8)
    rgb[40:60, 12:20] = rgb[40:60, 84:100] = 255
    models = load_models(tiny_onnx.write_pose(tmp_path, "x", answers=True), None)

    class TwoPeople:
        card = tiny_onnx.detector_card()

        def __call__(self, rgb: np.ndarray) -> Detections:
            boxes = np.array([[10, 10, 70, 90], [30, 10, 100, 90]], np.float32)
            return Detections(boxes, np.array([0.9, 0.25], np.float32))

    found = []
    for is_still in (False, True):
        source = ArraySource([rgb], is_still=is_still)
        some = replace(models, detect=TwoPeople())
        ((_, poses),) = poses_of(source.frames(), source.info, some, refiners=())
        found.append(poses.people.track_id.tolist())
    assert found == [[1], [1, 2]]


@pytest.mark.parametrize(
    ("is_still", "effort", "looks"),
    [
        (True, Effort(), 4),
        (True, PRESETS["fast"], 1),
        (True, Effort(flip=False, thorough=False), 1),
        (False, Effort(), 1),
    ],
)
def test_a_picture_is_searched_in_four_views(
    tmp_path: Path, is_still: bool, effort: Effort, looks: int
) -> None:
    rgb = np.full((96, 128, 3), 40, np.uint8)
    rgb[40:60, 60:68] = 255
    models = load_models(
        tiny_onnx.write_pose(tmp_path, "x", answers=True),
        tiny_onnx.write_detector(tmp_path / "person.onnx", tiny_onnx.detector_card()),
    )
    detect = models.detect
    assert isinstance(detect, BoxDetector)
    seen = []

    def run(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(picture.shape)
        return detect.run(picture)

    some = replace(models, detect=BoxDetector(run, detect.card))
    source = ArraySource([rgb], is_still=is_still)
    ((_, poses),) = poses_of(source.frames(), source.info, some, refiners=(), effort=effort)
    assert len(seen) == looks
    assert poses.people.track_id.tolist() == [1]


@pytest.mark.parametrize(("effort", "does"), [(Effort(), True), (PRESETS["fast"], False)])
@pytest.mark.parametrize("is_still", [True, False])
@pytest.mark.parametrize("asked", [None, True, False])
def test_small_people_are_searched_as_the_effort_says(
    tmp_path: Path, effort: Effort, asked: bool | None, *, does: bool, is_still: bool
) -> None:
    rgb = np.full((192, 288, 3), 40, np.uint8)
    rgb[80:120, 120:136] = 255
    card = tiny_onnx.detector_card(fine_size_hw=(128, 192), fine_side_px=40.0)
    models = load_models(
        tiny_onnx.write_pose(tmp_path, "x", answers=True),
        tiny_onnx.write_detector(tmp_path / "person.onnx", card),
    )
    detect = models.detect
    assert isinstance(detect, BoxDetector)
    sizes = []

    def run(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        sizes.append(picture.shape[1:3])
        return detect.run(picture)

    effort = effort if asked is None else replace(effort, small_people=asked)
    some = replace(models, detect=BoxDetector(run, card))
    source = ArraySource([rgb], is_still=is_still)
    list(poses_of(source.frames(), source.info, some, refiners=(), effort=effort))
    expected = does if asked is None else asked
    assert ((128, 192) in sizes) == expected


def bright_person(folder: Path, *, answers: bool, scores: dict[int, float]) -> Models:
    """A person whom the detector sees with these scores by its input's width, at the bright spot."""
    models = load_models(tiny_onnx.write_pose(folder, "x", answers=answers), None)
    card = tiny_onnx.detector_card()

    def run(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        width = picture.shape[2]
        box = np.array([[[0.25, 0.1, 0.75, 0.9]]]) * np.tile([width, picture.shape[1]], 2)
        score = scores.get(width, scores[0])
        return box.astype(np.float32), np.full((1, 1), score, np.float32)

    return replace(models, detect=BoxDetector(run, card))


@pytest.mark.parametrize(("effort", "found"), [(Effort(), True), (PRESETS["fast"], False)])
def test_a_weak_mean_of_views_is_a_person_if_a_pose_confirms_it(
    tmp_path: Path, effort: Effort, found: bool
) -> None:
    rgb = np.full((64, 96, 3), 40, np.uint8)
    rgb[24:40, 44:52] = 255
    models = bright_person(tmp_path, answers=True, scores={0: 0.18})
    source = ArraySource([rgb], is_still=True)
    ((_, poses),) = poses_of(source.frames(), source.info, models, refiners=(), effort=effort)
    assert (len(poses.people) == 1) == found


def test_where_poses_do_not_judge_a_picture_is_searched_once(tmp_path: Path) -> None:
    """The mean of two views that see a person and two that do not would be too low."""
    rgb = np.full((64, 96, 3), 40, np.uint8)
    rgb[24:40, 44:52] = 255
    models = bright_person(tmp_path, answers=False, scores={96: 0.35, 0: 0.0})
    source = ArraySource([rgb], is_still=True)
    ((_, poses),) = poses_of(source.frames(), source.info, models, refiners=())
    assert len(poses.people) == 1


@pytest.mark.parametrize("is_still", [True, False])
def test_a_box_stays_the_detectors_in_a_picture(tmp_path: Path, is_still: bool) -> None:
    rgb = np.full((64, 96, 3), 40, np.uint8)
    rgb[24:40, 44:52] = 255
    models = bright_person(tmp_path, answers=True, scores={0: 0.8})
    source = ArraySource([rgb], is_still=is_still)
    alone = PRESETS["fast"]
    ((_, poses),) = poses_of(source.frames(), source.info, models, refiners=(), effort=alone)
    is_kept = np.allclose(poses.people.xyxy, [[24, 6.4, 72, 57.6]], atol=0.6)
    assert is_kept == is_still


_OFTEN = [0, *range(1, 50, 2)]


@pytest.mark.parametrize(
    ("causal", "still", "reach", "looks"),
    [
        (False, False, 24, [0, *range(1, 50, 5)]),
        (False, True, 24, [0, 1, 6, 12, 24, 44]),
        (
            False,
            True,
            11,
            [0, 1, 6, 12, 20, 28, 36, 44],
        ),  # as in large pictures, of which fewer are held back
        (True, False, 24, _OFTEN),
        (True, True, 24, _OFTEN),
    ],
)
def test_nobody_is_searched_more_rarely_where_whoever_comes_is_followed_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    causal: bool,
    still: bool,
    reach: int,
    looks: list[int],
) -> None:
    looked = []

    class Nobody:
        card = tiny_onnx.detector_card()

        def __call__(self, rgb: np.ndarray) -> Detections:
            red, green = (rgb[0, 0, :2] - 90).tolist()
            looked.append(red + 25 * green)
            return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))

    monkeypatch.setattr(HindsightSpec, "within_bytes", lambda *_: HindsightSpec(reach))
    pose = tiny_onnx.write_pose(tmp_path, "x", answers=True)
    models = replace(load_models(pose, None), detect=Nobody())
    pictures = [np.full((96, 128, 3), 90, np.uint8) for _ in range(50)]
    for number, rgb in enumerate(pictures):
        rgb[..., :2] += np.array([number % 25, number // 25], np.uint8)  # which is no change: light
        if not still:
            rgb[-12:, -12:] = 100 + 40 * (number % 3)  # something happens that is nobody
    source = ArraySource(pictures, rate_hz=25.0)
    pairs = poses_of(source.frames(), source.info, models, refiners=(), causal=causal)
    assert [len(poses.people) for _, poses in pairs] == [0] * 50
    assert looked == looks


def test_a_picture_is_seen_by_the_network_for_pictures() -> None:
    rgb = np.full((96, 128, 3), 90, np.uint8)
    used = [run(x, boxes={}).collect().models["pose"]["name"] for x in (rgb, rgb[None])]
    assert used == [DEFAULT_PICTURE, DEFAULT_POSE]
    with pytest.raises(BadInput, match="weights is empty"):
        run(rgb, boxes={}, weights="")


def test_frames_of_a_run_keep_their_numbers_and_the_rest_is_not_read(tmp_path: Path) -> None:
    weights, detector = (
        tiny_onnx.write_pose(tmp_path),
        tiny_onnx.write_detector(tmp_path / "d.onnx"),
    )
    taken = []

    def pictures() -> Iterator[np.ndarray]:
        for index in range(9):
            taken.append(index)
            yield np.full((96, 128, 3), 90, np.uint8)

    stream = run(pictures(), frames=(2, 5), fps=10.0, weights=weights, detector=detector)
    result = stream.collect()
    assert [poses.frame for poses in result.frames] == [2, 3, 4]
    assert [poses.time_s for poses in result.frames] == [0.2, 0.3, 0.4]
    assert taken == [0, 1, 2, 3, 4]
    assert result.settings["frames"] == (2, 5)


@pytest.mark.parametrize(("largest_hw", "most"), [(None, 100), ((6000, 8000), 25)])
def test_of_pictures_of_which_some_are_large_fewer_are_held_back(
    largest_hw: tuple[int, int] | None, most: int, tmp_path: Path
) -> None:
    taken = []
    source = ArraySource(np.full((100, 96, 128, 3), 90, np.uint8))
    info = replace(source.info, largest_hw=largest_hw)

    def frames() -> Iterator[Frame]:
        for frame in source.frames():
            taken.append(frame.index)
            yield frame

    models = load_models(tiny_onnx.write_pose(tmp_path, "x", answers=True), None)
    next(iter(poses_of(frames(), info, models, {}, block_frames=1)))
    assert (len(taken) <= 25) == (most == 25)
    assert len(taken) <= most


def decoding() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "glpose-decode"]


def keeps(pairs: Iterator[FrameAndPoses], kept: list) -> Iterator[FrameAndPoses]:
    """A refiner that holds on to what it is given."""
    kept.append(pairs)
    for pair in pairs:  # noqa: UP028 - which would close them
        yield pair


@pytest.mark.parametrize("by_another_thread", [False, True])
def test_a_closed_stream_reads_no_further_whatever_a_refiner_keeps(
    by_another_thread: bool, tiny_weights: Path, tmp_path: Path
) -> None:
    path = write_video(tmp_path / "long.mp4", num_frames=150)
    kept, begun, read = [], threading.Event(), []
    others = set(decoding())
    stream = run(
        path,
        weights=tiny_weights / "tiny.encoder.onnx",
        detector=tiny_weights / "finder.onnx",
        refiners=[partial(keeps, kept=kept)],
    )

    def read_all() -> None:
        for poses in stream:
            read.append(poses.frame)
            begun.set()

    if by_another_thread:
        thread = threading.Thread(target=read_all)
        thread.start()
        assert begun.wait(60)
        stream.close()
        thread.join(60)
        assert not thread.is_alive()
    else:
        next(stream)
        stream.close()
    assert list(stream) == []
    assert len(read) < 150
    assert not set(decoding()) - others


def test_a_file_that_is_cut_off_is_told_with_the_result(tiny_weights: Path, tmp_path: Path) -> None:
    path = truncated_with_index(tmp_path)
    result = run(path, boxes={}, weights=tiny_weights / "tiny.encoder.onnx").collect()
    assert 0 < len(result.frames) < NUM_FRAMES
    (warning,) = result.warnings
    assert f"of the {NUM_FRAMES} frames" in warning


def test_numbers_may_become_too_small_whatever_the_caller_has_set(tiny_weights: Path) -> None:
    def shrinks(pairs: Iterator[FrameAndPoses]) -> Iterator[FrameAndPoses]:
        for pair in pairs:
            assert np.exp(np.float64(-1e3)) == 0
            yield pair

    pose = tiny_weights / "tiny.encoder.onnx"
    pictures = np.zeros((2, 48, 64, 3), np.uint8)
    stream = run(pictures, boxes={}, weights=pose, refiners=[shrinks])
    with np.errstate(under="raise"):
        assert len(stream.collect().frames) == 2
        assert np.geterr()["under"] == "raise"


def test_a_time_lapse_is_no_row_of_gaps(tiny_weights: Path) -> None:
    rgb = np.full((96, 128, 3), 40, np.uint8)
    rgb[40:60, 50:70] = 255
    found = run(
        ArraySource([rgb] * 6, rate_hz=0.2),
        weights=tiny_weights / "tiny.encoder.onnx",
        detector=tiny_weights / "finder.onnx",
    )
    assert {number for poses in found for number in poses.people.track_id.tolist()} == {1}


@pytest.mark.parametrize(("rate_hz", "held"), [(30.0, 24), (120.0, 96)])
def test_people_are_followed_back_as_far_in_time_at_a_high_rate(
    rate_hz: float, held: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reach = []

    def estimated(*_: object, hindsight: HindsightSpec, **__: object) -> Iterator[FrameAndPoses]:
        reach.append(hindsight.reach_at(hindsight.rate_hz))
        return iter(())

    monkeypatch.setattr("glpose.api.estimate_poses", estimated)
    models = load_models(
        tiny_onnx.write_pose(tmp_path, "x", answers=True),
        tiny_onnx.write_detector(tmp_path / "d.onnx"),
    )
    for causal in (False, True):
        poses_of([], VideoInfo("x", (96, 128), rate_hz), models, refiners=(), causal=causal)
    assert reach == [held, 0]
