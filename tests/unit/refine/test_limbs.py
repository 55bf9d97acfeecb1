"""Limbs chosen together among the places where their joints may be."""

from collections.abc import Iterator

import numpy as np
import pytest

from glpose.errors import VideoError
from glpose.refine.limbs import LimbsSpec, with_plausible_limbs
from glpose.skeleton import BODY19, COCO17, Skeleton
from glpose.types import Frame, FrameAndPoses, FramePoses, OtherPlaces, People

NUM = len(BODY19.joints)
HIGH = 100.0
"""The longer side of the person's box."""

Places = dict[str, list[tuple[tuple[float, float], float]]]
"""By joint the other places, best first, each with its score."""


def standing(shift: float = 0.0) -> np.ndarray:
    """Joints of somebody who stands with arms and legs apart."""
    xy = np.full((NUM, 2), 50.0)
    for side, sign in (("left", 1), ("right", -1)):
        for part, x, y in (
            ("shoulder", 8, 20), ("elbow", 12, 34), ("wrist", 14, 48),
            ("hip", 6, 50), ("knee", 8, 72), ("ankle", 10, 94),
        ):  # fmt: skip
            xy[BODY19.index(f"{side}_{part}")] = [50 + sign * x, y]
    return xy + [shift, 0]


def at(joint: str, shift: float = 0.0) -> tuple[float, float]:
    x, y = standing(shift)[BODY19.index(joint)].tolist()
    return x, y


def pair(
    frame: int,
    moved: dict[str, tuple[tuple[float, float], float]],
    others: Places | None,
    *,
    shift: float = 0.0,
    numbers: tuple[int, ...] = (3,),
) -> FrameAndPoses:
    """People who stand, but for joints that are `moved` to a place, with a score."""
    xy, score = standing(shift), np.full(NUM, 0.9)
    for joint, (place, sure) in moved.items():
        xy[BODY19.index(joint)], score[BODY19.index(joint)] = place, sure
    other_xy, other_score = np.full((NUM, 3, 2), np.nan), np.zeros((NUM, 3))
    for joint, places in (others or {}).items():
        for i, (place, sure) in enumerate(places):
            other_xy[BODY19.index(joint), i] = place
            other_score[BODY19.index(joint), i] = sure
    n = len(numbers)
    box = np.array([[30 + shift, 0, 70 + shift, HIGH]] * n, np.float32)
    people = People(box, np.ones(n, np.float32), np.array(numbers))
    rows = np.zeros(n, int)
    poses = FramePoses(
        frame, frame / 25, people,
        xy[None].astype(np.float32)[rows], score[None].astype(np.float32)[rows],
        other_places=None if others is None else OtherPlaces(
            other_xy[None].astype(np.float32)[rows], other_score[None].astype(np.float32)[rows]
        ),
    )  # fmt: skip
    return Frame(frame, frame / 25, None), poses


def refined(
    given: list[FrameAndPoses], how: LimbsSpec = LimbsSpec(), joints: Skeleton = BODY19
) -> list[FramePoses]:
    found = [poses for _, poses in with_plausible_limbs(given, joints, how)]
    assert [poses.frame for poses in found] == [poses.frame for _, poses in given]
    assert all(poses.other_places is None for poses in found)
    return found


def place_of(poses: FramePoses, joint: str, row: int = 0) -> list[float]:
    return poses.xy[row, BODY19.index(joint)].tolist()


def test_both_knees_on_one_leg_go_apart_and_the_score_is_the_mean_of_both_places() -> None:
    moved = {"left_knee": (at("right_knee"), 0.5)}
    (found,) = refined([pair(0, moved, {"left_knee": [(at("left_knee"), 0.3)]})])
    np.testing.assert_allclose(place_of(found, "left_knee"), at("left_knee"))
    assert found.score[0, BODY19.index("left_knee")] == pytest.approx(0.4)
    np.testing.assert_allclose(place_of(found, "right_knee"), at("right_knee"))
    assert found.score[0, BODY19.index("right_knee")] == pytest.approx(0.9)


def test_a_sure_joint_stays_though_its_partner_is_there() -> None:
    """Knees do pass each other."""
    moved = {"left_knee": (at("right_knee"), 0.9)}
    (found,) = refined([pair(0, moved, {"left_knee": [(at("left_knee"), 0.1)]})])
    np.testing.assert_allclose(place_of(found, "left_knee"), at("right_knee"))


@pytest.mark.parametrize(("part", "goes_apart"), [("knee", True), ("wrist", False)])
def test_hands_meet_more_often_than_knees(part: str, goes_apart: bool) -> None:
    left, right = at(f"left_{part}"), at(f"right_{part}")
    given = [pair(0, {f"left_{part}": (right, 0.5)}, {f"left_{part}": [(left, 0.25)]})]
    (found,) = refined(given)
    np.testing.assert_allclose(place_of(found, f"left_{part}"), left if goes_apart else right)


def test_a_bone_that_is_much_too_long_is_not_believed() -> None:
    far = (95.0, 30.0)
    moved = {"left_ankle": (far, 0.5)}
    (found,) = refined([pair(0, moved, {"left_ankle": [(at("left_ankle"), 0.4)]})])
    np.testing.assert_allclose(place_of(found, "left_ankle"), at("left_ankle"))
    (kept,) = refined([pair(0, {"left_ankle": (far, 0.02)}, {})])  # there is no other place
    np.testing.assert_allclose(place_of(kept, "left_ankle"), far)


