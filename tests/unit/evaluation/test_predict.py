"""Predictions of labelled sequences: what is read, what helps, and whose boxes are used."""

from collections.abc import Container, Iterable
from pathlib import Path

import numpy as np
import pytest

import tiny_onnx
from fake_estimator import FakeEstimator, one_person, people, picture, run, same, video
from glpose.evaluation.predict import frames_of, in_skeleton, predict, sample_crops, true_people
from glpose.formats.dataset import LabelledSequence
from glpose.geometry import clip_box
from glpose.imaging import write_image
from glpose.runtime.options import PoseOptions
from glpose.skeleton import COCO17, POSETRACK15
from glpose.types import Frame, FramePoses, FrameTruth, People

VIDEO = PoseOptions(candidates="video", neighbours="all")


class Reader:
    """Frames of a video, with a record of what was read in each pass."""

    def __init__(self, num: int) -> None:
        self.frames, self.passes = video(num), list[list[int]]()

    def __call__(self, wanted: Container[int]) -> Iterable[Frame]:
        def read() -> Iterable[Frame]:
            self.passes.append([])
            for frame in self.frames:
                if frame.index in wanted:
                    self.passes[-1].append(frame.index)
                    yield frame

        return read()


def everybody(num: int) -> dict[int, People]:
    return {frame.index: one_person(frame) for frame in video(num)}


def poses_of(
    estimate: FakeEstimator, keys: set[int], options: PoseOptions, num: int = 20, **more: int
) -> tuple[list[FramePoses], Reader]:
    reader = Reader(num)
    return list(predict(reader, everybody(num), keys, estimate, options, **more)), reader


def test_all_frames_as_keys_is_the_pipeline_itself() -> None:
    found, reader = poses_of(FakeEstimator(), {*range(20)}, PoseOptions())
    same(found, run(video(20), FakeEstimator()))
    assert len(reader.passes) == 1


def test_only_keys_are_predicted_and_only_what_helps_is_read() -> None:
    exact = tiny_onnx.slots(offsets=(-2, -1, 1, 2), num=2, box="exact")
    estimate = FakeEstimator(exact)
    found, reader = poses_of(estimate, {3, 12}, VIDEO, memory_crops=4)
    assert [poses.frame for poses in found] == [3, 12]
    first, second = reader.passes
    assert len(first) == 4  # frames of the crops that are remembered
    assert second == [1, 2, 3, 4, 5, 10, 11, 12, 13, 14]
    # 4 candidates, 2 keys, 4 neighbours of each.
    assert sum(estimate.encoded) == 4 + 2 + 8


def test_a_network_of_one_frame_reads_its_keys_only_and_once() -> None:
    found, reader = poses_of(FakeEstimator(tiny_onnx.slots()), {3, 12}, VIDEO)
    assert len(found) == 2
    assert reader.passes == [[3, 12]]


def test_from_the_past_everything_before_is_seen() -> None:
    estimate = FakeEstimator(tiny_onnx.slots(num=2))
    found, reader = poses_of(estimate, {5, 9}, PoseOptions())
    assert reader.passes == [list(range(20))]
    whole = run(video(20), FakeEstimator(tiny_onnx.slots(num=2)))
    same(found, [whole[5], whole[9]])


def test_unlabelled_neighbours_are_cut_with_the_box_of_the_key() -> None:
    """PoseTrack's truth has boxes in labelled frames only; nobody is to be lost there."""
    own = tiny_onnx.slots(offsets=(-1, 1))
    exact = tiny_onnx.slots(offsets=(-1, 1), box="exact")
    labelled = {frame: who for frame, who in everybody(20).items() if frame % 4 == 0}
    by_own, by_exact = (
        list(predict(Reader(20), labelled, {*labelled}, FakeEstimator(card), VIDEO))
        for card in (own, exact)
    )
    same(by_own, by_exact)
    assert not np.allclose(by_own[2].score[:, 1:], by_own[2].score[:, :1] / 4)


def test_the_sample_of_crops_is_seeded_bounded_and_may_be_even() -> None:
    everyone = {i: people((1, 40, 40), (2, 80, 40)) for i in range(30)}
    weak = people((1, 40, 40), (2, 80, 40), score=0.1)
    everyone |= dict.fromkeys(range(30, 40), weak)

    def sample(num: int, seed: int, sampling: str = "random") -> list[tuple[int, int]]:
        some = sample_crops(everyone, num, seed, 0.5, sampling)  # type: ignore[arg-type]
        return [(frame, number) for frame in some for number in some[frame].track_id.tolist()]

    assert len(sample(10, 0)) == 10
    assert sample(10, 0) == sample(10, 0) != sample(10, 1)
    assert sample(1000, 0) == [(i, number) for i in range(30) for number in (1, 2)]
    assert sample(3, 0, "even") == [(0, 1), (15, 1), (29, 2)]


def test_true_boxes_can_be_cut_at_the_edges() -> None:
    outside = {0: People(np.array([[100, 10, 140, 90]], np.float32), *two_ones())}
    clipped = clip_box(outside[0].xyxy[0], (80, 120))
    inside = {0: People(clipped[None], *two_ones())}
    estimate = FakeEstimator(tiny_onnx.slots())
    wide = list(predict(Reader(1), outside, {0}, estimate, VIDEO, clip_boxes=True))
    np.testing.assert_array_equal(wide[0].people.xyxy, inside[0].xyxy)
    same(wide, list(predict(Reader(1), inside, {0}, estimate, VIDEO)))


def two_ones() -> tuple[np.ndarray, np.ndarray]:
    return np.ones(1, np.float32), np.ones(1, np.int64)


def test_pictures_that_cannot_be_read_are_undecodable_frames(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i in (0, 2):
        write_image(paths[i], picture(i))
    paths[1].write_bytes(b"no picture")
    sequence = LabelledSequence("walk", POSETRACK15, tuple, images=tuple(paths))
    frames = list(frames_of(sequence)({1, 2}))
    assert [(f.index, f.status) for f in frames] == [(1, "undecodable"), (2, "ok")]
    np.testing.assert_array_equal(frames[1].rgb, picture(2))


def test_people_without_a_box_are_not_asked_for() -> None:
    who = people((1, 40, 40), (2, 80, 40))
    who.xyxy[0] = 0
    xy = np.full((2, 15, 2), np.nan, np.float32)
    truth = FrameTruth(7, 0.28, who, xy, np.zeros((2, 15), np.int8))
    assert true_people([truth])[7].track_id.tolist() == [2]


def test_joints_that_another_set_lacks_are_not_there() -> None:
    poses = run(video(1), FakeEstimator())[0]
    assert in_skeleton(poses, POSETRACK15, POSETRACK15) is poses
    other = in_skeleton(poses, POSETRACK15, COCO17)
    nose, eye = COCO17.index("nose"), COCO17.index("left_eye")
    np.testing.assert_array_equal(other.xy[:, nose], poses.xy[:, POSETRACK15.index("nose")])
    assert np.isnan(other.xy[:, eye]).all()
    assert other.score[0, eye] == pytest.approx(0)
