"""Poses of a video to poses in space: whose joints, in which unit, and what is refused."""

import json
import math
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, get_type_hints

import numpy as np
import pytest

import glpose
import tiny_onnx
from glpose.errors import BadInput
from glpose.lifting import lift_frames
from glpose.runtime.lift import Lifter
from glpose.skeleton import COCO17, H36M17, LIMB13, POSETRACK15, Skeleton
from glpose.types import FramePoses, People, PoseResult, VideoInfo

CARD = tiny_onnx.lift_card()
LIFTER = Lifter(lambda joints, known: joints[:, joints.shape[1] // 2], CARD)


def frame(number: int, *tracks: int, joints: Skeleton = COCO17, size: float = 80) -> FramePoses:
    """People who walk to the right; each joint has its place, left as right."""
    num = len(joints.joints)
    shape = np.random.default_rng(5).uniform(0, size, (num, 2))
    shape = (shape + shape[list(joints.mirror)] * [-1, 1] + [size, 0]) / 2
    xy = np.stack([shape + [3.0 * number + 200 * t, 50.0] for t in tracks] or [shape])[
        : len(tracks)
    ]
    people = People(
        np.tile(np.float32([0, 0, 9, 9]), (len(tracks), 1)),
        np.ones(len(tracks), np.float32),
        np.array(tracks, np.int64),
    )
    xy = xy.astype(np.float32).reshape(-1, num, 2)
    return FramePoses(number, number / 25, people, xy, np.full((len(tracks), num), 0.8, np.float32))


def lifted(frames: list[FramePoses], joints: Skeleton = COCO17, **how: object) -> list[FramePoses]:
    return list(lift_frames(frames, joints, 25.0, LIFTER, **how))


def test_joints_keep_the_order_of_the_file_and_others_are_nan():
    done = lifted([frame(i, 1) for i in range(8)])
    xyz = done[4].lifted.xyz[0]
    has = [joint in LIMB13.joints for joint in COCO17.joints]
    np.testing.assert_array_equal(np.isfinite(xyz).all(-1), has)
    at = COCO17.index
    true = frame(4, 1).xy[0]
    apart = xyz[at("left_knee")] - xyz[at("right_wrist")]
    expected = true[at("left_knee")] - true[at("right_wrist")]
    size = (true[has].max(0) - true[has].min(0)).max()
    np.testing.assert_allclose(apart[:2] * size, expected * [1, -1], rtol=1e-4)


def test_a_person_has_one_set_of_bones():
    frames = [frame(i, 1) for i in range(9)]
    wrist, elbow = COCO17.index("left_wrist"), COCO17.index("left_elbow")
    for number in (3, 4):
        frames[number].xy[0, wrist] += 20
    before = [LIFTER(*_alone(frames), 25.0).xyz[n] for n in (0, 4)]
    after = [lifted(frames)[n].lifted.xyz[0] for n in (0, 4)]
    at = LIMB13.index

    def forearm(xyz: np.ndarray, a: int, b: int) -> float:
        return float(np.linalg.norm(xyz[a] - xyz[b]))

    raw = [forearm(xyz, at("left_wrist"), at("left_elbow")) for xyz in before]
    steady = [forearm(xyz, wrist, elbow) for xyz in after]
    assert abs(raw[1] / raw[0] - 1) > 0.1
    assert steady[1] == pytest.approx(steady[0], rel=0.01)


def _alone(frames: list[FramePoses]) -> tuple[np.ndarray, np.ndarray]:
    index = [COCO17.joints.index(j) if j in COCO17.joints else -1 for j in LIMB13.joints]
    there = np.array(index) >= 0
    xy = np.stack([poses.xy[0, index] for poses in frames])
    xy[:, ~there] = np.nan
    return xy, np.where(there, 0.8, 0) * np.ones(xy.shape[:2])


def test_the_neck_is_found_under_its_other_name():
    done = lifted([frame(i, 1, joints=POSETRACK15) for i in range(8)], POSETRACK15)
    assert np.isfinite(done[3].lifted.xyz[0, POSETRACK15.index("head_bottom")]).all()


def test_people_are_kept_apart_and_short_tracks_are_nan():
    frames = [frame(i, *((7, 2) if i % 2 else (2, 7)), *((5,) if i == 3 else ())) for i in range(9)]
    done = lifted(frames)
    alone = lifted([frame(i, 7) for i in range(9)])
    for i, poses in enumerate(done):
        row = poses.people.track_id.tolist().index(7)
        np.testing.assert_array_equal(poses.lifted.xyz[row], alone[i].lifted.xyz[0])
        assert poses.lifted.padded[row] == (i < 2 or i > 6)
    assert np.isnan(done[3].lifted.xyz[2]).all()


def test_frames_that_are_left_out_are_gaps():
    done = lifted([frame(i, 1) for i in range(20) if i not in (8, 9)])
    assert np.isfinite(done[9].lifted.xyz[0, COCO17.index("left_hip")]).all()
    assert not any(poses.lifted.padded[0] for poses in done[2:-2])
    for start in (21, 40, 2_000_000_000):  # without an array of that many frames
        far = lifted([frame(i, 1) for i in (*range(10), *range(start, start + 10))])
        assert far[9].lifted.padded[0]
        assert far[10].lifted.padded[0]
        assert not far[11].lifted.bridged[0]
    near = lifted([frame(i, 1) for i in (*range(10), *range(20, 30))])
    assert not near[9].lifted.padded[0]


def test_a_shot_in_between_is_not_bridged():
    shown = [frame(i, 1 if i not in range(10, 14) else 2) for i in range(24)]
    assert lifted(shown)[9].lifted.padded[0]
    goes_on = [frame(i, *((1, 3) if i not in range(10, 14) else (3,))) for i in range(24)]
    assert not lifted(goes_on)[9].lifted.padded[0]


def test_nothing_is_lifted_across_a_cut_within_a_number():
    """Boxes of other tools keep it, and so does `glpose link`: bones are those of each shot, too."""
    near = [frame(i, 1) for i in range(12)]
    far = [
        replace(p, xy=(900 - 0.4 * p.xy).astype(np.float32))
        for p in (frame(i, 1) for i in range(12, 24))
    ]
    whole = lifted(near + far)
    for shot, there in ((near, slice(0, 12)), (far, slice(12, 24))):
        for alone, poses in zip(lifted(shot), whole[there], strict=True):
            np.testing.assert_array_equal(alone.lifted.xyz, poses.lifted.xyz)
            assert alone.lifted.padded.tolist() == poses.lifted.padded.tolist()


def test_memory_goes_by_the_poses_and_not_by_the_frames_between_them():
    far = 1500
    frames = [frame(i, *(range(30) if i < 8 or i >= far - 8 else ())) for i in range(far)]
    tracemalloc.start()
    done = lifted(frames)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert np.isfinite(done[-4].lifted.xyz).any()
    assert most < 8e6


def test_boxes_without_a_size_are_no_cut():
    frames = [frame(i, 1) for i in range(12)]
    for poses in frames:
        poses.people.xyxy[:] = 0
    assert [bool(p.lifted.padded[0]) for p in lifted(frames)] == [i < 2 or i > 9 for i in range(12)]


def at_times(times_s: Iterable[float]) -> list[FramePoses]:
    """Somebody who moves evenly and turns, seen at these times."""
    return [
        replace(
            frame(0, 1), frame=i, time_s=float(t), xy=frame(0, 1).xy * [np.cos(3 * t), 1] + 90 * t
        )
        for i, t in enumerate(times_s)
    ]


def in_space(frames: list[FramePoses], told_hz: float) -> np.ndarray:
    first = Lifter(lambda joints, known: joints[:, 0], CARD)
    done = lift_frames(frames, COCO17, told_hz, first)
    return np.stack([poses.lifted.xyz[0] for poses in done])


@pytest.mark.parametrize("rate_hz", [15.0, 25.0, 29.97, 50.0])
def test_the_times_count_and_not_a_header_that_is_wrong(rate_hz: float):
    times = np.arange(40) / rate_hz
    expected = in_space(at_times(times), rate_hz)
    assert np.isfinite(expected[:, COCO17.index("left_knee")]).all()
    for told_hz in (5.0, 1000.0, 90_000.0):
        np.testing.assert_allclose(in_space(at_times(times), told_hz), expected, atol=1e-6)
    # Files round times, and some have none.
    for written in (np.round(times, 3), np.zeros(40)):
        frames = [
            replace(p, time_s=float(t)) for p, t in zip(at_times(times), written, strict=True)
        ]
        np.testing.assert_array_equal(in_space(frames, rate_hz), expected)


@pytest.mark.parametrize("told_hz", [50.0, 30.0, 20.0])
def test_samples_are_as_far_apart_in_time_where_the_rate_changes(told_hz: float):
    """50 frames a second, then 25, as phones take them when it gets dark."""
    even = np.arange(120) / 50
    taken = np.r_[0:60, 60:120:2, 119]
    expected = in_space(at_times(even), 50.0)[taken]
    np.testing.assert_allclose(in_space(at_times(even[taken]), told_hz), expected, atol=0.02)


@pytest.mark.parametrize(
    "steps_s",
    [[1 / 60] * 60 + [1 / 5] * 60, [1 / 240] * 240 + [1 / 20] * 60, [1 / 20] * 60 + [1 / 240] * 240,
     ([0.001] + [0.065]) * 30, ([0.065] + [0.001]) * 30, ([0.001] * 4 + [0.163]) * 12],
)  # fmt: skip
def test_everybody_is_lifted_where_rates_change_and_frames_come_in_bursts(steps_s: list[float]):
    times = np.cumsum([0, *steps_s])
    for told_hz in (30.0, 1000.0):
        xyz = in_space(at_times(times), told_hz)
        assert np.isfinite(xyz[:, COCO17.index("left_knee")]).all()
    # Somebody who is missed for a few frames is bridged, wherever; for many not.
    for at, absent in ((25, 5), (25, 15), (len(times) - 40, 5), (len(times) - 40, 15)):
        frames = at_times(times)
        for i in range(at, at + absent):
            frames[i] = replace(frame(i), time_s=float(times[i]))
        assert bool(lifted(frames)[at - 1].lifted.padded[0]) is (absent > 10)


def test_a_hole_in_the_times_ends_a_run():
    for hole_s, ends in ((0.0, False), (0.4, False), (0.48, True), (1e6, True)):
        times = np.arange(20) / 25 + hole_s * (np.arange(20) >= 10)
        done = lifted(at_times(times))
        padded = [bool(poses.lifted.padded[0]) for poses in done]
        assert padded == [i < 2 or i > 17 or (ends and 8 <= i < 12) for i in range(20)]
        assert all(np.isfinite(poses.lifted.xyz[0]).any() for poses in done)


def test_a_height_gives_metres():
    plain, tall = lifted([frame(i, 1) for i in range(8)]), None
    tall = lifted([frame(i, 1) for i in range(8)], height_m=2.0)
    np.testing.assert_allclose(tall[4].lifted.xyz, 2 * plain[4].lifted.xyz)
    metres = Lifter(LIFTER.run, replace(CARD, unit="metres"))
    same = lift_frames([frame(i, 1) for i in range(8)], COCO17, 25.0, metres, 2.0)
    np.testing.assert_array_equal(same[4].lifted.xyz, plain[4].lifted.xyz)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "none of the 0 poses in 0 frames has joints"),
        ([frame(0)], "none of the 0 poses in 1 frames has joints"),
        ([frame(0, 1)], "^holds a single frame; expected a video$"),
        ([frame(i, 1) for i in range(0, 48, 12)], "the longest has 1 frames in a row"),
        ([frame(i, 1) for i in (0, 1, 20, 21, 40)], "the longest has 2 frames in a row"),
        ([frame(0, 1), frame(1, 1)], "the longest has 2 frames"),
        ([replace(frame(i, 1), score=np.zeros((1, 17), np.float32)) for i in range(9)],
         "none of the 9 poses in 9 frames has joints with a score of 0.2 or more"),
        ([replace(frame(i, 1), score=np.eye(2, 17, dtype=np.float32).sum(0)[None]) for i in range(9)],
         "longest has 0 frames in a row, each with 3 joints .* 'tiny' needs 3"),
        ([frame(i, 1, size=0.8) for i in range(9)], "a person span 0.5.*; expected pixels"),
    ],
)  # fmt: skip
def test_what_cannot_be_lifted_is_said_in_one_line(frames: list[FramePoses], message: str):
    with pytest.raises(BadInput, match=message) as caught:
        lifted(frames)
    assert "\n" not in str(caught.value)


