"""What is drawn, where, in which colour and how strongly."""

import gc
from dataclasses import replace

import numpy as np
import pytest

from glpose import imaging
from glpose.skeleton import JHMDB15, POSETRACK15, SKELETONS, Skeleton
from glpose.types import FramePoses, People
from glpose.viewer.overlay import draw, face_boxes, track_colour

LEFT_KNEE, LEFT_ANKLE = POSETRACK15.index("left_knee"), POSETRACK15.index("left_ankle")
RIGHT_KNEE, RIGHT_ANKLE = POSETRACK15.index("right_knee"), POSETRACK15.index("right_ankle")
BOX = [60, 60, 260, 420]


def poses(
    joints: dict[int, tuple[float, float, float]], track_id: int = 1, box: list[float] = BOX
) -> FramePoses:
    """One person with a few joints (x, y, score); the others were not found."""
    xy = np.full((1, 15, 2), np.nan, np.float32)
    score = np.zeros((1, 15), np.float32)
    for joint, (x, y, s) in joints.items():
        xy[0, joint], score[0, joint] = (x, y), s
    people = People(np.array([box], np.float32), np.ones(1, np.float32), np.array([track_id]))
    return FramePoses(0, 0.0, people, xy, score)


def leg(score: float, track_id: int = 1) -> FramePoses:
    return poses({LEFT_KNEE: (200, 250, 0.9), LEFT_ANKLE: (200, 400, score)}, track_id)


def ground(level: int = 128, size_hw: tuple[int, int] = (480, 640)) -> np.ndarray:
    return np.full((*size_hw, 3), level, np.uint8)


def strength(rgb: np.ndarray, x: int = 200, y: int = 325, level: int = 128) -> int:
    return int(np.abs(rgb[y, x].astype(int) - level).max())


def test_the_picture_itself_is_not_touched() -> None:
    rgb = ground()
    out = draw(rgb, leg(0.9), POSETRACK15)
    assert (rgb == 128).all()
    assert out.shape == rgb.shape
    assert (out != rgb).any()


def test_without_people_nothing_is_drawn() -> None:
    out = draw(ground(), FramePoses.empty(0, 0.0, 15), POSETRACK15)
    assert (out == 128).all()


def test_numbers_can_be_left_out() -> None:
    out = draw(ground(), poses({LEFT_KNEE: (200, 250, 0.9)}), POSETRACK15, numbered=False)
    assert (np.abs(np.argwhere((out != 128).any(2)) - [250, 200]).max(1) < 15).all()


def test_missing_joints_are_never_drawn() -> None:
    out = draw(ground(), poses({LEFT_KNEE: (200, 250, 0.9)}), POSETRACK15)
    drawn = np.argwhere((out != 128).any(2))
    assert len(drawn)
    near_joint = np.abs(drawn - [250, 200]).max(1) < 15
    near_number = (drawn[:, 0] < 70) & (np.abs(drawn[:, 1] - 160) < 40)  # over the box
    assert (near_joint | near_number).all()


def test_limbs_weigh_as_much_as_the_lesser_score() -> None:
    shown = [strength(draw(ground(), leg(score), POSETRACK15)) for score in (0.1, 0.25, 0.45, 0.9)]
    assert shown[0] == 0
    assert shown[1] < shown[2] < shown[3]


def test_a_doubtful_joint_is_a_ring_and_a_hopeless_one_nothing() -> None:
    ring = draw(ground(), leg(0.1), POSETRACK15)
    assert strength(ring, 200, 400) == 0
    assert (ring[390:411, 190:211] != 128).any()
    nothing = draw(ground(), leg(0.01), POSETRACK15)
    assert (nothing[390:411, 190:211] == 128).all()


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("track_id", range(1, 8))
def test_every_colour_is_readable_on_dark_and_light(level: int, track_id: int) -> None:
    joints = {
        LEFT_KNEE: (200, 250, 0.9),
        LEFT_ANKLE: (200, 400, 0.9),
        RIGHT_KNEE: (120, 250, 0.9),
        RIGHT_ANKLE: (120, 400, 0.9),
    }
    out = draw(ground(level), poses(joints, track_id), POSETRACK15).astype(int)
    for x in (120, 200):
        assert np.abs(out[325, x - 12 : x + 12] - level).max() > 60


def test_left_is_lighter_than_right() -> None:
    left = draw(ground(), leg(0.9), POSETRACK15)[325, 200]
    joints = {RIGHT_KNEE: (200, 250, 0.9), RIGHT_ANKLE: (200, 400, 0.9)}
    right = draw(ground(), poses(joints), POSETRACK15)[325, 200]
    assert left.sum() > sum(track_colour(1)) > right.sum()


