"""PoseTrack AP on frames that can be counted by hand; the official numbers are in tests/parity."""

import re

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.metrics.posetrack_ap import posetrack_ap
from posetrack_frames import POSE, guess, truth, without

FAR = POSE + 500
NOBODY = without(POSE, *range(15))
SQUARE = np.array([[-5, -5], [25, -5], [25, 15], [-5, 15]], np.float64)
"""Around joints 0 and 1 of POSE."""


def test_the_limit_is_half_a_head_and_inclusive():
    at_limit, beyond = POSE + [9, 12], POSE + [9, 12.001]
    assert posetrack_ap([[truth(POSE)]], [[guess(at_limit)]]).total == 100
    assert posetrack_ap([[truth(POSE)]], [[guess(beyond)]]).total == 0


def test_a_better_scored_wrong_pose_halves_the_precision():
    result = posetrack_ap([[truth(POSE)]], [[guess(POSE, FAR, score=[0.4, 0.6])]])
    np.testing.assert_allclose(result.ap, 50)
    np.testing.assert_allclose(result.precision, 50)
    np.testing.assert_allclose(result.recall, 100)


def test_only_the_best_pose_of_a_person_counts():
    half = np.where(np.arange(15)[:, None] < 8, POSE, POSE + 300)
    result = posetrack_ap([[truth(POSE)]], [[guess(half, POSE, score=[0.6, 0.4])]])
    np.testing.assert_allclose(result.ap, 50)


def test_one_near_joint_assigns_a_pose():
    stray = POSE + 300
    stray[4] = POSE[4]
    result = posetrack_ap([[truth(POSE)]], [[guess(stray)]])
    assert result.ap[:15].tolist() == [100.0 if j == 4 else 0.0 for j in range(15)]


def test_a_predicted_joint_that_the_person_lacks_is_wrong():
    frames = [truth(without(POSE, 3)), truth(POSE)]
    result = posetrack_ap([frames], [[guess(POSE, score=0.9), guess(POSE, score=0.8)]])
    assert result.ap[3] == 50
    assert result.ap[4] == 100


def test_track_ids_of_the_truth_do_not_matter():
    assert posetrack_ap([[truth(POSE, ids=[10_001])]], [[guess(POSE)]]).total == 100


def test_nothing_counts_in_frames_without_people():
    result = posetrack_ap([[truth(POSE), truth()]], [[guess(POSE), guess(FAR, score=0.9)]])
    assert result.total == 100
    assert result.num_frames == 1


def test_people_without_joints_keep_their_frame():
    frames = [truth(POSE), truth(NOBODY)]
    result = posetrack_ap([frames], [[guess(POSE), guess(FAR, score=0.9)]])
    np.testing.assert_allclose(result.ap, 50)
    assert result.num_frames == 2


def test_ignored_joints_count_on_neither_side():
    frames = [truth(POSE, ignore=[SQUARE])]
    result = posetrack_ap([frames], [[guess(POSE + [0, 1])]])
    assert result.ap.tolist() == [0.0, 0.0] + [100.0] * 13 + [pytest.approx(1300 / 15)]
    # On the border is not inside: joint 0 would be at (25, 0).
    shifted = posetrack_ap([frames], [[guess(POSE + [25, 0], FAR, score=[0.5, 0.1])]])
    assert np.isnan(shifted.ap[0])


def test_people_inside_a_region_are_gone_and_their_poses_with_them():
    whole = SQUARE * 100
    kept = [truth(POSE), truth(POSE, ignore=[whole])]
    result = posetrack_ap([kept], [[guess(POSE), guess(FAR, POSE, score=0.9)]])
    assert result.total == 100
    assert result.recall[15] == 100


