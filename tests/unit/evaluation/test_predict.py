"""Predictions of labelled sequences: what is read, what helps, and whose boxes are used."""

import weakref
from collections.abc import Container, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny_onnx
from fake_estimator import FakeEstimator, one_person, people, picture, run, same, video
from glpose import pipeline
from glpose.clip import MemoryEntry
from glpose.evaluation.predict import frames_of, in_skeleton, predict, true_people
from glpose.formats.dataset import LabelledSequence
from glpose.geometry import clip_box
from glpose.imaging import write_image
from glpose.runtime.card import SimilarSlot
from glpose.runtime.options import PoseOptions
from glpose.skeleton import COCO17, POSETRACK15
from glpose.types import Frame, FramePoses, FrameTruth, People
from glpose.window import Key, similar_inputs

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
    found, reader = poses_of(estimate, {3, 12}, VIDEO)
    assert [poses.frame for poses in found] == [3, 12]
    first, second = reader.passes
    assert second == [1, 2, 3, 4, 5, 10, 11, 12, 13, 14]
    # The candidates, 2 keys, 4 neighbours of each.
    assert sum(estimate.encoded) == len(first) + 2 + 8


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


def crowd(num: int, each: int) -> dict[int, People]:
    return {i: people(*((n, 20 + 9 * n, 40) for n in range(each))) for i in range(num)}


def drawn(
    monkeypatch: pytest.MonkeyPatch, everyone: dict[int, People], keys: set[int], **more: Any
) -> tuple[dict[tuple[int, int], set[tuple[int, int]]], list[FramePoses], list[int]]:
    """The crops drawn for each person of the keys, the poses, and how many were kept after each one."""
    crops, kept = {}, list[int]()
    features: list[weakref.ref[np.ndarray]] = []

    def inputs_of(keys: list[Key], slot: SimilarSlot) -> dict[str, np.ndarray]:
        for key in keys:
            given = key.candidates[slot.name]
            assert all(entry.features.size for entry in given)
            crops[key.seen.frame, key.track_id] = {(e.frame, e.track_id) for e in given}
        return similar_inputs(keys, slot)

    def remembered(*fields: Any) -> MemoryEntry:
        entry = MemoryEntry(*fields)
        if entry.features.size:
            features.append(weakref.ref(entry.features))
        kept.append(sum(made() is not None for made in features))
        return entry

    monkeypatch.setattr(pipeline, "similar_inputs", inputs_of)
    monkeypatch.setattr("glpose.window.MemoryEntry", remembered)
    how = {"num": 2, "num_candidates": 4} | more.pop("slot", {})
    estimate = more.pop("estimate", FakeEstimator())
    estimate.slots = tiny_onnx.slots(more.pop("offsets", ()), **how)
    estimate.card = tiny_onnx.pose_card(slots=estimate.slots, order=more.pop("order", "any"))
    options = replace(more.pop("options", VIDEO), sampling=more.pop("sampling", "random"))
    frames = more.pop("frames", None) or Reader(len(everyone))
    found = list(predict(frames, everyone, keys, estimate, options, **more))
    return crops, found, kept


@pytest.mark.parametrize("sampling", ["random", "even"])
def test_candidates_are_drawn_from_all_boxes_of_the_video(
    monkeypatch: pytest.MonkeyPatch, sampling: str
) -> None:
    """Also if features of few crops are kept: then only of those that are used."""
    everyone, keys = crowd(40, 4), {*range(0, 40, 3)}
    crops, poses, _ = drawn(monkeypatch, everyone, keys, sampling=sampling)
    assert [len(own) for own in crops.values()] == [4] * 56
    assert all(frame != own for (frame, _), found in crops.items() for own, _ in found)
    assert len(set.union(*crops.values())) > (100 if sampling == "random" else 4)
    few, same_poses, kept = drawn(monkeypatch, everyone, keys, sampling=sampling, memory_crops=45)
    assert all(len(own) >= 2 and own <= crops[key] for key, own in few.items())
    same(poses, same_poses)
    assert 0 < max(kept) <= 45
    other, *_ = drawn(monkeypatch, everyone, keys, sampling=sampling, seed=1)
    assert (other == crops) == (sampling == "even")


