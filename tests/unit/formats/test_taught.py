"""Teachers' joints: their consensus, and how it is merged with labels by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.formats.dataset import LabelledPicture, LabelledPictures
from glpose.formats.taught import (
    Taught,
    Trust,
    consensus,
    lean_deg,
    lowered,
    read_taught,
    with_taught,
)
from glpose.skeleton import BODY19, COCO17, LSP14
from glpose.types import FrameTruth, People

BOX = np.array([[0, 0, 100, 200]], np.float32)  # joints agree within 10 or 16 px


def found(*x: float) -> np.ndarray:
    """Thunder, its mirror image, Lightning and BlazePose, all joints at these x."""
    xy = np.zeros((1, 4, 17, 2), np.float32)
    xy[0, :, :, 0] = np.array(x)[:, None]
    return xy


@pytest.mark.parametrize(
    ("x", "score", "expected", "sure"),
    [
        ((50, 58, 52, 90), 0.9, 54, True),  # Thunder agrees with itself; BlazePose is outvoted
        ((50, 90, 52, 54), 0.9, 53, True),  # it does not: the median of all
        ((50, 90, 10, 54), 0.9, 52, False),  # two groups
        ((50, 52, 52, 52), 0.2, 51, False),  # agreed, but of low score
    ],
)
def test_the_consensus(x: tuple[float, ...], score: float, expected: float, *, sure: bool) -> None:
    xy, is_sure = consensus(found(*x), np.full((1, 17), score, np.float32), BOX)
    np.testing.assert_allclose(xy[0, :, 0], expected)
    assert (is_sure == sure).all()


def test_shoulders_and_hips_are_moved_down_the_torso() -> None:
    xy = np.zeros((1, 17, 2), np.float32)
    xy[0, COCO17.index("left_hip") :, 1] = 100
    moved = lowered(xy)[0, :, 1] - xy[0, :, 1]
    assert moved[COCO17.index("left_shoulder")] == pytest.approx(4)
    assert moved[COCO17.index("right_hip")] == pytest.approx(3)
    assert moved[COCO17.index("nose")] == moved[COCO17.index("left_knee")] == 0


def labelled(visibility: np.ndarray) -> LabelledPictures:
    """One person of 14 joints, all at x = 20, with the id 7 in its file."""
    xy = np.full((1, 14, 2), 20.0, np.float32)
    people = People(BOX, np.ones(1, np.float32), np.ones(1, np.int64))
    truth = FrameTruth(3, 0.0, people, xy, visibility.astype(np.int8))
    return LabelledPictures(LSP14, [LabelledPicture(Path("a.png"), truth, (7,))])


def taught(x: np.ndarray, sure: np.ndarray, number: int = 7) -> Taught:
    xy = np.zeros((1, 17, 2), np.float32)
    xy[0] = np.stack([x, np.full(17, 20.0)], -1)
    return Taught(np.array([number]), np.array([3]), BOX, xy, sure[None])


def merged(hand: LabelledPictures, teachers: Taught, trust: Trust) -> FrameTruth:
    result = with_taught(hand, teachers, trust)
    assert result.skeleton is BODY19
    return result.pictures[0].truth


ALL = np.ones(17, bool)


def test_labels_by_hand_win_and_only_joints_without_labels_are_filled() -> None:
    seen = np.full((1, 14), 2)
    seen[0, LSP14.index("left_knee")] = 0
    truth = merged(labelled(seen), taught(np.full(17, 90.0), ALL), "hand")
    assert truth.xy[0, BODY19.index("right_knee"), 0] == 20
    assert truth.xy[0, BODY19.index("left_eye"), 0] == 90
    assert truth.xy[0, BODY19.index("head_top"), 0] == 20
    # The set labels knees, so that a knee without a label is hidden or outside.
    assert np.isnan(truth.xy[0, BODY19.index("left_knee")]).all()
    assert truth.visibility[0, BODY19.index("left_knee")] == 0


def test_the_consensus_wins_and_is_completed_by_a_person_it_agrees_with() -> None:
    sure = ALL.copy()
    sure[COCO17.index("left_wrist")] = False
    seen = np.full((1, 14), 2)
    truth = merged(labelled(seen), taught(np.full(17, 25.0), sure), "consensus")
    assert truth.xy[0, BODY19.index("left_knee"), 0] == 25
    assert truth.xy[0, BODY19.index("left_wrist"), 0] == 20  # by hand: they agree elsewhere
    assert truth.xy[0, BODY19.index("head_bottom"), 0] == 20
    truth = merged(labelled(seen), taught(np.full(17, 90.0), sure), "consensus")
    assert truth.visibility[0, BODY19.index("left_wrist")] == 0  # they agree nowhere
    assert truth.visibility[0, BODY19.index("left_knee")] == 2
    assert truth.visibility[0, BODY19.index("head_bottom")] == 0


def standing(*, turned_deg: float) -> LabelledPictures:
    """One person whose joints lie on a line of 140 px, left ones 40 px beside the right ones, turned."""
    along = {"head_top": 0, "neck": 1, "shoulder": 2, "elbow": 3, "wrist": 4, "hip": 5, "knee": 6}
    xy = np.zeros((1, 14, 2), np.float32)
    for place, joint in enumerate(LSP14.joints):
        side, _, part = joint.rpartition("_")
        across = {"left": 40, "right": -40}.get(side, 0)
        xy[0, place] = across, 20 * along.get(joint, along.get(part, 7))
    angle = np.deg2rad(turned_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    truth = labelled(np.full((1, 14), 2)).pictures[0].truth
    moved = replace(truth, xy=xy @ turn.T)
    return LabelledPictures(LSP14, [LabelledPicture(Path("a.png"), moved, (7,))])


def as_coco(xy: np.ndarray) -> np.ndarray:
    """The joints of BODY19 as COCO's."""
    return xy[:, [BODY19.index(joint) for joint in COCO17.joints]]


