"""What the bench of the eyes counts: sides, crossings, people, torsos, filters and damaged runs."""

from dataclasses import replace

import clips
import filters
import numpy as np
import pytest
import sides
import stills
import walk

from glpose.skeleton import POSETRACK15
from glpose.types import FramePoses, People

RNG = np.random.default_rng(0)


def limbs(num: int = 4, *, clip: list[int] | None = None) -> clips.Limbs:
    """People of 100 pixels with left joints at x = 20, right ones at x = 60, all found."""
    xy = np.zeros((num, 12, 2), np.float32)
    xy[:, ::2, 0], xy[:, 1::2, 0] = 20, 60
    xy[:, :, 1] = np.arange(12) // 2 * 15
    numbers = np.array(clip or [0] * num, np.int64)
    return clips.Limbs(
        guess_xy=xy.copy(),
        truth_xy=xy,
        labelled=np.ones((num, 12), bool),
        truth_xyxy=np.tile(np.array([0, 0, 80, 100], np.float32), (num, 1)),
        clip=numbers,
        frame=np.arange(num, dtype=np.int64),
        is_damaged=np.zeros(num, bool),
        names=("a", "b"),
    )


def test_joints_on_the_other_side_are_exchanged_ones_not_lost_ones() -> None:
    seen = limbs()
    seen.guess_xy[0] = seen.truth_xy[0][sides.MIRROR]
    seen.guess_xy[1, 0] += 300  # lost
    seen.guess_xy[2, 0] = (60 + 11, 0)  # the other label is more than 10 pixels away
    assert sides.other_side(seen).tolist() == [[True] * 12, *([[False] * 12] * 3)]


def test_joints_wholly_on_the_other_side_are_wrong_by_pck() -> None:
    seen = limbs(2)
    seen.guess_xy[0] = seen.truth_xy[0][sides.MIRROR]
    seen.truth_xy[1, :2, 0] = 20, 38
    seen.guess_xy[1, :2, 0] = 38, 20
    assert sides.other_side(seen)[1, :2].all()
    assert sides.wholly_on_other_side(seen).tolist() == [[True] * 12, [False] * 12]


def test_labels_against_the_view_in_the_name_of_a_clip() -> None:
    seen = replace(
        limbs(clip=[0, 0, 1, 1]), names=("walk_f_nm_np1_ba_med_1", "walk_f_nm_np1_fr_med_2")
    )
    left, right = seen.truth_xy[:, 0].copy(), seen.truth_xy[:, 1].copy()
    from_behind = left[:, 0] < right[:, 0]
    assert from_behind.all()
    assert clips.against_their_view(seen).tolist() == [False, True]
    seen.truth_xy[:, 0], seen.truth_xy[:, 1] = right, left
    assert clips.against_their_view(seen).tolist() == [True, False]
    assert not clips.against_their_view(replace(seen, names=("walk_le_1", "walk_ri_2"))).any()
    seen.truth_xy[:, 1, 0] = (
        seen.truth_xy[:, 0, 0] - 9
    )  # who is seen nearly from the side tells nothing
    assert not clips.against_their_view(seen).any()


def test_joints_whose_pair_is_close_or_unlabelled_are_on_no_side() -> None:
    seen = limbs(2)
    seen.guess_xy[:] = seen.truth_xy[:, sides.MIRROR]
    seen.truth_xy[0, :2, 0] = 20, 29
    seen.labelled[1, 3] = False
    wrong = sides.other_side(seen)
    assert not wrong[0, :2].any()
    assert not wrong[1, 2:4].any()
    assert wrong.sum() == 20


def test_pairs_on_one_limb_lie_together_though_their_labels_do_not() -> None:
    seen = limbs(3)
    seen.guess_xy[0, 1] = seen.guess_xy[0, 0] + (4.9, 0)
    seen.guess_xy[0, 3] = seen.guess_xy[0, 2] + (5.1, 0)
    seen.guess_xy[1, :2] = np.nan
    seen.truth_xy[2, 1, 0] = 34
    seen.guess_xy[2, 1] = seen.guess_xy[2, 0]
    assert np.argwhere(sides.on_one_limb(seen)).tolist() == [[0, 0]]


def test_crossings_are_changes_between_real_swings() -> None:
    lead = np.array([0.3, 0.05, -0.02, 0.01, -0.04, -0.2, 0.05, -0.3, np.nan, 0.1, 0.4])
    frame = np.arange(10, 21)
    assert sides.crossings(frame, lead) == [(14, -1), (19, 1)]
    assert sides.crossings(frame, lead, swing=0.35) == []


def test_a_crossing_is_found_near_in_time_and_with_the_right_foot() -> None:
    true = ((50, -1), (70, 1), (90, -1))
    assert sides.num_found([(46, -1), (75, 1), (90, 1), (91, -1)], true) == 2
    assert sides.num_found([(50, -1), (51, -1)], true) == 1


