"""Angles of figures whose angles are known, and what is not relied on."""

import math
from dataclasses import replace

import numpy as np
import pytest

from glpose.motion.angles import (
    FLEXIONS,
    angles,
    blanked,
    facing_of,
    least_shown,
    shown_from,
    wraps,
)
from glpose.motion.series import Series, series_of
from glpose.skeleton import BODY19, JHMDB15, LIMB13, LSP14, Skeleton, convert
from walking import Walk, frame_of, walk

TIMES = np.arange(60) / 25
KNEE, WRIST, HIP = (BODY19.index(name) for name in ("left_knee", "left_wrist", "left_hip"))


WALK = Walk()


def series(how: Walk = WALK) -> Series:
    return series_of(walk(TIMES, how))[1]


def measured(how: Walk) -> dict[str, np.ndarray]:
    one = series(how)
    return angles(one.xy, facing_of(one, BODY19), BODY19)


@pytest.mark.parametrize("facing", [1, -1])
def test_flexions_of_a_walk_are_those_it_was_made_of(facing: int) -> None:
    how = Walk(facing=facing)
    found = measured(how)
    assert set(FLEXIONS) <= set(found)
    for side in ("left", "right"):
        thigh, knee = (
            np.array([how.flexion(joint, side, t) for t in TIMES]) for joint in ("hip", "knee")
        )
        np.testing.assert_allclose(found[f"{side}_hip_flexion"], thigh, atol=0.01)
        np.testing.assert_allclose(found[f"{side}_knee_flexion"], knee, atol=0.01)
        np.testing.assert_allclose(found[f"{side}_shoulder_flexion"], -thigh / 2, atol=0.01)
        np.testing.assert_allclose(found[f"{side}_elbow_flexion"], 20, atol=0.01)


def test_segments_are_measured_anticlockwise_from_the_right() -> None:
    found = measured(Walk())
    np.testing.assert_allclose(found["trunk_segment"], 90, atol=0.01)
    np.testing.assert_allclose(found["head_segment"], 90, atol=0.01)
    thigh = [Walk().flexion("hip", "left", t) for t in TIMES]
    np.testing.assert_allclose(found["left_thigh_segment"], np.array(thigh) - 90, atol=0.01)


def standing(**places: tuple[float, float]) -> np.ndarray:
    """Joints of who stands facing right, some moved; (1, joints, 2)."""
    xy = Walk().joints(0.0)
    for side in ("left", "right"):
        for name, x, y in (
            ("knee", 0, 340), ("ankle", 0, 425), ("elbow", 0, 210), ("wrist", 0, 265),
        ):  # fmt: skip
            xy[BODY19.index(f"{side}_{name}")] = [300 + x, y]
    for name, place in places.items():
        xy[BODY19.index(name)] = place
    return xy[None]


RIGHT = np.ones(1)


@pytest.mark.parametrize(
    ("places", "name", "expected"),
    [
        ({}, "left_knee_flexion", 0),
        ({"left_ankle": (215, 340)}, "left_knee_flexion", 90),
        ({"left_ankle": (307, 425)}, "left_knee_flexion", -4.7),
        ({"left_knee": (390, 250)}, "left_hip_flexion", 90),
        ({"left_knee": (270, 335)}, "left_hip_flexion", -19.4),
        ({"left_elbow": (300, 90)}, "left_shoulder_flexion", 180),
        ({"left_elbow": (290, 90)}, "left_shoulder_flexion", 189.5),
        ({"left_elbow": (270, 202)}, "left_shoulder_flexion", -30),
        ({"left_wrist": (355, 210)}, "left_elbow_flexion", 90),
        ({"left_shoulder": (200, 250), "right_shoulder": (200, 250)}, "trunk_segment", 180),
        ({"right_elbow": (360, 150)}, "right_upper_arm_segment", 0),
    ],
)
def test_signs_zeros_and_ranges(
    places: dict[str, tuple[float, float]], name: str, expected: float
) -> None:
    assert angles(standing(**places), RIGHT, BODY19)[name][0] == pytest.approx(expected, abs=0.1)


def test_who_faces_the_camera_has_segments_but_no_flexion() -> None:
    one = series()
    xy = one.xy.copy()
    xy[:, BODY19.index("nose"), 0] = xy[:, BODY19.index("left_shoulder"), 0] + 5
    facing = facing_of(replace(one, found_xy=xy), BODY19)
    assert np.isnan(facing).all()
    found = angles(xy, facing, BODY19)
    assert np.isnan(found["left_knee_flexion"]).all()
    assert np.isfinite(found["left_thigh_segment"]).all()


def test_facing_is_that_of_the_second_around() -> None:
    """A nose that is off for a few frames turns nobody; who turns round is followed."""
    one = series()
    xy = one.xy.copy()
    nose = BODY19.index("nose")
    xy[20:24, nose, 0] -= 40
    assert (facing_of(replace(one, found_xy=xy), BODY19) == 1).all()
    xy[30:, nose, 0] -= 32
    facing = facing_of(replace(one, found_xy=xy), BODY19)
    assert (facing[:25] == 1).all()
    assert (facing[45:] == -1).all()