def of_standing(turned_deg: float) -> tuple[LabelledPictures, np.ndarray]:
    """A person turned, and teachers who say the same of each limb joint; eyes and ears are at 0."""
    hand = standing(turned_deg=turned_deg)
    xy = hand.pictures[0].truth.xy
    body = np.zeros((1, 19, 2), np.float32)
    for joint in LSP14.joints[:12]:
        body[0, BODY19.index(joint)] = xy[0, LSP14.index(joint)]
    return hand, as_coco(body)


@pytest.mark.parametrize("turned_deg", [0, 30, 90, 179, -45, -135])
def test_trunks_lean(turned_deg: float) -> None:
    hand = standing(turned_deg=turned_deg).pictures[0].truth.xy
    body = np.full((1, 19, 2), np.nan, np.float32)
    body[:, [BODY19.index(joint) for joint in LSP14.joints[:12]]] = hand[:, :12]
    seen = ~np.isnan(body[..., 0])
    np.testing.assert_allclose(lean_deg(body, seen), [abs(turned_deg)], atol=1e-3)
    seen[0, BODY19.index("left_hip")] = False
    # From the middle of the shoulders to the right hip: 40 px aside, 60 along.
    aside_deg = turned_deg + np.degrees(np.arctan2(40, 60))
    expected = abs((aside_deg + 180) % 360 - 180)
    np.testing.assert_allclose(lean_deg(body, seen), [expected], atol=1e-3)
    seen[0, BODY19.index("right_hip")] = False
    assert np.isnan(lean_deg(body, seen)).all()


