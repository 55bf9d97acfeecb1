"""Sides over time: a walk in side view, seen by networks that know left and right more or less."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from glpose.refine import sides
from glpose.refine.sides import (
    LEG_PARTS,
    LEGS,
    SidesSpec,
    _Body,
    _parts_of,
    with_continuous_sides,
    with_sides_in_time,
)
from glpose.skeleton import BODY19, COCO17
from glpose.types import Frame, FrameAndPoses, FramePoses, OtherPlaces, People
from walking import Walk, walk

PERIOD = 36
SIZE_HW = (480, 640)
NUM = len(BODY19.joints)
PARTS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")


def truth(frame: int) -> np.ndarray:
    """Joints of somebody who walks to the right: legs and arms swing against each other."""
    xy = np.zeros((NUM, 2))
    swing = np.sin(2 * np.pi * frame / PERIOD)
    for sign, side in ((1, "left"), (-1, "right")):
        for place, part in enumerate(PARTS):
            reach = (0, 12, 22, 0, -8, -14)[place]
            y = (50, 75, 98, 20, 35, 50)[place]
            xy[BODY19.index(f"{side}_{part}")] = [2 * frame + sign * reach * swing, y]
    return xy


def exchanged(xy: np.ndarray, parts: tuple[str, ...]) -> np.ndarray:
    joints = list(range(NUM))
    for part in parts:
        left, right = BODY19.index(f"left_{part}"), BODY19.index(f"right_{part}")
        joints[left], joints[right] = right, left
    return xy[joints]


def pair(frame: int, xy: np.ndarray, evidence: float | None, *, rgb: bool = False) -> FrameAndPoses:
    box = np.array([[2 * frame - 30, 0, 2 * frame + 30, 100]], np.float32)
    people = People(box, np.ones(1, np.float32), np.array([4]))
    known = None if evidence is None else np.full((1, NUM), evidence, np.float32)
    poses = FramePoses(
        frame, frame / 25, people, xy[None].astype(np.float32), np.ones((1, NUM), np.float32),
        side_evidence=known,
    )  # fmt: skip
    return Frame(frame, frame / 25, np.zeros((40, 40, 3), np.uint8) if rgb else None), poses


def with_place(given: FrameAndPoses, joint: str, place: tuple[float, float]) -> FrameAndPoses:
    """The same with another place of a joint, of score 0.3."""
    frame, poses = given
    xy, score = np.full((1, NUM, 1, 2), np.nan, np.float32), np.zeros((1, NUM, 1), np.float32)
    xy[0, BODY19.index(joint), 0], score[0, BODY19.index(joint), 0] = place, 0.3
    return frame, replace(poses, other_places=OtherPlaces(xy, score))


def test_other_places_are_exchanged_with_their_limbs() -> None:
    given = []
    for frame in range(PERIOD):
        is_wrong = frame in {8, 9, 10}
        xy = exchanged(truth(frame), ("knee", "ankle")) if is_wrong else truth(frame)
        given.append(pair(frame, xy, 0.2 if is_wrong else 1.5))
    given = [with_place(one, "left_knee", (7.0, 8.0)) for one in given]
    for frame, (_, poses) in enumerate(with_continuous_sides(given, BODY19)):
        others = poses.other_places
        assert others is not None
        knee = "right_knee" if frame in {8, 9, 10} else "left_knee"
        assert np.argwhere(others.score[0, :, 0] > 0).tolist() == [[BODY19.index(knee)]], frame
        np.testing.assert_array_equal(others.xy[0, BODY19.index(knee), 0], [7, 8])
    before = given[9][1].other_places
    assert before is not None
    assert before.score[0, BODY19.index("left_knee"), 0] == np.float32(0.3)  # not changed in place


def wrong_share(pairs: list[FrameAndPoses], part: str = "ankle") -> float:
    """The share of frames whose limb is far from the truth."""
    joint = BODY19.index(f"left_{part}")
    errors = [np.abs(p.xy[0, joint] - truth(p.frame)[joint]).max() for _, p in pairs]
    return float(np.mean(np.array(errors) > 1))


def test_a_network_that_errs_in_some_strides_is_corrected() -> None:
    """In a third of the frames, those of one swing, it believes the wrong side, less clearly."""
    given = []
    for frame in range(4 * PERIOD):
        is_wrong = frame % (PERIOD * 2) < PERIOD // 2
        xy = exchanged(truth(frame), ("knee", "ankle")) if is_wrong else truth(frame)
        given.append(pair(frame, xy, 0.4 if is_wrong else 0.8))
    assert wrong_share(given) > 0.2
    found = list(with_continuous_sides(given, BODY19))
    assert [p.frame for _, p in found] == [p.frame for _, p in given]
    assert wrong_share(found) < 0.02
    assert wrong_share(found, "wrist") == 0


def test_a_network_that_always_puts_one_leg_in_front_gives_continuous_but_unsure_sides() -> None:
    given = []
    for frame in range(4 * PERIOD):
        xy = truth(frame)
        left, right = (BODY19.index(f"{side}_ankle") for side in ("left", "right"))
        if xy[left, 0] < xy[right, 0]:
            xy = exchanged(xy, ("knee", "ankle"))
        given.append(pair(frame, xy, 0.4))
    assert 0.4 < wrong_share(given) < 0.6
    found = list(with_continuous_sides(given, BODY19))
    # One of two, but for all strides; where the ankles meet they are not told apart.
    assert wrong_share(found) < 0.05 or wrong_share(found) > 0.85
    marked = [bool(p.unsure_sides[0]) for _, p in found if p.unsure_sides is not None]
    assert np.mean(marked) > 0.8


def walked(rate_hz: float, wrong_s: float, num_s: float = 8.0) -> Iterator[FrameAndPoses]:
    """A walk in side view; for `wrong_s` of every 1.9 seconds the network names legs wrongly."""
    times = np.arange(0, num_s, 1 / rate_hz)
    for poses in walk(times, Walk(), 2.0):
        is_wrong = poses.time_s > 0.8 and poses.time_s % 1.9 < wrong_s
        xy = exchanged(poses.xy[0], ("knee", "ankle"))[None] if is_wrong else poses.xy
        evidence = np.full((1, NUM), 0.3 if is_wrong else 1.0, np.float32)
        yield Frame(poses.frame, poses.time_s, None), replace(poses, xy=xy, side_evidence=evidence)


def share_of_legs_exchanged(pairs: Iterable[FrameAndPoses], num_s: float = 8.0) -> float:
    """The share of ankles apart that are nearer to where the other one is."""
    ankles = [BODY19.index(f"{side}_ankle") for side in ("left", "right")]
    found = np.array([poses.xy[0, ankles] for _, poses in pairs], float)
    true = np.array([p.xy[0, ankles] for _, p in walked(len(found) / num_s, 0.0, num_s)], float)
    apart = np.linalg.norm(true[:, 0] - true[:, 1], axis=-1) > 15
    own, other = (np.linalg.norm(found - to, axis=-1) for to in (true, true[:, ::-1]))
    return float((own > other)[apart].mean())


@pytest.mark.parametrize(("rate_hz", "most"), [(5.0, 0.1), (8.0, 0.04), (25.0, 0.0)])
def test_in_slow_videos_motion_does_not_outvote_a_network_that_is_right(
    rate_hz: float, most: float
) -> None:
    """A stride has 6 frames at 5 Hz, so that where a leg will be says little."""
    found = with_continuous_sides(walked(rate_hz, 0.0), BODY19, SidesSpec().at_rate(rate_hz))
    both = with_continuous_sides(found, BODY19, LEGS.at_rate(rate_hz), LEG_PARTS)
    assert share_of_legs_exchanged(both) <= most


@pytest.mark.parametrize(
    "rate_hz", [30.0, 60.0, *(pytest.param(hz, marks=pytest.mark.slow) for hz in (120.0, 240.0))]
)
def test_legs_named_wrongly_for_more_than_half_a_second_come_back_at_any_rate(
    rate_hz: float,
) -> None:
    num_s = 4.4  # the walk ends with legs named wrongly, which needs all frames before
    given, how = list(walked(rate_hz, 0.6, num_s)), SidesSpec().at_rate(rate_hz)
    assert share_of_legs_exchanged(given, num_s) > 0.2
    assert share_of_legs_exchanged(with_continuous_sides(given, BODY19, how), num_s) == 0


@pytest.mark.parametrize("rate_hz", [5.0, 10.0, 60.0])
def test_of_what_is_live_the_rate_is_found_from_times(rate_hz: float) -> None:
    """All but the first frames are as with settings for the rate that is known; at 30 Hz all are."""
    given, at_once = list(walked(rate_hz, 0.6)), SidesSpec(lookahead=0)
    known, usual = (
        list(with_continuous_sides(given, BODY19, replace(how, lookahead=0)))
        for how in (at_once.at_rate(rate_hz), at_once)
    )
    # A run with `causal` is to say the same, whatever its header tells.
    for told_hz in (float("nan"), 10.0, 60.0):
        found = list(with_sides_in_time(given, BODY19, SIZE_HW, told_hz, causal=True))
        for (_, one), (_, other) in list(zip(known, found, strict=True))[30:]:
            np.testing.assert_array_equal(one.xy, other.xy)
        assert any(
            (one.xy != other.xy).any() for (_, one), (_, other) in zip(found, usual, strict=True)
        )


def in_order(pairs: Iterable[FrameAndPoses]) -> list[np.ndarray]:
    """Joints and marks of all frames, to compare."""
    return [np.append(poses.xy[0].ravel(), poses.unsure_sides) for _, poses in pairs]


@pytest.mark.parametrize("rate_hz", [10.0, 30.0, 60.0])
def test_sides_and_legs_fit_the_times_and_not_a_header_that_is_wrong(rate_hz: float) -> None:
    """The same pictures and times have the same sides, whatever the header says."""
    given = list(walked(rate_hz, 0.6))[:80]
    right = with_continuous_sides(given, BODY19, SidesSpec().at_rate(rate_hz))
    expected = in_order(with_continuous_sides(right, BODY19, LEGS.at_rate(rate_hz), LEG_PARTS))
    for told_hz in (5.0, 30.0, 1000.0):
        found = in_order(with_sides_in_time(given, BODY19, SIZE_HW, told_hz))
        np.testing.assert_array_equal(found, expected)
    wrong_hz = 1000.0 if rate_hz < 60 else 5.0
    as_told = with_continuous_sides(given, BODY19, SidesSpec().at_rate(wrong_hz))
    assert (np.array(in_order(as_told)) != expected).any()


def test_a_pause_before_the_first_stride_changes_nothing() -> None:
    """As in a recording of a screen, where the mean rate of the header is then far too low."""
    given = list(walked(30.0, 0.6))[:80]
    late = [
        (frame, replace(poses, time_s=poses.time_s + 20.0 * (number > 0)))
        for number, (frame, poses) in enumerate(given)
    ]
    expected = in_order(with_sides_in_time(given, BODY19, SIZE_HW, 30.0))
    found = in_order(with_sides_in_time(late, BODY19, SIZE_HW, 3.5))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "steps_s",
    [[0.0] * 29 + [1.0], [0.0, 0.0, 0.1], [0.0, 1 / 15],
     *([0.001] * (frames - 1) + [frames / 30] for frames in (2, 3, 4, 5))],
)  # fmt: skip
def test_coarse_clocks_and_bursts_change_nothing(steps_s: list[float]) -> None:
    """Streams stamp pictures when they arrive."""
    given = list(walked(30.0, 0.6))[:80]
    times_s = np.cumsum(np.tile(steps_s, 40))
    other = [
        (frame, replace(poses, time_s=float(time_s)))
        for (frame, poses), time_s in zip(given, times_s, strict=False)
    ]
    expected, found = (
        in_order(with_sides_in_time(p, BODY19, SIZE_HW, 30.0)) for p in (given, other)
    )
    np.testing.assert_array_equal(found, expected)


def test_frames_that_come_fast_at_first_hold_back_no_more_later_and_leave_legs_their_turn() -> None:
    """As what a stream has waiting when it is opened: 500 a second, too fast for legs in 4K."""
    bad = range(94, 97)  # the legs have just crossed, as in frame 22
    times_s = np.r_[np.arange(31) / 500, 0.062 + np.arange(1, 100) / 30]
    given = [
        (frame, replace(poses, time_s=float(time_s)))
        for i, time_s in enumerate(times_s)
        for frame, poses in [pair(i, exchanged(truth(i), ("knee",)) if i in bad else truth(i), 0.5)]
    ]
    source = iter(given)
    found = with_sides_in_time(source, BODY19, (2160, 3840), 30.0)
    first = next(found)
    assert len(given) - len(list(source)) < 70
    for legs in (True, False):
        found = list(with_sides_in_time(given, BODY19, (2160, 3840), 30.0, legs=legs))
        assert (wrong_share(found, "knee") > 0) is not legs
        np.testing.assert_array_equal(found[0][1].xy, first[1].xy)


def test_settings_follow_a_rate_that_changes() -> None:
    """Phones take fewer pictures when it gets dark: here 60, then 10 a second."""
    slow = [poses for _, poses in walked(10.0, 0.6) if poses.time_s >= 2]
    both = [poses for _, poses in walked(60.0, 0.6) if poses.time_s < 2] + slow
    given = [
        (Frame(number, poses.time_s, None), replace(poses, frame=number))
        for number, poses in enumerate(both)
    ]
    found = in_order(with_sides_in_time(given, BODY19, SIZE_HW, 22.5))
    at_first = in_order(with_sides_in_time(given[:120], BODY19, SIZE_HW, 60.0))
    np.testing.assert_array_equal(found[:50], at_first[:50])
    # With settings of the mean, motion would outvote a network that is right.
    legs = [BODY19.index(f"left_{part}") for part in ("knee", "ankle")]
    is_wrong = [
        np.abs(xy[:-1].reshape(-1, 2)[legs] - poses.xy[0, legs]).max() > 1
        for xy, (_, poses) in zip(found[-30:], list(walked(10.0, 0.0))[-30:], strict=True)
    ]
    assert np.mean(is_wrong) < 0.1


@pytest.mark.parametrize(
    ("rate_hz", "size_hw", "held"),
    [(30.0, (480, 640), 31 + 4), (60.0, (480, 640), 61 + 8), (240.0, (1080, 1920), 173 + 32),
     (30.0, (2160, 3840), 31 + 4), (120.0, (2160, 3840), 44), (30.0, (4320, 7680), 11)],
)  # fmt: skip
def test_as_many_frames_are_held_back_as_pictures_have_room_for(
    rate_hz: float, size_hw: tuple[int, int], held: int
) -> None:
    """Of the largest ones too few for legs, which then stay as they are; none if causal."""
    empty = [FramePoses.empty(number, number / rate_hz, NUM) for number in range(220)]
    for told_hz in (rate_hz, 1000.0):
        for causal, drawn in ((False, held), (True, 1)):
            given = iter([(Frame(poses.frame, poses.time_s, None), poses) for poses in empty])
            next(with_sides_in_time(given, BODY19, size_hw, told_hz, causal=causal))
            assert 220 - len(list(given)) == drawn


def test_settings_fit_the_rate_of_the_video() -> None:
    for rate_hz in (30.0, float("nan"), float("inf")):
        assert SidesSpec().at_rate(rate_hz) == SidesSpec()
    fast = SidesSpec(lookahead=120, max_gap=48, independent=60)
    assert SidesSpec().at_rate(120.0) == fast
    assert SidesSpec().at_rate(10.0) == SidesSpec(noise=3 * SidesSpec().noise)


def test_pictures_of_4k_are_held_back_as_long_as_small_ones() -> None:
    """Of 24 frames ahead a quarter of what 30 mend is lost; of 10, two thirds."""
    assert SidesSpec().within_bytes((2160, 3840)) == SidesSpec()
    assert SidesSpec().within_bytes((4320, 7680)).lookahead == 10


def from_behind(frame: int) -> np.ndarray:
    """Somebody who stands with the back to the camera: the left side is on the left."""
    xy = np.zeros((NUM, 2))
    for x, side in ((-10.0, "left"), (10.0, "right")):
        for part, y in zip(PARTS, (50, 75, 98, 20, 35, 50), strict=True):
            xy[BODY19.index(f"{side}_{part}")] = [2 * frame + x, y]
    return xy


def on_their_side(poses: FramePoses) -> dict[str, bool]:
    """Which parts of somebody seen from behind have left on the left."""
    return {
        part: bool(
            poses.xy[0, BODY19.index(f"left_{part}"), 0]
            < poses.xy[0, BODY19.index(f"right_{part}"), 0]
        )
        for part in PARTS
    }


@pytest.mark.parametrize("turned", [("shoulder", "hip"), ("shoulder",), ("hip",), PARTS])
def test_a_trunk_that_turns_for_some_frames_is_turned_back(turned: tuple[str, ...]) -> None:
    given = []
    for frame in range(PERIOD):
        is_wrong = frame in {8, 9, 10, 11}
        xy = exchanged(from_behind(frame), turned) if is_wrong else from_behind(frame)
        given.append(pair(frame, xy, 0.3 if is_wrong else 1.2))
    for _, poses in with_continuous_sides(given, BODY19):
        assert all(on_their_side(poses).values()), poses.frame
        assert poses.unsure_sides is not None
        assert not poses.unsure_sides.any()


@pytest.mark.parametrize("turned", [("knee", "ankle"), ("elbow", "wrist"), ("hip",)])
def test_parts_that_are_unsure_are_not_crossed_with_those_that_are_sure(
    turned: tuple[str, ...],
) -> None:
    evidence = np.full((1, NUM), 1.5, np.float32)
    for part in turned:
        for side in ("left", "right"):
            evidence[0, BODY19.index(f"{side}_{part}")] = 0.2
    given = []
    for frame in range(PERIOD):
        at, poses = pair(frame, exchanged(from_behind(frame), turned), 0.0)
        given.append((at, replace(poses, side_evidence=evidence)))
    for _, poses in with_continuous_sides(given, BODY19):
        assert all(on_their_side(poses).values()), poses.frame
    alone = SidesSpec(most_cross=0.0)
    for _, poses in with_continuous_sides(given, BODY19, alone):
        assert [p for p, is_right in on_their_side(poses).items() if not is_right] == [*turned]


def test_arms_that_cross_before_the_chest_stay_crossed() -> None:
    given = [pair(frame, exchanged(from_behind(frame), ("wrist",)), 1.5) for frame in range(PERIOD)]
    for (_, one), (_, two) in zip(given, with_continuous_sides(given, BODY19), strict=True):
        np.testing.assert_array_equal(one.xy, two.xy)


def with_legs(frame: int, apart: float, *, is_wrong: bool = False) -> np.ndarray:
    """Legs so many pixels apart, seen from behind, under arms that do not tell which is which."""
    xy = np.zeros((NUM, 2))
    for sign, side in ((-1, "left"), (1, "right")):
        for part, y in zip(PARTS, (50, 75, 98, 20, 35, 50), strict=True):
            reach = {"hip": 0.0, "shoulder": 0.0, "knee": apart / 2, "ankle": apart / 2}
            xy[BODY19.index(f"{side}_{part}")] = [2 * frame + sign * reach.get(part, 15.0), y]
    return exchanged(xy, ("knee", "ankle")) if is_wrong else xy


@pytest.mark.parametrize(("together", "is_followed"), [(8, True), (16, False)])
def test_names_hold_while_legs_are_together_but_not_for_long(
    together: int, is_followed: bool
) -> None:
    """Behind the gap an unsure network names them the other way round."""
    behind = 10 + together
    given = []
    for frame in range(behind + 20):
        is_gap = 10 <= frame < behind
        xy = with_legs(frame, 2 if is_gap else 20, is_wrong=frame >= 10)
        given.append(pair(frame, xy, 1.5 if frame < 10 else 0.1))
    ankle = BODY19.index("left_ankle")
    for (_, one), (_, two) in zip(given, with_continuous_sides(given, BODY19), strict=True):
        if one.frame < behind or not is_followed:  # who are together are never exchanged
            np.testing.assert_array_equal(one.xy, two.xy)
        else:
            assert two.xy[0, ankle, 0] < 2 * two.frame


def test_legs_that_are_together_are_not_exchanged_though_they_are_before_and_after() -> None:
    given = []
    for frame in range(30):
        is_gap, is_sure = 12 <= frame < 17, 20 <= frame < 26
        xy = with_legs(frame, 2 if is_gap else 20, is_wrong=not is_gap and not is_sure)
        given.append(pair(frame, xy, 1.8 if is_sure else 0.1))
    ankle = BODY19.index("left_ankle")
    for (_, one), (_, two) in zip(given, with_continuous_sides(given, BODY19), strict=True):
        if 12 <= one.frame < 17:
            np.testing.assert_array_equal(one.xy, two.xy)
        else:
            assert two.xy[0, ankle, 0] < 2 * two.frame, two.frame


def test_few_frames_behind_a_long_gap_are_as_sure_as_few_at_the_start() -> None:
    ends = [(20, 1.5)] * 10 + [(2, 1.5)] * 16 + [(20, 0.6)] * 3
    given = [pair(frame, with_legs(frame, apart), sure) for frame, (apart, sure) in enumerate(ends)]
    *_, (_, last) = with_continuous_sides(given, BODY19)
    assert last.unsure_sides is not None
    assert not last.unsure_sides.any()


def test_joints_that_are_missing_leave_the_others_told_apart() -> None:
    given = []
    for frame in range(PERIOD):
        xy = exchanged(from_behind(frame), ("shoulder",)) if frame in {0, 1} else from_behind(frame)
        xy[BODY19.index("left_elbow")] = np.nan
        at, poses = pair(frame, xy, 0.3 if frame in {0, 1} else 1.2)
        assert poses.side_evidence is not None
        poses.side_evidence[0, BODY19.index("left_elbow")] = np.nan
        given.append((at, poses))
    for _, poses in with_continuous_sides(given, BODY19):
        assert on_their_side(poses)["shoulder"], poses.frame


def test_a_sure_network_is_left_alone_and_not_marked() -> None:
    given = [pair(frame, truth(frame), 1.8) for frame in range(PERIOD)]
    found = list(with_continuous_sides(given, BODY19))
    for (_, one), (_, two) in zip(given, found, strict=True):
        np.testing.assert_array_equal(one.xy, two.xy)
        assert two.unsure_sides is None or not two.unsure_sides.any()
    (_, alone), *_ = with_continuous_sides([pair(5, truth(5), 1.8)], BODY19)
    assert alone.unsure_sides is not None
    assert not alone.unsure_sides.any()
    (_, alone), *_ = with_continuous_sides([pair(5, truth(5), 0.1)], BODY19)
    assert alone.unsure_sides is not None
    assert alone.unsure_sides.all()


@pytest.mark.parametrize("evidence", [None, 0.4])
def test_frames_are_held_back_up_to_a_limit(evidence: float | None) -> None:
    how = SidesSpec(lookahead=5)
    taken = 0

    def source() -> list[FrameAndPoses]:
        nonlocal taken
        for frame in range(20):
            taken += 1
            yield pair(frame, truth(frame), evidence, rgb=True)

    stream = with_continuous_sides(source(), BODY19, how)
    next(stream)
    assert taken == 6
    assert len(list(stream)) == 19
    assert how.within_bytes((40, 40), 3 * 4800).lookahead == 3
    assert how.within_bytes((4000, 4000), 100).lookahead == 1


def test_without_lookahead_each_frame_is_answered_at_once_by_what_came_before() -> None:
    asked: list[int] = []
    given = [pair(f, truth(f), 2.0) for f in range(2 * PERIOD)]
    for f in range(PERIOD + 5, PERIOD + 14):
        given[f] = pair(f, exchanged(truth(f), ("knee", "ankle")), 0.1)

    def source(num: int) -> Iterator[FrameAndPoses]:
        for index in range(num):
            asked.append(index)
            yield given[index]

    at_once = SidesSpec(lookahead=0)
    found = []
    for _, poses in with_continuous_sides(source(len(given)), BODY19, at_once):
        assert asked[-1] == poses.frame
        found.append(poses)
    assert wrong_share([(given[0][0], p) for p in found]) == 0
    before = list(with_continuous_sides(source(40), BODY19, at_once))
    for poses, (_, same) in zip(found, before, strict=False):
        np.testing.assert_array_equal(poses.xy, same.xy)
        np.testing.assert_array_equal(poses.unsure_sides, same.unsure_sides)


def test_what_was_held_back_is_given_out_before_an_error() -> None:
    def source() -> Iterator[FrameAndPoses]:
        yield from (pair(frame, truth(frame), 0.4) for frame in range(7))
        raise OSError("gone")

    stream = with_continuous_sides(source(), BODY19)
    assert [next(stream)[1].frame for _ in range(7)] == list(range(7))
    with pytest.raises(OSError, match="gone"):
        next(stream)


def test_two_people_of_a_frame_are_seen_as_each_alone() -> None:
    """Of another size, phase and evidence; one is away now and then, and lacks an ankle at times."""
    rng = np.random.default_rng(0)
    alone: tuple[list[FrameAndPoses], list[FrameAndPoses]] = ([], [])
    together = []
    for frame in range(3 * PERIOD):
        one = pair(frame, truth(frame) + rng.normal(0, 2, (NUM, 2)), rng.uniform(0.2, 1.5))
        xy = 3 * truth(frame + 7) + rng.normal(0, 4, (NUM, 2))
        if frame % 9 < 3:
            xy[BODY19.index("left_ankle")] = np.nan
        if frame % 4 == 0:
            xy = exchanged(xy, ("knee", "ankle"))
        other = pair(frame, xy, rng.uniform(0.2, 1.5))[1]
        people = People(3 * other.people.xyxy, other.people.score, np.array([9]))
        both = [one[1]] if frame % 11 < 2 else [one[1], replace(other, people=people)]
        for given, poses in zip(alone, both, strict=False):
            given.append((one[0], poses))
        together.append((one[0], beside_each_other(both)))
    found = {p.frame: p for _, p in with_continuous_sides(together, BODY19)}
    for row, given in enumerate(alone):
        for _, poses in with_continuous_sides(given, BODY19):
            seen = found[poses.frame]
            np.testing.assert_array_equal(seen.xy[row], poses.xy[0], strict=True)
            # None where nobody was told apart.
            unsure = (p.unsure_sides for p in (seen, poses))
            of_both, own = (np.zeros(2, bool) if marks is None else marks for marks in unsure)
            assert of_both[row] == own[0]
    assert any(not np.array_equal(p.xy, found[p.frame].xy, equal_nan=True) for _, p in together)


def test_parts_of_one_joint_have_it_twice() -> None:
    arms, shoulders = _parts_of(BODY19, sides.PARTS).own[:2]
    names = [
        [[BODY19.joints[i] for i in side] for side in part.tolist()] for part in (arms, shoulders)
    ]
    assert names == [
        [["left_elbow", "left_wrist"], ["right_elbow", "right_wrist"]],
        [["left_shoulder"] * 2, ["right_shoulder"] * 2],
    ]
    root, trunk = _parts_of(BODY19, sides.PARTS).root[:2].tolist()
    assert [BODY19.joints[i] for i in root] == ["left_shoulder", "right_shoulder"] * 2
    assert {BODY19.joints[i] for i in trunk} == {
        f"{side}_{part}" for side in ("left", "right") for part in ("shoulder", "hip")
    }


def test_each_part_is_expected_where_its_own_last_three_frames_say() -> None:
    """Parts are told apart in different frames; beside a plain statement of the same for one part."""
    rng, how = np.random.default_rng(1), SidesSpec()
    parts = _parts_of(BODY19, sides.PARTS)
    num = len(parts)
    body, past = _Body(parts), [deque[tuple[int, np.ndarray]](maxlen=3) for _ in range(num)]
    frame, turns, starts = 0, 0, 0
    for _ in range(200):
        frame += int(rng.choice([1, 2, 3, 7], p=[0.6, 0.2, 0.1, 0.1]))
        places, is_told = rng.normal(0, 0.1, (num, 2, 2, 2)), rng.random(num) < 0.5
        seen = body.add(frame, places, is_told, np.zeros(num), np.zeros(num - 1), how)
        for part, place in enumerate(places):
            if not is_told[part]:
                assert not seen.is_turned[part]
                continue
            if past[part] and frame - past[part][-1][0] > how.max_gap:
                past[part].clear()
            margin = 0.0
            if past[part]:
                (first, old), (last, before) = past[part][0], past[part][-1]
                speed = (before - old) / (last - first) if last > first else 0 * before
                expected = before + speed * (frame - last)
                as_is, turned = (
                    float(np.linalg.norm(p - expected, axis=-1).mean(1).sum())
                    for p in (place, place[::-1])
                )
                margin = np.clip((turned - as_is) / how.noise, -how.most_link, how.most_link)
            starts += not past[part]
            turns += margin < 0
            assert seen.is_turned[part] == (margin < 0)
            only = 1 << (num - 1 - part)  # the way to name parts in which this one alone differs
            assert seen.move[0, only] - seen.move[0, 0] == pytest.approx(abs(margin), abs=1e-9)
            past[part].append((frame, place[::-1] if margin < 0 else place))
    assert turns > 50
    assert starts > num  # also behind gaps


def beside_each_other(people: list[FramePoses]) -> FramePoses:
    """The poses of several people as those of one frame."""
    boxes, scores, numbers = (
        np.concatenate([getattr(p.people, name) for p in people])
        for name in ("xyxy", "score", "track_id")
    )
    xy, score, evidence = (
        np.concatenate([getattr(p, name) for p in people])
        for name in ("xy", "score", "side_evidence")
    )
    everybody = People(boxes, scores, numbers)
    return replace(people[0], people=everybody, xy=xy, score=score, side_evidence=evidence)


def test_a_gap_does_not_change_what_was_sure_before_it() -> None:
    for evidence, is_unsure in ((0.1, True), (1.8, False)):
        before = [pair(frame, truth(frame), evidence) for frame in range(10)]
        after = [pair(frame, truth(frame), 0.4) for frame in range(40, 60)]
        for given in (before, before + after):
            found = [poses for _, poses in with_continuous_sides(given, BODY19)][:10]
            told = [p.unsure_sides.tolist() for p in found if p.unsure_sides is not None]
            assert len(told) >= 8
            assert told == [[is_unsure]] * len(told)


def test_poses_without_evidence_or_without_limbs_stay() -> None:
    given = [pair(frame, truth(frame), None) for frame in range(5)]
    for (_, one), (_, two) in zip(given, with_continuous_sides(given, BODY19), strict=True):
        assert one is two
    empty = FramePoses.empty(0, 0.0, len(COCO17.joints))
    ((_, found),) = with_continuous_sides([(Frame(0, 0.0, None), empty)], COCO17)
    assert found is empty


def with_whole_legs(given: list[FrameAndPoses]) -> list[FrameAndPoses]:
    return list(with_continuous_sides(given, BODY19, LEGS, LEG_PARTS))


def test_knees_that_are_taken_for_each_other_for_three_frames_come_back_to_their_legs() -> None:
    bad = range(22, 25)  # the legs have just crossed
    frames = range(3 * PERIOD)
    given = [pair(i, exchanged(truth(i), ("knee",)) if i in bad else truth(i), 0.5) for i in frames]
    assert wrong_share(given, "knee") > 0
    found = with_whole_legs(given)
    assert [wrong_share(found, part) for part in ("knee", "ankle", "hip", "wrist")] == [0, 0, 0, 0]


def test_legs_that_stay_exchanged_are_left_to_those_who_see_the_whole_body() -> None:
    given = [
        pair(i, exchanged(truth(i), ("knee", "ankle")) if i > 20 else truth(i), 0.5)
        for i in range(60)
    ]
    for (_, one), (_, two) in zip(given[26:], with_whole_legs(given)[26:], strict=True):
        np.testing.assert_array_equal(one.xy, two.xy)


def test_who_was_marked_as_unsure_stays_so_and_legs_mark_nobody() -> None:
    given = [pair(i, truth(i), 0.5) for i in range(4, 15)]  # legs are apart
    marked = [(frame, replace(p, unsure_sides=np.ones(1, bool))) for frame, p in given]
    for before, expected in ((given, False), (marked, True)):
        for _, poses in with_whole_legs(before):
            assert poses.unsure_sides is not None
            assert poses.unsure_sides.tolist() == [expected]
