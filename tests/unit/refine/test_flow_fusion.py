"""Poses carried along the flow: by how much, in which direction, how they are merged, and where not."""

import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.flow import Motion, Motions
from glpose.motion.series import series_of
from glpose.motion.smooth import SmoothSpec, smooth_person, smoothed_frames
from glpose.refine import Refiner
from glpose.refine.flow_fusion import (
    Carried,
    FlowFusionSpec,
    backward,
    forward,
    fuse,
    own,
    torso_px,
    weights,
    with_flow_fusion,
)
from glpose.skeleton import COCO17, TUD13
from glpose.types import Frame, FrameAndPoses, FramePoses, People

NUM = len(COCO17.joints)
SIZE_HW = (120, 300)
SPEED = 6.0
HOW = FlowFusionSpec(window=2)


def constant(x: float, y: float) -> np.ndarray:
    return np.broadcast_to(np.array([x, y], np.float32), (*SIZE_HW, 2)).copy()


def motion(x: float, y: float, back_xy: tuple[float, float] | None = None) -> Motion:
    return Motion(constant(x, y), constant(*(back_xy or (-x, -y))))


def start(*xy: tuple[float, float], score: float = 0.8) -> Carried:
    return Carried(0, np.array([xy], np.float64), np.full((1, len(xy)), score))


def body(x: float, y: float = 60.0) -> np.ndarray:
    """Joints of somebody of 80 pixels, the hips at (x, y)."""
    xy = np.zeros((NUM, 2))
    for side, sign in (("left", 1), ("right", -1)):
        for part, dy in (("eye", -38), ("ear", -37), ("shoulder", -26), ("elbow", -14),
                         ("wrist", -2), ("hip", 0), ("knee", 18), ("ankle", 36)):  # fmt: skip
            xy[COCO17.index(f"{side}_{part}")] = [x + 4 * sign, y + dy]
    xy[COCO17.index("nose")] = [x, y - 36]
    return xy


def pair(frame: int, *people: tuple[int, float], level: int | None = None) -> FrameAndPoses:
    """A frame of one grey with these people, each a track id and the x of the hips."""
    xy = np.array([body(x) for _, x in people], np.float32).reshape(-1, NUM, 2)
    boxes = np.array([[x - 20, 20, x + 20, 100] for _, x in people], np.float32).reshape(-1, 4)
    who = People(
        boxes, np.full(len(people), 0.9, np.float32), np.array([n for n, _ in people], np.int64)
    )
    score = np.full((len(people), NUM), 0.8, np.float32)
    rgb = np.full((*SIZE_HW, 3), frame if level is None else level, np.uint8)
    return Frame(frame, frame / 25, rgb), FramePoses(frame, frame / 25, who, xy, score)


def walk(num: int, speed: float = SPEED, first: float = 50.0) -> list[FrameAndPoses]:
    return [pair(i, (3, first + speed * i)) for i in range(num)]


def steady(speed: float = SPEED) -> Motions:
    """Everything moves to the right; pictures hold the number of their frame."""

    def flow(a: np.ndarray, b: np.ndarray, /) -> np.ndarray:
        return constant(speed * (float(b[0, 0, 0]) - float(a[0, 0, 0])), 0)

    return Motions(flow)


def refined(pairs: list[FrameAndPoses], how: FlowFusionSpec = HOW) -> list[FramePoses]:
    return [poses for _, poses in with_flow_fusion(pairs, COCO17, how, steady())]


def moved(one: FrameAndPoses, *, by: float, score: float) -> FrameAndPoses:
    frame, poses = one
    return frame, replace(
        poses, xy=poses.xy + np.float32([by, 0]), score=poses.score * 0 + np.float32(score)
    )


def off(poses: FramePoses, x: float, row: int = 0) -> float:
    """The mean distance of a person's joints from where they should be."""
    return float(np.linalg.norm(poses.xy[row] - body(x), axis=-1).mean())


def test_forward_goes_with_the_motion_and_backward_against_it() -> None:
    steps = [motion(6, 1), motion(4, 0)]
    ahead = forward(start((50, 60)), steps)
    assert [c.steps for c in ahead] == [1, 2]
    assert [c.xy[0, 0].tolist() for c in ahead] == [[56, 61], [60, 61]]
    behind = backward(start((60, 61)), steps[::-1])
    assert [c.steps for c in behind] == [-1, -2]
    assert [c.xy[0, 0].tolist() for c in behind] == [[56, 61], [50, 60]]


def test_scores_fall_by_step_and_by_the_forward_backward_error() -> None:
    (one, two) = forward(start((50, 60)), [motion(6, 0), motion(6, 0, back_xy=(-6, 3))])
    assert one.score[0, 0] == pytest.approx(0.8 * 0.9)
    assert two.score[0, 0] == pytest.approx(0.8 * 0.9 * 0.9 * np.exp(-1))


