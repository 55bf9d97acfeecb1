"""PoseTrack MOT on frames that can be counted by hand; the official numbers are in tests/parity."""

import dataclasses

import numpy as np
import pytest

from glpose.errors import BadInput
from glpose.metrics.posetrack_mot import PoseTrackMot, posetrack_mot
from posetrack_frames import POSE, guess, truth, without

A, B, FAR = POSE, POSE + 300, POSE + 900
LAST = truth(A), guess()
"""What the official way drops."""


def score(*frames: tuple, quirks: bool = False) -> PoseTrackMot:
    return posetrack_mot([[t for t, _ in frames]], [[g for _, g in frames]], quirks=quirks)


def counts(result: PoseTrackMot, joint: int = 0) -> list[int]:
    c = result.counts
    return [int(n[joint]) for n in (c.objects, c.misses, c.switches, c.false_positives)]


def test_a_swap_of_identities_is_two_switches():
    result = score((truth(A, B), guess(A, B)), (truth(A, B), guess(B, A)))
    assert counts(result) == [4, 0, 2, 0]
    np.testing.assert_allclose(result.mota, 50)


def test_frames_are_counted_over_all_videos():
    for quirks, num in ((False, 5), (True, 3)):  # officially without the last of each
        result = posetrack_mot(
            [[truth(A)] * 3, [truth(A)] * 2], [[guess(A)] * 3, [guess(A)] * 2], quirks=quirks
        )
        assert result.num_frames == num
        assert counts(result) == [num, 0, 0, 0]


def test_the_last_match_is_remembered_over_gaps():
    gap = truth(B, ids=[1]), guess(B, ids=[1])
    same = score((truth(A), guess(A)), gap, (truth(A), guess(A)))
    assert counts(same) == [3, 0, 0, 0]
    other = score((truth(A), guess(A)), gap, (truth(A), guess(A, ids=[5])))
    assert counts(other) == [3, 0, 1, 0]


def test_a_match_is_kept_though_another_is_nearer():
    result = score((truth(A), guess(A)), (truth(A), guess(A + [0, 9], A, ids=[0, 3])))
    assert counts(result) == [2, 0, 0, 1]
    np.testing.assert_allclose(result.motp, 100 * (1 - 0.3 / 2))


def test_as_many_pairs_as_can_be_even_if_farther():
    # Hypothesis 0 is on object 0 but may also go to object 1, which hypothesis 1 cannot reach.
    objects = truth(A, A + [12, 0])
    hypotheses = guess(A + [6, 0], A - [9, 0])
    assert counts(score((objects, hypotheses))) == [2, 0, 0, 0]


def test_of_two_with_the_same_last_hypothesis_the_first_keeps_it():
    frames = [(truth(A, ids=[0]), guess(A)), (truth(A, ids=[1]), guess(A))]
    result = score(*frames, (truth(A, A + [3, 0], ids=[1, 0]), guess(A, A + [3, 0])))
    assert counts(result) == [4, 0, 1, 0]


def test_the_official_way_drops_the_last_frame():
    frames = [(truth(A), guess(A)), LAST]
    np.testing.assert_allclose(score(*frames, quirks=True).mota, 100)
    np.testing.assert_allclose(score(*frames).mota, 50)


def test_the_last_frame_is_the_last_with_people():
    result = score((truth(A), guess(A)), LAST, (truth(), guess(B)), quirks=True)
    assert result.num_frames == 1
    np.testing.assert_allclose(result.mota, 100)


def test_a_frame_with_people_on_one_side_only_officially_counts_once():
    frames = [(truth(A, B, FAR), guess()), (truth(A), guess(A)), LAST]
    assert counts(score(*frames, quirks=True)) == [2, 1, 0, 1]
    assert counts(score(*frames)) == [5, 4, 0, 0]


def test_people_without_joints_are_nobody_unless_they_have_a_list_of_them():
    empty = without(A, *range(15))
    truths, guesses = [[truth(empty), truth(A)]], [[guess(A, B), guess(A)]]
    removed = posetrack_mot(truths, guesses)
    listed = dataclasses.replace(truth(empty), listed=np.ones(1, bool))
    assert counts(removed) == [1, 1, 0, 1]
    assert counts(posetrack_mot([[listed, truth(A)]], guesses)) == [0, 0, 0, 2]
    nobody = [
        [dataclasses.replace(guess(empty), listed=np.array([has])), guess(A)]
        for has in (False, True)
    ]
    assert counts(posetrack_mot([[truth(A), truth(A)]], nobody[:1])) == [1, 1, 0, 1]
    assert counts(posetrack_mot([[truth(A), truth(A)]], nobody[1:])) == [1, 1, 0, 0]
    assert counts(posetrack_mot(truths, guesses, quirks=False)) == [1, 0, 0, 2]


def test_one_frame_scores_nothing_officially():
    result = score((truth(A), guess(A)), quirks=True)
    assert result.num_frames == 0
    for values in (result.mota, result.motp, result.motp_printed, result.precision, result.recall):
        assert np.isnan(values).all()
    np.testing.assert_allclose(score((truth(A), guess(A))).mota, 100)


def test_motp_of_what_is_never_detected():
    frames = [(truth(A), guess(without(A, 3))), LAST]
    official = score(*frames, quirks=True)
    assert official.motp[3] == 0
    assert official.motp[15] == pytest.approx(1400 / 15)
    plain = score(*frames)
    assert np.isnan(plain.motp[3])
    assert plain.motp[15] == 100


def test_printed_motp_counts_distances_again():
    # A match counts as a near pair and as a match; the switch of the second frame goes to a
    # hypothesis that was never used, which counts a third time.
    frames = [(truth(A), guess(A + [3, 0])), (truth(A), guess(A + [6, 0], ids=[4]))]
    result = score(*frames, (truth(A), guess()), quirks=True)
    np.testing.assert_allclose(result.motp, 100 * (1 - (0.1 + 0.2) / 2))
    np.testing.assert_allclose(result.motp_printed, 100 * (1 - (2 * 0.1 + 3 * 0.2) / 2))


def test_the_table_has_eleven_columns():
    lines = score((truth(A), guess(A)), LAST, quirks=True).table().splitlines()
    assert [line.count("&") for line in lines] == [11, 11, 11]
    assert lines[2].split("&")[8:] == ["100.0 ", "100.0 ", "100.0 ", "100.0 \\\\"]


def test_a_track_id_that_poseval_refuses_in_a_true_frame_is_refused():
    with pytest.raises(BadInput, match="clip, frame 0 of the truth: track id 10001; PoseTrack's"):
        posetrack_mot([[truth(A, ids=[10_001])]], [[guess(A)]], names=[("clip", "found")])


def test_a_track_id_twice_in_a_true_frame_is_refused():
    with pytest.raises(BadInput, match="clip, frame 1 of the truth: track id 3 twice"):
        posetrack_mot(
            [[truth(A), truth(A, B, ids=[3, 3])]], [[guess(), guess()]], names=[("clip", "found")]
        )
