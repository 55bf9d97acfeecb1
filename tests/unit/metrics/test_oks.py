"""COCO's scores of keypoints against hand cases; parity with pycocotools is in tests/parity."""

from dataclasses import astuple, replace

import numpy as np
import pytest

from glpose.metrics.oks import OksPicture, oks_scores, oks_to_truth

SIGMA = np.array([0.05, 0.05])
AREA = 100.0 * 100.0  # large; exp(-d^2 / (2 * area * 0.1^2)): half at about 11.8 px


def picture(
    guesses: list[list[tuple[float, float]]], scores: list[float], num_people: int = 1
) -> OksPicture:
    """People at (0, 0) and (100, 0), (1000, 0) and (1100, 0), ...; two joints each."""
    xy = np.array([[[1000.0 * i, 0.0], [1000.0 * i + 100, 0.0]] for i in range(num_people)])
    return OksPicture(
        truth_xy=xy.reshape(-1, 2, 2),
        labelled=np.ones((num_people, 2), bool),
        area_px2=np.full(num_people, AREA),
        truth_xyxy=np.array(
            [[1000.0 * i, -50, 1000 * i + 100, 50] for i in range(num_people)]
        ).reshape(-1, 4),
        ignore=np.zeros(num_people, bool),
        crowd=np.zeros(num_people, bool),
        guess_xy=np.array(guesses, np.float64).reshape(-1, 2, 2),
        guess_score=np.array(scores, np.float64),
    )


RIGHT = [(0.0, 0.0), (100.0, 0.0)]
WRONG = [(0.0, 500.0), (100.0, 600.0)]


def test_a_perfect_guess_has_everything_but_no_medium_people() -> None:
    found = oks_scores([picture([RIGHT], [0.5])], SIGMA)
    assert (found.ap, found.ar, found.ap_large, found.ar_large) == pytest.approx((1, 1, 1, 1))
    assert (found.ap_medium, found.ar_medium) == (-1, -1)


def test_a_better_ranked_wrong_guess_halves_precision_and_a_worse_one_does_not() -> None:
    for scores, ap in (([0.9, 0.5], 0.5), ([0.5, 0.9], 1.0)):
        assert oks_scores([picture([WRONG, RIGHT], scores)], SIGMA).ap50 == pytest.approx(ap)


def test_half_of_the_people_found_is_half_of_the_recalls() -> None:
    found = oks_scores([picture([RIGHT], [0.9], num_people=2)], SIGMA)
    assert found.ar50 == 0.5
    assert found.ap50 == pytest.approx(51 / 101)  # recalls 0, 0.01, ... 0.5


def test_similarity_of_a_hand_case_and_of_missing_joints() -> None:
    guess = [[(0.0, 10.0), (100.0, 0.0)], [(0.0, 0.0), (np.nan, np.nan)]]
    found = oks_to_truth(picture(guess, [1, 1]), SIGMA)
    assert found[:, 0] == pytest.approx([(np.exp(-100 / (2 * AREA * 0.01)) + 1) / 2, 0.5])


def test_only_labelled_joints_are_compared() -> None:
    one = picture([[(0.0, 0.0), (9.0, 900.0)]], [1.0])
    assert oks_to_truth(replace(one, labelled=np.array([[True, False]])), SIGMA)[0, 0] == 1


def test_without_labelled_joints_all_within_the_extended_box_is_near() -> None:
    nobody = replace(picture([], []), labelled=np.zeros((1, 2), bool))
    # The box is 100 x 100 from (0, -50), so everything within (-100, -150) and (200, 150) is.
    inside, outside = [(-100.0, -150.0), (200.0, 150.0)], [(-110.0, 0.0), (0.0, 0.0)]
    near, far = oks_to_truth(
        replace(nobody, guess_xy=np.array([inside, outside]), guess_score=np.ones(2)), SIGMA
    )[:, 0]
    assert near == 1
    assert far == pytest.approx((np.exp(-100 / (2 * AREA * 0.01)) + 1) / 2)


def test_a_crowd_takes_any_number_of_guesses_an_ignored_person_one() -> None:
    twice = picture([RIGHT, RIGHT], [0.9, 0.8])
    other = picture([RIGHT], [0.1])  # somebody who counts, found last
    for crowd, ap in ((True, 1.0), (False, 0.5)):
        ignored = replace(twice, ignore=np.array([True]), crowd=np.array([crowd]))
        assert oks_scores([ignored, other], SIGMA).ap50 == pytest.approx(ap)


def test_a_person_who_counts_comes_before_an_ignored_one_that_is_nearer() -> None:
    both = picture([[(0.0, 3.0), (100.0, 3.0)]], [0.9], num_people=2)
    both = replace(
        both,
        truth_xy=np.array([RIGHT, [(0.0, 3.0), (100.0, 3.0)]]),
        ignore=np.array([False, True]),
    )
    assert oks_scores([both], SIGMA).ap50 == pytest.approx(1)


def test_the_twenty_best_guesses_of_a_picture_count() -> None:
    crowd = [WRONG] * 20
    for place, recall in ((19, 1.0), (20, 0.0)):
        guesses = [*crowd[:place], RIGHT, *crowd[place:]]
        scores = np.linspace(1, 0.1, 21).tolist()
        assert oks_scores([picture(guesses, scores)], SIGMA).ar50 == recall


def test_nobody_labelled_and_nothing_guessed() -> None:
    nobody = picture([RIGHT], [0.9], num_people=0)
    assert astuple(oks_scores([nobody], SIGMA)) == (-1,) * 10
    assert astuple(oks_scores([], SIGMA)) == (-1,) * 10
    assert oks_scores([picture([], [])], SIGMA).ap == 0
