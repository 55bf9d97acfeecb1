"""Who is found late is followed back: how far, who not, and what becomes of the frames."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest

import tiny_onnx
from fake_estimator import FakeEstimator, people, picture, run, video
from glpose.hindsight import NO_HINDSIGHT, FollowedFrame, Hindsight, HindsightSpec, Looked, _apart
from glpose.pipeline import estimate_poses
from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import Encoded
from glpose.skeleton import BODY19, POSETRACK15
from glpose.types import Affine, Frame, People
from glpose.window import SeenFrame

NUM = len(BODY19.joints)
SPREAD = np.random.default_rng(5).uniform(-0.5, 0.5, (NUM, 2)) * [20.0, 28.0]


class World:
    """People who stand or walk: where somebody is in a frame, and how sure the pose is there."""

    def __init__(self, begins: dict[int, int] | None = None, speed: float = 2.0) -> None:
        self.begins, self.speed = begins or {}, speed
        self.looks: list[int] = []
        self.upside_down: list[bool] = []

    def centre(self, who: int, frame: int) -> np.ndarray:
        return np.array([40.0 + 60 * who + self.speed * frame, 60.0])

    def pose(self, who: int, frame: int) -> np.ndarray:
        return (SPREAD + self.centre(who, frame)).astype(np.float32)

    def people(self, frame: int, *who: int) -> People:
        return people(*[(number, *self.centre(number, frame)) for number in who])

    def frame(self, frame: int, *who: int, scene: int = 0, bad: bool = False) -> FollowedFrame:
        """A frame in which these people are known."""
        rgb = None if bad else np.full((4, 4, 3), frame, np.uint8)
        found = self.people(frame, *who)
        n = len(who)
        seen = SeenFrame(
            frame,
            frame / 25,
            "undecodable" if bad else "ok",
            found,
            (Affine(np.eye(2, 3)),) * n,
            np.full((n, 1, 2, 2), -1, np.float32) if n else np.zeros((0, 1, 1, 1), np.float32),
            np.full((n, 3), -1, np.float32) if n else np.zeros((0, 1), np.float32),
            Frame(frame, frame / 25, rgb),
            summary=np.full((n, 5, 1, 1), -1, np.float32) if n else None,
        )
        xy = np.array([self.pose(w, frame) for w in who], np.float32).reshape(n, NUM, 2)
        return FollowedFrame(seen, xy, np.full((n, NUM), 0.9, np.float32), scene)

    def look(self, rgb: np.ndarray, boxes: np.ndarray, upside_down: np.ndarray) -> Looked:
        """Each box sees whoever is nearest to its centre."""
        frame = int(rgb[0, 0, 0])
        self.upside_down += upside_down.tolist()
        self.looks.append(len(boxes))
        xy, score = [], []
        for box in boxes:
            middle = (box[:2] + box[2:]) / 2
            who = min(
                range(1, 5), key=lambda w: float(np.abs(self.centre(w, frame) - middle).sum())
            )
            xy.append(self.pose(who, frame))
            score.append(0.9 if frame >= self.begins.get(who, 0) else 0.2)
        n = len(boxes)
        return Looked(
            (Affine(np.eye(2, 3) * 2),) * n,
            Encoded(
                np.full((n, 1, 2, 2), frame, np.float32),
                np.full((n, 3), frame, np.float32),
                summary=np.full((n, 5, 1, 1), frame, np.float32),
            ),
            np.array(xy, np.float32),
            np.repeat(np.array(score, np.float32)[:, None], NUM, 1),
        )


def through(world: World, frames: list[FollowedFrame], reach: int = 24) -> list[SeenFrame]:
    hindsight = Hindsight(world.look, BODY19, HindsightSpec(reach))
    out = [seen for frame in frames for seen in hindsight.push(frame)]
    out += hindsight.drain()
    assert [seen.frame for seen in out] == [frame.seen.frame for frame in frames]
    return out


def ids(out: list[SeenFrame]) -> list[list[int]]:
    for seen in out:
        n = len(seen.people)
        assert len(seen.crop_from_image) == len(seen.features) == len(seen.embedding) == n
        # A person's rows stay together.
        assert seen.for_neighbours[:, 0, 0, 0].tolist() == seen.features[:, 0, 0, 0].tolist()
        assert n == 0 or seen.for_neighbours.shape[1:] == (5, 1, 1)
        assert seen.people.track_id.tolist() == sorted(seen.people.track_id.tolist())
    return [seen.people.track_id.tolist() for seen in out]


def test_who_appears_late_is_followed_back_to_the_first_frame() -> None:
    world = World()
    out = through(world, [world.frame(i, *[1] * (i >= 7)) for i in range(10)])
    assert ids(out) == [[1]] * 10
    for seen in out[:7]:
        middle = (seen.people.xyxy[0, :2] + seen.people.xyxy[0, 2:]) / 2
        assert np.abs(middle - world.centre(1, seen.frame)).max() < 5
        assert seen.people.score[0] == pytest.approx(0.9)
        assert (seen.features == seen.frame).all()  # of that frame's own picture
        assert seen.crop_from_image[0].matrix[0, 0] == 2
    assert all((seen.features == -1).all() for seen in out[7:])  # what was followed stays
    assert world.looks == [1] * 7


def test_who_is_found_upside_down_is_looked_for_upside_down_until_upright() -> None:
    class Somersault(World):
        def pose(self, who: int, frame: int) -> np.ndarray:
            """On the feet up to frame 3, then on the hands."""
            xy = super().pose(who, frame)
            down = 14.0 if frame <= 3 else -14.0
            for name, side in (("left_ankle", 1), ("right_ankle", 1), ("head_bottom", -1)):
                xy[BODY19.index(name)] = self.centre(who, frame) + [0, side * down]
            return xy

    world = Somersault()
    found = world.frame(7, 1)
    turned = Affine(np.diag([-1.0, -1.0]) @ np.eye(2, 3))
    found = replace(found, seen=replace(found.seen, crop_from_image=(turned,)))
    through(world, [*(world.frame(i) for i in range(7)), found])
    # Of the frames 6 to 0; what was seen in 3 says that he stands before.
    assert world.upside_down == [True] * 4 + [False] * 3


def test_a_pose_that_is_upside_down_in_its_crop_is_looked_for_so_at_once() -> None:
    class HandStand(World):
        def pose(self, who: int, frame: int) -> np.ndarray:
            xy = super().pose(who, frame)
            for name, side in (("left_ankle", -1), ("right_ankle", -1), ("head_bottom", 1)):
                xy[BODY19.index(name)] = self.centre(who, frame) + [0, side * 14.0]
            return xy

    world = HandStand()
    through(world, [*(world.frame(i) for i in range(3)), world.frame(3, 1)])
    assert world.upside_down == [True] * 3


@pytest.mark.parametrize("turned", [False, True])
def test_who_lies_is_looked_for_as_the_crop_was_in_which_they_were_found(turned: bool) -> None:
    class Lying(World):
        def pose(self, who: int, frame: int) -> np.ndarray:
            xy = super().pose(who, frame)
            for name, side in (("left_ankle", -1), ("right_ankle", -1), ("head_bottom", 1)):
                xy[BODY19.index(name)] = self.centre(who, frame) + [side * 10.0, 0]
            return xy

    world, crop = Lying(), Affine(np.diag([-1.0, -1.0] if turned else [1.0, 1.0]) @ np.eye(2, 3))
    found = world.frame(3, 1)
    found = replace(found, seen=replace(found.seen, crop_from_image=(crop,)))
    through(world, [*(world.frame(i) for i in range(3)), found])
    assert world.upside_down == [turned] * 3


def test_one_goes_back_as_long_as_the_pose_is_sure() -> None:
    world = World(begins={1: 4})
    assert ids(through(world, [world.frame(i, *[1] * (i >= 7)) for i in range(9)])) == (
        [[]] * 4 + [[1]] * 5
    )


def test_one_goes_back_no_further_than_frames_are_held() -> None:
    world = World()
    frames = [world.frame(i, *[1] * (i >= 7)) for i in range(9)]
    assert ids(through(world, frames, reach=3)) == [[]] * 4 + [[1]] * 5
    assert ids(through(world, frames, reach=0)) == [[]] * 7 + [[1]] * 2


def test_nobody_goes_back_beyond_a_cut() -> None:
    world = World(speed=0)
    frames = [world.frame(i, *[1] * (i >= 7), scene=5 * (i >= 5)) for i in range(9)]
    assert ids(through(world, frames)) == [[]] * 5 + [[1]] * 4


def test_a_frame_without_a_picture_is_passed_over() -> None:
    world = World()
    frames = [world.frame(i, *[1] * (i >= 7), bad=i in (3, 6)) for i in range(9)]
    assert ids(through(world, frames)) == [[1], [1], [1], [], [1], [1], [], [1], [1]]


def test_a_gap_is_filled_up_to_where_the_person_was() -> None:
    world = World()
    frames = [world.frame(i, *[1] * (i < 3 or i >= 7)) for i in range(9)]
    assert ids(through(world, frames)) == [[1]] * 9
    assert world.looks == [1] * 4


def test_a_person_whom_a_bad_frame_hides_is_not_looked_for_again() -> None:
    world = World()
    frames = [world.frame(i, *[1] * (i != 4), bad=i == 4) for i in range(9)]
    through(world, frames)
    assert not world.looks


def test_nobody_is_found_in_somebody_else() -> None:
    """Two numbers of one body are there at once: the second goes nowhere."""
    world = Twin(speed=0)
    frames = [world.frame(i, 1, *[7] * (i >= 5)) for i in range(8)]
    assert ids(through(world, frames)) == [[1]] * 5 + [[1, 7]] * 3


class Twin(World):
    """Number 7 is the same body as number 1."""

    def centre(self, who: int, frame: int) -> np.ndarray:
        return super().centre(1 if who == 7 else who, frame)


def test_a_number_of_a_moment_is_the_one_that_was_given_back() -> None:
    world = Twin(begins={1: 3})  # seen from there on, found at 5, known at 7
    who = {0: (1, 2), 1: (1, 2), 5: (2, 7), 6: (2, 7), 7: (1, 2), 8: (1, 2)}
    frames = [world.frame(i, *who.get(i, (2,))) for i in range(9)]
    out = through(world, frames)
    assert ids(out) == [[1, 2]] * 2 + [[2]] + [[1, 2]] * 6
    for seen in out[5:7]:
        for row, number in enumerate((1, 2)):
            middle = (seen.people.xyxy[row, :2] + seen.people.xyxy[row, 2:]) / 2
            assert np.abs(middle - world.centre(number, seen.frame)).max() < 1


def test_a_number_that_was_given_out_is_not_taken_back() -> None:
    world = Twin(speed=0)
    frames = [world.frame(i, 7) for i in range(5)] + [world.frame(i, 1) for i in range(5, 7)]
    assert ids(through(world, frames, reach=3)) == [[7]] * 5 + [[1]] * 2
    assert ids(through(world, frames)) == [[1]] * 7


class Crossing(World):
    """Number 1 walks to the right and 2 to the left, past each other at frame 10; 3 is 2, too."""

    meeting = 10.0

    def centre(self, who: int, frame: int) -> np.ndarray:
        away = 5.0 * (frame - self.meeting)
        return np.array([200.0 + (away if who == 1 else -away), 60.0])

    def named(self, frame: int, *names: int, now: dict[int, int] | None = None) -> FollowedFrame:
        """A frame in which the bodies 1 and 2, as many as `names`, bear these."""
        found = self.frame(frame, *range(1, len(names) + 1))
        order = np.argsort(names)
        people = replace(found.seen.people, track_id=np.array(names))[order]
        return FollowedFrame(
            replace(found.seen, people=people), found.xy[order], found.score[order], 0, now or {}
        )

    def whose(self, out: list[SeenFrame]) -> list[list[int]]:
        """The numbers of the bodies 1 and 2 in each frame, 0 for somebody who is not there."""
        table = []
        for seen in out:
            middle = (seen.people.xyxy[:, :2] + seen.people.xyxy[:, 2:]) / 2
            off = [np.abs(middle - self.centre(body, seen.frame)).max(1) for body in (1, 2)]
            table.append([
                int(seen.people.track_id[o.argmin()]) if o.min() < 1 else 0 for o in off
            ])  # fmt: skip
        return table


EXCHANGE = {1: 2, 2: 1}


def test_numbers_that_changed_hands_are_exchanged_from_where_it_happened() -> None:
    world = Crossing()
    frames = [world.named(i, *((1, 2) if i < 11 else (2, 1))) for i in range(17)]
    frames += [world.named(17, 1, 2, now=EXCHANGE), world.named(18, 1, 2)]
    out = through(world, frames)
    assert ids(out) == [[1, 2]] * 19
    # At frame 10 both are in one place.
    assert world.whose(out)[:10] == [[1, 2]] * 10
    assert world.whose(out)[11:] == [[1, 2]] * 8
    assert not world.looks  # nobody is new


@pytest.mark.parametrize("meeting", [9.5, 9.6, 10.4, 10.5])
@pytest.mark.parametrize("earlier", [0, 30])
def test_numbers_of_who_met_between_frames_are_exchanged_there(
    meeting: float, earlier: int
) -> None:
    """Also if the scene begins in the frames that are held: not from its first frame on."""
    world = Crossing()
    world.meeting = meeting + earlier
    wrong = int(np.ceil(meeting))  # the tracker took the nearest box
    frames = [world.named(i, *((1, 2) if i < wrong + earlier else (2, 1)))
              for i in range(17 + earlier)]  # fmt: skip
    frames += [world.named(17 + earlier, 1, 2, now=EXCHANGE)]
    found = world.whose(through(world, frames))
    assert sum(whose != [1, 2] for whose in found) <= 1


def test_numbers_are_exchanged_while_one_is_hidden() -> None:
    world = Crossing()
    frames = [world.named(i, 1, 2) for i in range(8)]
    frames += [world.named(i, 1) for i in range(8, 10)]
    frames += [world.named(i, 2, 1) for i in range(10, 15)]
    frames += [world.named(15, 1, 2, now=EXCHANGE)]
    out = through(world, frames)
    assert [whose[0] for whose in world.whose(out)] == [1] * 16
    assert world.whose(out)[11:] == [[1, 2]] * 5


def test_a_new_number_of_somebody_who_walks_is_taken_back_altogether() -> None:
    world = Crossing()
    frames = [world.named(i, 1, 2) for i in range(8)]
    frames += [world.named(i, 1) for i in range(8, 12)]
    frames += [world.named(i, 1, 3) for i in range(12, 16)]
    frames += [world.named(16, 1, 2, now={3: 2, 2: 3})]
    out = through(world, frames)
    assert {int(number) for seen in out for number in seen.people.track_id} == {1, 2}
    assert world.whose(out)[12:] == [[1, 2]] * 5


def test_numbers_are_exchanged_no_further_back_than_frames_are_held() -> None:
    world = Crossing()
    frames = [world.named(i, *((1, 2) if i < 11 else (2, 1))) for i in range(17)]
    frames += [world.named(17, 1, 2, now=EXCHANGE)]
    assert world.whose(through(world, frames, reach=4))[11:] == [[2, 1]] * 2 + [[1, 2]] * 5
    assert world.whose(through(world, frames, reach=0))[11:] == [[2, 1]] * 6 + [[1, 2]]


def test_who_met_before_the_frames_that_are_held_has_the_own_number_in_all_of_them() -> None:
    world = Crossing()
    world.meeting = 5.0
    frames = [world.named(i, *((1, 2) if i < 6 else (2, 1))) for i in range(13)]
    frames += [world.named(13, 1, 2, now=EXCHANGE)]
    assert world.whose(through(world, frames, reach=6))[7:] == [[1, 2]] * 7


def test_a_way_may_be_the_longer_the_more_time_it_has() -> None:
    here, there = np.array([0.0, 0, 20, 40]), np.array([8.0, 0, 28, 40])
    assert _apart((3, here), (4, there)) == pytest.approx(0.1)
    assert _apart((3, here), (7, there)) == pytest.approx(0.05)
    assert _apart(None, None) == 0.0
    assert _apart((3, here), None) == _apart(None, (3, here)) == 1.0


def test_numbers_of_the_scene_before_are_not_exchanged() -> None:
    """Should numbers ever be used again: those who met before a cut keep theirs."""
    world = Crossing()
    world.meeting = 5.0
    frames = [world.named(i, 2, 1) for i in range(9)]
    frames += [replace(world.named(i, 2, 1), scene=9) for i in range(9, 13)]
    frames += [replace(world.named(13, 1, 2, now=EXCHANGE), scene=9)]
    assert world.whose(through(world, frames))[6:9] == [[2, 1]] * 3


def test_several_people_go_back_together_each_to_the_own_place() -> None:
    world = World(begins={2: 2})
    frames = [world.frame(i, 1, *[2, 3] * (i >= 5)) for i in range(8)]
    out = through(world, frames)
    assert ids(out) == [[1, 3]] * 2 + [[1, 2, 3]] * 6
    assert world.looks == [2, 2, 2, 2, 1]  # together, until one is unsure and the other goes on
    for seen in out[:5]:
        row = seen.row(3)
        middle = (seen.people.xyxy[row, :2] + seen.people.xyxy[row, 2:]) / 2
        assert np.abs(middle - world.centre(3, seen.frame)).max() < 5


def test_large_pictures_are_held_in_smaller_numbers_and_at_least_one() -> None:
    assert HindsightSpec().within_bytes((432, 768)).reach == 24
    assert HindsightSpec().within_bytes((2160, 3840)).reach == 10
    assert HindsightSpec().within_bytes((20000, 20000)).reach == 1
    assert NO_HINDSIGHT.within_bytes((432, 768)).reach == 0


class Late:
    """A `Follower` that finds one person at the frame `begin`."""

    scene = 0
    exchanged: Mapping[int, int] = {}
    upside_down = np.zeros(1, bool)

    def __init__(self, begin: int) -> None:
        self.begin = begin

    def __call__(self, frame: Frame) -> People:
        return people((1, 60, 40)) if frame.index >= self.begin else People.empty()

    def learn(self, xy: np.ndarray, score: np.ndarray) -> tuple[People, np.ndarray]:
        return people((1, 60, 40)), np.array([0])


class Exchanged:
    """A `Follower` of two people, whose numbers it exchanges at frame 4 and gives back at 7."""

    scene = 0
    frame = 0
    exchanged: Mapping[int, int] = {}
    upside_down = np.zeros(2, bool)

    def __call__(self, frame: Frame) -> People:
        self.frame, self.exchanged = frame.index, EXCHANGE if frame.index == 7 else {}
        left, right = (2, 1) if 4 <= frame.index < 7 else (1, 2)
        return people(*sorted([(left, 40, 40), (right, 80, 40)]))

    def learn(self, xy: np.ndarray, score: np.ndarray) -> tuple[People, np.ndarray]:
        left, right = (2, 1) if 4 <= self.frame < 7 else (1, 2)
        return people(*sorted([(left, 40, 40), (right, 80, 40)])), np.array([0, 1])


class Sure(FakeEstimator):
    """Sees the same pose in every crop, surely."""

    def solve(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        maps = super().solve(inputs)["heatmaps"] * 0
        joints, h, w = maps.shape[1:]
        for joint in range(joints):
            maps[:, joint, 2 + (joint * 3) % (h - 4), 1 + joint % (w - 2)] = 0.95
        return {"heatmaps": maps}


@pytest.mark.parametrize("block", [1, 3, 8])
def test_the_pipeline_gives_late_people_back_whatever_the_blocks(block: int) -> None:
    def found(**how: object) -> list[list[int]]:
        estimate = Sure(tiny_onnx.slots())
        poses = run(video(12), estimate, Late(6), block_frames=block, **how)
        assert [p.frame for p in poses] == list(range(12))
        assert all(np.isfinite(p.xy).all() for p in poses)
        assert all(p.xy.shape[1] == len(POSETRACK15.joints) for p in poses)
        return [p.people.track_id.tolist() for p in poses]

    late = [[]] * 6 + [[1]] * 6
    assert found() == late
    assert found(hindsight=HindsightSpec()) == [[1]] * 12
    assert found(hindsight=HindsightSpec(4)) == [[]] * 2 + [[1]] * 10
    causal = PoseOptions(causal=True)
    assert found(hindsight=HindsightSpec(), options=causal) == late


@pytest.mark.parametrize("block", [1, 3, 8])
def test_the_pipeline_exchanges_numbers_back_whatever_the_blocks(block: int) -> None:
    def left(**how: object) -> list[int]:
        poses = run(video(9), Sure(tiny_onnx.slots()), Exchanged(), block_frames=block, **how)
        return [int(p.people.track_id[p.people.xyxy[:, 0].argmin()]) for p in poses]

    assert left() == [1] * 4 + [2] * 3 + [1] * 2
    assert left(hindsight=HindsightSpec()) == [1] * 9


@pytest.mark.parametrize("block", [1, 3, 8])
@pytest.mark.parametrize("fails", ["frames", "follower"])
def test_frames_before_a_failure_are_given_out_first(block: int, fails: str) -> None:
    class Failing(Late):
        def __call__(self, frame: Frame) -> People:
            if frame.index == 7:
                raise OSError("unplugged")
            return super().__call__(frame)

    def broken() -> Iterator[Frame]:
        for index in range(7 if fails == "frames" else 20):
            yield Frame(index, index / 25, picture(index))
        raise OSError("unplugged")

    got = []
    with pytest.raises(OSError, match="unplugged"):
        for _, poses in estimate_poses(
            broken(),
            Failing(5),
            Sure(tiny_onnx.slots()),
            hindsight=HindsightSpec(),
            block_frames=block,
        ):
            got.append((poses.frame, poses.people.track_id.tolist()))
    assert got == [(i, [1]) for i in range(7)]


def test_the_reach_is_the_same_in_time_up_to_what_people_may_cost_in_memory() -> None:
    reach = [HindsightSpec().reach_at(rate_hz) for rate_hz in (0.2, 25.0, 30.0, 60.0, 120.0, 240.0)]
    assert reach == [24, 24, 24, 48, 96, 96]
    assert NO_HINDSIGHT.reach_at(240.0) == 0
    for size_hw, at_120 in (((432, 768), 96), ((1080, 1920), 43), ((2160, 3840), 10)):
        assert HindsightSpec().within_bytes(size_hw).reach_at(120.0) == at_120


@pytest.mark.parametrize("told_hz", [5.0, 30.0, 60.0, 1000.0, math.nan])
@pytest.mark.parametrize(("rate_hz", "held"), [(30.0, 24), (120.0, 96)])
def test_the_reach_is_that_of_the_times_whatever_the_header_says(
    rate_hz: float, held: int, told_hz: float
) -> None:
    world = World()
    hindsight = Hindsight(world.look, BODY19, HindsightSpec(rate_hz=told_hz))
    given_out = 0
    for number in range(120):
        frame = world.frame(number)
        frame = replace(frame, seen=replace(frame.seen, time_s=number / rate_hz))
        given_out += len(list(hindsight.push(frame)))
    assert given_out == 120 - held