def test_joints_that_leave_the_picture_are_gone_for_good() -> None:
    one, two = forward(start((298, 60), (50, 60)), [motion(6, 0), motion(-6, 0)])
    assert np.isnan(one.xy[0, 0]).all()
    assert np.isnan(two.xy[0, 0]).all()
    assert one.score[0].tolist() == [0, pytest.approx(0.72)]
    assert two.xy[0, 1].tolist() == [50, 60]


def test_a_chain_ends_at_a_cut() -> None:
    assert len(forward(start((50, 60)), [motion(1, 0), None, motion(1, 0)])) == 1
    assert backward(start((50, 60)), [None, motion(1, 0)]) == []


def fused(*candidates: tuple[int, float, float], torso: float = 40.0) -> tuple[list[float], float]:
    """One joint at y = 0 from candidates of (steps, x, score)."""
    xy = np.array([[[[x, 0.0]]] for _, x, _ in candidates])
    score = np.array([[[s]] for _, _, s in candidates])
    steps = np.array([n for n, _, _ in candidates])
    out, value = fuse(steps, xy, score, np.array([torso]))
    return out[0, 0].tolist(), float(value[0, 0])


def test_weights_are_those_of_the_formula() -> None:
    score = np.array([0.6, 0.6, 0.5]).reshape(3, 1, 1)
    found = weights(np.array([0, 1, -3]), score).ravel()
    assert found.tolist() == pytest.approx([0.36, 0.36 * 0.7, 0.25 * 0.7**3])


def test_fusion_is_the_weighted_mean_of_joints_and_of_scores() -> None:
    one, two = 0.6**2, 0.5**2 * 0.7
    (x, y), score = fused((0, 10, 0.6), (-1, 14, 0.5))
    assert x == pytest.approx((10 * one + 14 * two) / (one + two))
    assert y == 0
    assert score == pytest.approx((0.6 * one + 0.5 * two) / (one + two))


def test_an_unsure_pose_counts_less_than_sure_ones_carried_to_it() -> None:
    """Wrong by 8 of the 10 pixels that are allowed, it moves the joint by a tenth of that at most."""
    (x, _), _ = fused((0, 58, 0.2), (1, 50, 0.8), (-1, 50, 0.8))
    assert 50 < x < 50.8


def test_what_is_far_from_the_median_is_left_out() -> None:
    """A quarter of the torso is 10 pixels; 9 away from the median counts, 11 does not."""
    near = [(0, 50, 0.9), (1, 50, 0.9), (-1, 50, 0.9)]
    (x, _), _ = fused(*near, (2, 61, 0.9))
    assert x == pytest.approx(50)
    (x, _), _ = fused(*near, (2, 59, 0.9))
    assert x > 50.5
    (x, _), _ = fused(*near, (2, 61, 0.9), torso=48.0)
    assert x > 50.5
    assert fused((0, 90, 0.2), (1, 50, 0.8), (-1, 50, 0.8))[0][0] == pytest.approx(50)


def test_a_missing_joint_comes_from_the_others_and_stays_missing_without_any() -> None:
    nan = float("nan")
    assert fused((0, nan, 0.0), (1, 7, 0.5))[0] == [pytest.approx(7), 0]
    xy, score = fused((0, nan, 0.0), (1, nan, 0.0))
    assert np.isnan(xy).all()
    assert score == 0


def test_a_median_of_mixed_coordinates_leaves_the_nearest_candidate() -> None:
    xy = np.array([[0.0, 50], [50, 10], [100, 100]]).reshape(3, 1, 1, 2)
    out, score = fuse(np.array([1, -1, 1]), xy, np.full((3, 1, 1), 0.5), np.array([1.0]))
    assert out[0, 0].tolist() == [50, 10]
    assert score[0, 0] == pytest.approx(0.5)


def test_the_torso_is_measured_or_else_a_share_of_the_box() -> None:
    xy = np.array([[body(50)], [body(60)]])
    assert torso_px(xy, np.array([80.0]), COCO17).tolist() == [pytest.approx(26)]
    assert torso_px(xy, np.array([200.0]), COCO17).tolist() == [pytest.approx(40)]
    assert torso_px(xy * np.nan, np.array([80.0]), COCO17).tolist() == [16]
    assert torso_px(xy[..., :13, :], np.array([80.0]), TUD13)[0] > 0


