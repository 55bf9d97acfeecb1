"""Motion of people: what is blanked, and that what is wrong does not reach the frames around it."""

from dataclasses import replace

import numpy as np

from glpose.motion.people import motions_of
from glpose.motion.smooth import SmoothSpec
from glpose.skeleton import BODY19
from walking import Walk, frame_of, walk

TIMES = np.arange(60) / 25
LEGS = [BODY19.index(f"{side}_{part}") for side in ("left", "right") for part in ("knee", "ankle")]


def test_exchanged_legs_are_blanked_and_do_not_bend_those_around() -> None:
    frames = walk(TIMES)
    for i in range(30, 36):
        xy = frames[i].xy.copy()
        xy[0, LEGS] = xy[0, LEGS[2:] + LEGS[:2]]
        frames[i] = replace(frames[i], xy=xy, unsure_sides=np.array([True]))
    one = motions_of(frames, BODY19, SmoothSpec())[1]
    assert np.flatnonzero(one.is_unsure).tolist() == list(range(30, 36))
    for values in (one.raw, one.filtered):
        knee = values["left_knee_flexion"]
        assert np.flatnonzero(np.isnan(knee)).tolist() == list(range(30, 36))
        assert np.isfinite(values["trunk_segment"]).all()
        true = np.array([Walk().flexion("knee", "left", t) for t in TIMES])
        assert np.nanmax(np.abs(knee - true)) < 4


def test_raw_angles_are_noisier_than_filtered_ones() -> None:
    people = {
        1: walk(TIMES, noise_px=2.0),
        2: walk(TIMES, Walk(facing=-1, start_px=1500), noise_px=2.0),
    }
    frames = [
        frame_of(i, t, {number: one[i].xy[0] for number, one in people.items()})
        for i, t in enumerate(TIMES)
    ]
    motions = motions_of(frames, BODY19, SmoothSpec(cutoff_hz=4.0))
    assert list(motions) == [1, 2]
    true = np.array([Walk().flexion("knee", "left", t) for t in TIMES])
    for one in motions.values():
        raw, filtered = (v["left_knee_flexion"] - true for v in (one.raw, one.filtered))
        assert filtered.std() < 0.7 * raw.std()
        assert one.facing[0] == (1 if one is motions[1] else -1)
