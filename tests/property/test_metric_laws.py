"""Laws of the scores of joints: order, bounds, and what must not matter."""

from dataclasses import astuple, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.metrics.jitter import acceleration_error, jitter
from glpose.metrics.oks import OksPicture, oks_scores, oks_to_truth
from glpose.metrics.subjhmdb import Norm, subjhmdb_pck
from glpose.skeleton import COCO17
from glpose.types import FramePoses, FrameTruth, People

SEEDS = st.integers(0, 2**32 - 1)


def clip(rng: np.random.Generator, num: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = rng.uniform(0, 300, (num, 15, 2))
    guess = truth + rng.normal(0, 25, truth.shape)
    guess[rng.random((num, 15)) < 0.1] = np.nan
    corner = rng.uniform(0, 100, (num, 2))
    return guess, truth, np.concatenate([corner, corner + rng.uniform(20, 200, (num, 2))], 1)


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 20), st.sampled_from(["box", "torso"]), st.booleans())
def test_pck_does_not_depend_on_the_order_of_frames_and_grows_with_the_limit(
    seed: int, num: int, norm: Norm, strict: bool
) -> None:
    rng = np.random.default_rng(seed)
    parts = clip(rng, num)
    order = rng.permutation(num)
    found = subjhmdb_pck(*parts, norm=norm, strict=strict)
    again = subjhmdb_pck(*(part[order] for part in parts), norm=norm, strict=strict)
    assert np.allclose(found.per_joint, again.per_joint)
    assert ((found.per_joint >= 0) & (found.per_joint <= 1)).all()
    wider = subjhmdb_pck(*parts, norm=norm, strict=strict, limit=0.4)
    assert (wider.per_joint >= found.per_joint).all()
    assert (subjhmdb_pck(parts[0], *parts[1:], norm=norm).per_joint >= found.per_joint).all()


@settings(max_examples=40)
@given(SEEDS, st.integers(1, 20))
def test_pck_does_not_depend_on_place_or_scale(seed: int, num: int) -> None:
    guess, truth, box = clip(np.random.default_rng(seed), num)
    found = subjhmdb_pck(guess, truth, box).per_joint
    # Powers of two and whole steps keep the rounding the same.
    assert (subjhmdb_pck(4 * guess, 4 * truth, 4 * box).per_joint == found).all()


def picture(rng: np.random.Generator) -> OksPicture:
    people, guesses = rng.integers(0, 5), rng.integers(0, 9)
    xy = rng.uniform(0, 300, (people, 17, 2))
    guess = rng.uniform(0, 300, (guesses, 17, 2))
    for row in range(min(people, guesses)):
        guess[row] = xy[row] + rng.normal(0, 10, (17, 2))
    guess[rng.random((guesses, 17)) < 0.1] = np.nan
    corner = xy.min(1, initial=300)
    return OksPicture(
        truth_xy=xy,
        labelled=rng.random((people, 17)) < 0.7,
        area_px2=rng.uniform(500, 60000, people),
        truth_xyxy=np.concatenate([corner, xy.max(1, initial=0)], 1),
        ignore=rng.random(people) < 0.2,
        crowd=np.zeros(people, bool),
        guess_xy=guess,
        guess_score=rng.permutation(100)[:guesses] / 100,
    )


@settings(max_examples=40)
@given(SEEDS)
def test_similarity_to_truth_is_bounded_and_full_for_the_truth_itself(seed: int) -> None:
    one = picture(np.random.default_rng(seed))
    similarity = oks_to_truth(one, COCO17.oks_sigma)
    assert ((similarity >= 0) & (similarity <= 1)).all()
    exact = replace(one, guess_xy=one.truth_xy, guess_score=np.ones(len(one.truth_xy)))
    assert (np.diag(oks_to_truth(exact, COCO17.oks_sigma)) == 1).all()


@settings(max_examples=40)
@given(SEEDS)
def test_scores_of_keypoints_do_not_depend_on_the_order_given(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pictures = [picture(rng) for _ in range(3)]
    scores = [p.guess_score + i / 1000 for i, p in enumerate(pictures)]  # no two are equal
    pictures = [replace(p, guess_score=s) for p, s in zip(pictures, scores, strict=True)]
    shuffled = []
    for one in reversed(pictures):
        order, people = rng.permutation(len(one.guess_xy)), rng.permutation(len(one.truth_xy))
        guesses = {"guess_xy": one.guess_xy[order], "guess_score": one.guess_score[order]}
        names = ("truth_xy", "labelled", "area_px2", "truth_xyxy", "ignore", "crowd")
        shuffled.append(replace(one, **guesses, **{n: getattr(one, n)[people] for n in names}))
    found = astuple(oks_scores(pictures, COCO17.oks_sigma))
    assert found == astuple(oks_scores(shuffled, COCO17.oks_sigma))
    assert all(value == -1 or 0 <= value <= 1 for value in found)


def moving(frames: int, xy: np.ndarray) -> list[FramePoses]:
    box = People(np.array([[0, 0, 50, 80]], np.float32), np.ones(1, np.float32), np.array([4]))
    score = np.ones((1, xy.shape[1]), np.float32)
    return [
        FramePoses(t, t / 25, box, xy[t][None].astype(np.float32), score) for t in range(frames)
    ]


@settings(max_examples=40)
@given(SEEDS, st.integers(3, 12))
def test_constant_velocity_has_no_jitter_wherever_it_goes(seed: int, frames: int) -> None:
    rng = np.random.default_rng(seed)
    # Whole numbers, so that positions are exact.
    start, step = rng.integers(-500, 500, (2, 1, 15, 2))
    xy = start + step * np.arange(frames)[:, None, None]
    found = jitter(moving(frames, xy))
    assert found.pooled == 0
    assert found.num_triples == 15 * (frames - 2)


@settings(max_examples=40)
@given(SEEDS, st.integers(3, 12))
def test_jitter_ignores_steady_motion_and_doubles_with_the_shaking(seed: int, frames: int) -> None:
    rng = np.random.default_rng(seed)
    shaking, step = rng.integers(-20, 20, (frames, 15, 2)), rng.integers(-9, 9, (1, 15, 2))
    steady = step * np.arange(frames)[:, None, None]
    alone = jitter(moving(frames, shaking))
    assert jitter(moving(frames, shaking + steady)).pooled == alone.pooled
    assert np.isclose(jitter(moving(frames, 2 * shaking)).pooled, 2 * alone.pooled)
    labels = np.full((1, 15), 2, np.int8)
    truth = [FrameTruth(p.frame, 0.0, p.people, p.xy, labels) for p in moving(frames, steady)]
    assert np.isclose(acceleration_error(moving(frames, shaking), truth).pooled, alone.pooled)