def test_a_steady_walk_stays_as_it_is() -> None:
    given = walk(9)
    found = list(with_flow_fusion(given, COCO17, HOW, steady()))
    assert [frame for frame, _ in found] == [frame for frame, _ in given]
    for i, (_, poses) in enumerate(found):
        assert off(poses, 50 + SPEED * i) < 0.01
        assert poses.propagated is None
    assert isinstance(with_flow_fusion, Refiner)


def test_a_pose_that_jumps_is_put_right_by_those_around_it() -> None:
    given = walk(9)
    given[4] = moved(given[4], by=15, score=0.2)
    found = refined(given)
    assert max(off(poses, 50 + SPEED * i) for i, poses in enumerate(found)) < 0.01
    assert found[4].score.mean() > 0.4


def test_who_is_missed_in_between_appears_and_is_marked() -> None:
    given = walk(9)
    for i in (4, 5):
        given[i] = pair(i, (8, 250.0 + SPEED * (i - 4)))
    found = refined(given)
    for i in (4, 5):
        poses = found[i]
        assert poses.people.track_id.tolist() == [8, 3]
        assert poses.propagated is not None
        assert poses.propagated.tolist() == [False, True]
        assert off(poses, 50 + SPEED * i, row=1) < 0.01
        assert poses.people.xyxy[1, 0] == pytest.approx(30 + SPEED * i)
        assert 0 < poses.score[1].mean() < 0.8
    assert all(p.propagated is None for i, p in enumerate(found) if i not in (4, 5))


def smoothed(pairs: list[FrameAndPoses]) -> list[FramePoses]:
    frames = [poses for _, poses in pairs]
    people = {
        number: (one, smooth_person(one, SmoothSpec(), COCO17))
        for number, one in series_of(frames).items()
    }
    return list(smoothed_frames(frames, people))


@pytest.mark.parametrize("fill", [refined, smoothed])
@pytest.mark.parametrize(
    ("unsure", "expected"),
    [((2, 8), True), ((2, 4), True), ((6, 8), True), ((0, 3), False), ((7, 8), False)],
)
def test_whoever_is_put_there_is_as_sure_as_the_worse_end_of_the_gap(
    fill: Callable[[list[FrameAndPoses]], list[FramePoses]], unsure: tuple[int, int], expected: bool
) -> None:
    """Whoever puts them there."""
    given = walk(12)
    for i in range(*unsure):
        frame, poses = given[i]
        given[i] = frame, replace(poses, unsure_sides=np.array([True]))
    given[4:6] = pair(4), pair(5)
    for poses in fill(given)[4:6]:
        assert poses.propagated is not None
        assert poses.propagated.tolist() == [True]
        assert poses.unsure_sides is not None
        assert poses.unsure_sides.tolist() == [expected]


@pytest.mark.parametrize(("score", "num"), [(0.35, 1), (0.2, 0)])
def test_nobody_is_put_with_joints_that_are_hardly_there(score: float, num: int) -> None:
    given = [moved(one, by=0, score=score) for one in walk(9)]
    given[4] = pair(4)
    assert len(refined(given)[4].people) == num


def test_nobody_is_put_before_the_first_or_after_the_last_time_they_are_seen() -> None:
    given = [pair(0), pair(1), *walk(9)[2:6], pair(6), pair(7)]
    assert [len(p.people) for p in refined(given)] == [0, 0, 1, 1, 1, 1, 0, 0]


def test_gaps_longer_than_the_window_stay_empty() -> None:
    given = walk(12)
    for i in (4, 5, 6, 7):
        given[i] = pair(i)
    assert [len(p.people) for p in refined(given)][4:8] == [0, 0, 0, 0]


def test_nobody_is_put_where_somebody_is_found_under_another_number() -> None:
    given = walk(9)
    given[4] = pair(4, (9, 50 + SPEED * 4))
    assert refined(given)[4].people.track_id.tolist() == [9]


def test_a_person_in_one_frame_only_stays_as_they_are() -> None:
    given = [pair(i) for i in range(5)]
    given[2] = pair(2, (3, 80))
    found = refined(given)
    assert off(found[2], 80) == 0
    assert found[2].score.tolist() == given[2][1].score.tolist()


def test_nothing_crosses_a_frame_without_a_picture() -> None:
    given = walk(8)
    given[4] = Frame(4, 0.16, None), FramePoses.empty(4, 0.16, NUM, "undecodable")
    given[5] = moved(given[5], by=5, score=0.2)
    found = refined(given)
    assert found[4] is given[4][1]
    assert off(found[3], 50 + SPEED * 3) < 0.01
    assert off(found[5], 50 + SPEED * 5) < 2.0  # the later frames still help


