"""Tracking by pose: when the detector looks, who is believed, and where people are looked for."""

import numpy as np
import pytest

from glpose.skeleton import BODY19, JHMDB15, LIMB13
from glpose.track.by_pose import (
    PoseTracker,
    PoseTrackerSpec,
    Sighting,
    head_and_feet,
    moved_box,
    pose_box,
    pose_score,
)
from glpose.track.tracker import TrackerSpec
from glpose.types import Detections, People

NUM = len(BODY19.joints)


def detections(*boxes: tuple[float, float, float, float], score: float = 0.8) -> Detections:
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.full(len(boxes), score, np.float32)
    )


def pose(x: float, y: float = 100.0, size: float = 100.0) -> np.ndarray:
    """Joints spread over a body of this size around a point."""
    rng = np.random.default_rng(5)
    spread = rng.uniform(-0.5, 0.5, (NUM, 2)) * [0.4, 1.0]
    spread[:2] = [[-0.2, -0.5], [0.2, 0.5]]
    return (spread * size + [x, y]).astype(np.float32)


def box(x: float, y: float = 100.0) -> tuple[float, float, float, float]:
    return (x - 25, y - 55, x + 25, y + 55)


def learn(tracker: PoseTracker, *people: tuple[np.ndarray, float]) -> People:
    xy = np.stack([p for p, _ in people]).astype(np.float32)
    score = np.stack([np.full(NUM, s, np.float32) for _, s in people])
    return tracker.learn(xy, score)[0]


def test_a_person_lives_on_poses_alone_and_keeps_the_id() -> None:
    tracker = PoseTracker(BODY19)
    tracker.update(0, detections(box(100)))
    assert learn(tracker, (pose(100), 0.9)).track_id.tolist() == [1]
    for frame in range(1, 40):
        x = 100 + 3 * frame
        expected = tracker.update(frame, None)
        assert len(expected) == 1
        assert abs(expected.xyxy[0, [0, 2]].mean() - x) < 4  # where the pose will be
        found = learn(tracker, (pose(x), 0.9))
        assert found.track_id.tolist() == [1]
        assert found.score[0] == pytest.approx(0.8)


def test_who_stands_still_is_looked_for_in_one_box_and_who_moves_in_one_that_goes_along() -> None:
    """What a network finds depends on the box a little: joints and boxes would sway for ever."""
    tracker, searched = PoseTracker(BODY19), []
    tracker.update(0, detections(box(100)))
    learn(tracker, (pose(100), 0.9))
    rng = np.random.default_rng(7)
    for frame in range(1, 60):
        x = 100 + 3.0 * max(0, frame - 40)
        searched.append(tracker.update(frame, None).xyxy[0])
        learn(tracker, (pose(x) + rng.normal(0, 0.3, (NUM, 2)).astype(np.float32), 0.9))
    assert len(np.unique(searched[10:40], axis=0)) == 1
    middle = np.array(searched)[45:, [0, 2]].mean(1)
    np.testing.assert_allclose(middle, 100 + 3.0 * np.arange(6, 20), atol=0.05 * 110)
    assert len(np.unique(middle)) > 5


def turned(xy: np.ndarray) -> np.ndarray:
    """A pose turned upside down about its middle."""
    return 2 * xy.mean(0) - xy


def standing(x: float) -> np.ndarray:
    """A pose whose ankles are below the neck."""
    xy = pose(x)
    for name, y in (("left_ankle", 150), ("right_ankle", 150), ("head_bottom", 60)):
        xy[BODY19.index(name)] = [x, y]
    return xy


def test_who_turns_upside_down_is_looked_for_upside_down() -> None:
    tracker = PoseTracker(BODY19)
    tracker.update(0, detections(box(100), box(200)))
    assert tracker.upside_down.tolist() == [False, False]
    learn(tracker, (standing(100), 0.9), (turned(standing(200)), 0.9))
    tracker.update(1, None)
    assert tracker.upside_down.tolist() == [False, True]
    learn(tracker, (standing(100), 0.9), (turned(standing(200)), 0.9))
    tracker.update(2, None)
    assert tracker.upside_down.tolist() == [False, True]
    learn(tracker, (standing(100), 0.9), (standing(200), 0.9))
    tracker.update(3, None)
    assert tracker.upside_down.tolist() == [False, False]


