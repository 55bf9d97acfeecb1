"""Numbers for poses that have none: by expected boxes and by poses carried along the flow."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from glpose.flow import Motions
from glpose.skeleton import COCO17
from glpose.track.by_flow import Linker, LinkSpec, with_links
from glpose.types import Frame, FrameAndPoses, FramePoses, People

NUM = len(COCO17.joints)
SIZE_HW = (120, 400)
WIDTH = 40.0

Somebody = tuple[float, float]
"""The left side of a box, and how far the joints lean to the right from its middle."""


def pair(frame: int, *people: Somebody, rgb: np.ndarray | None = None) -> FrameAndPoses:
    """A frame of one grey that is its number, with people of 40 x 80 pixels in this order."""
    xyxy = np.array([[x, 20, x + WIDTH, 100] for x, _ in people], np.float32).reshape(-1, 4)
    lean = np.array([lean for _, lean in people], np.float32).reshape(-1, 1)
    xy = np.empty((len(people), NUM, 2), np.float32)
    xy[..., 0] = xyxy[:, :1] + WIDTH / 2 + lean
    xy[..., 1] = np.linspace(22, 98, NUM, dtype=np.float32)
    who = People(xyxy, np.full(len(people), 0.9, np.float32), np.full(len(people), -1, np.int64))
    rgb = np.full((*SIZE_HW, 3), frame, np.uint8) if rgb is None else rgb
    score = np.full((len(people), NUM), 0.8, np.float32)
    return Frame(frame, frame / 25, rgb), FramePoses(frame, frame / 25, who, xy, score)


def moving(speed: float) -> Motions:
    """Everything moves to the right; pictures hold the number of their frame."""

    def flow(a: np.ndarray, b: np.ndarray, /) -> np.ndarray:
        out = np.zeros((*SIZE_HW, 2), np.float32)
        out[..., 0] = speed * (float(b[0, 0, 0]) - float(a[0, 0, 0]))
        return out

    return Motions(flow)


def numbers(
    pairs: Sequence[FrameAndPoses], motions: Motions, how: LinkSpec = LinkSpec()
) -> list[list[int]]:
    return [p.people.track_id.tolist() for _, p in with_links(pairs, COCO17, motions, how)]


def test_nothing_but_the_numbers_changes() -> None:
    given = [pair(0, (50, 0), (200, 0)), pair(1, (203, 0), (53, 0)), pair(2)]
    found = list(with_links(given, COCO17, moving(3)))
    assert [p.people.track_id.tolist() for _, p in found] == [[1, 2], [2, 1], []]
    for (frame, before), (same, after) in zip(given, found, strict=True):
        assert same is frame
        assert after.xy is before.xy
        assert after.people.xyxy is before.people.xyxy


def test_poses_tell_apart_who_turns_back_where_boxes_meet() -> None:
    """Two meet and go back; their boxes pass through each other for all that boxes can tell."""
    left = [57, 62, 67, 72, 77, 82, 82, 77, 72, 67]
    given = [pair(i, (x, -14), (170 - x, 14)) for i, x in enumerate(left)]
    assert numbers(given, moving(0)) == [[1, 2]] * 10
    assert [2, 1] in numbers(given, moving(0), LinkSpec(oks_weight=0.0))


@pytest.mark.parametrize(("speed", "is_found"), [(60.0, True), (0.0, False), (-60.0, False)])
def test_poses_are_carried_the_way_the_flow_goes(speed: float, *, is_found: bool) -> None:
    """Too fast for boxes to overlap."""
    given = [pair(i, (20 + 60 * i, 0)) for i in range(2)]
    assert numbers(given, moving(speed)) == [[1], [1] if is_found else [2]]


def test_poses_are_carried_over_frames_without_anybody_but_not_for_long() -> None:
    for gap, number in ((4, 1), (5, 2)):
        given = [pair(0, (20, 0)), *(pair(i) for i in range(1, gap + 1))]
        given.append(pair(gap + 1, (20 + 50 * (gap + 1), 0)))
        assert numbers(given, moving(50))[-1] == [number]


def test_numbers_are_kept_for_a_while_and_never_given_again() -> None:
    how = LinkSpec(max_gap_frames=3)
    for gap, number in ((3, 1), (4, 3)):
        given = [pair(0, (20, 0), (200, 0)), *(pair(i) for i in range(1, gap + 1))]
        given.append(pair(gap + 1, (20, 0)))
        assert numbers(given, moving(0), how)[-1] == [number]


def test_an_expected_box_is_where_its_speed_leads() -> None:
    """Without pictures boxes decide: at 25 pixels a frame, and after two frames without a box."""
    places = [20, 45, 70, 95, 120, None, None, 195]
    given = [pair(i, *() if x is None else ((x, 0),)) for i, x in enumerate(places)]
    given = [(replace(frame, rgb=None), poses) for frame, poses in given]
    assert numbers(given, moving(0)) == [[1]] * 5 + [[], [], [1]]


def test_at_a_cut_everybody_is_new_and_no_flow_is_asked_for() -> None:
    def flow(a: np.ndarray, b: np.ndarray, /) -> np.ndarray:
        assert (a == b).all()
        return np.zeros((*SIZE_HW, 2), np.float32)

    rng = np.random.default_rng(0)
    scenes = [
        rng.integers(0, 256, (6, 10, 3), np.uint8).repeat(20, 0).repeat(40, 1) for _ in range(2)
    ]
    given = [pair(i, (50, 0), rgb=scenes[i >= 3]) for i in range(6)]
    assert numbers(given, Motions(flow)) == [[1]] * 3 + [[2]] * 3
    given += [pair(i, (50, 0), rgb=scenes[0]) for i in range(6, 9)]
    assert numbers(given, Motions(flow)) == [[1]] * 3 + [[2]] * 3 + [[1]] * 3  # the first is back


@pytest.mark.parametrize("away", [12, 30])
def test_who_moves_is_not_expected_far_off_when_a_scene_is_back_late(away: int) -> None:
    linker, found = Linker(COCO17), []
    places = [*((20 + 3 * i, 0) for i in range(8)), *[None] * away, (44, 0)]
    for frame, place in enumerate(places):
        _, poses = pair(frame, *() if place is None else (place,))
        scene = int(place is None)
        found.append(linker.update(poses, None, scene=scene).people.track_id.tolist())
    assert found == [[1]] * 8 + [[]] * away + [[1]]


def test_no_flow_is_asked_for_where_there_is_nobody_to_carry() -> None:
    asked = []

    def flow(a: np.ndarray, b: np.ndarray, /) -> np.ndarray:
        asked.append((int(a[0, 0, 0]), int(b[0, 0, 0])))
        return np.zeros((*SIZE_HW, 2), np.float32)

    given = [*(pair(i) for i in range(4)), pair(4, (50, 0)), *(pair(i) for i in range(5, 20))]
    assert numbers(given, Motions(flow))[4] == [1]
    assert {(4, 5), (5, 4)} <= set(asked)
    assert min(map(min, asked)) == 4
    assert max(map(max, asked)) == 4 + LinkSpec().carry_frames + 1
    asked.clear()
    numbers(given, Motions(flow), LinkSpec(oks_weight=0.0))
    assert not asked


@pytest.mark.parametrize(("rate_hz", "kept"), [(25, 1), (120, 4)])
def test_numbers_are_kept_for_as_long_at_any_rate(rate_hz: int, kept: int) -> None:
    def found(away: int) -> list[int]:
        frames = [0, 1, 2, 3 + away]
        black = np.zeros((*SIZE_HW, 3), np.uint8)
        given = [pair(i, *[(50.0, 0.0)] * (i in frames), rgb=black) for i in range(frames[-1] + 1)]
        timed = [
            (replace(frame, time_s=frame.index / rate_hz), replace(poses, time_s=0.0))
            for frame, poses in given
        ]
        return numbers(timed, moving(0))[-1]

    assert found(30 * kept) == [1]
    assert found(30 * kept + 1) == [2]


def test_with_every_fourth_picture_of_four_times_the_pace_people_are_expected_there() -> None:
    plain, fast = Linker(COCO17), Linker(COCO17)
    fast.pace = 4
    for i in range(30):
        place = (20.0 + 6 * i + 20 * (i >= 15), 0.0)  # the camera is knocked
        for linker in (plain, fast):
            _, poses = pair(linker.pace * i, place)
            assert linker.update(poses, None).people.track_id.tolist() == [1]
        one, other = (linker._people[0].state for linker in (plain, fast))
        for name in ("mean", "speed", "variance", "speed_variance"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
