"""The main path with a fake estimator: order, slots, undecodable frames, both kinds of boxes."""

import tracemalloc
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tiny_onnx
from fake_estimator import SIZE_HW, FakeEstimator, one_person, people, picture, run, same, video
from glpose import pipeline
from glpose.hindsight import HindsightSpec
from glpose.metrics.calibration import calibrated
from glpose.pipeline import (
    DetectAndTrack,
    FollowPoses,
    PeopleOf,
    estimate_poses,
    remember_video,
)
from glpose.runtime.card import NeighbourBox, Slot
from glpose.runtime.options import PoseOptions, View
from glpose.runtime.protocols import Encoded
from glpose.skeleton import POSETRACK15
from glpose.timing import Timings
from glpose.track.by_pose import PoseTracker, PoseTrackerSpec
from glpose.track.cuts import CutDetector
from glpose.track.tracker import Tracker
from glpose.types import Detections, Frame, FramePoses, People


def test_every_frame_comes_once_and_in_order_also_bad_ones_and_empty_ones() -> None:
    frames = video(11, bad=(0, 4, 10), first=5)
    got = run(frames, FakeEstimator(), lambda f: People.empty() if f.index == 8 else one_person(f))
    assert [p.frame for p in got] == list(range(5, 16))
    assert [p.frame for p in got if p.status == "undecodable"] == [10]
    assert [p.frame for p in got if not len(p.people)] == [8, 10]
    assert got[0].xy.shape == (1, 15, 2)
    assert got[3].xy.shape == (0, 15, 2)
    assert [p.time_s for p in got] == [i / 25 for i in range(5, 16)]


def test_poses_come_with_the_frame_they_belong_to_and_with_its_picture_if_it_is_kept() -> None:
    frames = video(11, bad=(4,))
    pairs = list(estimate_poses(frames, one_person, FakeEstimator()))
    assert all(frame is own for (frame, _), own in zip(pairs, frames, strict=True))
    assert all(frame.index == poses.frame for frame, poses in pairs)
    bare = list(estimate_poses(frames, one_person, FakeEstimator(), keep_pictures=False))
    assert [(f.index, f.time_s, f.rgb) for f, _ in bare] == [(i, i / 25, None) for i in range(11)]
    assert [p.frame for _, p in bare if p.status == "undecodable"] == [4]
    same([poses for _, poses in bare], [poses for _, poses in pairs])


@pytest.mark.parametrize("keep", [True, False])
def test_pictures_are_held_no_longer_than_the_window_and_a_block(keep: bool) -> None:
    alive: set[int] = set()
    most = 0

    def frames() -> Iterator[Frame]:
        nonlocal most
        for index in range(60):
            rgb = picture(index).copy()
            alive.add(index)
            weakref.finalize(rgb, alive.discard, index)
            yield Frame(index, index / 25, rgb)
            del rgb
            most = max(most, len(alive))

    for _ in estimate_poses(
        frames(), one_person, FakeEstimator(), block_frames=4, keep_pictures=keep
    ):
        pass
    assert most <= (20 if keep else 10)  # of 60; blocks have 4 frames, the window reaches 2


class Large(FakeEstimator):
    """Its features take more memory than anything else, and only the first channel is read."""

    channels = 64
    crop_bytes = channels * tiny_onnx.MAP_HW[0] * tiny_onnx.MAP_HW[1] * 4

    def encode(self, crops: np.ndarray) -> Encoded:
        encoded = super().encode(crops)
        return encoded._replace(features=encoded.features.repeat(self.channels, 1))


class LargeSummarising(Large):
    """Of neighbours it wants the first channel."""

    def __post_init__(self) -> None:
        self.card = tiny_onnx.pose_card(slots=self.slots, answers=True, summarises=True)

    def encode(self, crops: np.ndarray) -> Encoded:
        found = super().encode(crops)
        first = found.features[:, :1].copy()
        return found._replace(maps={"heatmaps": first.repeat(15, 1)}, summary=first)


def most_crops(estimate: Large, num: int, people_of: PeopleOf, **settings: Any) -> float:
    """The most memory at any time, as a number of crops whose features it would hold."""
    frames = video(num)
    tracemalloc.start()
    for _ in estimate_poses(frames, people_of, estimate, keep_pictures=False, **settings):
        pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / estimate.crop_bytes


def crowd_of(num: int) -> People:
    return people(*((i, 20 + i % 80, 40) for i in range(num)))


def test_crowds_are_encoded_some_at_a_time_and_take_no_more_memory_in_blocks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline, "_BLOCK_PEOPLE", 48)
    estimate = Large(tiny_onnx.slots((-1, 1)))
    most = most_crops(estimate, 9, lambda _: crowd_of(16))
    assert estimate.encoded == [8] * 18
    # Three frames of 9 make 48 people, and the window holds two; 8 keys with two neighbours are solved.
    assert 5 * 16 < most < 5 * 16 + 5 * 8