def textured(one: FrameAndPoses, seed: int) -> FrameAndPoses:
    """The same before another backdrop; the first pixel still holds the number."""
    frame, poses = one
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (6, 10, 3), np.uint8).repeat(20, 0).repeat(30, 1)
    blocks[0, 0] = frame.index
    return Frame(frame.index, frame.time_s, blocks), poses


@pytest.mark.parametrize("has_cut", [True, False])
def test_nothing_crosses_a_cut(*, has_cut: bool) -> None:
    """Behind the cut the same number is somebody who stands a little beside."""
    given = [textured(one, 1 if has_cut and i >= 4 else 0) for i, one in enumerate(walk(8))]
    given = [moved(one, by=5, score=0.8) if i >= 4 else one for i, one in enumerate(given)]
    found = refined(given)
    errors = [off(p, 50 + SPEED * i + 5 * (i >= 4)) for i, p in enumerate(found)]
    assert (max(errors) < 0.01) == has_cut


def test_nothing_crosses_a_change_of_person() -> None:
    """A number that jumps to somebody else, with a gap across which nobody may be put."""
    given = walk(4) + [pair(i, (3, 150 + SPEED * (i - 4))) for i in range(4, 9)]
    for i, poses in enumerate(refined(given)):
        assert off(poses, 50 + SPEED * i if i < 4 else 150 + SPEED * (i - 4)) < 0.01
        assert poses.score.mean() > 0.5
    given[4] = pair(4)
    assert len(refined(given)[4].people) == 0


def test_one_wrong_pose_is_no_change_of_person() -> None:
    given = walk(9)
    given[4] = moved(given[4], by=90, score=0.2)
    given[5] = pair(5)
    found = refined(given)
    assert off(found[4], 50 + SPEED * 4) < 0.01
    assert off(found[5], 50 + SPEED * 5) < 0.01


def test_joints_without_any_score_stay_as_they_were() -> None:
    given = [moved(one, by=0, score=0.0) for one in walk(5)]
    found = refined(given)
    assert off(found[2], 50 + SPEED * 2) < 0.01
    assert (found[2].score == 0).all()


def test_frames_held_back_are_given_out_before_a_failure() -> None:
    def failing() -> Iterator[FrameAndPoses]:
        yield from walk(4)
        raise BadInput("the video ends here")

    found = []
    with pytest.raises(BadInput, match="ends here"):
        for frame, _ in with_flow_fusion(failing(), COCO17, HOW, steady()):
            found.append(frame.index)
    assert found == [0, 1, 2, 3]


def test_what_is_held_is_bounded_by_the_window() -> None:
    alive: list[weakref.ref] = []

    def source() -> Iterator[FrameAndPoses]:
        for i in range(40):
            frame, poses = pair(i, (3, 50 + i))
            alive.extend([weakref.ref(frame.rgb), weakref.ref(poses.xy)])
            yield frame, poses

    for number, _ in enumerate(with_flow_fusion(source(), COCO17, HOW, steady(1.0))):
        assert len(alive) // 2 <= number + HOW.window + 2
        held = (
            sum(found() is not None for found in alive[::2]),
            sum(found() is not None for found in alive[1::2]),
        )
        assert held[0] <= HOW.window + 2  # pictures: those that wait, and what the test holds
        assert held[1] <= 2 * HOW.window + 5


def test_no_flow_is_computed_where_nobody_is() -> None:
    asked = []

    def flow(a: np.ndarray, b: np.ndarray, /) -> np.ndarray:
        asked.append((int(a[0, 0, 0]), int(b[0, 0, 0])))
        return constant(SPEED * (float(b[0, 0, 0]) - float(a[0, 0, 0])), 0)

    given = [pair(i) for i in range(6)] + walk(10)[6:] + [pair(i) for i in range(10, 30)]
    found = [p for _, p in with_flow_fusion(given, COCO17, HOW, Motions(flow))]
    assert [len(p.people) for p in found] == [0] * 6 + [1] * 4 + [0] * 20
    assert {(6, 7), (7, 6), (8, 9), (9, 8)} <= set(asked)
    assert min(min(two) for two in asked) == 6
    assert max(max(two) for two in asked) < 20


def test_marks_of_an_earlier_run_stay() -> None:
    given = [(f, replace(p, propagated=np.array([i == 2]))) for i, (f, p) in enumerate(walk(6))]
    given[3] = pair(3, (8, 250.0))
    given[3] = given[3][0], replace(given[3][1], propagated=np.array([True]))
    marks = [p.propagated.tolist() for p in refined(given) if p.propagated is not None]
    assert marks == [[False], [False], [True], [True, True], [False], [False]]


def test_own_poses_have_made_no_step() -> None:
    _, poses = pair(0, (1, 60))
    assert own(poses).steps == 0
    assert own(poses).xy.tolist() == poses.xy.tolist()