def test_neighbouring_tracks_differ_and_a_track_keeps_its_colour() -> None:
    colours = [track_colour(i) for i in range(1, 8)]
    assert len(set(colours)) == 7
    assert track_colour(8) == track_colour(1)


def test_lines_are_placed_to_a_fraction_of_a_pixel() -> None:
    rgb = ground(0, (40, 40))
    imaging.draw_line(rgb, (20.5, 5.0), (20.5, 35.0), (200, 200, 200), 3.0)
    row = rgb[20, :, 0].astype(float)
    assert np.isclose((row * np.arange(40)).sum() / row.sum(), 20.5, atol=0.1)


@pytest.mark.parametrize("x", [-1e9, -50, 639.9, 1e9])
def test_joints_outside_the_picture_do_no_harm(x: float) -> None:
    joints = {LEFT_KNEE: (x, 250, 0.3), LEFT_ANKLE: (200, -x, 0.9)}
    out = draw(ground(), poses(joints, box=[x, -20, x + 10, 50]), POSETRACK15)
    assert out.shape == (480, 640, 3)


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda s: s.name)
def test_every_skeleton_in_a_tiny_picture(skeleton: Skeleton) -> None:
    joints = len(skeleton.joints)
    xy = np.random.default_rng(0).uniform(0, 8, (1, joints, 2)).astype(np.float32)
    people = People(np.array([[0, 0, 8, 8]], np.float32), np.ones(1, np.float32), np.array([12345]))
    score = np.full((1, joints), 0.9, np.float32)
    assert draw(ground(0, (8, 8)), FramePoses(0, 0.0, people, xy, score), skeleton).any()


NOSE, HEAD_TOP = POSETRACK15.index("nose"), POSETRACK15.index("head_top")


def crowd(*people: FramePoses) -> FramePoses:
    """The people of several frames in one."""
    boxes = np.concatenate([p.people.xyxy for p in people])
    ids = np.arange(1, len(people) + 1)
    xy, score = (np.concatenate([getattr(p, name) for p in people]) for name in ("xy", "score"))
    return FramePoses(0, 0.0, People(boxes, np.ones(len(ids), np.float32), ids), xy, score)


def head(x: float, y: float, box: list[float]) -> FramePoses:
    return poses({NOSE: (x, y, 0.9), HEAD_TOP: (x, y - 20, 0.9)}, box=box)


def covered(shown: FramePoses, size_hw: tuple[int, int]) -> np.ndarray:
    """Where numbers are drawn."""
    bare = draw(ground(128, size_hw), shown, POSETRACK15, numbered=False)
    return (draw(ground(128, size_hw), shown, POSETRACK15) != bare).any(2)


@pytest.mark.parametrize("y", [8, 60, 240])
def test_a_number_is_near_its_person_but_never_on_the_face(y: float) -> None:
    """Also of a head at the upper edge, where there is no room above it."""
    number = covered(head(160, y, [130, max(0, y - 30), 190, y + 200]), (480, 640))
    assert number.any()
    assert not number[max(0, int(y) - 20) : int(y) + 8, 150:170].any()
    assert np.abs(np.argwhere(number)[:, 1] - 160).max() < 100


def test_numbers_keep_off_the_faces_of_others() -> None:
    """Somebody's face is where the number of the person in front would be."""
    front, behind = head(160, 200, [130, 160, 190, 400]), head(160, 160, [130, 120, 190, 360])
    number = covered(crowd(front, behind), (480, 640))
    assert number.any()
    for y in (200, 160):
        assert not number[y - 20 : y + 8, 150:170].any()


def test_without_any_room_there_is_no_number() -> None:
    assert not covered(head(12, 20, [0, 0, 24, 24]), (24, 24)).any()


def test_faces_are_as_large_as_bodies_make_them() -> None:
    (face,) = face_boxes(poses({NOSE: (100, 50, 0.9)}, box=[60, 20, 160, 420]), POSETRACK15)
    assert face is not None
    assert face.tolist() == [74, 24, 126, 76]  # a tenth of 400 pixels and some room
    assert face_boxes(poses({LEFT_KNEE: (100, 50, 0.9)}), POSETRACK15) == [None]


def test_the_face_of_jhmdb_is_one() -> None:
    seen = poses({JHMDB15.index("face"): (100, 50, 0.9)}, box=[60, 20, 160, 420])
    (face,) = face_boxes(seen, JHMDB15)
    assert face is not None
    assert face.tolist() == [74, 24, 126, 76]


def test_what_was_drawn_is_not_remembered() -> None:
    def alive() -> int:
        return sum(type(found) is Skeleton for found in gc.get_objects())

    before = alive()
    for _ in range(5):
        draw(ground(), leg(0.9), replace(POSETRACK15, name="my own"))
    assert alive() == before
