"""Laws of PoseTrack's AP and MOT."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glpose.metrics.posetrack_ap import posetrack_ap
from glpose.metrics.posetrack_mot import posetrack_mot
from glpose.types import FramePoses, FrameTruth, People
from posetrack_frames import POSE, guess, truth

Video = tuple[list[FrameTruth], list[FramePoses]]


SEEDS = st.integers(0, 2**32 - 1)
"""Not videos: frames check their contents with `random`, which strategies may not."""


def make_video(seed: int) -> Video:
    """A few frames of people apart from each other, each predicted once or not at all.

    Nobody is near two people, so that no order decides who is whose.
    """
    rng = np.random.default_rng(seed)
    num_people = int(rng.integers(1, 5))
    places = POSE + 400 * np.arange(num_people)[:, None, None]
    frames: Video = ([], [])
    for _ in range(rng.integers(2, 5)):
        there = rng.permutation(num_people)[: rng.integers(1, num_people + 1)]
        xy = places[there] + rng.normal(0, 3, (len(there), 1, 2))
        xy[rng.random(xy.shape[:2]) < 0.2] = np.nan
        frames[0].append(truth(*xy, ids=there))
        found = there[rng.random(len(there)) < 0.8]
        shift = rng.uniform(-20, 20, (len(found), 15, 2))
        frames[1].append(_poses(rng, places[found] + shift, found))
    return frames


def _poses(rng: np.random.Generator, xy: np.ndarray, ids: np.ndarray) -> FramePoses:
    wrong = rng.integers(0, 2)
    xy = np.concatenate([xy, np.broadcast_to(POSE - 900, (int(wrong), 15, 2))])
    ids = np.concatenate([rng.permutation(6)[: len(ids)], np.full(wrong, 9)])
    return guess(*xy, ids=ids, score=rng.random((len(xy), 15)))


def _only(frame: FrameTruth | FramePoses, rows: np.ndarray) -> dict[str, object]:
    who = frame.people
    people = People(who.xyxy[rows], who.score[rows], who.track_id[rows])
    return {"people": people, "xy": frame.xy[rows]}


def _shuffled_truth(frame: FrameTruth, rng: np.random.Generator) -> FrameTruth:
    rows = rng.permutation(len(frame.people))
    assert frame.head_px is not None
    more = {"visibility": frame.visibility[rows], "head_px": frame.head_px[rows]}
    return dataclasses.replace(frame, **_only(frame, rows), **more)


def _shuffled_guess(frame: FramePoses, rng: np.random.Generator) -> FramePoses:
    rows = rng.permutation(len(frame.people))
    return dataclasses.replace(frame, **_only(frame, rows), score=frame.score[rows])


@pytest.mark.slow
@settings(max_examples=40)
@given(SEEDS, SEEDS, st.booleans())
def test_the_order_of_people_does_not_matter(of_video: int, seed: int, quirks: bool) -> None:
    video = make_video(of_video)
    rng = np.random.default_rng(seed)
    mixed = (
        [[_shuffled_truth(frame, rng) for frame in video[0]]],
        [[_shuffled_guess(frame, rng) for frame in video[1]]],
    )
    plain = [video[0]], [video[1]]
    a, b = posetrack_ap(*plain, quirks=quirks), posetrack_ap(*mixed, quirks=quirks)
    np.testing.assert_allclose(a.ap, b.ap)
    c, d = posetrack_mot(*plain, quirks=quirks), posetrack_mot(*mixed, quirks=quirks)
    np.testing.assert_allclose(c.mota, d.mota)
    np.testing.assert_allclose(c.motp_printed, d.motp_printed)


@settings(max_examples=40)
@given(SEEDS, SEEDS)
def test_the_order_of_frames_and_videos_does_not_matter_to_ap(of_video: int, seed: int) -> None:
    video = make_video(of_video)
    order = np.random.default_rng(seed).permutation(len(video[0]))
    mixed = posetrack_ap([[video[0][i] for i in order]], [[video[1][i] for i in order]])
    apart = posetrack_ap([[frame] for frame in video[0]], [[frame] for frame in video[1]])
    plain = posetrack_ap([video[0]], [video[1]])
    np.testing.assert_allclose(mixed.ap, plain.ap)
    np.testing.assert_allclose(apart.ap, plain.ap)


@settings(max_examples=40)
@given(SEEDS, st.booleans())
def test_scores_are_percentages(of_video: int, quirks: bool) -> None:
    video = make_video(of_video)
    ap = posetrack_ap([video[0]], [video[1]], quirks=quirks)
    mot = posetrack_mot([video[0]], [video[1]], quirks=quirks)
    for values in (ap.ap, ap.precision, ap.recall, mot.motp, mot.precision, mot.recall):
        known = values[~np.isnan(values)]
        assert ((known >= 0) & (known <= 100 + 1e-9)).all()
    assert (mot.mota[~np.isnan(mot.mota)] <= 100).all()
    # The area under a curve that ends at the recall, of heights up to 1.
    assert (ap.ap[:15] <= ap.recall[:15] + 1e-9)[~np.isnan(ap.ap[:15])].all()


@pytest.mark.slow
@settings(max_examples=40)
@given(SEEDS)
def test_the_truth_scores_a_hundred(of_video: int) -> None:
    video = make_video(of_video)
    rng = np.random.default_rng(0)
    perfect = [FramePoses(0, 0.0, f.people, f.xy, rng.random(f.xy.shape[:2])) for f in video[0]]
    for quirks in (True, False):
        ap = posetrack_ap([video[0]], [perfect], quirks=quirks)
        labelled = np.concatenate([~np.isnan(f.xy[..., 0]) for f in video[0]]).any(0)
        np.testing.assert_allclose(ap.ap[:15][labelled], 100)
        mot = posetrack_mot([video[0]], [perfect], quirks=quirks)
        np.testing.assert_allclose(mot.mota[~np.isnan(mot.mota)], 100)
        np.testing.assert_allclose(mot.motp[:15][mot.counts.detections > 0], 100)


@settings(max_examples=25)
@given(SEEDS, st.floats(0.1, 10.0))
def test_only_the_order_of_scores_matters(of_video: int, power: float) -> None:
    video = make_video(of_video)
    # From the places in the order: powers of the scores themselves may become equal by rounding.
    order = np.unique(np.concatenate([frame.score.ravel() for frame in video[1]]))
    bent = []
    for frame in video[1]:
        score = np.searchsorted(order, frame.score).astype(np.float32) ** np.float32(power) - 3
        bent.append(dataclasses.replace(frame, score=score))
    plain = posetrack_ap([video[0]], [video[1]])
    assert posetrack_ap([video[0]], [bent]).total == pytest.approx(plain.total)