def test_who_lies_on_the_back_faces_upwards() -> None:
    """The whole figure turned by a right angle anticlockwise has the same flexions."""
    one = series()
    turned = np.stack([one.xy[..., 1], 1000 - one.xy[..., 0]], axis=-1)
    lying = replace(one, xy=turned)
    facing = facing_of(lying, BODY19)
    assert (facing == 1).all()
    upright, flat = (angles(xy, facing, BODY19) for xy in (one.xy, turned))
    for name in FLEXIONS:
        np.testing.assert_allclose(flat[name], upright[name], atol=1e-9)
    np.testing.assert_allclose(np.abs(flat["trunk_segment"]), 180, atol=0.01)


def of_joints(skeleton: Skeleton) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Which way the walker faces, and the angles, of the joints of another skeleton."""
    frames = [replace(poses, xy=xy, score=score) for poses in walk(TIMES)
              for xy, score in [convert(poses.xy, poses.score, BODY19, skeleton)]]  # fmt: skip
    one = series_of(frames)[1]
    facing = facing_of(one, skeleton)
    return facing, angles(one.xy, facing, skeleton)


def test_a_skeleton_without_a_joint_has_no_angle_of_it() -> None:
    """Nor flexions without a nose, as nobody knows which way is forwards."""
    facing, found = of_joints(LIMB13)
    assert np.isnan(facing).all()
    assert not found.keys() & {"head_segment", *FLEXIONS}
    assert "left_shank_segment" in found


def test_joints_of_other_names_have_the_angles_too() -> None:
    """JHMDB's face is the nose, LSP's neck the lower end of the head."""
    facing, found = of_joints(JHMDB15)
    assert (facing == 1).all()
    for name in FLEXIONS:
        np.testing.assert_allclose(found[name], measured(WALK)[name], atol=1e-3)
    np.testing.assert_allclose(of_joints(LSP14)[1]["head_segment"], 90, atol=1e-3)


def test_blanked_angles_are_those_of_left_and_right() -> None:
    rows = np.zeros(60, bool)
    rows[3] = True
    found = blanked(measured(Walk()), rows)
    for name, values in found.items():
        is_blank = np.isnan(values)
        assert is_blank[3] == (name not in ("trunk_segment", "head_segment"))
        assert is_blank.sum() == is_blank[3]


@pytest.mark.parametrize(
    ("name", "values", "least_deg", "shown"),
    [
        ("trunk_segment", [179, -179, 178, math.nan, -178], 0, [179, 181, 178, math.nan, 182]),
        ("trunk_segment", [10, -10, 170], -180, [10, -10, 170]),
        ("trunk_segment", [179, -179, 178, -60, 60], 0, [179, 181, 178, 300, 60]),
        ("trunk_segment", [179, -179, -60, -10, 10], -180, [179, -179, -60, -10, 10]),
        ("left_shoulder_flexion", [260, -80, 250], 90, [260, 280, 250]),
        ("left_shoulder_flexion", [179, 181], -90, [179, 181]),
    ],
)
def test_angles_are_shown_with_the_fewest_wraps(
    name: str, values: list[float], least_deg: float, shown: list[float]
) -> None:
    """As documented if the other range has as many; raw and filtered ones alike."""
    curve, still = np.array(values, np.float64), np.full(len(values), 20.0)
    assert least_shown(name, [curve, still]) == least_deg
    np.testing.assert_array_equal(shown_from(float(least_deg), curve), shown)


def test_steps_of_more_than_half_a_turn_are_wraps() -> None:
    steps = wraps(np.array([170.0, -170.0, -10.0, 171.0, math.nan, -179.0]))
    assert steps.tolist() == [True, False, True, False, False]


def test_nobody_at_all() -> None:
    empty = series_of([frame_of(0, 0.0, {1: np.full((19, 2), np.nan)})])[1]
    assert np.isnan(facing_of(empty, BODY19)).all()


def test_a_trunk_without_length_faces_nowhere() -> None:
    """In one frame shoulders and hips are in one place: no warning, and the others decide."""
    one = series()
    xy = one.xy.copy()
    trunk = [f"{side}_{joint}" for side in ("left", "right") for joint in ("hip", "shoulder")]
    xy[20, [BODY19.index(name) for name in trunk]] = 50
    assert (facing_of(replace(one, found_xy=xy), BODY19) == 1).all()


@pytest.mark.parametrize("rate_hz", [24, 30, 50])
def test_the_side_faced_does_not_depend_on_the_clock(rate_hz: int) -> None:
    """Frames half a second away count, however their times are rounded."""
    cents = np.arange(900) / 100
    for first_s in cents[(cents + 0.5) - 0.5 != cents][:6]:
        times = np.round(first_s + np.arange(rate_hz + 1) / rate_hz, 6)
        frames = [
            frame_of(
                i, t, {1: Walk(facing=1 if i > rate_hz // 2 else -1, speed_px_s=0).joints(0.0)}
            )
            for i, t in enumerate(times.tolist())
        ]
        facing = facing_of(series_of(frames)[1], BODY19)
        assert facing[[0, -1]].tolist() == [-1, 1]
        assert facing[rate_hz // 2] == -1  # one frame more than the other way