@pytest.mark.parametrize(("joint", "wrong"), [("left_wrist", (74, 30)), ("right_wrist", (26, 30))])
def test_a_joint_stays_where_it_was_in_the_frames_around(
    joint: str, wrong: tuple[float, float]
) -> None:
    """For a moment a hand is taken to be where it could be; the second of the other places is right."""
    away = (50.0, 99.0)
    given = [pair(frame, {}, {}) for frame in range(9)]
    given[4] = pair(4, {joint: (wrong, 0.5)}, {joint: [(away, 0.48), (at(joint), 0.45)]})
    found = refined(given)
    np.testing.assert_allclose(place_of(found[4], joint), at(joint))
    (alone,) = refined([given[4]])
    np.testing.assert_allclose(place_of(alone, joint), wrong)


@pytest.mark.parametrize(("joint", "one"), [("left_wrist", (74, 30)), ("right_wrist", (26, 30))])
def test_frames_that_cannot_tell_follow_those_behind_them(
    joint: str, one: tuple[float, float]
) -> None:
    unsure = {joint: (one, 0.5)}, {joint: [(at(joint), 0.45)]}
    given = [
        *(pair(frame, *unsure) for frame in range(2)),
        *(pair(2 + i, {}, {}) for i in range(5)),
    ]
    for poses in refined(given):
        np.testing.assert_allclose(place_of(poses, joint), at(joint))


def test_who_moves_fast_is_believed() -> None:
    far = (36.0, 14.0)
    now = pair(1, {"left_wrist": (far, 0.6)}, {"left_wrist": [(at("left_wrist"), 0.3)]})
    np.testing.assert_allclose(place_of(refined([pair(0, {}, {}), now])[1], "left_wrist"), far)


def test_what_follows_decides_as_far_as_is_looked_ahead() -> None:
    """The first frames cannot tell; from the third on the wrist is sure."""
    one, two = (74.0, 30.0), at("left_wrist")
    unsure = {"left_wrist": (one, 0.5)}, {"left_wrist": [(two, 0.45)]}
    given = [pair(0, *unsure), pair(1, *unsure), *(pair(frame, {}, {}) for frame in range(2, 9))]
    for lookahead, expected in ((6, (two, two)), (1, (one, two)), (0, (one, one))):
        found = refined(given, LimbsSpec(lookahead=lookahead))
        for poses, place in zip(found, expected, strict=False):
            np.testing.assert_allclose(place_of(poses, "left_wrist"), place)


def test_people_are_followed_by_their_numbers_and_not_over_gaps() -> None:
    wrong = (74.0, 30.0)
    unsure = {"left_wrist": (wrong, 0.5)}, {"left_wrist": [(at("left_wrist"), 0.45)]}
    sure = pair(0, {}, {}, numbers=(3,))
    others = refined([sure, pair(1, *unsure, numbers=(9, 3))])[1]
    np.testing.assert_allclose(place_of(others, "left_wrist", 0), wrong)
    np.testing.assert_allclose(place_of(others, "left_wrist", 1), at("left_wrist"))
    nobody = Frame(1, 0.04, None), FramePoses.empty(1, 0.04, NUM)
    after = refined([sure, nobody, pair(2, *unsure)])[2]
    np.testing.assert_allclose(place_of(after, "left_wrist"), wrong)


def test_joints_that_were_not_found_stay_missing() -> None:
    nowhere = {"left_knee": ((np.nan, np.nan), 0.0)}
    found = refined([pair(frame, nowhere, {}) for frame in range(3)])
    for poses in found:
        assert np.isnan(place_of(poses, "left_knee")).all()
        assert poses.score[0, BODY19.index("left_knee")] == 0
        np.testing.assert_allclose(place_of(poses, "left_ankle"), at("left_ankle"))


def test_poses_without_other_places_and_skeletons_without_limbs_stay() -> None:
    plain = [pair(frame, {"left_knee": (at("right_knee"), 0.5)}, None) for frame in range(3)]
    for (_, before), after in zip(plain, refined(plain), strict=True):
        np.testing.assert_array_equal(after.xy, before.xy)
    head = Skeleton("head", ("nose",), (), (0,), np.array([0.1]))
    given = [pair(0, {"left_knee": (at("right_knee"), 0.5)}, {})]
    ((_, found),) = with_plausible_limbs(given, head)
    assert found is given[0][1]


def test_a_skeleton_with_legs_alone_has_its_legs_put_right() -> None:
    names = tuple(
        f"{side}_{part}" for side in ("left", "right") for part in ("hip", "knee", "ankle")
    )
    legs = Skeleton("legs", names, (), (3, 4, 5, 0, 1, 2), np.full(6, 0.1))
    columns = [BODY19.index(name) for name in names]
    moved = {"left_knee": (at("right_knee"), 0.5)}
    frame, poses = pair(0, moved, {"left_knee": [(at("left_knee"), 0.3)]})
    others = poses.other_places
    assert others is not None
    part = FramePoses(
        0, 0.0, poses.people, poses.xy[:, columns], poses.score[:, columns],
        other_places=OtherPlaces(others.xy[:, columns], others.score[:, columns]),
    )  # fmt: skip
    ((_, found),) = with_plausible_limbs([(frame, part)], legs)
    np.testing.assert_allclose(found.xy[0, 1], at("left_knee"))


def test_frames_held_back_are_given_out_if_the_source_fails() -> None:
    def source() -> Iterator[FrameAndPoses]:
        for frame in range(4):
            yield pair(frame, {}, {})
        raise VideoError("the stream ends")

    stream, found = with_plausible_limbs(source(), COCO17), []
    with pytest.raises(VideoError, match="the stream ends"):
        found.extend(poses.frame for _, poses in stream)
    assert found == [0, 1, 2, 3]


def test_large_pictures_are_held_back_in_smaller_numbers() -> None:
    assert LimbsSpec().within_bytes((1080, 1920)).lookahead == LimbsSpec().lookahead
    assert LimbsSpec().within_bytes((4320, 7680)).lookahead == 2
