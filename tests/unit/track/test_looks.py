"""Who is who by clothes: colours of parts, and numbers that are given back after a meeting."""

import numpy as np
import pytest

from glpose.skeleton import BODY19, POSETRACK15, Skeleton
from glpose.track.looks import NUM_PARTS, LooksMemory, LooksSpec, clothes, difference, to_lab

RED, BLUE, GREEN = (
    np.tile(np.array(c, float), (NUM_PARTS, 1))
    for c in ([50, 60, 40], [40, 10, -60], [60, -50, 50])
)
LEFT, MIDDLE, RIGHT = (
    np.array(b, float) for b in ([0, 0, 40, 100], [100, 0, 140, 100], [200, 0, 240, 100])
)


def standing(x: float, joints: Skeleton = BODY19) -> np.ndarray:
    """Somebody of 100 pixels, seen from the front, with the head at the top."""
    rows = {"shoulder": 20, "elbow": 35, "wrist": 50, "hip": 50, "knee": 75, "ankle": 98}
    xy = np.tile([x, 5.0], (len(joints.joints), 1))
    for i, name in enumerate(joints.joints):
        side, _, part = name.partition("_")
        if part in rows:
            xy[i] = [x + (10 if side == "left" else -10), rows[part]]
    return xy


@pytest.mark.parametrize("joints", [BODY19, POSETRACK15])
def test_clothes_have_the_colours_of_their_parts(joints: Skeleton) -> None:
    rgb = np.zeros((100, 100, 3), np.uint8)
    rgb[:35], rgb[35:50], rgb[50:75], rgb[75:] = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255] * 3
    found = clothes(rgb, standing(50, joints)[None], np.ones((1, len(joints.joints)), bool), joints)
    expected = [[53.2, 80.1, 67.2], [87.7, -86.2, 83.2], [32.3, 79.2, -107.9], [100, 0, 0]]
    np.testing.assert_allclose(found[0], expected, atol=0.3)  # sRGB's primaries in CIE L*a*b*, D65


def test_parts_without_sure_joints_are_unknown() -> None:
    sure = np.ones((1, len(BODY19.joints)), bool)
    sure[0, [BODY19.index("left_hip"), BODY19.index("right_ankle"), BODY19.index("left_ankle")]] = (
        False
    )
    found = clothes(np.zeros((100, 100, 3), np.uint8), standing(50)[None], sure, BODY19)
    assert np.isnan(found[0]).all(-1).tolist() == [True, True, False, True]
    assert np.isnan(difference(found[0], np.full((NUM_PARTS, 3), np.nan)))


def test_joints_that_a_skeleton_lacks_or_that_are_missing_tell_nothing() -> None:
    names = ("left_hip", "left_knee", "left_ankle", "right_ankle")
    one_leg = Skeleton("one leg", names, (), (0, 1, 3, 2), np.full(4, 0.1))
    rgb = np.full((100, 100, 3), 255, np.uint8)
    xy = np.stack([standing(50)[[BODY19.index(name) for name in names]]] * 2)
    sure = np.array([[True] * 4, [True, True, False, True]])
    xy[1, 2] = np.nan
    lightness = clothes(rgb, xy, sure, one_leg)[..., 0]
    none = np.nan
    np.testing.assert_allclose(
        lightness, [[none, none, 100, 100], [none, none, 100, none]], atol=0.1
    )


def test_each_of_several_people_has_the_own_colours_and_nobody_has_none() -> None:
    rgb = np.full((100, 200, 3), 255, np.uint8)
    rgb[:, 100:] = 0
    xy = np.stack([standing(150), standing(50), standing(50), standing(150)])
    sure = np.ones((4, len(BODY19.joints)), bool)
    sure[1] = False
    sure[2, [BODY19.index("left_knee"), BODY19.index("right_knee")]] = False
    lightness = clothes(rgb, xy, sure, BODY19)[..., 0]
    none = np.nan
    expected = [[0] * 4, [none] * 4, [100, 100, none, none], [0] * 4]
    np.testing.assert_allclose(lightness, expected, atol=0.1)
    assert clothes(rgb, xy[:0], sure[:0], BODY19).shape == (0, NUM_PARTS, 3)
    assert np.isnan(clothes(rgb, xy[:1], sure[1:2], BODY19)).all()


