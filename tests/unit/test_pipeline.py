"""The main path with a fake estimator: order, slots, undecodable frames, both kinds of boxes."""

from dataclasses import replace

import numpy as np
import pytest

import tiny_onnx
from fake_estimator import SIZE_HW, FakeEstimator, one_person, people, picture, run, same, video
from glpose.errors import BadWeights
from glpose.pipeline import DetectAndTrack, without_phantoms
from glpose.runtime.card import FusionCard
from glpose.timing import Timings
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
    assert sum(estimate.encoded) == 40
    assert len(estimate.encoded) == 3  # 8 + 8 + 4 frames


def test_an_undecodable_frame_is_no_neighbour() -> None:
    alone = FusionCard(offsets=(-1, 1))
    one = run(video(3), FakeEstimator(alone))
    gap = run(video(3, bad=(0, 2)), FakeEstimator(alone))
    # Both slots of frame 1 clamp to itself, so all of its joints lie where its own map has them.
    np.testing.assert_allclose(gap[1].xy[0], gap[1].xy[0, :1].repeat(15, 0), atol=1e-4)
    assert not np.allclose(one[1].score[0, 1:], gap[1].score[0, 1:])


def test_exact_boxes_cut_the_neighbours_with_the_box_of_the_key() -> None:
    still = [Frame(i, i / 25, picture(0)) for i in range(5)]
    exact = FusionCard(offsets=(-1, 1), neighbour_box="exact")
    own = replace(exact, neighbour_box="own")
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
    only_global = FusionCard(num_global=1, min_score=0.6, pool="other_crops")
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
    card = FusionCard(num_global=2, pool="all")
    few = run(video(30), FakeEstimator(card), memory_crops=3)
    same(few, run(video(30), FakeEstimator(card), memory_crops=3))
    other = run(video(30), FakeEstimator(card), memory_crops=3, seed=1)
    assert any(not np.allclose(a.score, b.score) for a, b in zip(few, other, strict=True))


def test_weights_of_another_kind_are_refused() -> None:
    finder = FakeEstimator()
    finder.card = tiny_onnx.card("detector")
    with pytest.raises(BadWeights, match="detector whose card lacks"):
        run(video(1), finder)


def test_detect_and_track_numbers_people_and_starts_anew_at_a_cut() -> None:
    class Fixed:
        card = tiny_onnx.card("detector")

        def __call__(self, rgb: np.ndarray) -> Detections:
            assert rgb.shape == (*SIZE_HW, 3)
            box = np.array([[40, 20, 70, 70]], np.float32)
            return Detections(box, np.array([0.95], np.float32))

    ramp = np.linspace(0, 255, 120).astype(np.uint8)
    red, blue = np.zeros((2, *SIZE_HW, 3), np.uint8)
    red[..., 0], blue[..., 2] = ramp, ramp[::-1]
    frames = [Frame(i, i / 25, red if i < 6 else blue) for i in range(10)]
    timings = Timings()
    got = run(frames, FakeEstimator(), DetectAndTrack(Fixed(), timings=timings), timings=timings)
    assert [p.people.track_id.tolist() for p in got] == [[1]] * 6 + [[2]] * 4
    assert set(timings.seconds) == {"decode", "detect", "track", "crop", "encode", "fuse"}


def test_people_whom_the_pose_network_does_not_see_are_left_out() -> None:
    score = np.array([[0.5] * 15, [0.1] * 15, [0.3] * 15], np.float32)
    who = people((4, 30, 30), (5, 60, 40), (9, 90, 50))
    frame = FramePoses(7, 0.28, who, np.ones((3, 15, 2), np.float32), score)
    empty = FramePoses.empty(8, 0.32, 15, "undecodable")
    kept, same = without_phantoms([frame, empty])
    assert (kept.frame, kept.people.track_id.tolist()) == (7, [4, 9])
    assert kept.score[:, 0].tolist() == pytest.approx([0.5, 0.3])
    assert (same.status, len(same.people)) == ("undecodable", 0)