def ways_up(leaning: bool, unsure: int) -> list[bool]:
    """Whether somebody is looked for upside down: in frames that are not sure, and the next three."""
    tracker, xy = PoseTracker(BODY19), standing(100)
    if leaning:
        xy[BODY19.index("head_bottom")] = [160, 120]
    asked = []
    for frame in range(6 + unsure + 3):
        people = tracker.update(frame, detections(box(100)))
        if frame >= 6:
            asked += tracker.upside_down.tolist()
        if len(people):
            learn(tracker, (xy, 0.1 if 6 <= frame < 6 + unsure else 0.9))
    return asked


def test_who_leaned_and_is_not_sure_is_looked_for_once_the_other_way_up() -> None:
    assert ways_up(leaning=True, unsure=1) == [False, True, False, False]
    assert ways_up(leaning=True, unsure=2) == [False, True, False, False, False]
    assert ways_up(leaning=True, unsure=3)[:3] == [False, True, False]
    for unsure in range(1, 6):
        assert not any(ways_up(leaning=False, unsure=unsure))


def test_half_figures_are_not_looked_for_the_other_way_up() -> None:
    tracker = PoseTracker(BODY19)
    half = np.array([not name.endswith(("knee", "ankle")) for name in BODY19.joints])
    for frame in range(9):
        tracker.update(frame, detections(box(100)))
        assert not tracker.upside_down.any()
        score = np.where(half, 0.9 if frame < 6 else 0.1, 0.1).astype(np.float32)
        tracker.learn(standing(100)[None], score[None])


@pytest.mark.parametrize(("y", "expected"), [(100, [False, True]), (144, [False, False])])
def test_newcomers_whom_the_picture_cuts_off_are_not_looked_for_the_other_way_up(
    y: float, expected: list[bool]
) -> None:
    tracker = PoseTracker(BODY19, size_hw=(200, 300))
    asked = []
    for frame in range(2):
        tracker.update(frame, detections(box(100, y), score=0.6))
        asked += tracker.upside_down.tolist()
        learn(tracker, (standing(100), 0.1))
    assert asked == expected


def test_who_is_cut_off_by_the_picture_is_not_looked_for_the_other_way_up() -> None:
    """A person who leaned, and of whom the border leaves too little to be sure."""
    for x, expected in ((100, True), (20, False)):
        tracker = PoseTracker(BODY19, size_hw=(400, 400))
        leaning = standing(x)
        leaning[BODY19.index("head_bottom")] = [x + 60, 120]
        asked = []
        for frame in range(9):
            assert len(tracker.update(frame, detections(box(x))))
            asked += tracker.upside_down.tolist()
            learn(tracker, (leaning, 0.1 if frame == 6 else 0.9))
        assert any(asked) == expected


@pytest.mark.parametrize(
    ("x", "y", "last", "stays"),
    [
        (20, 100, 0.4, False),  # at the side, hardly seen
        (380, 100, 0.4, False),
        (20, 100, 0.9, True),
        (200, 100, 0.4, True),
        (200, 370, 0.4, True),  # cut off below, as people are who are near
    ],
)
def test_who_leaves_at_the_side_is_not_assumed_there(
    x: float, y: float, last: float, *, stays: bool
) -> None:
    tracker = PoseTracker(BODY19, size_hw=(400, 400))
    for frame in range(8):
        tracker.update(frame, detections(box(x, y)) if frame < 6 else None)
        score = {6: last, 7: 0.1}.get(frame, 0.9)
        assert len(learn(tracker, (pose(x, y), score))) == (1 if frame < 7 or stays else 0)