def test_one_frame_may_need_more_crops_than_are_kept_of_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crops, poses, kept = drawn(monkeypatch, crowd(30, 5), {3, 4, 9}, memory_crops=1)
    assert [p.frame for p in poses] == [3, 4, 9]
    assert [2 <= len(own) <= 4 for own in crops.values()] == [True] * 15
    assert max(kept) <= 10


@pytest.mark.parametrize(
    ("similarity", "softmax_over"),
    [("dot", "kept"), ("cosine", "kept"), ("over_channels", "kept"), ("channel", "all")],
)
def test_features_are_made_of_what_is_used(
    monkeypatch: pytest.MonkeyPatch, similarity: str, softmax_over: str
) -> None:
    """In a long video of a crowd: each box is embedded once, whatever its score, and solved once."""
    everyone, keys, estimate = crowd(24, 5), {*range(24)}, FakeEstimator()
    for frame in range(0, 24, 7):
        everyone[frame] = replace(everyone[frame], score=np.full(5, 0.5, np.float32))
    slot = {"num_candidates": 10, "similarity": similarity, "softmax_over": softmax_over}
    _, poses, _ = drawn(monkeypatch, everyone, keys, slot=slot)
    _, same_poses, kept = drawn(
        monkeypatch, everyone, keys, slot=slot, memory_crops=50, estimate=estimate
    )
    same(poses, same_poses)
    assert max(kept) <= 50
    if softmax_over == "kept":
        assert sum(estimate.encoded) < 400


def test_what_is_embedded_is_not_mirrored(monkeypatch: pytest.MonkeyPatch) -> None:
    everyone, keys = crowd(20, 4), {*range(20)}
    options = replace(VIDEO, flip=True)
    _, poses, _ = drawn(monkeypatch, everyone, keys, options=options)
    estimate = FakeEstimator()
    more = {"options": options, "memory_crops": 40, "estimate": estimate}
    _, same_poses, _ = drawn(monkeypatch, everyone, keys, **more)
    same(poses, same_poses)
    assert sum(estimate.encoded) < 400


def test_candidates_have_scores_above_the_limit_and_readable_pictures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    everyone = crowd(12, 2)
    everyone[2] = replace(everyone[2], score=np.full(2, 0.6, np.float32))
    reader = Reader(12)
    reader.frames = video(12, bad=(5, 6))
    crops, poses, _ = drawn(monkeypatch, everyone, {*range(12)}, frames=reader)
    assert [len(p.people) for p in poses] == [0 if i in (5, 6) else 2 for i in range(12)]
    assert [len(own) for own in crops.values()] == [4] * 20
    assert {frame for own in crops.values() for frame, _ in own} == {*range(12)} - {2, 5, 6}


def test_pictures_that_cannot_be_read_change_neither_poses_nor_what_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However few features are kept, candidates are drawn as often, from the same crops."""
    bad = tuple(range(2, 60, 3))
    found = {}
    for keys in ({5, 9, 30}, {*range(60)}):
        for most in (1, 24, 60, 2048):
            reader = Reader(60)
            reader.frames = video(60, bad=bad)
            _, poses, kept = drawn(
                monkeypatch, crowd(60, 2), keys, frames=reader, memory_crops=most
            )
            same(poses, found.setdefault(len(keys), poses))
            assert max(kept) <= max(most, 8)


def test_states_and_candidates_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = drawn(monkeypatch, crowd(12, 2), {8})
    crops, poses, _ = drawn(monkeypatch, crowd(12, 2), {8}, memory_crops=1, order="in_time")
    same(poses, plain[1])
    assert {frame for frame, _ in crops} == {*range(9)}


@pytest.mark.parametrize("offsets", [(), (1, 2)])
def test_where_states_are_kept_nothing_is_encoded_for_frames_that_nothing_needs(
    monkeypatch: pytest.MonkeyPatch, offsets: tuple[int, ...]
) -> None:
    everyone = crowd(40, 2)
    crops, _, kept = drawn(monkeypatch, everyone, {3}, order="in_time", offsets=offsets)
    assert {frame for frame, _ in crops} == {*range(4 + len(offsets))}
    assert len(kept) == len(set.union(*crops.values()))


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
