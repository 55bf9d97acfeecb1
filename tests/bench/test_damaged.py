"""Evaluation: which frames are damaged and scored, and what is compared with what."""

import numpy as np
import pytest
from damaged import (
    LabelledClip,
    damage_kind,
    damaged_frames,
    evaluate_clips,
)

from fake_estimator import SIZE_HW, FakeEstimator, people
from glpose.errors import BadInput
from glpose.runtime.options import PoseOptions
from glpose.skeleton import POSETRACK15
from glpose.types import Frame, FrameTruth, People

KINDS = ("blur", "noise", "cover")


def clip(num_frames: int = 16, *, empty: bool = False) -> LabelledClip:
    picture = np.random.default_rng(0).integers(0, 255, (*SIZE_HW, 3), np.uint8)
    who = People.empty() if empty else people((1, 60, 40))
    xy = np.full((len(who), 15, 2), 40, np.float32)
    visibility = np.full((len(who), 15), 2, np.int8)
    visibility[:, :2] = 0
    truth = [FrameTruth(i, i / 25, who, xy, visibility) for i in range(num_frames)]
    frames = [Frame(i, i / 25, picture.copy()) for i in range(num_frames)]
    return LabelledClip("clip", lambda: frames, tuple(truth))


def test_clean_frames_are_all_scored_by_their_labels() -> None:
    found = evaluate_clips([clip()], POSETRACK15, FakeEstimator())
    assert len(found.guess_xy) == 16
    assert (found.damage == -1).all()
    assert not found.labelled[:, :2].any()
    assert found.labelled[:, 2:].all()
    assert found.placed.all()


def test_every_fifth_frame_is_damaged_and_kinds_take_turns() -> None:
    found = evaluate_clips([clip(16), clip(16)], POSETRACK15, FakeEstimator(), damage_kinds=KINDS)
    # Frames 0, 5, 10, 15 of the first clip; 4, 9, 14 of the second, one kind further.
    assert found.damage.tolist() == [0, 1, 2, 0, 2, 0, 1]
    assert len(found.of_damage(2).guess_xy) == 2


def test_damage_changes_the_frames_it_says_and_no_file() -> None:
    whole = clip()
    before = [frame.rgb.copy() for frame in whole.frames()]
    clean = evaluate_clips([whole], POSETRACK15, FakeEstimator())
    damaged = evaluate_clips([whole], POSETRACK15, FakeEstimator(), damage_kinds=KINDS)
    assert not np.array_equal(clean.guess_score[::5], damaged.guess_score)
    assert all(np.array_equal(a, f.rgb) for a, f in zip(before, whole.frames(), strict=True))


def test_a_guess_on_the_spot_is_right_and_joints_outside_count_only_if_asked() -> None:
    found = evaluate_clips([clip()], POSETRACK15, FakeEstimator())
    found.guess_xy[:] = found.truth_xy
    found.guess_xy[:, 0] += 1000
    every = np.ones(15, bool)
    assert found.pck(every, 0.1).pooled == 100
    assert found.pck(every, 0.1, outside=True).pooled == pytest.approx(100 * 14 / 15)


def test_nobody_to_score_is_said() -> None:
    with pytest.raises(BadInput, match="no clip has a labelled person"):
        evaluate_clips([clip(empty=True)], POSETRACK15, FakeEstimator())


def test_people_left_out_by_an_option_leave_the_others_beside_their_truth() -> None:
    two = people((7, 30, 40), (3, 90, 40))
    two.score[:] = 0.1, 0.9
    whole = clip()
    xy = np.stack([np.full((15, 2), 30, np.float32), np.full((15, 2), 90, np.float32)])
    visibility = np.full((2, 15), 2, np.int8)
    truth = tuple(FrameTruth(t.frame, t.time_s, two, xy, visibility) for t in whole.truth)
    both = LabelledClip("clip", whole.frames, truth)
    everyone = evaluate_clips([both], POSETRACK15, FakeEstimator())
    assert everyone.truth_xyxy[:2].tolist() == two.xyxy[[1, 0]].tolist()  # by number
    assert everyone.truth_xy[:2, 0].tolist() == [[90, 90], [30, 30]]
    strong = evaluate_clips([both], POSETRACK15, FakeEstimator(), options=PoseOptions(min_box=0.5))
    assert (strong.truth_xy == 90).all()
    assert len(strong.truth_xy) == len(everyone.truth_xy) // 2


def test_three_frames_in_a_row_are_damaged_alike_and_the_others_are_whole() -> None:
    whole = clip(22)
    truth = {t.frame: t for t in whole.truth}
    how = {"every": 10, "in_a_row": 3}
    frames = list(damaged_frames(whole.frames(), truth, 1, KINDS, **how))
    changed = [
        a.index
        for a, b in zip(whole.frames(), frames, strict=True)
        if not np.array_equal(a.rgb, b.rgb)
    ]
    assert changed == [0, 1, 9, 10, 11, 19, 20, 21]
    kinds = [damage_kind(i, 1, len(KINDS), **how) for i in range(22)]
    assert [kinds[i] for i in changed] == [1, 1, 2, 2, 2, 0, 0, 0]
    assert kinds.count(-1) == 14