@pytest.mark.parametrize(("lost", "expected"), [(0, [0, 1]), (2, [1]), (8, [0])])
def test_who_was_just_lost_is_given_a_detection_that_would_only_be_tried(
    lost: int, expected: list[int]
) -> None:
    """Too weak and too far for a match; of somebody who was just seen it may be a neighbour."""
    tracker = PoseTracker(BODY19)
    for frame in range(20):
        if len(tracker.update(frame, detections(box(100)) if frame < 20 - lost else None)):
            learn(tracker, (pose(100), 0.1 if frame >= 20 - lost else 0.9))
    people = tracker.update(20, detections(box(135), score=0.22))
    assert sorted(people.track_id.tolist()) == expected
    if expected == [1]:
        assert abs(people.xyxy[0, [0, 2]].mean() - 135) < 15
        assert learn(tracker, (pose(135), 0.9)).track_id.tolist() == [1]


def test_a_weak_detection_alone_does_not_bring_back_who_was_lost() -> None:
    """A shadow that is found in every frame, 35 pixels aside, in which nobody's joints are."""
    tracker, shown = PoseTracker(BODY19), []
    for frame in range(30):
        found = detections(box(100)) if frame < 10 else detections(box(135), score=0.22)
        if num := len(tracker.update(frame, found)):
            one = pose(100), 0.9 if frame < 10 else 0.1
            shown += [frame] * len(learn(tracker, *[one] * num))
    assert shown == list(range(15))


def test_who_was_found_again_by_a_weak_detection_is_missed_like_others() -> None:
    """Lost for two frames, found, lost again: the five frames in which that is bridged begin anew."""
    tracker, shown = PoseTracker(BODY19), []
    for frame in range(22):
        found = detections(box(100)) if frame < 10 else None
        x = 100 if frame < 12 else 135
        if frame == 12:
            found = detections(box(x), score=0.22)
        if num := len(tracker.update(frame, found)):
            one = pose(x), 0.9 if frame < 10 or frame == 12 else 0.1
            shown += [frame] * len(learn(tracker, *[one] * num))
    assert shown == list(range(18))


def test_who_was_detected_at_the_side_but_not_seen_by_the_pose_is_not_assumed_there() -> None:
    tracker = PoseTracker(BODY19, size_hw=(400, 400))
    for frame in range(8):
        tracker.update(frame, detections(box(20)) if frame < 7 else None)
        found = learn(tracker, (pose(20), 0.9 if frame < 6 else 0.1))
        assert len(found) == (frame < 7)


def test_who_is_upside_down_and_cut_off_is_looked_for_upright() -> None:
    tracker, leaning = PoseTracker(BODY19, size_hw=(400, 400)), standing(20)
    leaning[BODY19.index("head_bottom")] = [80, 120]
    asked = []
    for frame in range(5):
        tracker.update(frame, detections(box(20)))
        asked += tracker.upside_down.tolist()
        learn(tracker, (turned(leaning), 0.9 if frame < 2 else 0.1))
    assert asked == [False, True, True, False, True]


def test_whose_pose_is_somebody_elses_is_not_looked_for_the_other_way_up() -> None:
    tracker, leaning = PoseTracker(BODY19), standing(200)
    leaning[BODY19.index("head_bottom")] = [260, 120]
    tracker.update(0, detections(box(100), box(200)))
    learn(tracker, (standing(100), 0.9), (leaning, 0.9))
    tracker.update(1, detections(box(100), box(200)))
    learn(tracker, (standing(100), 0.9), (standing(100), 0.9))
    assert len(tracker.update(2, detections(box(100), box(200)))) == 2
    assert not tracker.upside_down.any()


def test_a_newcomer_who_is_not_sure_is_looked_for_once_the_other_way_up() -> None:
    tracker = PoseTracker(BODY19)
    asked = []
    for frame in range(3):
        tracker.update(frame, detections(box(100), score=0.6))
        asked += tracker.upside_down.tolist()
        learn(tracker, (turned(standing(100)), 0.9 if asked[-1] else 0.1))
    assert asked == [False, True, True]


def test_a_track_that_ends_as_a_duplicate_is_not_asked_how_it_looks() -> None:
    tracker = PoseTracker(BODY19, poses=PoseTrackerSpec(same_oks=1.0))
    rgb = np.zeros((200, 300, 3), np.uint8)
    score = np.full((2, NUM), 0.9, np.float32)
    for frame in range(8):
        people = tracker.update(frame, detections(box(100), box(140 - 8 * min(frame, 5))))
        poses = [standing(100), turned(standing(100))][: len(people)]
        people, _ = tracker.learn(np.stack(poses), score[: len(people)], rgb)
    assert people.track_id.tolist() == [1]