def test_features_of_a_frame_are_not_held_twice() -> None:
    most = most_crops(Large(tiny_onnx.slots((-1, 1))), 1, lambda _: crowd_of(64))
    # Held twice they would be 128; other things of the process count, too.
    assert 64 < most < 64 + 6 * 8


def test_where_neighbours_are_summarised_features_are_held_until_the_frame_is_a_key() -> None:
    before = tiny_onnx.slots((-2, -1))
    for kind, (least, most) in ((Large, (48, 96)), (LargeSummarising, (16, 48))):
        found = most_crops(kind(before), 4, lambda _: crowd_of(16), block_frames=1)
        assert least < found < most


class Crowd:
    """A `Follower` that looks for a crowd, and finds it."""

    scene = 0
    exchanged: Mapping[int, int] = {}
    upside_down = np.zeros(44, bool)

    def __call__(self, frame: Frame) -> People:
        return crowd_of(44)

    def learn(self, xy: np.ndarray, score: np.ndarray) -> tuple[People, np.ndarray]:
        return crowd_of(44), np.arange(44)


@pytest.mark.parametrize("people_of", [lambda _: crowd_of(44), Crowd()], ids=["given", "followed"])
@pytest.mark.parametrize("views", [(), (View(10.0, 0.9), View(-10.0, 1.1))], ids=["one", "more"])
def test_who_looks_alone_holds_maps_in_place_of_features_of_all_views(
    people_of: PeopleOf, views: tuple[View, ...]
) -> None:
    estimate = Large(tiny_onnx.slots())
    most = most_crops(estimate, 1, people_of, options=PoseOptions(flip=bool(views), views=views))
    assert set(estimate.encoded) == {8, 44 % 8}
    maps = 44 * len(estimate.card.joints.joints) / estimate.channels
    num = 6 if views else 1
    assert most < 2.5 * maps + 4 * 8 * num  # of 44 for each look


@pytest.mark.parametrize("num", [9, 70])
def test_a_crowd_has_the_same_poses_however_it_is_divided(num: int) -> None:
    def crowd(frame: Frame) -> People:
        return people(*((i, 20 + i, 40) for i in range(0 if frame.index == 2 else num)))

    one, many = FakeEstimator(), FakeEstimator()
    same(run(video(6), many, crowd), run(video(6), one, crowd, block_frames=1))
    assert max(many.encoded) <= 8
    assert sum(many.encoded) == sum(one.encoded) == 5 * num


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("offsets", [(), (-2, -1), (-1, 1)])
def test_where_nothing_later_counts_a_frame_is_yielded_before_the_next_is_asked_for(
    offsets: tuple[int, ...], causal: bool
) -> None:
    asked: list[int] = []

    def frames() -> Iterator[Frame]:
        for frame in video(6, bad=(0, 3)):
            asked.append(frame.index)
            yield frame

    how = PoseOptions(causal=causal)
    estimate = FakeEstimator(tiny_onnx.slots(offsets))
    pairs = estimate_poses(frames(), one_person, estimate, options=how, block_frames=1)
    ahead = [asked[-1] - poses.frame for _, poses in pairs]
    assert ahead == [0 if causal or 1 not in offsets else 1] * 5 + [0]


def test_nothing_in_nothing_out() -> None:
    assert run([], FakeEstimator()) == []


def test_people_are_asked_for_decodable_frames_only_and_in_order() -> None:
    asked: list[int] = []

    def people_of(frame: Frame) -> People:
        asked.append(frame.index)
        return one_person(frame)

    run(video(6, bad=(2,)), FakeEstimator(), people_of)
    assert asked == [0, 1, 3, 4, 5]


def test_own_boxes_are_encoded_once_each() -> None:
    estimate = FakeEstimator()
    run(video(20), estimate, lambda _: people((1, 40, 40), (2, 80, 40)))
    assert estimate.encoded == [8] * 5  # 8 + 8 + 4 frames of two


def test_an_undecodable_frame_is_no_neighbour() -> None:
    alone = tiny_onnx.slots(offsets=(-1, 1))
    one = run(video(3), FakeEstimator(alone))
    gap = run(video(3, bad=(0, 2)), FakeEstimator(alone))
    # Both slots of frame 1 clamp to itself, so all of its joints lie where its own map has them.
    np.testing.assert_allclose(gap[1].xy[0], gap[1].xy[0, :1].repeat(15, 0), atol=1e-4)
    assert not np.allclose(one[1].score[0, 1:], gap[1].score[0, 1:])