def test_joints_never_seen_count_officially_and_are_nan_otherwise():
    frames, poses = [truth(without(POSE, 3, 4))], [guess(without(POSE, 3, 5))]
    official = posetrack_ap([frames], [poses])
    assert official.ap[3] == 0  # on neither side
    assert np.isnan(official.ap[4])  # predicted only
    assert official.ap[5] == 0  # labelled only
    assert official.precision[5] == 0
    assert official.total == pytest.approx(1200 / 14)
    assert np.isnan(official.groups()["Knee"])
    plain = posetrack_ap([frames], [poses], quirks=False)
    assert np.isnan(plain.ap[[3, 4]]).all()
    assert plain.ap[5] == 0
    assert np.isnan(plain.precision[5])
    assert plain.total == pytest.approx(1200 / 13)
    assert plain.groups()["Knee"] == 100


def test_without_quirks_equal_scores_enter_together():
    truths = [[truth(POSE), truth(POSE)]]
    for poses in ([guess(POSE), guess(FAR)], [guess(FAR), guess(POSE)]):
        np.testing.assert_allclose(posetrack_ap(truths, [poses], quirks=False).ap, 25)


def test_the_table_shows_groups_in_the_official_order():
    result = posetrack_ap([[truth(without(POSE, 0))]], [[guess(POSE)]])
    header, row = result.table().splitlines()
    assert header.split("&")[1].strip() == "Head"
    assert row == "&100.0 &100.0 &100.0 &100.0 &100.0 &100.0 &  nan &100.0 \\\\"


def bad_pose(joint: int, x: float, y: float) -> np.ndarray:
    pose = POSE.copy()
    pose[joint] = x, y
    return pose


@pytest.mark.parametrize(
    ("truths", "guesses", "message"),
    [
        ([[truth(POSE)]], [], "1 videos of truth but 0 of predictions"),
        ([[truth(POSE)] * 2], [[guess(POSE)]], "found: 1 frames of predictions for 2 of truth"),
        ([[truth()]], [[guess()]], "no frame of the truth has a person"),
        (
            [[truth(POSE)] * 2],
            [[guess(POSE), guess(POSE, FAR, ids=[4, 4])]],
            "found, frame 1 of the predictions: track id 4 twice",
        ),
        (
            [[truth(POSE)]],
            [[guess(POSE, ids=[10_000])]],
            "found, frame 0 of the predictions: track id 10000; PoseTrack's are below 10000",
        ),
        (
            [[truth(POSE)]],
            [[guess(POSE, score=np.nan)]],
            "found, frame 0 of the predictions: right_ankle of person 0 has the score NaN",
        ),
        (
            [[truth(POSE)]],
            [[guess(bad_pose(13, np.nan, 3))]],
            "found, frame 0 of the predictions: nose of person 0 is at (nan, 3)",
        ),
        (
            [[truth(bad_pose(13, np.inf, 3))]],
            [[guess(POSE)]],
            "clip, frame 0 of the truth: nose of person 0 is at (inf, 3)",
        ),
        (
            [[truth(POSE, ids=[7], head_px=np.nan)]],
            [[guess(POSE)]],
            "clip, frame 0 of the truth: the person with track id 7 has joints but no head box",
        ),
    ],
)
def test_bad_input_names_video_and_frame(truths: list, guesses: list, message: str):
    with pytest.raises(BadInput, match=re.escape(message)) as caught:
        posetrack_ap(truths, guesses, names=[("clip", "found")])
    assert "\n" not in str(caught.value)


def test_other_joint_sets_are_refused():
    frame = truth(POSE)
    other = type(frame)(
        0, 0.0, frame.people, frame.xy[:, :13], frame.visibility[:, :13], (), frame.head_px
    )
    with pytest.raises(BadInput, match="video 0, frame 0 of the truth: poses of 13 joints"):
        posetrack_ap([[other]], [[guess(POSE)]])


def test_a_head_box_is_needed_only_where_it_is_used():
    headless = truth(NOBODY, head_px=np.nan)
    result = posetrack_ap([[truth(POSE), headless]], [[guess(POSE), guess(FAR, score=0.1)]])
    assert result.total == 100
    unmet = truth(POSE, head_px=np.nan)
    assert posetrack_ap([[truth(POSE), unmet]], [[guess(POSE), guess()]]).total == 50