def test_an_unsure_pose_asks_for_the_detector_and_then_ends() -> None:
    tracker = PoseTracker(BODY19)
    tracker.update(0, detections(box(100)))
    learn(tracker, (pose(100), 0.9))
    for frame in range(1, 6):
        tracker.update(frame, None)
        learn(tracker, (pose(100), 0.9))
    assert not tracker.wants_look(2)
    tracker.update(6, None)
    assert len(learn(tracker, (pose(100), 0.1))) == 1  # still there, but not for long
    assert tracker.wants_look(7)
    for frame in range(7, 7 + TrackerSpec().coast_frames):
        if len(tracker.update(frame, detections())):
            learn(tracker, (pose(100), 0.1))
    assert len(tracker.update(20, detections())) == 0


def test_who_leaves_the_picture_keeps_the_id_though_detections_end_at_the_border() -> None:
    tracker = PoseTracker(BODY19, size_hw=(432, 768))
    people = tracker.update(0, detections((663, 84, 870, 370)))
    assert people.track_id.tolist() == [1]
    people = tracker.update(1, detections((708, 180, 767, 385)))
    assert people.track_id.tolist() == [1]


def test_the_detector_looks_at_first_and_then_every_few_frames() -> None:
    how = PoseTrackerSpec(look_every=4, look_first=2)
    tracker = PoseTracker(BODY19, poses=how)
    looked = []
    for frame in range(14):
        looks = tracker.wants_look(frame)
        looked += [frame] if looks else []
        tracker.update(frame, detections(box(100)) if looks else None)
        learn(tracker, (pose(100), 0.9))
    assert looked == [0, 1, 5, 9, 13]


@pytest.mark.parametrize(
    ("every", "longest", "expected"),
    [(4, 10, [0, 1, 5, 10, 20, 30]), (4, 3, list(range(1, 38, 4))), (1, 10, list(range(38)))],
)
def test_where_nothing_changes_the_detector_waits_as_long_as_nothing_had_changed(
    every: int, longest: int, expected: list[int]
) -> None:
    how = PoseTrackerSpec(look_every=every, look_still=longest)
    tracker = PoseTracker(BODY19, poses=how)
    looked = [0]
    for frame in range(38):
        looks = tracker.wants_look(frame, still=looked[-1])  # as it was in the first frame
        looked += [frame] if looks else []
        tracker.update(frame, detections(box(100)) if looks else None)
        learn(tracker, (pose(100), 0.9))
    assert sorted(set(looked)) == sorted({0, *expected})


def waits_after(tracker: PoseTracker, frame: int) -> bool:
    """Whether the detector need not look at a frame at which it usually does, as nothing changes."""
    assert tracker.wants_look(frame)
    return not tracker.wants_look(frame, still=20)


@pytest.mark.parametrize("size", [100.0, 150.0, 60.0])
def test_a_box_of_another_size_is_detected_again_soon_though_nothing_changes(size: float) -> None:
    tracker = PoseTracker(BODY19, poses=PoseTrackerSpec(look_every=4, look_still=20))
    for frame in range(5):
        tracker.update(frame, detections(box(100)) if frame < 2 else None)
        learn(tracker, (pose(100, size=size), 0.9))
    assert waits_after(tracker, 5) == (size == 100)
    # Detected as large as that, it is no reason any more.
    half = 0.55 * size
    tracker.update(5, detections((100 - half / 2, 100 - half, 100 + half / 2, 100 + half)))
    learn(tracker, (pose(100, size=size), 0.9))
    assert waits_after(tracker, 9)