def test_another_skeleton_height_or_rate_is_refused():
    frames = [frame(i, 1) for i in range(9)]
    other = Lifter(LIFTER.run, replace(CARD, skeleton=H36M17.name, root=("pelvis",)))
    with pytest.raises(BadInput, match="joints of coco17, which lack 'pelvis', the root of"):
        lift_frames(frames, COCO17, 25.0, other)
    with pytest.raises(BadInput, match="the height is 175; expected that of a person in metres"):
        lifted(frames, height_m=175.0)
    for rate_hz in (0.0, -25.0, 1e-300, 1e300, float("inf"), float("nan")):
        said = "nan, not known" if math.isnan(rate_hz) else f"{rate_hz:g}"
        with pytest.raises(BadInput, match=re.escape(f"rate is {said}; expected frames")):
            lift_frames(frames, COCO17, rate_hz, LIFTER)
    assert np.isfinite(lift_frames(frames, COCO17, 0.001, LIFTER)[4].lifted.xyz).any()
    fast = at_times([poses.time_s / 4000 for poses in frames])
    with pytest.raises(BadInput, match=r"no track is long enough.* at 100000 frames a second"):
        lift_frames(fast, COCO17, 100_000.0, LIFTER)


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([frame(i, 1) for i in (0, 1, 3, 2)], "frame 2 comes after frame 3; expected each frame once"),
        ([frame(i, 1) for i in (0, 1, 1, 2)], "frame 1 comes after frame 1"),
        ([frame(0, 1), frame(1, 1, 4, 1)], "frame 1 has the track id 1 twice"),
    ],
)  # fmt: skip
def test_frames_and_people_come_once_and_in_order(frames: list[FramePoses], message: str):
    with pytest.raises(BadInput, match=message):
        lifted(frames)


