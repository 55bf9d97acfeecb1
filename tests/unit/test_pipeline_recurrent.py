"""An estimator that remembers each person: the order of its keys, and the states it is given."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_onnx
from fake_estimator import FakeEstimator, people, run, same, video
from glpose.evaluation.predict import predict
from glpose.runtime.card import KeySlot, PoseCard, Starter, StateSlot
from glpose.runtime.options import PoseOptions
from glpose.runtime.protocols import Encoded
from glpose.types import Frame, FramePoses, People


@dataclass
class Recurrent(FakeEstimator):
    """Its state counts the frames of a person; all heatmaps shrink with it, so that poses tell."""

    max_gap: int = 1
    calls: list[list[float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = StateSlot("count", "next_count", (2, 1, 1), max_gap=self.max_gap)
        self.card: PoseCard = tiny_onnx.pose_card(slots=(KeySlot("crop"), count), order="in_time")

    def solve(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        assert set(inputs) == {"crop", "count"}
        count = inputs["count"]
        self.calls.append(count[:, 0, 0, 0].tolist())
        key = inputs["crop"][:, :1] / (1 + count[:, :1])
        return {"heatmaps": np.repeat(key, 15, 1).astype(np.float32), "next_count": count + 1}


def two(frame: Frame) -> People:
    """Two people, of whom the second one comes later."""
    boxes = [(3, 40.0, 40.0), (9, 80.0, 40.0)]
    return people(*boxes[: 1 + (frame.index > 2)])


def times(poses: list[FramePoses], track_id: int) -> list[float]:
    """By how much the maps of a person had shrunk in each frame, from the scores."""
    return [
        round(float(frame.score[row, 0]), 6)
        for frame in poses
        for row in np.flatnonzero(frame.people.track_id == track_id)
    ]


def still(num: int) -> list[Frame]:
    grey = np.full((80, 120, 3), 200, np.uint8)
    return [Frame(i, i / 25, grey) for i in range(num)]


def test_each_person_is_seen_in_the_order_of_time_and_once_at_a_time() -> None:
    estimate = Recurrent()
    poses = run(still(6), estimate, two)
    first = times(poses, 3)[0]
    np.testing.assert_allclose(times(poses, 3), [first / (1 + i) for i in range(6)], rtol=1e-5)
    np.testing.assert_allclose(times(poses, 9), [first / (1 + i) for i in range(3)], rtol=1e-5)
    # Of one person never two keys in a call; those of different people may share one.
    assert sorted(value for call in estimate.calls for value in call) == [0, 0, 1, 1, 2, 2, 3, 4, 5]
    assert max(map(len, estimate.calls)) == 2


def test_a_state_ends_with_the_gap_that_the_card_allows() -> None:
    def now_and_then(frame: Frame) -> People:
        return people((3, 40, 40)) if frame.index in (0, 1, 4, 5) else People.empty()

    for max_gap, expected in ((1, [1, 2, 1, 2]), (3, [1, 2, 3, 4])):
        found = times(run(still(6), Recurrent(max_gap=max_gap), now_and_then), 3)
        np.testing.assert_allclose(found[0] / np.array(found), expected, rtol=1e-5)


patterns = st.lists(st.lists(st.sampled_from([1, 2, 3]), unique=True), min_size=1, max_size=12)


@pytest.mark.slow
@given(patterns, st.integers(2, 9), st.booleans())
@settings(max_examples=30, deadline=None)
def test_blocks_change_nothing(pattern: list[list[int]], block: int, flip: bool) -> None:
    def people_of(frame: Frame) -> People:
        return people(*((t, 20 + 25 * t, 40) for t in pattern[frame.index]))

    options = PoseOptions(flip=flip)
    one, other = (
        run(video(len(pattern)), Recurrent(), people_of, options=options, block_frames=size)
        for size in (1, block)
    )
    same(one, other)


def test_a_mirror_keeps_a_state_of_its_own() -> None:
    """A grey picture looks the same in a mirror, and so do its poses, in every frame."""
    plain = run(still(4), Recurrent(), two)
    same(plain, run(still(4), Recurrent(), two, options=PoseOptions(flip=True)))


def test_frames_that_are_no_keys_are_solved_too_and_say_nothing() -> None:
    every = run(still(9), Recurrent(), two)
    some = run(still(9), Recurrent(), two, is_key=lambda frame: frame % 4 == 0)
    assert [len(poses.people) for poses in some] == [1, 0, 0, 0, 2, 0, 0, 0, 2]
    same(some[::4], every[::4])


def test_labelled_frames_are_predicted_with_the_states_of_all_frames_before() -> None:
    frames = still(9)
    people_of = {frame.index: two(frame) for frame in frames}
    options = PoseOptions(candidates="video")
    found = predict(
        lambda wanted: (f for f in frames if f.index in wanted),
        people_of,
        {2, 6},
        Recurrent(),
        options,
    )
    same(list(found), [poses for poses in run(frames, Recurrent(), two) if poses.frame in (2, 6)])


def test_the_toy_card_is_refused_in_any_order() -> None:
    with pytest.raises(Exception, match="expected 'in_time'"):
        replace(Recurrent().card, order="any")


@dataclass
class Started(Recurrent):
    """The same with a starter, whose maps are half as high, and whose state counts from 4."""

    starter: Starter = field(default_factory=lambda: Starter(min_score=0.0))
    started: list[np.ndarray] = field(default_factory=list)
    shown: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.card = replace(self.card, starter=self.starter)

    def encode(self, crops: np.ndarray) -> Encoded:
        self.shown += list(crops)
        return super().encode(crops)

    def start(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        self.started += list(crops)
        half = FakeEstimator.encode(self, crops).features / 2
        count = np.full((len(crops), 2, 1, 1), 4, np.float32)
        return {"heatmaps": np.repeat(half, 15, 1), "next_count": count}


HALF, FIFTH, SIXTH, SEVENTH = 1 / 2, 1 / 5, 1 / 6, 1 / 7
"""How high maps are at the start, and in the frames after it."""


def shares(poses: list[FramePoses], track_id: int) -> np.ndarray:
    """The scores of a person in each frame, as shares of those that the picture alone would have."""
    whole = times(run(still(1), Recurrent(), two), 3)[0]
    return np.array(times(poses, track_id)) / whole


def test_who_comes_late_is_started_while_others_go_on() -> None:
    estimate = Started()
    poses = run(still(6), estimate, two)
    first, second = shares(poses, 3), shares(poses, 9)
    np.testing.assert_allclose(first, [HALF, FIFTH, SIXTH, SEVENTH, 1 / 8, 1 / 9], rtol=1e-5)
    np.testing.assert_allclose(second, [HALF, FIFTH, SIXTH], rtol=1e-5)
    assert len(estimate.started) == 2
    # Nobody is solved for without a state.
    assert sorted(value for call in estimate.calls for value in call) == [4, 4, 5, 5, 6, 7, 8]


def test_rows_of_started_people_keep_their_places() -> None:
    """The one who comes late stands before the one who is there already."""

    def late_first(frame: Frame) -> People:
        boxes = [(9, 80.0, 40.0), (3, 40.0, 40.0)]
        return people(*boxes[frame.index < 1 :])

    poses = run(still(3), Started(), late_first, block_frames=1)
    assert [frame.people.track_id.tolist() for frame in poses] == [[3], [9, 3], [9, 3]]
    np.testing.assert_allclose(shares(poses, 3), [HALF, FIFTH, SIXTH], rtol=1e-5)
    np.testing.assert_allclose(shares(poses, 9), [HALF, FIFTH], rtol=1e-5)


def test_a_state_is_dropped_after_a_frame_with_a_low_score() -> None:
    whole = times(run(still(1), Recurrent(), two), 3)[0]
    starter = Starter(min_score=0.19 * whole)
    found = shares(run(still(7), Started(starter=starter), two), 3)
    # A sixth is too low: it is told, and the next frame starts anew.
    np.testing.assert_allclose(found, [HALF, FIFTH, SIXTH] * 2 + [HALF], rtol=1e-5)
    always = shares(run(still(4), Started(starter=Starter(min_score=1.0)), two), 3)
    np.testing.assert_allclose(always, [HALF] * 4, rtol=1e-5)


@dataclass
class Lopsided(Started):
    """One joint far above 1, and the others next to nothing."""

    def solve(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return self._lopsided(super().solve(inputs))

    def start(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        return self._lopsided(super().start(crops))

    def _lopsided(self, outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        height = np.array([9, *[0.01] * 14], np.float32)[:, None, None]
        maps = outputs["heatmaps"]
        return outputs | {"heatmaps": height * maps / maps.max((-2, -1), keepdims=True)}


@pytest.mark.parametrize("cut_scores", [True, False])
def test_one_joint_above_1_does_not_keep_a_state(cut_scores: bool) -> None:
    """The mean of the scores is asked for after each is cut at 1: 0.08, and not 0.6."""
    estimate = Lopsided(starter=Starter(min_score=0.2))
    poses = run(still(4), estimate, two, cut_scores=cut_scores, block_frames=1)
    assert {round(float(p.score[0].max())) for p in poses} == {1 if cut_scores else 9}
    assert len(estimate.started) == sum(len(p.people) for p in poses) == 5


def test_a_person_starts_anew_after_so_many_frames_counted_from_the_start() -> None:
    poses = run(still(8), Started(starter=Starter(0.0, every=3)), two)
    np.testing.assert_allclose(shares(poses, 3), ([HALF, FIFTH, SIXTH] * 3)[:8], rtol=1e-5)
    np.testing.assert_allclose(shares(poses, 9), [HALF, FIFTH, SIXTH] + [HALF, FIFTH], rtol=1e-5)


def test_a_gap_starts_anew() -> None:
    def now_and_then(frame: Frame) -> People:
        return people((3, 40, 40)) if frame.index in (0, 1, 4, 5) else People.empty()

    for max_gap, expected in ((1, [HALF, FIFTH] * 2), (3, [HALF, FIFTH, SIXTH, SEVENTH])):
        found = shares(run(still(6), Started(max_gap=max_gap), now_and_then), 3)
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_frames_are_counted_from_the_last_start() -> None:
    def seen(frame: Frame) -> People:
        return people((3, 40, 40)) if frame.index not in (2, 3) else People.empty()

    found = shares(run(still(7), Started(starter=Starter(0.0, every=3)), seen), 3)
    np.testing.assert_allclose(found, [HALF, FIFTH, HALF, FIFTH, SIXTH], rtol=1e-5)


def test_a_started_crop_is_the_one_that_was_encoded() -> None:
    estimate = Started(starter=Starter(0.0, every=1))

    def moving(frame: Frame) -> People:
        return people((3, 30.0 + 4 * frame.index, 40.0))

    list(run(video(5), estimate, moving, keep_pictures=False))
    assert len(estimate.started) == len(estimate.shown) == 5
    for a, b in zip(estimate.started, estimate.shown, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
@given(patterns, st.integers(2, 9), st.booleans(), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_blocks_change_nothing_with_a_starter(
    pattern: list[list[int]], block: int, flip: bool, every: int
) -> None:
    def people_of(frame: Frame) -> People:
        return people(*((t, 20 + 25 * t, 40) for t in pattern[frame.index]))

    options, starter = PoseOptions(flip=flip), Starter(0.1, every)
    one, other = (
        run(
            video(len(pattern)),
            Started(starter=starter),
            people_of,
            options=options,
            block_frames=size,
        )
        for size in (1, block)
    )
    same(one, other)


def test_a_mirror_starts_both_sides() -> None:
    estimate = Started()
    plain = run(still(4), Started(), two)
    same(plain, run(still(4), Started(), two, options=PoseOptions(flip=True)))
    run(video(4), estimate, two, options=PoseOptions(flip=True))
    assert len(estimate.started) == 4
    left, right = estimate.started[:2]
    np.testing.assert_array_equal(left[:, ::-1], right)
    assert not np.array_equal(left, right)
