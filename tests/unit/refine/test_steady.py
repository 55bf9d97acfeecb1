"""Joints that one frame does not show well."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from glpose.errors import VideoError
from glpose.refine.steady import SteadySpec, _Pieces, with_steady_joints
from glpose.types import Frame, FrameAndPoses, FramePoses, People

RATE_HZ = 25.0
NUM = 3  # joints
SPEED = np.array([4.0, -2.0])


def truth(frame: int) -> np.ndarray:
    """Joints of a person 200 pixels high, who walks."""
    return np.array([[50.0, 40.0], [60.0, 100.0], [45.0, 190.0]]) + SPEED * frame


def box(xy: np.ndarray) -> np.ndarray:
    middle = xy.mean(0)
    return np.concatenate([middle - [40, 100], middle + [40, 100]]).astype(np.float32)


def pair(
    frame: int, *people: tuple[int, np.ndarray, np.ndarray], time_s: float | None = None
) -> FrameAndPoses:
    """A frame with people: number, joints and scores."""
    at_s = frame / RATE_HZ if time_s is None else time_s
    boxes = np.array([box(np.nan_to_num(xy)) for _, xy, _ in people], np.float32).reshape(-1, 4)
    numbers = np.array([number for number, _, _ in people], np.int64)
    poses = FramePoses(
        frame,
        at_s,
        People(boxes, np.ones(len(people), np.float32), numbers),
        np.array([xy for _, xy, _ in people], np.float32).reshape(-1, NUM, 2),
        np.array([score for _, _, score in people], np.float32).reshape(-1, NUM),
    )
    return Frame(frame, at_s, None), poses


def steady(given: list[FrameAndPoses]) -> list[FramePoses]:
    found = [poses for _, poses in with_steady_joints(given)]
    assert len(found) == len(given)
    for (_, before), after in zip(given, found, strict=True):
        assert after.xy.dtype == before.xy.dtype
        np.testing.assert_array_equal(after.score, before.score)
        np.testing.assert_array_equal(np.isfinite(after.xy), np.isfinite(before.xy))
    return found


SURE = np.full(NUM, 0.97)


def walking(num: int = 20) -> list[FrameAndPoses]:
    return [pair(frame, (1, truth(frame), SURE)) for frame in range(num)]


def test_who_moves_evenly_stays() -> None:
    for frame, poses in enumerate(steady(walking())):
        np.testing.assert_allclose(poses.xy[0], truth(frame), atol=1e-3)


def test_an_unsure_joint_goes_where_its_neighbours_say_and_the_others_stay() -> None:
    given = walking()
    wrong, score = truth(10), SURE.copy()
    wrong[2] += [80, 30]
    score[2] = 0.2
    given[10] = pair(10, (1, wrong, score))
    found = steady(given)
    np.testing.assert_allclose(found[10].xy[0], truth(10), atol=1.0)
    np.testing.assert_allclose(found[9].xy[0], truth(9), atol=0.1)


def test_a_sure_joint_stays_where_it_was_seen() -> None:
    given = walking()
    jump, score = truth(10), SURE.copy()
    jump[2] += [20, 0]  # a tenth of the person: a foot that hits the ground, say
    given[10] = pair(10, (1, jump, score))
    found = steady(given)
    assert np.linalg.norm(found[10].xy[0, 2] - jump[2]) < 5
    unsure = [replace(poses, score=np.full_like(poses.score, 0.5)) for _, poses in given]
    again = steady([(frame, poses) for (frame, _), poses in zip(given, unsure, strict=True)])
    assert np.linalg.norm(again[10].xy[0, 2] - truth(10)[2]) < 5


def test_time_counts_and_not_frames() -> None:
    """At a tenth of the rate people may be anywhere by the next frame."""
    wrong, score = truth(10), np.array([0.97, 0.97, 0.5])
    wrong[2] += [30, 0]

    def moved(rate_hz: float) -> float:
        given = [pair(f, (1, truth(f), SURE), time_s=f / rate_hz) for f in range(20)]
        given[10] = pair(10, (1, wrong, score), time_s=10 / rate_hz)
        return float(np.linalg.norm(steady(given)[10].xy[0, 2] - wrong[2]))

    assert moved(25.0) > 25
    assert moved(2.5) < 5


def test_missing_joints_and_people_stay_missing() -> None:
    given = walking()
    gone = truth(10)
    gone[1] = np.nan
    given[10] = pair(10, (1, gone, np.array([0.97, 0.0, 0.97])))
    given[12] = pair(12)
    found = steady(given)
    assert np.isnan(found[10].xy[0, 1]).all()
    assert len(found[12].people) == 0
    np.testing.assert_allclose(found[11].xy[0], truth(11), atol=0.1)


def test_each_person_has_its_own_neighbours() -> None:
    """Also where their order changes: of both, a joint is unsure and wrong in one frame."""

    def other(frame: int) -> np.ndarray:
        return truth(-frame) + [300, 0]

    wrong, score = np.zeros((NUM, 2)), SURE.copy()
    wrong[1], score[1] = (40, 40), 0.2
    given = []
    for frame in range(20):
        off, sure = (wrong, score) if frame == 10 else (0 * wrong, SURE)
        people = [(1, truth(frame) + off, sure), (2, other(frame) + off, sure)]
        given.append(pair(frame, *people[:: (-1) ** frame]))
    for frame, poses in enumerate(steady(given)):
        rows = np.argsort(poses.people.track_id)
        np.testing.assert_allclose(poses.xy[rows[0]], truth(frame), atol=1.0)
        np.testing.assert_allclose(poses.xy[rows[1]], other(frame), atol=1.0)


def test_nothing_crosses_a_cut() -> None:
    """Who has the same number at another place after a cut has no neighbours before it."""
    unsure = np.full(NUM, 0.3)
    given = [pair(f, (1, truth(f) + [500 * (f >= 10), 0], unsure)) for f in range(20)]
    for frame, poses in enumerate(steady(given)):
        np.testing.assert_allclose(poses.xy[0], truth(frame) + [500 * (frame >= 10), 0], atol=1e-2)


@pytest.mark.parametrize("scores", [np.zeros(NUM), np.ones(NUM), np.full(NUM, 1e-6)])
def test_a_single_frame_and_extreme_scores_change_nothing(scores: np.ndarray) -> None:
    (found,) = steady([pair(0, (1, truth(0), scores))])
    np.testing.assert_allclose(found.xy[0], truth(0), atol=1e-4)
    for frame, poses in enumerate(steady([pair(f, (1, truth(f), scores)) for f in range(9)])):
        np.testing.assert_allclose(poses.xy[0], truth(frame), atol=1e-3)
    same_time = [pair(f, (1, truth(f), SURE), time_s=1.0) for f in range(3)]
    assert all(np.isfinite(poses.xy).all() for poses in steady(same_time))


def test_people_who_left_long_ago_are_forgotten() -> None:
    """A number that comes back after longer than any frame reaches is as good as a new one."""
    reach = SteadySpec().reach
    given = [pair(f, (1, truth(f), SURE)) if f < 5 else pair(f) for f in range(5 + 3 * reach)]
    given += [pair(len(given) + f, (1, truth(f) + [5, 0], SURE)) for f in range(5)]
    for frame, poses in enumerate(steady(given)[-5:]):
        np.testing.assert_allclose(poses.xy[0], truth(frame) + [5, 0], atol=1e-2)
    pieces = _Pieces(SteadySpec())
    for frame in range(300):
        pieces.add(pair(frame, (frame, truth(0), SURE))[1])
    assert len(pieces._last) <= 2 * reach + 1


def test_frames_are_held_back_as_far_as_it_reaches_and_come_before_a_failure() -> None:
    drawn = []

    def source() -> Iterator[FrameAndPoses]:
        for item in walking(8):
            drawn.append(item)
            yield item
        raise VideoError("broken")

    stream = with_steady_joints(source(), SteadySpec(reach=3))
    next(stream)
    assert len(drawn) == 4
    with pytest.raises(VideoError, match="broken"):
        list(stream)
    found = []
    with pytest.raises(VideoError, match="broken"):
        for _, poses in with_steady_joints(source()):
            found.append(poses.frame)
    assert found == list(range(8))


def test_large_pictures_hold_back_fewer_frames() -> None:
    assert SteadySpec().within_bytes((1080, 1920)).reach == SteadySpec().reach
    assert SteadySpec().within_bytes((4320, 7680)).reach == 2