def test_lift_in_python(tmp_path: Path):
    path = tiny_onnx.write_lifter(tmp_path / "tiny.lift.onnx")
    frames = tuple(frame(i, 1) for i in range(9))
    result = PoseResult(VideoInfo("walk", (400, 600), 25.0), COCO17, frames)
    done = glpose.lift(result, weights=path, height_m=1.5)
    assert done.models["lift"]["name"] == "tiny"
    expected = lifted(list(frames), height_m=1.5)
    for a, b in zip(done.frames, expected, strict=True):
        np.testing.assert_allclose(a.lifted.xyz, b.lifted.xyz, atol=1e-5)


def test_what_is_lifted_has_the_type_of_what_was_given(tmp_path: Path) -> None:
    """Of a Result it is one, so that `at`, `track` and `to_dict` are there, for type checkers too."""
    hints = get_type_hints(glpose.lift)
    assert isinstance(hints["result"], TypeVar)
    assert hints["return"] is hints["result"]
    path = tiny_onnx.write_lifter(tmp_path / "tiny.lift.onnx")
    frames = tuple(glpose.Poses.of(frame(i, 1), COCO17) for i in range(9))
    result = glpose.Result(VideoInfo("walk", (400, 600), 25.0), COCO17, frames)
    done = glpose.lift(result, weights=path, height_m=1.5)
    assert done.track(1)["left_wrist"].shape == (9, 2)
    assert done.at(0)["nose"].shape == (1, 2)
    assert json.loads(json.dumps(done.to_dict()))["settings"]["lift"]["height_m"] == 1.5


def test_any_number_is_a_height_and_stays_one_in_the_settings(tmp_path: Path) -> None:
    path = tiny_onnx.write_lifter(tmp_path / "tiny.lift.onnx")
    program = (  # in a process without type checks
        "import fractions, json, sys, numpy\n"
        "from glpose.lifting import check_height, lift_settings\n"
        "from glpose.runtime.load import open_lifter\n"
        "lifter = open_lifter(sys.argv[1]).network\n"
        "for height_m in (fractions.Fraction(3, 2), numpy.float32(1.5), 1.5):\n"
        "    check_height(height_m)\n"
        "    print(json.dumps(lift_settings(lifter, height_m)['lift']['height_m']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["1.5"] * 3