def test_the_left_leg_leads_where_the_hips_go() -> None:
    def pose(frame: int, x: float, ankle: float) -> FramePoses:
        xy = np.full((2, 15, 2), 50, np.float32)
        xy[1, :, 0] = x
        xy[1, POSETRACK15.index("left_ankle"), 0] += ankle
        people = People(
            np.array([[0, 0, 50, 200]] * 2, np.float32),
            np.ones(2, np.float32),
            np.array([3, 7], np.int64),
        )
        return FramePoses(frame, 0.0, people, xy, np.ones((2, 15), np.float32))

    poses = [pose(i, 100 - 5 * i, -20 if i != 4 else 90) for i in range(8)]
    frame, lead = sides.left_leads(poses, POSETRACK15, 7, "ankle")
    assert frame.tolist() == list(range(8))
    np.testing.assert_allclose(lead, 0.1, atol=1e-6)  # ahead to the left; the outlier is smoothed
    assert not len(sides.left_leads(poses, POSETRACK15, 5, "ankle")[0])


def test_the_reference_of_the_walk_alternates_and_its_boxes_lie_in_the_picture() -> None:
    for cross in (walk.ANKLES_CROSS, walk.KNEES_CROSS):
        assert [sign for _, sign in cross] == [-1, 1] * 4
        assert (np.diff([frame for frame, _ in cross]) > 10).all()
    boxes = np.array([*walk.MAN.values(), *walk.WOMAN.values()])
    assert len(boxes) == 36
    assert (boxes[:, :2] < boxes[:, 2:]).all()
    assert (boxes >= 0).all()
    assert (boxes <= [1768, 994, 1768, 994]).all()


def test_a_torso_is_the_measure_of_a_joint_and_nan_is_wrong() -> None:
    truth = np.zeros((2, 3, 2))
    guess = truth + [[[10.1, 0], [0, 9.9], [np.nan, 0]]]
    right = stills.torso_right(guess, truth, np.array([50.0, 51.0]))
    assert right.tolist() == [[False, True, False], [True, True, False]]


def test_missed_people_count_as_wrong_joints() -> None:
    seen = limbs()
    seen.guess_xy[0] = np.nan
    assert seen.both() == {"pck@0.2": 75, "pck@0.1": 75}
    assert seen.pck(0.2, np.array([True, False, False, False])).pooled == 0


@pytest.mark.parametrize("kind", ["median", "Savitzky-Golay", "One-Euro"])
def test_filters_keep_rest_and_calm_noise(kind: str) -> None:
    for smooth in filters.FILTERS[kind].values():
        rest = np.ones((12, 12, 2))
        np.testing.assert_allclose(smooth(rest), rest)
        noise = RNG.normal(0, 0.01, (40, 12, 2))
        assert np.diff(smooth(noise), axis=0).std() < np.diff(noise, axis=0).std()


def test_filters_do_not_reach_from_clip_to_clip_or_over_gaps() -> None:
    seen = limbs(7, clip=[0, 0, 0, 0, 1, 1, 1])
    seen.frame[:] = [0, 1, 2, 5, 0, 1, 2]
    seen.guess_xy[3:] += 50
    seen.guess_xy[1, 0] += 30
    smooth = filters.FILTERS["median"]["3 frames"]
    found = filters.filtered(seen, smooth).guess_xy
    seen.guess_xy[1, 0] -= 30
    np.testing.assert_allclose(found, seen.guess_xy, atol=1e-4)


def test_a_filter_is_tuned_on_clean_frames_alone() -> None:
    clean, hurt = limbs(9), limbs(9)
    clean.guess_xy[::2] += 3  # trembles by less than any limit, but for one joint in one frame
    clean.guess_xy[4, 0] += 60
    hurt.guess_xy[:] += 40
    rows = filters.filter_rows([clean, hurt, hurt])
    best = filters.tuned(rows)
    assert [kind for kind, _ in best] == list(filters.FILTERS)
    assert all(best[key] is rows[key] for key in best)
    for kind, setting in best:
        of_kind = [row.pck[0]["pck@0.1"] for key, row in rows.items() if key[0] == kind]
        assert rows[kind, setting].pck[0]["pck@0.1"] == max(of_kind)
    none, median = (next(r for k, r in best.items() if k[0] == kind) for kind in ("none", "median"))
    assert median.pck[0]["pck@0.1"] == 100 > none.pck[0]["pck@0.1"]
    assert median.jitter < none.jitter


def test_jitter_is_that_of_each_clip() -> None:
    seen = limbs(6, clip=[0, 0, 0, 1, 1, 1])
    seen.frame[:] = [0, 1, 2, 3, 4, 5]
    seen.guess_xy[4] += (3, 4)
    assert filters.jitter_of(seen) == pytest.approx(5.0)  # 10 % of the box in one clip, 0 in one