def test_a_box_of_another_shape_is_detected_again_soon_and_a_small_change_is_none() -> None:
    for width, waits in ((50.0, True), (55.0, True), (70.0, False), (36.0, False)):
        # Poses hardly make boxes of another shape and the same area: this one is given.
        tracker = PoseTracker(BODY19, poses=PoseTrackerSpec(look_every=4, look_still=20))
        for frame in range(2):
            tracker.update(frame, detections(box(100)))
            learn(tracker, (pose(100), 0.9))
        (track,) = tracker._tracks
        height = 110 * 50 / width
        track.xyxy = np.array([100, 100, 100 + width, 100 + height])
        track.found_xyxy = np.array([100.0, 100.0, 150.0, 210.0])
        assert (not tracker.wants_look(5, still=20)) == waits


def test_who_is_lost_is_looked_for_as_often_as_usual_though_nothing_changes() -> None:
    how = PoseTrackerSpec(look_every=4, look_alone=4, look_still=20)
    tracker = PoseTracker(BODY19, poses=how)
    looked = []
    for frame in range(80):
        looks = tracker.wants_look(frame) and tracker.wants_look(frame, still=frame - 10)
        looked += [frame] if looks else []
        given = detections(*[box(100)] * (frame < 10)) if looks else None
        if num := len(tracker.update(frame, given)):
            learn(tracker, *[(pose(100), 0.9 if frame < 10 else 0.0)] * num)
    gaps = dict(zip(looked[1:], np.diff(looked).tolist(), strict=True))
    assert max(gap for frame, gap in gaps.items() if frame < 40) <= 5
    assert gaps[looked[-1]] == 20  # given up, after 30 frames


@pytest.mark.parametrize(
    ("score", "strength", "again", "waits"),
    [
        (0.25, 0.0, True, False),  # denied at once
        (0.25, 0.9, True, True),
        (0.6, 0.0, False, False),  # tried once more, in vain
        (0.6, 0.9, False, True),
    ],
)
def test_whom_nothing_confirms_is_looked_for_again_soon_though_nothing_changes(
    score: float, strength: float, again: bool, waits: bool
) -> None:
    tracker = PoseTracker(BODY19, poses=PoseTrackerSpec(look_every=4, look_still=20))

    def follow(frame: int, other: float | None, *, looks: bool = True) -> None:
        found = [box(100)] if other is None else [box(100), box(300)]
        scores = np.array([0.8, other or 0.0], np.float32)[: len(found)]
        given = Detections(np.array(found, np.float32), scores) if looks else None
        people = tracker.update(frame, given)
        places = people.xyxy[:, [0, 2]].mean(1)
        learn(tracker, *[(pose(float(x)), 0.9 if x < 200 else strength) for x in places])

    for frame in range(3):
        follow(frame, None, looks=frame < 2)
    follow(3, score)
    if tracker.wants_look(4):
        follow(4, score if again else None)
    else:
        follow(4, None, looks=False)
    assert (not tracker.wants_look(8, still=20)) == waits
    if not waits:  # and once is not for ever
        follow(8, None)
        assert waits_after(tracker, 12)


def test_whom_the_last_look_did_not_find_is_looked_for_again_soon() -> None:
    tracker = PoseTracker(BODY19, poses=PoseTrackerSpec(look_every=4, look_still=20))
    for frame in range(6):
        given = {0: detections(box(100)), 1: detections(box(100)), 5: detections()}.get(frame)
        tracker.update(frame, given)
        learn(tracker, (pose(100), 0.9))
    assert not waits_after(tracker, 9)


def test_whoever_is_unsure_is_looked_for_at_once_though_nothing_changes() -> None:
    tracker = PoseTracker(BODY19, poses=PoseTrackerSpec(look_still=20))
    for frame, score in enumerate((0.9, 0.9, 0.1)):
        assert tracker.wants_look(frame, still=20) == (frame < 2)
        tracker.update(frame, detections(box(100)) if frame < 2 else None)
        learn(tracker, (pose(100), score))
    assert tracker.wants_look(3, still=20)