def test_exact_boxes_cut_the_neighbours_with_the_box_of_the_key() -> None:
    still = [Frame(i, i / 25, picture(0)) for i in range(5)]
    exact = tiny_onnx.slots(offsets=(-1, 1), box="exact")
    own = tiny_onnx.slots(offsets=(-1, 1), box="own")
    moving = run(still, FakeEstimator(exact))
    # In a still video the neighbours seen through the key's box are the key itself.
    for poses in moving:
        np.testing.assert_allclose(poses.xy[0], poses.xy[0, :1].repeat(15, 0), atol=1e-4)
    assert any(
        not np.allclose(a.score, b.score)
        for a, b in zip(moving, run(still, FakeEstimator(own)), strict=True)
    )
    # Where boxes do not move either, both ways are the same.
    same(
        run(video(9), FakeEstimator(exact), lambda _: people((1, 40, 40))),
        run(video(9), FakeEstimator(own), lambda _: people((1, 40, 40))),
    )


def test_doubtful_people_are_no_global_candidates() -> None:
    only_global = tiny_onnx.slots(num=1, min_score=0.6, pool="other_crops")
    frames = video(4)
    sure = run(frames, FakeEstimator(only_global), lambda _: people((1, 60, 40)))
    doubtful = run(frames, FakeEstimator(only_global), lambda _: people((1, 60, 40), score=0.5))
    # Without candidates the key crop fills the slot, with a weight of 1.
    np.testing.assert_allclose(doubtful[3].xy[0], doubtful[3].xy[0, :1].repeat(15, 0), atol=1e-4)
    assert not np.allclose(sure[3].score, doubtful[3].score)


def test_a_crop_without_signal_has_joints_without_position() -> None:
    dark = [Frame(i, i / 25, np.zeros((*SIZE_HW, 3), np.uint8)) for i in range(3)]
    for poses in run(dark, FakeEstimator()):
        assert np.isnan(poses.xy).all()
        assert not poses.score.any()


def test_the_memory_is_bounded_and_seeded() -> None:
    card = tiny_onnx.slots(num=2, pool="all")
    few = run(video(30), FakeEstimator(card), memory_crops=3)
    same(few, run(video(30), FakeEstimator(card), memory_crops=3))
    other = run(video(30), FakeEstimator(card), memory_crops=3, seed=1)
    assert any(not np.allclose(a.score, b.score) for a, b in zip(few, other, strict=True))


def test_detect_and_track_numbers_people_and_starts_anew_at_a_cut() -> None:
    class Fixed:
        card = tiny_onnx.detector_card()

        def __call__(self, rgb: np.ndarray) -> Detections:
            assert rgb.shape == (*SIZE_HW, 3)
            box = np.array([[40, 20, 70, 70]], np.float32)
            return Detections(box, np.array([0.95], np.float32))

    ramp = np.linspace(0, 255, 120).astype(np.uint8)
    red, blue = np.zeros((2, *SIZE_HW, 3), np.uint8)
    red[..., 0], blue[..., 2] = ramp, ramp[::-1]
    frames = [Frame(i, i / 25, blue if 6 <= i < 10 else red) for i in range(12)]
    timings = Timings()
    got = run(frames, FakeEstimator(), DetectAndTrack(Fixed(), timings=timings), timings=timings)
    assert [p.people.track_id.tolist() for p in got] == [[1]] * 6 + [[2]] * 4 + [[1]] * 2
    assert set(timings.seconds) == {"decode", "detect", "track", "crop", "encode", "fuse"}


def test_decoding_can_be_chosen() -> None:
    by_card = run(video(4), FakeEstimator())
    dark = run(video(4), FakeEstimator(), options=PoseOptions(decode="dark"))
    plain = run(video(4), FakeEstimator(), options=PoseOptions(decode="argmax"))
    same(by_card, dark)  # as its card says
    assert any(not np.array_equal(a.xy, b.xy) for a, b in zip(dark, plain, strict=True))
    # A whole heatmap pixel is 4 crop pixels: 4 * 30 / 48 pixels of the picture.
    steps = (plain[0].xy[0, 1:] - plain[0].xy[0, 0]) / (4 * 24 * 1.25 / 48)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)


def test_people_with_weak_boxes_can_be_left_out() -> None:
    def two(frame: Frame) -> People:
        both = people((1, 40, 40), (2, 80, 40))
        return People(both.xyxy, np.array([0.1, 0.6], np.float32), both.track_id)

    assert [len(p.people) for p in run(video(3), FakeEstimator(), two)] == [2] * 3
    strong = run(video(3), FakeEstimator(), two, options=PoseOptions(min_box=0.2))
    assert [p.people.track_id.tolist() for p in strong] == [[2]] * 3