def test_a_part_has_the_median_of_its_known_places() -> None:
    """Three along each thigh, at 30, 50 and 70 % of the way from hip to knee."""
    rgb = np.zeros((100, 100, 3), np.uint8)
    levels = (10, 90, 200)
    for side, own in ((60, (0, 1, 2)), (40, (1, 1, 2))):  # the left thigh is at 60
        for y, level in zip((58, 62, 68), own, strict=True):
            rgb[y - 2 : y + 2, side - 5 : side + 5] = levels[level]
    xy, sure = standing(50)[None], np.ones((1, len(BODY19.joints)), bool)
    dark, middle, bright = to_lab(np.array([[level] * 3 for level in levels], np.uint8))[:, 0]
    both = clothes(rgb, xy, sure, BODY19)[0, 2, 0]
    assert both == pytest.approx(middle, abs=1e-3)
    assert dark < middle < bright
    rgb[60:64, 35:65] = levels[2]  # now one dark, one middle and four bright ones
    rgb[56:60, 35:45] = levels[0]  # two dark ones
    rgb[66:70, 35:45] = levels[1]
    assert clothes(rgb, xy, sure, BODY19)[0, 2, 0] == pytest.approx((middle + bright) / 2, abs=1e-3)
    sure[0, BODY19.index("left_knee")] = False
    assert clothes(rgb, xy, sure, BODY19)[0, 2, 0] == pytest.approx(middle, abs=1e-3)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((8, 8, 8), (2.19, 0, 0)),  # in the straight parts of both curves
        ((200, 120, 50), (57.98, 25.69, 49.86)),
    ],
)
def test_colours_in_cie_lab(rgb: tuple[int, ...], lab: tuple[float, ...]) -> None:
    """The primaries are as in tables of colours, the last two were worked out by hand."""
    found = to_lab(np.array([[rgb]], np.uint8))
    assert found.shape == (1, 1, 3)
    np.testing.assert_allclose(found[0, 0], lab, atol=0.05)


def test_joints_outside_the_picture_are_no_error() -> None:
    found = clothes(
        np.full((10, 10, 3), 255, np.uint8), standing(-500)[None],
        np.ones((1, len(BODY19.joints)), bool), BODY19,
    )  # fmt: skip
    np.testing.assert_allclose(found[0, :, 0], 100, atol=0.1)


def meet(
    memory: LooksMemory[str],
    *,
    swapped: bool,
    looks: tuple[np.ndarray, np.ndarray] = (RED, BLUE),
    frames: int = 3,
) -> dict:
    """a and b are seen apart, then together, then apart; perhaps they have changed places."""
    for _ in range(5):
        assert memory.update("ab", np.stack([LEFT, RIGHT]), np.stack(looks), "ab") == {}
    for _ in range(3):
        assert memory.update("ab", np.stack([MIDDLE, MIDDLE]), np.stack(looks), "ab") == {}
    after = looks[::-1] if swapped else looks
    for _ in range(frames - 1):
        assert memory.update("ab", np.stack([LEFT, RIGHT]), np.stack(after), "ab") == {}
    return memory.update("ab", np.stack([LEFT, RIGHT]), np.stack(after), "ab")


def test_numbers_that_changed_hands_are_given_back_once() -> None:
    memory: LooksMemory[str] = LooksMemory()
    assert meet(memory, swapped=True) == {"a": "b", "b": "a"}
    for _ in range(10):  # a now has the number of the one in blue
        assert memory.update("ab", np.stack([LEFT, RIGHT]), np.stack([BLUE, RED]), "ab") == {}


def test_who_kept_the_number_keeps_it() -> None:
    assert meet(LooksMemory(), swapped=False) == {}


def test_people_dressed_alike_keep_what_motion_said() -> None:
    rng = np.random.default_rng(0)
    alike = (RED, RED + rng.normal(0, 1, RED.shape))
    assert meet(LooksMemory(), swapped=True, looks=alike) == {}


def test_unknown_colours_decide_nothing() -> None:
    nothing = np.full((NUM_PARTS, 3), np.nan)
    assert meet(LooksMemory(), swapped=True, looks=(nothing, nothing)) == {}