def test_where_nobody_is_the_detector_looks_now_and_then() -> None:
    tracker = PoseTracker(BODY19, poses=PoseTrackerSpec(look_every=4, look_alone=2))
    looked = []
    for frame in range(60):
        looks = tracker.wants_look(frame)
        looked += [frame] if looks else []
        is_there = 20 <= frame < 30
        given = detections(*[box(100)] * is_there) if looks else None
        if len(tracker.update(frame, given)):
            learn(tracker, (pose(100), 0.9 if is_there else 0.0))
    assert looked[:6] == [0, 1, 3, 5, 7, 9]
    assert [frame for frame in looked if 21 < frame < 30] == [25, 29]
    late = [frame for frame in looked if frame >= 40]
    assert np.diff(late).tolist() == [2] * (len(late) - 1)
    assert len(late) >= 9


def test_a_detection_that_no_pose_confirms_must_be_strong_twice() -> None:
    for scores, ids in (((0.31, 0.26), []), ((0.26, 0.28), []), ((0.45, 0.45), [1])):
        tracker = PoseTracker(BODY19)
        tracker.update(0, detections())
        for frame, score in enumerate(scores, 1):
            people = tracker.update(frame, detections(box(100), score=score))
            found = learn(tracker, *[(pose(100), 0.1)] * len(people)) if len(people) else people
        assert found.track_id.tolist() == ids


def test_a_weak_detection_becomes_a_person_only_by_its_pose() -> None:
    for score, ids in ((0.6, [1, 2]), (0.3, [1])):
        tracker = PoseTracker(BODY19)
        tracker.update(0, detections(box(100)))
        learn(tracker, (pose(100), 0.9))
        both = Detections(
            np.array([box(100), box(300)], np.float32), np.array([0.8, 0.3], np.float32)
        )
        tried = tracker.update(1, both)
        assert tried.track_id.tolist() == [1, 0]
        assert learn(tracker, (pose(100), 0.9), (pose(300), score)).track_id.tolist() == ids


def test_two_tracks_do_not_share_a_pose() -> None:
    tracker = PoseTracker(BODY19)
    tracker.update(0, detections(box(100), box(150)))
    learn(tracker, (pose(100), 0.9), (pose(150), 0.9))
    for frame in range(1, 4):
        tracker.update(frame, None)
        learn(tracker, (pose(100), 0.9), (pose(150), 0.9))
    tracker.update(4, None)
    # The second crop shows the first person, too.
    found = learn(tracker, (pose(102), 0.9), (pose(103), 0.9))
    assert found.track_id.tolist() == [1, 2]
    assert found.xyxy[1, [0, 2]].mean() > 140  # stays where it was expected
    assert tracker.wants_look(5)


@pytest.mark.parametrize("step", [1, 2])
def test_who_was_hidden_does_not_take_the_pose_of_who_walks_by(step: int) -> None:
    """The walker lurches to where the hidden one is expected; the crops of both show the walker.

    Also if only every second frame could be decoded.
    """
    tracker = PoseTracker(BODY19)
    tracker.update(0, detections(box(100), box(150)))
    learn(tracker, (pose(100), 0.9), (pose(150), 0.9))
    for time, x in enumerate((105, 110, 115, 120, 125, 148), start=1):
        asked = tracker.update(time * step, None)
        shown = {1: pose(x), 2: pose(x if time >= 5 else 150)}
        found = learn(tracker, *((shown[number], 0.9) for number in asked.track_id.tolist()))
        walker = found.xyxy[found.track_id.tolist().index(1)]
        assert abs(walker[[0, 2]].mean() - x) < 10, time


def test_a_cut_ends_all_tracks() -> None:
    tracker = PoseTracker(BODY19)
    tracker.update(0, detections(box(100)))
    learn(tracker, (pose(100), 0.9))
    assert len(tracker.update(1, detections(), scene=1)) == 0
    assert tracker.wants_look(2)


def test_in_a_scene_that_is_back_poses_go_on() -> None:
    """Without a detection: the pose says that the person is there."""
    tracker = PoseTracker(BODY19)
    for frame in range(3):
        tracker.update(frame, detections(box(100)))
        learn(tracker, (pose(100), 0.9))
    tracker.update(3, detections(box(300)), scene=1)
    assert learn(tracker, (pose(300), 0.9)).track_id.tolist() == [2]
    asked = tracker.update(4, detections(), scene=0)
    assert asked.track_id.tolist() == [1]
    assert learn(tracker, (pose(100), 0.9)).track_id.tolist() == [1]