def test_only_keys_have_poses_but_all_frames_help() -> None:
    every = run(video(9), FakeEstimator())
    some = run(video(9), FakeEstimator(), is_key=lambda frame: frame % 4 == 0)
    assert [len(p.people) for p in some] == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert [p.frame for p in some] == list(range(9))
    same(some[::4], every[::4])


def test_where_a_person_has_no_box_the_box_of_the_key_can_cut_the_neighbour() -> None:
    alone = tiny_onnx.slots(offsets=(-1, 1), box="own")
    exact = tiny_onnx.slots(offsets=(-1, 1), box="exact")

    def now_and_then(frame: Frame) -> People:
        return one_person(frame) if frame.index % 2 == 0 else People.empty()

    every = PoseOptions(neighbours="all")
    # Without boxes in odd frames "own" has nothing but the key's, so it is "exact".
    own = run(video(9), FakeEstimator(alone), now_and_then, options=every)
    same(own, run(video(9), FakeEstimator(exact), now_and_then, options=every))
    border = run(video(9), FakeEstimator(alone), now_and_then)
    np.testing.assert_allclose(border[4].xy[0], border[4].xy[0, :1].repeat(15, 0), atol=1e-4)
    assert not np.allclose(border[4].score, own[4].score)
    # With a box in every frame, "own" boxes are used as ever.
    same(
        run(video(9), FakeEstimator(alone), options=every),
        run(video(9), FakeEstimator(alone)),
    )


def test_frames_that_cannot_be_decoded_help_nobody_also_where_all_may() -> None:
    exact = tiny_onnx.slots(offsets=(-1, 1), box="exact")
    every = PoseOptions(neighbours="all")
    gap = run(video(3, bad=(0, 2)), FakeEstimator(exact), options=every)
    np.testing.assert_allclose(gap[1].xy[0], gap[1].xy[0, :1].repeat(15, 0), atol=1e-4)


def test_the_key_itself_and_repeated_neighbours_are_not_encoded_again() -> None:
    exact = tiny_onnx.slots(offsets=(-2, -1, 1, 2), box="exact")
    estimate = FakeEstimator(exact)
    run(video(3), estimate)
    # 3 own crops; for each key the two other frames once, however many slots they fill.
    assert estimate.encoded[0] == 3
    assert sum(estimate.encoded[1:]) == 6


class Summarising(FakeEstimator):
    """Of neighbours it wants the brightest place of each channel."""

    def __post_init__(self) -> None:
        self.card = tiny_onnx.pose_card(slots=self.slots, answers=True, summarises=True)

    def encode(self, crops: np.ndarray) -> Encoded:
        found = super().encode(crops)
        maps = {"heatmaps": np.repeat(found.features, 15, 1)}
        summary = found.features.max((2, 3), keepdims=True)
        return found._replace(maps=maps, summary=summary)


