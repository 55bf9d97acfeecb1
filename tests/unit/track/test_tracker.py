"""The tracker on made-up trajectories: who is who through gaps, crossings, dips and cuts."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.track.tracker import Tracker, TrackerSpec
from glpose.types import Detections, People

Person = tuple[float, float, float, float, float]
"""Centre x, centre y, width, height, score."""


def seen(people: Iterable[Person]) -> Detections:
    rows = np.array(list(people), np.float64).reshape(-1, 5)
    centre, half = rows[:, :2], rows[:, 2:4] / 2
    xyxy = np.concatenate([centre - half, centre + half], 1)
    return Detections(xyxy.astype(np.float32), rows[:, 4].astype(np.float32))


def person(x: float, y: float = 200, score: float = 0.9, height: float = 200) -> Person:
    return (x, y, 0.4 * height, height, score)


def follow(
    scene: Callable[[int], Sequence[Person]], frames: int, tracker: Tracker | None = None
) -> list[People]:
    tracker = tracker or Tracker(size_hw=(480, 1280))
    return [tracker.update(i, seen(scene(i))) for i in range(frames)]


def ids(people: People) -> list[int]:
    return people.track_id.tolist()


def centre_x(people: People, track_id: int) -> float:
    box = people.xyxy[people.track_id == track_id][0]
    return float(box[0] + box[2]) / 2


def test_people_of_the_first_frame_are_there_at_once_best_first() -> None:
    people = follow(lambda _: [person(100, score=0.6), person(400, score=0.9)], 1)[0]
    assert ids(people) == [1, 2]
    assert centre_x(people, 1) == 400
    np.testing.assert_allclose(people.score, [0.9, 0.6])


def test_equally_sure_people_are_numbered_from_left_to_right() -> None:
    people = follow(lambda _: [person(400, 150), person(100, 250), person(250, 200)], 1)[0]
    assert [centre_x(people, number) for number in (1, 2, 3)] == [100, 250, 400]


def test_a_second_box_of_a_person_starts_nothing_and_hides_nobody() -> None:
    people = follow(lambda _: [person(100), person(104, score=0.8), person(400, score=0.7)], 1)[0]
    assert [centre_x(people, number) for number in ids(people)] == [100, 400]


def test_the_least_score_of_a_new_person_is_inclusive() -> None:
    tracker = Tracker(TrackerSpec(new_score=0.5))
    assert ids(tracker.update(0, seen([person(100, score=0.5), person(400, score=0.49)]))) == [1]


@pytest.mark.parametrize(("width", "num"), [(50, 2), (51, 1)])
def test_boxes_are_duplicates_above_the_limit(width: float, num: int) -> None:
    # One lies in the other: their IoU is the ratio of the widths.
    boxes = [(100, 200, 100, 200, 0.9), (100, 200, width, 200, 0.8)]
    people = follow(lambda _: boxes, 8, Tracker(TrackerSpec(duplicate_iou=0.5)))
    assert [len(p) for p in people] == [num] * 8


def test_a_later_person_counts_after_two_frames_or_at_once_if_sure() -> None:
    def scene(i: int) -> list[Person]:
        unsure = [person(400, score=0.5)] if i >= 3 else []
        sure = [person(800, score=0.9)] if i >= 6 else []
        return [person(100), *unsure, *sure]

    out = [ids(people) for people in follow(scene, 8)]
    assert out == [[1], [1], [1], [1], [1, 2], [1, 2], [1, 2, 3], [1, 2, 3]]


def test_a_false_alarm_of_one_frame_never_counts_and_costs_no_number() -> None:
    def scene(i: int) -> list[Person]:
        false = [person(600, score=0.5)] if i == 3 else []
        late = [person(900, score=0.9)] if i >= 6 else []
        return [person(100), *false, *late]

    assert {n for people in follow(scene, 10) for n in ids(people)} == {1, 2}


def test_people_who_cross_keep_their_numbers() -> None:
    def scene(i: int) -> list[Person]:
        return [person(200 + 8 * i), person(840 - 8 * i, 204)]

    out = follow(scene, 80)
    right, left = (1, 2) if centre_x(out[0], 1) < 400 else (2, 1)
    assert all(ids(people) == [1, 2] for people in out)
    assert centre_x(out[-1], right) == pytest.approx(200 + 8 * 79, abs=5)
    assert centre_x(out[-1], left) == pytest.approx(840 - 8 * 79, abs=5)


@pytest.mark.slow
@pytest.mark.parametrize("speed", [3, 6, 10])
@pytest.mark.parametrize("seed", range(4))
def test_people_who_hide_each_other_while_crossing_keep_their_numbers(
    speed: int, seed: int
) -> None:
    noise = np.random.default_rng(seed).normal(0, 3, (200, 2, 2))

    def scene(i: int) -> list[Person]:
        a, b = 640 + speed * (i - 60), 640 - speed * (i - 60)
        front = person(a + noise[i, 0, 0], 200 + noise[i, 0, 1])
        back = person(b + noise[i, 1, 0], 196 + noise[i, 1, 1])
        return [front] if abs(a - b) < 45 else [front, back]

    out = follow(scene, 120)
    assert {n for people in out for n in ids(people)} == {1, 2}
    front = 1 if centre_x(out[0], 1) < 640 else 2
    assert centre_x(out[-1], front) > 640 > centre_x(out[-1], 3 - front)


def test_a_gap_of_five_frames_does_not_flicker() -> None:
    out = follow(lambda i: [] if 20 <= i < 25 else [person(200 + 6 * i)], 40)
    assert all(ids(people) == [1] for people in out)
    for i in range(20, 25):
        assert centre_x(out[i], 1) == pytest.approx(200 + 6 * i, abs=6)
    falling = [float(people.score[0]) for people in out[19:25]]
    np.testing.assert_allclose(falling, 0.9 * 0.8 ** np.arange(6), rtol=1e-5)


def test_a_longer_gap_is_left_empty_but_keeps_the_number() -> None:
    out = follow(lambda i: [] if 20 <= i < 40 else [person(200 + 6 * i)], 50)
    assert [ids(people) for people in out[20:40]] == [[1]] * 5 + [[]] * 15
    assert all(ids(people) == [1] for people in out[40:])


@pytest.mark.parametrize(("gap", "number"), [(30, 1), (31, 2)])
def test_the_longest_gap(gap: int, number: int) -> None:
    out = follow(lambda i: [] if 10 <= i < 10 + gap else [person(300)], 12 + gap)
    assert ids(out[-1]) == [number]


def test_frames_that_were_skipped_count_as_time() -> None:
    tracker = Tracker(size_hw=(480, 1280))
    for i in [*range(20), *range(27, 40)]:
        people = tracker.update(i, seen([person(200 + 9 * i)]))
        assert ids(people) == [1]
        assert centre_x(people, 1) == pytest.approx(200 + 9 * i, abs=5)


def test_a_low_score_keeps_a_track_but_starts_none() -> None:
    def scene(i: int) -> list[Person]:
        return [person(200 + 5 * i, score=0.2 if 10 <= i < 22 else 0.9), person(900, score=0.24)]

    out = follow(scene, 30)
    assert all(ids(people) == [1] for people in out)
    np.testing.assert_allclose(out[15].score, [0.2])


def test_boxes_are_calmer_than_detections_and_do_not_lag() -> None:
    noise = np.random.default_rng(0).normal(0, 4, (200, 4))
    true = np.stack(
        [np.array([200.0, 100, 280, 300]) + 4 * i * np.array([1, 0, 1, 0]) for i in range(200)]
    )
    tracker = Tracker()
    boxes = np.stack(
        [
            tracker.update(
                i,
                Detections(
                    (true[i] + noise[i]).astype(np.float32)[None], np.full(1, 0.9, np.float32)
                ),
            ).xyxy[0]
            for i in range(200)
        ]
    )
    error = (boxes - true)[20:]
    assert error.std() < 0.75 * noise[20:].std()
    assert np.diff(boxes, axis=0)[20:].std() < 0.65 * np.diff(true + noise, axis=0)[20:].std()
    assert np.abs(error.mean(0)).max() < 1.0


def test_a_person_half_covered_keeps_the_number_and_gets_the_smaller_box() -> None:
    def scene(i: int) -> list[Person]:
        covered = 15 <= i < 30
        return [(200 + 4 * i, 150 if covered else 200, 80, 100 if covered else 200, 0.9)]

    out = follow(scene, 45)
    assert all(ids(people) == [1] for people in out)
    assert out[16].xyxy[0, 3] == pytest.approx(200, abs=8)
    assert out[31].xyxy[0, 3] == pytest.approx(300, abs=8)


def test_a_camera_knocked_aside_keeps_the_number() -> None:
    out = follow(lambda i: [person(300 if i < 20 else 385)], 40)
    assert all(ids(people) == [1] for people in out)


def test_a_cut_starts_new_numbers_even_in_the_same_place() -> None:
    tracker = Tracker()
    out = [tracker.update(i, seen([person(300, score=0.6)]), scene=int(i >= 5)) for i in range(10)]
    assert [ids(people) for people in out] == [[1]] * 5 + [[2]] * 5


@pytest.mark.parametrize(("gap", "number"), [(1, 1), (30, 1), (31, 3)])
def test_in_a_scene_that_is_back_people_keep_their_numbers_for_a_while(
    gap: int, number: int
) -> None:
    """In that between nobody goes on, though somebody is in the same place."""
    tracker = Tracker()
    shown = [0] * 5 + [1] * gap + [0] * 3
    out = [tracker.update(i, seen([person(300)]), scene=scene) for i, scene in enumerate(shown)]
    expected = [[1]] * 5 + [[2]] * gap + [[number]] * 3
    assert [ids(people) for people in out] == expected


def test_who_moves_is_expected_further_on_when_the_scene_is_back() -> None:
    tracker = Tracker()
    shown = [0] * 8 + [1] * 4 + [0] * 3
    out = [
        tracker.update(i, seen([person(100 + 30 * i)] if scene == 0 else []), scene=scene)
        for i, scene in enumerate(shown)
    ]
    assert [ids(people) for people in out] == [[1]] * 8 + [[]] * 4 + [[1]] * 3


@pytest.mark.parametrize("away", [12, 24, 30])
@pytest.mark.parametrize("pace", [1, 4])
def test_who_moves_is_not_expected_far_off_when_the_scene_is_back_late(
    away: int, pace: int
) -> None:
    """What was cut out of the scene is not known: it may go on where it was."""
    tracker, away = Tracker(), away * pace
    tracker.pace = pace
    shown = [0] * 12 + [1] * away + [0] * 3
    steps = [*range(12), *[0] * away, *range(12, 15)]
    out = [
        tracker.update(i, seen([person(100 + 12 * step / pace)] if scene == 0 else []), scene=scene)
        for i, (step, scene) in enumerate(zip(steps, shown, strict=True))
    ]
    assert [ids(people) for people in out] == [[1]] * 12 + [[]] * away + [[1]] * 3


def test_when_a_scene_is_back_weak_detections_are_believed_but_nobody_is_assumed() -> None:
    """As after some frames in which nobody was detected."""
    tracker = Tracker()
    shown = [0] * 8 + [1] * 20 + [0] * 5
    out = []
    for i, scene in enumerate(shown):
        people = [person(300), person(700)] if i < 8 else [person(300, score=0.2)]
        out.append(ids(tracker.update(i, seen([] if scene else people), scene=scene)))
    assert out == [[1, 2]] * 8 + [[]] * 20 + [[1]] * 5


def test_someone_leaves_and_another_enters() -> None:
    def scene(i: int) -> list[Person]:
        people = []
        x = 1100 + 10 * i
        if x < 1270:
            right = min(x + 40, 1279)
            people.append(((x - 40 + right) / 2, 200, right - x + 40, 200, 0.9))
        if i >= 25:
            people.append(person(20 + 10 * (i - 25)))
        return people

    out = follow(scene, 50)
    assert [ids(people) for people in out[:17]] == [[1]] * 17
    assert [ids(people) for people in out[17:25]] == [[]] * 8, "who walked out is not invented"
    assert all(ids(people) == [2] for people in out[25:])


def test_nobody_is_invented_on_top_of_a_detected_person() -> None:
    out = follow(lambda i: [person(300)] + ([person(315, 204)] if i < 10 else []), 20)
    assert all(len(people) == 1 for people in out[10:])


def test_a_flash_of_one_sure_frame_is_not_prolonged() -> None:
    out = follow(lambda i: [person(300)] + ([person(800)] if i == 5 else []), 10)
    assert [len(people) for people in out] == [1] * 5 + [2] + [1] * 4


def test_of_two_tracks_on_one_person_the_newer_goes() -> None:
    def scene(i: int) -> list[Person]:
        return [person(300), person(max(304.0, 400 - 16 * i), score=0.85)]

    out = follow(scene, 20)
    assert ids(out[0]) == [1, 2]
    assert all(ids(people) == [1] for people in out[12:])


def test_boxes_that_make_no_sense_are_ignored() -> None:
    xyxy = np.array(
        [[0, 0, 80, 200], [np.nan, 0, 80, 200], [80, 0, 0, 200], [5, 5, 7, 7], [0, 0, np.inf, 9]],
        np.float32,
    )
    people = Tracker().update(0, Detections(xyxy, np.full(5, 0.9, np.float32)))
    np.testing.assert_allclose(people.xyxy, xyxy[:1])
    score = np.array([np.nan], np.float32)
    assert len(Tracker().update(0, Detections(xyxy[:1], score))) == 0


def test_a_frame_twice_is_an_error() -> None:
    tracker = Tracker()
    tracker.update(3, Detections.empty())
    with pytest.raises(BadInput, match="frame 3 after frame 3"):
        tracker.update(3, Detections.empty())


def test_settings_are_followed() -> None:
    spec = TrackerSpec(coast_frames=0, max_gap_frames=2, smoothing=0.0)
    out = follow(lambda i: [] if i in (5, 6, 7) else [person(300 + i % 2)], 10, Tracker(spec))
    assert [ids(people) for people in out] == [[1]] * 5 + [[]] * 3 + [[2]] * 2
    assert [centre_x(people, 1) for people in out[:3]] == [300, 301, 300]


@pytest.mark.slow
def test_a_long_video_of_a_dozen_people_with_a_tenth_of_the_detections_missing() -> None:
    rng = np.random.default_rng(0)

    def scene(i: int) -> list[Person]:
        return [
            (150 * k + 60 + 20 * np.sin(i / 20 + k), 200 + rng.normal(0, 2), 60, 180, 0.8)
            for k in range(12)
            if rng.random() > 0.1
        ]

    out = follow(scene, 400, Tracker())
    assert max(ids(out[-1])) == 12
    assert np.mean([len(people) for people in out]) > 11.9


def test_a_weak_box_around_two_people_does_not_steal_a_number() -> None:
    behind = (390.0, 180.0, 52.0, 155.0, 0.7)

    def scene(frame: int) -> list[Person]:
        if frame < 12:
            return [behind, (440.0, 213.0, 77.0, 246.0, 0.8)]
        # Now the person in front stands beside the other one, and a third box covers both.
        return [behind, (457.0, 216.0, 75.0, 260.0, 0.66), (425.0, 204.0, 116.0, 243.0, 0.41)]

    people = follow(scene, 13)
    assert ids(people[11]) == [1, 2]
    front = ids(people[11])[int(np.argmax(people[11].xyxy[:, 3]))]
    assert abs(centre_x(people[12], front) - 455) < 8


def test_weak_detections_keep_somebody_for_a_while_only() -> None:
    spec = TrackerSpec()

    def scene(frame: int) -> list[Person]:
        return [person(400, score=0.9 if frame < 5 else 0.2)]

    for pace in (1, 4):
        tracker = Tracker(size_hw=(480, 1280))
        tracker.pace = pace
        low, coasting = spec.low_frames * pace, min(spec.coast_frames * pace, 4 + spec.low_frames)
        people = follow(scene, 5 + low + coasting + 4, tracker)
        assert all(ids(p) == [1] for p in people[: 5 + low])
        assert all(ids(p) == [] for p in people[5 + low + coasting + 1 :])


EDGES = [
    # x1, y1, x2, y2, speed of x, of y; the picture is 1280x480, and a box of 100 pixels of height
    # has to be within 2 of the border and move by more than 1 in a frame.
    ((1259, 100, 1299, 200), (0, 0), False),  # its centre is on the last column
    ((1260, 100, 1300, 200), (0, 0), True),
    ((100, 429, 140, 529), (0, 0), False),
    ((100, 430, 140, 530), (0, 0), True),
    ((-20, 100, 20, 200), (0, 0), False),
    ((-21, 100, 20, 200), (0, 0), True),
    ((1.9, 100, 42, 200), (-1.1, 0), True),
    ((1.9, 100, 42, 200), (-1, 0), False),
    ((1.9, 100, 42, 200), (1.1, 0), False),
    ((2, 100, 42, 200), (-1.1, 0), False),
    ((1237, 100, 1277.1, 200), (1.1, 0), True),
    ((1237, 100, 1277.1, 200), (1, 0), False),
    ((1237, 100, 1277, 200), (1.1, 0), False),
    ((100, 1.9, 140, 101.9), (0, -1.1), True),
    ((100, 377.1, 140, 477.1), (0, 1.1), True),
    ((100, 377, 140, 477), (0, 1.1), False),
    ((100, 377.1, 140, 477.1), (1.1, 0), False),
]


@pytest.mark.parametrize(("xyxy", "speed_xy", "leaves"), EDGES)
def test_who_leaves_the_picture(
    xyxy: tuple[float, ...], speed_xy: tuple[float, float], leaves: bool
) -> None:
    box, speed = np.array(xyxy, np.float64), np.array([*speed_xy, 0, 0], np.float64)
    assert Tracker(size_hw=(480, 1280))._leaves(box, speed) == leaves
    assert not Tracker()._leaves(box, speed)


@pytest.mark.parametrize(("gap", "moved", "expected"), [(2, 90, 1), (2, 200, 2), (20, 90, 2)])
def test_who_appears_near_somebody_just_lost_is_that_person(
    gap: int, moved: int, expected: int
) -> None:
    """A somersault: the box jumps while the person is lost, too far for boxes as they are."""

    def scene(i: int) -> list[Person]:
        if i < 10:
            return [person(300)]
        return [person(300 + moved)] if i >= 10 + gap else []

    assert ids(follow(scene, 12 + gap)[-1])[-1] == expected


def test_a_picture_that_is_larger_than_the_first_one_has_people_everywhere() -> None:
    tracker = Tracker(size_hw=(480, 640))
    found = []
    for i in range(6):
        tracker.resize((1000, 3000))
        found.append(tracker.update(i, seen([person(2000 + 5 * i)])))
    assert [ids(people) for people in found] == [[1]] * 6
    unlimited = Tracker()
    unlimited.resize((10, 10))
    assert [ids(unlimited.update(i, seen([person(2000)]))) for i in range(3)] == [[1]] * 3


@pytest.mark.parametrize("pace", [1, 4])
def test_at_any_pace_people_are_kept_and_coast_for_as_long(pace: int) -> None:
    def shown(away: int) -> list[list[int]]:
        tracker = Tracker(size_hw=(480, 1280))
        tracker.pace = pace
        hidden = range(20 * pace, 20 * pace + away)
        # At the same speed in time.
        out = follow(
            lambda i: [] if i in hidden else [person(300 + 4 * i / pace)], hidden.stop + 2, tracker
        )
        return [ids(people) for people in out[hidden.start :]]

    kept, lost = shown(30 * pace), shown(30 * pace + 1)
    assert kept == [[1]] * 5 * pace + [[]] * 25 * pace + [[1]] * 2
    assert lost[-1] == [2]


def test_where_somebody_is_expected_does_not_depend_on_the_pace() -> None:
    found = []
    for pace in (1, 4):
        tracker = Tracker()
        tracker.pace = pace
        people = follow(lambda i, pace=pace: [person(300 + 8 * i / pace)], 25 * pace + 1, tracker)
        assert ids(people[-1]) == [1]
        coasting = tracker.update(25 * pace + 4 * pace, Detections.empty())
        found.append((centre_x(coasting, 1), coasting.score[0]))
    assert found[0] == pytest.approx(found[1], rel=0.005)
    assert found[0][0] == pytest.approx(300 + 8 * 29, abs=2)


@pytest.mark.parametrize("pace", [1, 4])
def test_two_in_one_place_for_long_enough_are_one(pace: int) -> None:
    tracker = Tracker(TrackerSpec(duplicate_iou=0.5))
    tracker.pace = pace
    out = follow(lambda i: [person(300), person(max(320, 420 - 10 * i / pace))], 20 * pace, tracker)
    # Their boxes overlap by more than a half from 26.7 pixels apart on: in 3 and in 12 frames.
    assert [len(people) for people in out].count(2) == {1: 12, 4: 49}[pace]
    assert len(out[-1]) == 1


def test_with_every_fourth_picture_of_four_times_the_pace_nothing_changes() -> None:
    rng = np.random.default_rng(2)
    tracks = [(100.0, 12.0), (700.0, -9.0), (1100.0, 0.0)]
    plain, fast = Tracker(size_hw=(480, 1280)), Tracker(size_hw=(480, 1280))
    fast.pace = 4
    for i in range(60):
        shift = 90 * (i >= 30)  # the camera is knocked
        found = seen(
            person(x + speed * i + shift + rng.normal(0, 3), score=0.2 if i % 9 == 8 else 0.9)
            for k, (x, speed) in enumerate(tracks)
            # Two who are missing for some frames, one of them while the camera is knocked.
            if not (k == 0 and 20 <= i < 24) and not (k == 1 and 28 <= i < 32)
        )
        people, same = plain.update(i, found), fast.update(4 * i, found)
        assert ids(people) == ids(same)
        np.testing.assert_array_equal(people.xyxy, same.xyxy)
        np.testing.assert_array_equal(people.score, same.score)