@pytest.mark.parametrize(("turned_deg", "by_hand"), [(50, False), (70, True), (-170, True)])
def test_of_people_who_lean_labels_by_hand_count(turned_deg: float, *, by_hand: bool) -> None:
    """Each of three joints is elsewhere for the teachers: at its partner, at no joint, a bit away."""
    hand, xy = of_standing(turned_deg)
    left_knee, right_knee = COCO17.index("left_knee"), COCO17.index("right_knee")
    left_wrist, left_elbow = COCO17.index("left_wrist"), COCO17.index("left_elbow")
    own_knee, own_elbow = xy[0, left_knee].copy(), xy[0, left_elbow].copy()
    xy[0, left_knee] = xy[0, right_knee]
    xy[0, left_wrist] += 300
    xy[0, left_elbow] += 5
    teachers = Taught(np.array([7]), np.array([3]), BOX, xy, ALL[None])
    truth = merged(hand, teachers, "consensus")
    knee, wrist, elbow, eye = (
        BODY19.index(f"left_{part}") for part in ("knee", "wrist", "elbow", "eye")
    )
    expected = own_knee if by_hand else xy[0, right_knee]
    np.testing.assert_allclose(truth.xy[0, knee], expected, atol=1e-4)
    expected = own_elbow if by_hand else xy[0, left_elbow]
    np.testing.assert_allclose(truth.xy[0, elbow], expected, atol=1e-4)
    assert truth.visibility[0, wrist] == (0 if by_hand else 2)
    assert truth.visibility[0, eye] == 2  # both agree on ten joints of twelve


def test_of_people_who_lean_teachers_who_are_wrong_say_nothing_of_faces() -> None:
    hand, xy = of_standing(180)
    teachers = Taught(np.array([7]), np.array([3]), BOX, xy[:, list(COCO17.mirror)], ALL[None])
    truth = merged(hand, teachers, "consensus")
    assert truth.visibility[0, BODY19.index("left_eye")] == 0
    knee = BODY19.index("left_knee")
    expected = hand.pictures[0].truth.xy[0, LSP14.index("left_knee")]
    np.testing.assert_allclose(truth.xy[0, knee], expected)


def test_people_whom_only_the_teachers_know_are_added() -> None:
    truth = merged(labelled(np.full((1, 14), 2)), taught(np.full(17, 60.0), ALL, -1), "consensus")
    assert len(truth.people) == 2
    assert truth.xy[1, BODY19.index("nose"), 0] == 60
    assert truth.visibility[1, BODY19.index("head_top")] == 0
    # The labelled person is not known to the teachers; nothing speaks for the labels.
    assert (truth.visibility[0] == 0).all()


def test_a_file_is_read_in_pixels(tmp_path: Path) -> None:
    arrays = {
        "annotation_id": np.array([7]),
        "image_id": np.array([3]),
        "box_xyxy": BOX,
        "movenet_xy10": np.full((1, 3, 17, 2), 500, np.int16),
        "movenet_score": np.full((1, 3, 17), 200, np.uint8),
        "blaze_xy10": np.full((1, 33, 2), 500, np.int16),
    }
    np.savez(tmp_path / "a.npz", **arrays)
    read = read_taught(tmp_path / "a.npz")
    np.testing.assert_allclose(read.xy, 50)
    assert read.sure.all()
    np.savez(tmp_path / "b.npz", annotation_id=np.array([7]))
    with pytest.raises(BadInput, match=r"b\.npz: not a file of teachers' joints.*movenet_xy10"):
        read_taught(tmp_path / "b.npz")
    with pytest.raises(BadInput, match=r"c\.npz: cannot be read"):
        read_taught(tmp_path / "c.npz")
    np.save(tmp_path / "d.npy", np.zeros(3))
    whole = (tmp_path / "a.npz").read_bytes()
    for content in (b"", whole[:-40], (tmp_path / "d.npy").read_bytes()):
        (tmp_path / "d.npz").write_bytes(content)
        with pytest.raises(BadInput, match=r"d\.npz: not a \.npz file"):
            read_taught(tmp_path / "d.npz")
    np.savez(tmp_path / "d.npz", **(arrays | {"blaze_xy10": np.array("text")}))
    with pytest.raises(BadInput, match=r"d\.npz: not a file of teachers' joints"):
        read_taught(tmp_path / "d.npz")