def test_one_is_enough_while_the_other_is_hidden() -> None:
    memory: LooksMemory[str] = LooksMemory(LooksSpec(num_clean=2))
    for _ in range(5):
        memory.update("ab", np.stack([LEFT, RIGHT]), np.stack([RED, BLUE]), "ab")
    memory.update("ab", np.stack([MIDDLE, MIDDLE]), np.stack([RED, RED]), "ab")
    assert memory.update("a", LEFT[None], BLUE[None], "ab") == {}
    assert memory.update("a", LEFT[None], BLUE[None], "ab") == {"a": "b", "b": "a"}


@pytest.mark.parametrize(("looks", "where", "is_known"), [
    (RED, MIDDLE, True), (GREEN, MIDDLE, False), (RED, MIDDLE + [500, 0, 500, 0], False),
])  # fmt: skip
def test_somebody_new_may_be_the_one_who_was_lost_nearby(
    looks: np.ndarray, where: np.ndarray, is_known: bool
) -> None:
    memory: LooksMemory[str] = LooksMemory()
    for _ in range(5):
        memory.update("a", LEFT[None], RED[None], "a")
    memory.update("", np.zeros((0, 4)), np.zeros((0, NUM_PARTS, 3)), "a")
    for _ in range(2):
        assert memory.update("b", where[None], looks[None], "ab") == {}
    changes = memory.update("b", where[None], looks[None], "ab")
    assert changes == ({"a": "b", "b": "a"} if is_known else {})


def test_three_in_a_ring() -> None:
    memory: LooksMemory[str] = LooksMemory()
    boxes = np.stack([LEFT, MIDDLE, RIGHT])
    for _ in range(5):
        memory.update("abc", boxes, np.stack([RED, BLUE, GREEN]), "abc")
    memory.update("abc", np.stack([MIDDLE] * 3), np.stack([RED] * 3), "abc")
    changes = [memory.update("abc", boxes, np.stack([GREEN, RED, BLUE]), "abc") for _ in range(3)]
    assert changes[-1] == {"a": "c", "b": "a", "c": "b"}


def test_ties_do_not_depend_on_where_in_memory_people_are() -> None:
    """Whose looks before the meeting nobody knows are as good for one as for the other."""

    class Who:
        def __init__(self, name: int, place: int) -> None:
            self.name, self._place = name, place

        def __hash__(self) -> int:
            return self._place

    def changes(places: list[int]) -> dict[int, int]:
        people = [Who(name, place) for name, place in enumerate(places)]
        memory: LooksMemory[Who] = LooksMemory()
        apart, together = np.stack([LEFT, MIDDLE, RIGHT]), np.stack([MIDDLE] * 3)
        first, unseen = people[:1], np.full((NUM_PARTS, 3), np.nan)
        for _ in range(5):
            memory.update(first, apart[:1], np.stack([RED]), first)
        memory.update(people, together, np.stack([unseen] * 3), people)
        for _ in range(3):
            found = memory.update(people, apart, np.stack([BLUE, RED, RED]), people)
        return {who.name: owner.name for who, owner in found.items()}

    expected = changes([0, 1, 2])
    assert expected
    for places in ([2, 1, 0], [1, 2, 0], [2, 0, 1], [0, 2, 1], [1, 0, 2]):
        assert changes(places) == expected


def test_who_is_gone_is_forgotten() -> None:
    memory: LooksMemory[str] = LooksMemory()
    meet(memory, swapped=False, frames=2)
    assert memory.update("a", LEFT[None], RED[None], "a") == {}
    assert memory.update("a", LEFT[None], BLUE[None], "a") == {}  # no meeting is open any more


def test_those_who_pass_two_who_stand_together_are_forgotten() -> None:
    memory: LooksMemory[int] = LooksMemory()
    together, looks = np.stack([MIDDLE] * 3), np.stack([RED] * 3)
    for passer in range(2, 40):
        people = [0, 1, passer]
        memory.update(people, together, looks, people)
        memory.update(people[:2], together[:2], looks[:2], people[:2])
    assert all(len(one.met) <= 2 for one in memory._of.values())
