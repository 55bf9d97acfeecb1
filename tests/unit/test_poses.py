"""Scores of joints and people, and suppression of duplicates, by hand."""

from dataclasses import replace

import numpy as np
import pytest

from fake_estimator import people
from glpose.crop import covered_px
from glpose.errors import BadConfig
from glpose.poses import (
    confident,
    finish,
    of_rows,
    person_score,
    with_scores,
    without_duplicates,
)
from glpose.runtime.options import PoseOptions
from glpose.skeleton import POSETRACK15
from glpose.types import BeforeSmoothing, CropSpec, FramePoses, OtherPlaces, People, PosesInSpace

SIGMA = POSETRACK15.oks_sigma


def standing(*shifts: float, box_score: tuple[float, ...] | None = None) -> FramePoses:
    """The same pose several times, moved to the right by so many pixels."""
    n = len(shifts)
    grid = np.stack([np.arange(15) * 7.0, np.arange(15) * 13.0], -1)
    xy = np.stack([grid + [s, 0] for s in shifts]).astype(np.float32)
    who = people(*((i + 1, 50 + s, 90) for i, s in enumerate(shifts)))
    score = np.array(box_score or (0.9,) * n, np.float32)
    who = People(who.xyxy, score, who.track_id)
    return FramePoses(3, 0.12, who, xy, np.full((n, 15), 0.8, np.float32))


def test_scores_of_joints_and_people() -> None:
    poses = standing(0, 100, box_score=(0.5, 0.25))
    poses.score[0, :5] = 0.2  # not above 0.2: no joint that is seen
    assert with_scores(poses, "heatmap") is poses
    product = with_scores(poses, "product")
    assert product.score[0].tolist() == pytest.approx([0.1] * 5 + [0.4] * 10)
    assert product.people.score.tolist() == [0.5, 0.25]
    places = OtherPlaces(np.zeros((2, 15, 1, 2), np.float32), np.full((2, 15, 1), 0.4, np.float32))
    others = with_scores(replace(poses, other_places=places), "product").other_places
    assert others is not None
    assert others.score[:, 0, 0].tolist() == pytest.approx([0.2, 0.1])
    rescored = with_scores(poses, "rescored")
    np.testing.assert_array_equal(rescored.score, poses.score)
    assert rescored.people.score.tolist() == pytest.approx([0.5 * 0.8, 0.25 * 0.8])
    poses.score[1] = 0.1
    assert person_score(poses)[1] == 0
    nobody = FramePoses.empty(0, 0.0, 15)
    for kind in ("heatmap", "product", "rescored"):
        assert len(with_scores(nobody, kind).people) == 0


def test_of_two_alike_the_better_one_stays() -> None:
    poses = standing(0, 1, 400)
    area = np.full(3, 40.0 * 40.0)
    order = np.array([0.3, 0.6, 0.1], np.float32)
    kept = without_duplicates(poses, order, area, SIGMA, 0.9)
    assert kept.people.track_id.tolist() == [2, 3]
    np.testing.assert_array_equal(kept.xy, poses.xy[1:])
    assert len(without_duplicates(poses, order, area, SIGMA, 1.0).people) == 3


def test_suppression_goes_by_those_that_stay() -> None:
    """A chain: 1 is like 2, 2 is like 3, but 3 is not like 1, which removed 2."""
    poses = standing(0, 10, 20)
    area = np.full(3, 40.0 * 40.0)
    order = np.array([0.9, 0.8, 0.7], np.float32)
    near = np.exp(-100 / (2 * 1600 * (2 * SIGMA) ** 2)).mean()
    far = np.exp(-400 / (2 * 1600 * (2 * SIGMA) ** 2)).mean()
    kept = without_duplicates(poses, order, area, SIGMA, (near + far) / 2)
    assert kept.people.track_id.tolist() == [1, 3]


