"""The spans in which results are unsure: which frames they hold, of whom, and in which order."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from glpose.motion.doubts import Doubt, doubts_of, runs
from glpose.motion.series import series_of
from glpose.types import FramePoses
from walking import Walk, frame_of, walk

TIMES = [i / 25 for i in range(60)]


def found(frames: list[FramePoses]) -> list[Doubt]:
    return doubts_of(frames, series_of(frames))


def changed(
    frames: list[FramePoses], rows: range | list[int], how: Callable[[FramePoses], FramePoses]
) -> list[FramePoses]:
    return [how(poses) if row in rows else poses for row, poses in enumerate(frames)]


def test_a_walk_has_no_doubts() -> None:
    assert found(walk(TIMES)) == []


def test_unsure_sides_that_are_near_are_one_span() -> None:
    def unsure(poses: FramePoses) -> FramePoses:
        return replace(poses, unsure_sides=np.array([True]))

    # 10 and 15 are 0.2 s apart, 15 and 21 are not.
    marked = changed(walk(TIMES), [9, 10, 15, 21], unsure)
    assert found(marked) == [Doubt("sides unsure", 1, 9, 15), Doubt("sides unsure", 1, 21, 21)]


def test_spans_as_far_apart_as_the_limit_are_joined_wherever_they_are() -> None:
    one, two = (replace(p, unsure_sides=np.array([u])) for p, u in zip(walk([0.0, 1.0]), (True, False), strict=True))  # fmt: skip
    for first_s in np.arange(0, 9, 0.37):
        times = np.round(first_s + np.arange(7) / 30, 6).tolist()
        frames = [
            replace(one if i in (0, 6) else two, frame=i, time_s=t) for i, t in enumerate(times)
        ]
        assert found(frames) == [Doubt("sides unsure", 1, 0, 6)]


def test_low_scores_are_means_below_a_half() -> None:
    def scored(poses: FramePoses) -> FramePoses:
        return replace(poses, score=np.full_like(poses.score, 0.45))

    assert found(changed(walk(TIMES), range(20, 30), scored)) == [Doubt("low scores", 1, 20, 29)]


def test_gaps_count_from_the_first_frame_of_the_person() -> None:
    later = changed(walk(TIMES), range(5), lambda p: frame_of(p.frame, p.time_s, {}))
    gone = changed(later, [30, 31, 33], lambda p: frame_of(p.frame, p.time_s, {}))
    assert found(gone) == [Doubt("gap", 1, 30, 31), Doubt("gap", 1, 33, 33)]


def test_a_jump_is_its_first_frame() -> None:
    def moved(poses: FramePoses) -> FramePoses:
        box = poses.people.xyxy + np.float32(700)
        return replace(poses, xy=poses.xy + np.float32(700), people=replace(poses.people, xyxy=box))

    assert found(changed(walk(TIMES), range(40, 60), moved)) == [Doubt("jump", 1, 40, 40)]


def test_a_cut_is_where_nobody_keeps_the_number() -> None:
    def numbered(number: int) -> Callable[[FramePoses], FramePoses]:
        return lambda p: frame_of(p.frame, p.time_s, {number: Walk().joints(p.time_s)})

    frames = changed(changed(walk(TIMES), range(20, 40), numbered(2)), range(40, 60), numbered(3))
    assert found(frames) == [
        Doubt("numbers change", None, 20, 20), Doubt("numbers change", None, 40, 40),
    ]  # fmt: skip


def test_propagated_people_and_lost_pictures() -> None:
    frames = walk(TIMES)
    frames = changed(frames, [7], lambda p: replace(p, propagated=np.array([True])))
    frames = changed(frames, [50, 51], lambda p: replace(p, status="undecodable"))
    assert found(frames) == [
        Doubt("put there", 1, 7, 7), Doubt("not decoded", None, 50, 51),
    ]  # fmt: skip


def test_frames_are_missing_between_those_around_a_hole() -> None:
    frames = walk(TIMES)
    assert found(frames[:20] + frames[30:31] + frames[40:]) == [
        Doubt("frames missing", None, 19, 21)
    ]
    assert found(frames[:20] + frames[21:]) == []
    # Holes all over, by the numbers of the frames alone.
    holes = [poses for poses in frames if poses.frame % 9 < 4]
    assert {doubt.kind for doubt in found(holes)} == {"frames missing"}
    alike = [replace(poses, frame=i) for i, poses in enumerate(holes)]
    assert found(alike) == []


def test_doubts_of_several_people_are_in_order_of_time() -> None:
    def two(poses: FramePoses) -> FramePoses:
        joints = Walk().joints(poses.time_s)
        both = frame_of(poses.frame, poses.time_s, {1: joints, 2: joints + 300})
        return replace(both, unsure_sides=np.array([poses.frame in (30, 31), poses.frame == 4]))

    assert found([two(poses) for poses in walk(TIMES)]) == [
        Doubt("sides unsure", 2, 4, 4), Doubt("sides unsure", 1, 30, 31),
    ]  # fmt: skip


def test_runs() -> None:
    assert runs(np.array([1, 0, 1, 1], bool)) == [(0, 1), (2, 4)]
    assert runs(np.zeros(3, bool)) == []