class ByItself(FakeEstimator):
    """The same from features."""

    def solve(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        around = inputs["around"].max((3, 4), keepdims=True)
        return super().solve(inputs | {"around": around})


@pytest.mark.parametrize("box", ["own", "exact"])
@pytest.mark.parametrize(
    "options",
    [PoseOptions(), PoseOptions(flip=True), PoseOptions(flip=True, views=(View(10.0, 0.9),))],
    ids=["plain", "flip", "views"],
)
def test_slots_of_neighbours_hold_summaries(box: NeighbourBox, options: PoseOptions) -> None:
    around = tiny_onnx.slots((-2, -1, 1, 2), 2, box=box)
    found = run(video(5, bad=(3,)), Summarising(around), options=options)
    same(found, run(video(5, bad=(3,)), ByItself(around), options=options))
    plain = run(video(5, bad=(3,)), FakeEstimator(around), options=options)
    assert not np.array_equal(found[1].score, plain[1].score)


class Recorder(FakeEstimator):
    """Remembers the brightness of the similar crops that each key is given."""

    def solve(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        alike = inputs["alike"].mean((2, 3, 4))
        self.seen = [*getattr(self, "seen", []), *np.round(alike, 3).tolist()]
        return super().solve(inputs)


def brighter(num: int) -> list[Frame]:
    """Frame i has the brightness 10 * (i + 1) all over."""
    return [Frame(i, i / 25, np.full((*SIZE_HW, 3), 10 * (i + 1), np.uint8)) for i in range(num)]


def frames_seen(
    num: int, options: PoseOptions, slots: tuple[Slot, ...], seed: int = 0
) -> list[set[int]]:
    """For each frame of a video the frames that filled its global slots."""
    estimate, frames = Recorder(slots), brighter(num)
    middle = people((1, 60, 40))
    pool = remember_video(frames, lambda _: middle, estimate, options=options, seed=seed)
    run(frames, estimate, lambda _: middle, options=options, pool=pool, seed=seed)
    return [{round(value * 255 / 10) - 1 for value in slots} for slots in estimate.seen]


def test_candidates_of_the_video_are_before_and_after_those_of_the_past_are_not() -> None:
    every = tiny_onnx.slots(num=7, num_candidates=20)
    past = frames_seen(8, PoseOptions(), every)
    video_ = frames_seen(8, PoseOptions(candidates="video"), every)
    others = [{*range(8)} - {i} for i in range(8)]
    assert video_ == others
    # Without neighbours nothing ahead of the key is known; the key fills what is left.
    assert [seen - {i} for i, seen in enumerate(past)] == [{*range(i)} for i in range(8)]


def test_even_candidates_are_spread_over_the_video_and_random_ones_repeat_with_the_seed() -> None:
    few = tiny_onnx.slots(num=3, num_candidates=3)
    even = frames_seen(12, PoseOptions(candidates="video", sampling="even"), few)
    assert even[0] == {1, 6, 11}
    assert even[11] == {0, 5, 10}
    random = [
        frames_seen(12, PoseOptions(candidates="video"), few, seed=seed) for seed in (0, 0, 1)
    ]
    assert random[0] == random[1] != random[2]


def test_remembering_reads_nothing_where_it_is_not_needed_and_is_bounded() -> None:
    def unread() -> list[Frame]:
        pytest.fail("read")

    lonely = FakeEstimator(tiny_onnx.slots(offsets=(-1, 1)))
    frames = (frame for _ in (0,) for frame in unread())
    assert remember_video(frames, one_person, lonely) is None
    assert remember_video(frames, one_person, FakeEstimator(), options=PoseOptions()) is None
    memory = remember_video(video(30), one_person, FakeEstimator(), memory_crops=5)
    assert memory is not None
    assert len(memory) == 5


class Second:
    """A `Follower` that looks for two people and keeps the second, where its joints were."""

    scene = 0
    exchanged: Mapping[int, int] = {}
    upside_down = np.zeros(2, bool)

    def __init__(self) -> None:
        self.learned: list[np.ndarray] = []

    def __call__(self, frame: Frame) -> People:
        return people((0, 30, 40), (7, 60 + frame.index, 40))

    def learn(self, xy: np.ndarray, score: np.ndarray) -> tuple[People, np.ndarray]:
        assert xy.shape == (2, 15, 2)
        assert score.shape == (2, 15)
        self.learned.append(xy)
        return people((7, 60, 40)), np.array([1])


@pytest.mark.parametrize("block", [1, 3, 8])
def test_a_follower_learns_the_poses_of_each_frame_and_says_whom_it_found(block: int) -> None:
    follower = Second()
    estimate = FakeEstimator(tiny_onnx.slots())
    found = run(video(5, bad=(2,)), estimate, follower, block_frames=block)
    assert len(follower.learned) == 4
    assert estimate.encoded == [2] * 4
    plain = run(video(5, bad=(2,)), FakeEstimator(tiny_onnx.slots()), lambda f: follower(f)[[1]])
    for one, two in zip(found, plain, strict=True):
        np.testing.assert_array_equal(one.xy, two.xy)
        if len(one.people):
            np.testing.assert_allclose(one.people.xyxy[0, [0, 2]].mean(), 60)
    np.testing.assert_allclose(follower.learned[0][1], plain[0].xy[0], atol=1e-4)


class Only:
    """A `Follower` that looks for one person, and keeps what is said of them."""

    scene = 0
    exchanged: Mapping[int, int] = {}
    upside_down = np.zeros(1, bool)
    person = People(np.array([[40, 8, 56, 72]], np.float32), np.ones(1, np.float32), np.array([7]))

    def __call__(self, frame: Frame) -> People:
        return self.person

    def learn(self, xy: np.ndarray, score: np.ndarray) -> tuple[People, np.ndarray]:
        self.xy, self.score = xy, score
        return self.person, np.array([0])


class Sure(FakeEstimator):
    """Its maps exceed 1."""

    def solve(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: 2 * m for name, m in super().solve(inputs).items()}


def test_scores_above_1_are_cut_unless_joints_are_ranked_by_them() -> None:
    estimate, plain = Sure(tiny_onnx.slots()), FakeEstimator(tiny_onnx.slots())
    (raw,) = run(video(1), plain)
    assert (2 * raw.score[0, 0] > 1) & (2 * raw.score[0, 1] < 1)
    for options in (PoseOptions(), PoseOptions(score="product")):
        factor = np.float32(0.9 if options.score == "product" else 1)
        (usual,) = run(video(1), estimate, options=options)
        (ranked,) = run(video(1), estimate, options=options, cut_scores=False)
        np.testing.assert_array_equal(usual.score, factor * np.minimum(2 * raw.score, 1))
        np.testing.assert_array_equal(ranked.score, factor * 2 * raw.score)
    for cut_scores in (True, False):
        follower = Only()
        run(video(1), estimate, follower, cut_scores=cut_scores)
        assert follower.score.max() == 1


@pytest.mark.parametrize("cut_scores", [True, False])
def test_calibrated_weights_keep_calibrated_scores_which_tie_at_the_top(cut_scores: bool) -> None:
    estimate, (raw,) = Sure(tiny_onnx.slots()), run(video(1), FakeEstimator(tiny_onnx.slots()))
    knots = ((0.1, 0.2), (0.3, 0.8))
    assert 2 * raw.score[0, 0] > 1 > 2 * raw.score[0, 1] > 0.3
    estimate.card = replace(estimate.card, calibration=knots)
    (found,) = run(video(1), estimate, cut_scores=cut_scores)
    np.testing.assert_array_equal(found.score, calibrated(2 * raw.score, knots))
    np.testing.assert_array_equal(found.score, np.float32(0.8))


@pytest.mark.parametrize("upside_down", [False, True])
@pytest.mark.parametrize("spots", [("own", "other"), ("own",), ("other",)])
def test_of_two_places_the_one_in_the_box_can_be_preferred(
    spots: tuple[str, ...], upside_down: bool
) -> None:
    """The crop of a narrow box shows a neighbour, too, who may be seen better."""

    def seen(spots: tuple[str, ...], *, in_box: bool) -> tuple[FramePoses, Only]:
        rgb = np.zeros((*SIZE_HW, 3), np.uint8)
        for name, column, grey in (("own", 44, 120), ("other", 67, 240)):
            if name in spots:
                rgb[36:44, column : column + 8] = grey
        follower = Only()
        follower.upside_down = np.array([upside_down])
        estimate, options = FakeEstimator(tiny_onnx.slots()), PoseOptions(in_box=in_box)
        (poses,) = run([Frame(0, 0.0, rgb)], estimate, follower, options=options)
        return poses, follower

    alone = {name: seen((name,), in_box=False)[0] for name in ("own", "other")}
    np.testing.assert_allclose(alone["own"].xy[0, 0], (47.5, 39.5), atol=3)
    np.testing.assert_allclose(alone["other"].xy[0, 0], (70.5, 39.5), atol=3)
    for in_box in (False, True):
        poses, follower = seen(spots, in_box=in_box)
        taken = "own" if spots == ("own",) or (in_box and "own" in spots) else "other"
        # Where and as sure as the network says, wherever the box may be.
        np.testing.assert_allclose(poses.xy[0, 0], alone[taken].xy[0, 0], atol=0.6)
        assert poses.score[0, 0] == pytest.approx(alone[taken].score[0, 0], abs=1e-6)
        np.testing.assert_allclose(follower.xy[0, 0], poses.xy[0, 0], atol=1e-4)
        np.testing.assert_allclose(follower.score[0, 0], poses.score[0, 0], atol=1e-6)
        assert poses.other_places is not None
        others = poses.other_places.xy[0, 0]
        assert not (np.linalg.norm(others - poses.xy[0, 0], axis=-1) < 3).any()
        if len(spots) == 2:
            left = alone["other" if taken == "own" else "own"].xy[0, 0]
            assert np.linalg.norm(others - left, axis=-1)[0] < 3


def test_who_is_upside_down_is_shown_the_other_way_up() -> None:
    class Keeping(FakeEstimator):
        def encode(self, crops: np.ndarray) -> Encoded:
            self.crops = crops
            return super().encode(crops)

    crops, found = [], []
    for upside_down in (False, True):
        follower, estimate = Second(), Keeping(tiny_onnx.slots())
        follower.upside_down = np.array([False, upside_down])
        found.append(run(video(1), estimate, follower))
        crops.append(estimate.crops)
    np.testing.assert_array_equal(crops[1][0], crops[0][0])
    turned = crops[0][1, ::-1, ::-1].astype(int)
    assert np.abs(crops[1][1] - turned).max() <= 1
    assert (crops[1][1] != crops[0][1]).any()
    np.testing.assert_allclose(found[1][0].xy, found[0][0].xy, atol=1e-4)  # in image pixels


class Fixed:
    """A detector that finds one person in the same place, and remembers which frames it saw."""

    def __init__(self) -> None:
        self.card, self.looks = tiny_onnx.detector_card(), 0

    def __call__(self, rgb: np.ndarray) -> Detections:
        self.looks += 1
        found = people((1, 50, 40))
        return Detections(found.xyxy, found.score)


BELIEVED = PoseTrackerSpec(
    look_first=1, keep_score=0.0, keep_iou=0.0, joint_score=0.0, moves_boxes=False
)
"""Poses always say where people are."""


def looks_at(frames: list[Frame], **settings: int) -> int:
    """How often the detector looks at frames in which poses always say where people are."""
    detect = Fixed()
    tracker = PoseTracker(POSETRACK15, size_hw=SIZE_HW, poses=replace(BELIEVED, **settings))
    run(frames, FakeEstimator(tiny_onnx.slots()), FollowPoses(detect, tracker))
    return detect.looks


@pytest.mark.parametrize("block", [1, 3, 8])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("flash", ["white", "structured"])
def test_one_odd_picture_does_not_renumber_people(block: int, flash: str, *, causal: bool) -> None:
    usual, odd = np.zeros((2, *SIZE_HW, 3), np.uint8)
    usual[..., 0] = ramp = np.linspace(0, 255, SIZE_HW[1]).astype(np.uint8)
    if flash == "white":
        odd[:] = 255
    else:
        odd[..., 2] = ramp[::-1]
    frames = [replace(f, rgb=odd if f.index == 9 else usual) for f in video(16)]
    poses = PoseTrackerSpec(keep_score=0.0, keep_iou=0.0, joint_score=0.0, moves_boxes=False)
    found = run(
        frames,
        FakeEstimator(tiny_onnx.slots()),
        FollowPoses(Fixed(), PoseTracker(POSETRACK15, size_hw=SIZE_HW, poses=poses)),
        options=PoseOptions(causal=causal),
        block_frames=block,
        hindsight=HindsightSpec(),
    )
    between = [1] if flash == "white" else [2]
    assert [p.people.track_id.tolist() for p in found] == [[1]] * 9 + [between] + [[1]] * 6


def test_another_size_and_a_gap_in_time_begin_scenes() -> None:
    small, large = picture(0), picture(0).repeat(2, 0).repeat(2, 1)
    frames = [Frame(i, i / 25 + 60 * (i >= 6), large if 2 <= i < 4 else small) for i in range(8)]
    detect, found = Fixed(), []
    for people_of in (
        DetectAndTrack(detect, Tracker(size_hw=SIZE_HW)),
        FollowPoses(detect, PoseTracker(POSETRACK15, size_hw=SIZE_HW, poses=BELIEVED)),
    ):
        poses = run(frames, FakeEstimator(tiny_onnx.slots()), people_of)
        found.append([p.people.track_id.tolist() for p in poses])
    assert found == [[[number] for number in (1, 1, 2, 2, 3, 3, 4, 4)]] * 2


def test_the_tracker_keeps_people_for_as_long_at_a_high_rate() -> None:
    plain, by_pose = Tracker(), PoseTracker(POSETRACK15)
    for people_of in (DetectAndTrack(Fixed(), plain), FollowPoses(Fixed(), by_pose)):
        for i in range(3):
            people_of(Frame(i, i / 240, picture(0)))
    assert (plain.pace, by_pose.pace) == (8, 8)


def test_the_detector_is_spared_where_poses_say_where_people_are() -> None:
    assert looks_at(video(9), look_every=4) == 3


def test_the_detector_is_spared_more_where_nothing_changes_beside_people() -> None:
    still = [replace(frame, rgb=picture(0)) for frame in video(23)]
    assert looks_at(still, look_every=2) == 12
    assert looks_at(still, look_every=2, look_still=8) == 5  # frames 0, 2, 4, 8 and 16
    moving = [with_change(frame, slice(30, 50), slice(45, 55), by=frame.index) for frame in still]
    assert looks_at(moving, look_every=2, look_still=8) == 5
    beside = [with_change(frame, slice(60, 80), slice(0, 20), by=frame.index) for frame in still]
    assert looks_at(beside, look_every=2, look_still=8) == 12
    once = still[:10] + [with_change(f, slice(0, 20), slice(0, 20)) for f in still[10:]]
    assert looks_at(once, look_every=2, look_still=8) == 8  # and 10, 12, 14 and 18, but not 16


class SeesSmall(Fixed):
    """The person of `Fixed` and, looking closely, from a look on another one, who is small or not."""

    def __init__(
        self,
        *,
        small: bool = True,
        box: tuple[float, ...] = (70, 60, 76, 76),
        score: float = 0.8,
        first: int = 1,
    ) -> None:
        super().__init__()
        self.small, self.close_looks = small, 0
        self.box, self.score, self.first = box, score, first

    def closely(self, rgb: np.ndarray) -> Detections:
        self.close_looks += 1
        found = self(rgb)
        if self.close_looks < self.first:
            return found
        xyxy = np.concatenate([found.xyxy, np.array([self.box], np.float32)])
        return Detections(xyxy, np.append(found.score, np.float32(self.score)))

    def is_small(self, xyxy: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
        assert size_hw == SIZE_HW
        return np.full(len(xyxy), self.small) & (xyxy[:, 2] - xyxy[:, 0] < 20)


@pytest.mark.parametrize(
    ("closely", "small", "num"), [(False, True, 0), (True, True, 5), (True, False, 3)]
)
def test_small_people_are_searched_now_and_then(*, closely: bool, small: bool, num: int) -> None:
    detect = SeesSmall(small=small)
    tracker = PoseTracker(POSETRACK15, size_hw=SIZE_HW, poses=replace(BELIEVED, look_every=2))
    people_of = FollowPoses(detect, tracker, closely=closely)
    found = run(video(41), FakeEstimator(tiny_onnx.slots()), people_of)
    assert detect.close_looks == num
    assert all(len(p.people) == 1 + closely for p in found)


@pytest.mark.parametrize(
    ("box", "score"),
    [
        ((40.4, 27.2, 59.6, 49.6), 0.9),  # beside the other person, believed after some frames
        ((40.4, 27.2, 59.6, 49.6), 0.5),
        ((70, 60, 76, 76), 0.35),  # the first pose is not sure
    ],
)
def test_who_is_only_tried_is_looked_at_closely_until_it_is_known(
    box: tuple[float, ...], score: float
) -> None:
    """Usual looks, which come at once then, do not see the person, and would end the try."""
    detect = SeesSmall(box=box, score=score, first=2)
    spec = replace(BELIEVED, sure_score=1.1 if score < 0.5 else BELIEVED.sure_score)
    tracker = PoseTracker(POSETRACK15, size_hw=SIZE_HW, poses=spec)
    people_of = FollowPoses(detect, tracker, closely=True)
    found = run(video(31), FakeEstimator(tiny_onnx.slots()), people_of)
    num = [len(p.people) for p in found]
    assert num[9] == 1
    assert 2 in num[10:16]


def test_a_scene_begins_with_a_close_look() -> None:
    ramp = np.linspace(0, 255, SIZE_HW[1]).astype(np.uint8)
    one, other = np.zeros((2, *SIZE_HW, 3), np.uint8)
    one[..., 0], other[..., 2] = ramp, ramp[::-1]
    frames = [replace(f, rgb=other if f.index >= 7 else one) for f in video(9)]
    looks = []
    for closely in (False, True):
        detect = SeesSmall()
        tracker = PoseTracker(POSETRACK15, size_hw=SIZE_HW, poses=BELIEVED)
        people_of = FollowPoses(detect, tracker, closely=closely)
        run(frames, FakeEstimator(tiny_onnx.slots()), people_of)
        looks.append(detect.close_looks)
    assert looks == [0, 2]


def test_a_detector_that_cannot_look_closely_looks_as_it_can() -> None:
    detect = Fixed()
    tracker = PoseTracker(POSETRACK15, size_hw=SIZE_HW, poses=replace(BELIEVED, look_every=4))
    run(video(9), FakeEstimator(tiny_onnx.slots()), FollowPoses(detect, tracker, closely=True))
    assert detect.looks == 3


def test_where_people_are_is_known_in_pictures_of_any_size() -> None:
    """Their boxes are in pixels of the picture; what is compared is smaller."""
    large = [replace(frame, rgb=picture(0).repeat(6, 0).repeat(6, 1)) for frame in video(23)]
    moving = [with_change(frame, slice(30, 50), slice(45, 55), by=frame.index) for frame in large]
    assert looks_at(moving, look_every=2, look_still=8) == 5
    beside = [with_change(frame, slice(60, 80), slice(90, 110), by=frame.index) for frame in large]
    assert looks_at(beside, look_every=2, look_still=8) == 12


def with_change(frame: Frame, rows: slice, columns: slice, by: int = 1) -> Frame:
    """The frame with other pixels in a part of its picture."""
    assert frame.rgb is not None
    rgb = frame.rgb.copy()
    rgb[rows, columns] = picture(100 + by)[rows, columns]
    return replace(frame, rgb=rgb)


def test_after_a_cut_nothing_is_known_of_what_does_not_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    still = [replace(frame, rgb=picture(0)) for frame in video(23)]
    cuts = iter([index == 9 for index in range(23)])
    monkeypatch.setattr(CutDetector, "update", lambda *_, **__: next(cuts))
    assert looks_at(still, look_every=2, look_still=8) == 8  # 0, 2, 4, 8, 9, 11, 13 and 17