@pytest.mark.parametrize("away", [1, 6, 12, 29])
def test_in_a_scene_that_is_back_all_are_looked_for_where_they_were(away: int) -> None:
    """The detector sees but one of them at once; a second one has left meanwhile."""
    tracker = PoseTracker(BODY19, size_hw=(480, 640))
    for frame in range(8):
        tracker.update(frame, detections(box(100), box(300), box(500)))
        learn(tracker, *((pose(x), 0.9) for x in (100, 300, 500)))
    for frame in range(8, 8 + away):
        tracker.update(frame, detections(box(200)), scene=1)
        assert learn(tracker, (pose(200), 0.9)).track_id.tolist() == [4]
    asked = tracker.update(8 + away, detections(box(300)), scene=0)
    order = asked.track_id.tolist()
    places = {1: (100, 0.9), 2: (300, 0.9), 3: (500, 0.1)}
    assert sorted(order) == [1, 2, 3]
    middle = asked.xyxy[:, [0, 2]].mean(1)
    np.testing.assert_allclose(middle, [places[number][0] for number in order], atol=1)
    found = learn(tracker, *((pose(x), score) for x, score in (places[n] for n in order)))
    assert found.track_id.tolist()[:2] == [1, 2]
    if away > 5:  # nobody is assumed where nobody was found
        assert len(found) == 2
        assert sorted(tracker.update(9 + away, detections(), scene=0).track_id.tolist()) == [1, 2]


FIVE = np.array([[10, 10], [20, 10], [10, 50], [20, 50], [15, 30]], np.float32)
ENDS = ((0, 1), (2,))


def test_a_box_grows_at_once_and_shrinks_slowly_if_head_and_feet_are_sure() -> None:
    sure = np.ones(5, bool)
    small, large = np.array([12.0, 12, 18, 48]), np.array([0.0, 0, 40, 100])
    # The joints' own box is 6, 6, 24, 54.
    np.testing.assert_allclose(pose_box(FIVE, sure, small, ENDS, 0.1, 0.5), [6, 6, 24, 54])
    np.testing.assert_allclose(pose_box(FIVE, sure, large, ENDS, 0.1, 0.5), [3, 3, 32, 77])
    one_ear = np.array([False, True, True, True, True])
    np.testing.assert_allclose(pose_box(FIVE, one_ear, large, ENDS, 0.1, 1.0), [6, 6, 24, 54])
    no_foot = np.array([True, True, False, True, True])
    np.testing.assert_allclose(pose_box(FIVE, no_foot, large, ENDS, 0.1, 0.5), large)
    np.testing.assert_allclose(pose_box(FIVE, no_foot, small, ENDS, 0.1, 0.5), [6, 6, 24, 54])


def test_the_head_is_found_in_all_joint_sets() -> None:
    assert head_and_feet(BODY19) == ((0, 1, 2, 3, 4, 18), (15,), (16,))
    assert head_and_feet(JHMDB15)[0] == (JHMDB15.index("face"),)
    assert head_and_feet(LIMB13) == ((LIMB13.index("left_ankle"),), (LIMB13.index("right_ankle"),))


def test_a_box_goes_with_the_joints() -> None:
    half = np.array([True, True, False, True, True])
    before = Sighting(FIVE, half, np.array([0.0, 0, 40, 100]))
    np.testing.assert_allclose(moved_box(before, FIVE + 7, half), [7, 7, 47, 107])
    larger = moved_box(before, FIVE * 1.04, half)
    np.testing.assert_allclose(larger, [0, 0, 41.6, 104], atol=1e-4)
    np.testing.assert_allclose(moved_box(before, FIVE + 7, ~half), before.xyxy)


def test_a_box_stays_as_it_was_detected_where_no_frame_follows() -> None:
    """As in a picture; the pose still says who is a person."""
    tracker = PoseTracker(BODY19, poses=PoseTrackerSpec(moves_boxes=False))
    tracker.update(0, detections(box(100), box(300), score=0.25))
    found = learn(tracker, (pose(104, 108), 0.9), (pose(300), 0.1))
    np.testing.assert_allclose(found.xyxy, [box(100)])