def test_the_area_is_the_mean_of_both_and_that_of_the_padded_box() -> None:
    crop = CropSpec((64, 48))
    boxes = np.array([[0, 0, 30, 40], [0, 0, 60, 40], [5, 5, 6, 105]], np.float32)
    # Extended to 3:4, then by 1.25 each way.
    expected = [30 * 40, 60 * 80, 75 * 100]
    assert covered_px(boxes, crop).tolist() == pytest.approx([a * 1.5625 for a in expected])
    assert covered_px(boxes[:0], crop).shape == (0,)
    poses = standing(0, 8)
    area, order = np.array([100.0, 300.0]), np.array([1.0, 0.9], np.float32)
    similarity = np.exp(-64 / (2 * 200 * (2 * SIGMA) ** 2)).mean()
    assert len(without_duplicates(poses, order, area, SIGMA, similarity + 1e-6).people) == 2
    assert len(without_duplicates(poses, order, area, SIGMA, similarity - 1e-6).people) == 1


def test_joints_that_one_of_them_lacks_do_not_count() -> None:
    poses = standing(0, 0)
    poses.xy[0, :7] = np.nan
    poses.xy[1, 7:] = np.nan
    area, order = np.full(2, 1600.0), np.array([1.0, 0.9], np.float32)
    assert len(without_duplicates(poses, order, area, SIGMA, 0.5).people) == 2
    poses.xy[1, 7] = poses.xy[0, 7]
    assert len(without_duplicates(poses, order, area, SIGMA, 0.5).people) == 1


def test_duplicates_are_ranked_by_what_is_seen_and_scored_afterwards() -> None:
    poses = standing(0, 1, box_score=(0.9, 0.8))
    poses.score[0] = 0.3
    options = PoseOptions(oks_nms=0.5, score="product")
    kept = finish(poses, options, POSETRACK15, CropSpec((64, 48)))
    assert kept.people.track_id.tolist() == [2]
    assert kept.score[0].tolist() == pytest.approx([0.64] * 15)
    assert finish(poses, PoseOptions(), POSETRACK15, CropSpec((64, 48))) is poses


def test_weak_boxes_are_left_out() -> None:
    who = standing(0, 1, 2, box_score=(0.1, 0.2, 0.3)).people
    assert confident(who, 0.0) is who
    assert confident(who, 0.2).track_id.tolist() == [2, 3]
    assert len(confident(People.empty(), 0.5)) == 0


@pytest.mark.parametrize("wrong", [{"oks_nms": 1.5}, {"oks_nms": float("nan")}, {"min_box": -0.1}])
def test_limits_outside_their_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(BadConfig, match="from 0 to 1"):
        PoseOptions(**wrong)  # type: ignore[arg-type]


def test_people_keep_their_raw_joints() -> None:
    poses = standing(0, 50)
    marks = np.zeros((2, 15), bool)
    marks[1, 3] = True
    poses = replace(poses, before=BeforeSmoothing(poses.xy + 1, marks, ~marks))
    kept = of_rows(poses, np.array([1])).before
    assert kept is not None
    np.testing.assert_array_equal(kept.xy, poses.xy[1:] + 1)
    np.testing.assert_array_equal(kept.is_filled, marks[1:])
    np.testing.assert_array_equal(kept.is_outlier, ~marks[1:])


def test_people_keep_their_other_places() -> None:
    places = OtherPlaces(
        np.arange(120, dtype=np.float32).reshape(2, 15, 2, 2), np.ones((2, 15, 2), np.float32)
    )
    kept = of_rows(replace(standing(0, 50), other_places=places), np.array([False, True]))
    assert kept.other_places is not None
    np.testing.assert_array_equal(kept.other_places.xy, places.xy[1:])
    assert kept.other_places.score.shape == (1, 15, 2)


def test_people_keep_their_joints_in_space() -> None:
    marks = np.array([True, False])
    lifted = PosesInSpace(np.arange(90.0).reshape(2, 15, 3), marks, ~marks)
    kept = of_rows(replace(standing(0, 50), lifted=lifted), np.array([1])).lifted
    assert kept is not None
    np.testing.assert_array_equal(kept.xyz, lifted.xyz[1:])
    assert (kept.padded.tolist(), kept.bridged.tolist()) == ([False], [True])