def test_half_a_person_has_the_score_of_what_is_seen() -> None:
    score = np.zeros((1, NUM), np.float32)
    score[0, :6] = 0.8
    np.testing.assert_allclose(pose_score(score), 0.8)


def test_a_newcomer_beside_others_waits_as_it_may_be_one_of_them() -> None:
    tracker = PoseTracker(BODY19)
    alone = tracker.update(0, detections(box(100)))
    learn(tracker, (pose(100), 0.9))
    for frame in range(1, 4):
        seen = tracker.update(frame, detections(box(100), box(120)))
        assert seen.track_id.tolist() == [1, 0]
        assert learn(tracker, (pose(100), 0.9), (pose(130, 80), 0.9)).track_id.tolist() == [1]
    tracker.update(4, detections(box(100), box(120)))
    assert learn(tracker, (pose(100), 0.9), (pose(130, 80), 0.9)).track_id.tolist() == [1, 2]
    assert len(alone) == 1


@pytest.mark.parametrize("passes", [True, False])
def test_after_a_meeting_numbers_follow_the_clothes(passes: bool) -> None:
    """Whether they passed each other or turned back: motion alone cannot be right in both."""
    tracker, people = PoseTracker(BODY19), People.empty()
    red_left = np.zeros((200, 300, 3), np.uint8)
    red_left[:, :150], red_left[:, 150:] = [255, 0, 0], [0, 0, 255]
    score = np.full((2, NUM), 0.9, np.float32)
    left = [60] * 4 + list(range(60, 140, 8)) + [140] * 4 + list(range(140, 60, -8)) + [60] * 8
    exchanged = []
    for frame, x in enumerate(left):
        asked = tracker.update(frame, detections(box(x), box(300 - x)))
        xs = [x if np.abs(b - x).min() < np.abs(b - 300 + x).min() else 300 - x
              for b in asked.xyxy[:, [0, 2]].mean(1, keepdims=True)]  # fmt: skip
        is_swapped = passes and frame >= 16
        rgb = red_left[:, ::-1] if is_swapped else red_left
        people, _ = tracker.learn(
            np.stack([pose(x) for x in xs]), score[: len(xs)], np.ascontiguousarray(rgb)
        )
        exchanged += [tracker.exchanged] if tracker.exchanged else []
        if frame == 3:
            assert people.track_id[np.argsort(people.xyxy[:, 0])].tolist() == [1, 2]
    owner = people.track_id[np.argsort(people.xyxy[:, 0])].tolist()
    assert owner == ([2, 1] if passes else [1, 2])
    assert exchanged == ([{1: 2, 2: 1}] if passes else [])


def test_at_any_pace_the_lost_are_given_a_weak_detection_for_as_long() -> None:
    def is_found(pace: int, away: int) -> bool:
        tracker = PoseTracker(BODY19)
        tracker.pace = pace
        for frame in range(4):
            tracker.update(frame, detections(box(100)))
            learn(tracker, (pose(100), 0.9))
        for frame in range(4, 4 + away):
            if len(tracker.update(frame, detections())):
                learn(tracker, (pose(100), 0.0))
        found = tracker.update(4 + away, detections(box(135), score=0.22))
        return 1 in found.track_id.tolist() and bool(abs(found.xyxy[0, 0] - box(135)[0]) < 5)

    assert is_found(1, 5)
    assert not is_found(1, 12)
    assert is_found(4, 12)


def test_with_every_fourth_picture_of_four_times_the_pace_people_are_expected_there() -> None:
    trackers = PoseTracker(BODY19), PoseTracker(BODY19)
    trackers[1].pace = 4
    for i in range(40):
        x, y = 100 + 3 * i, 100 + 40 * max(0, i - 24)  # the camera pans
        expected = [
            tracker.update(tracker.pace * i, detections(box(x, y)) if i == 0 else None)
            for tracker in trackers
        ]
        np.testing.assert_array_equal(expected[0].xyxy, expected[1].xyxy)
        for tracker in trackers:
            assert len(learn(tracker, (pose(x, y), 0.9 if i % 20 < 18 else 0.1))) == 1
