"""Predictions that were written are read back as they were, in both forms."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import posetrack_sets as sets
from glpose.formats.posetrack.labels import (
    open_posetrack,
    read_prediction_file,
    write_prediction_file,
)
from glpose.types import FramePoses, People

NUM_FRAMES = 2
PIXELS = st.floats(-1000, 5000, width=32)
SCORES = st.floats(-100, 100, width=32) | st.just(-9999.0)


@st.composite
def frames(draw: st.DrawFn, frame: int) -> FramePoses:
    n = draw(st.integers(0, 2))
    xy = draw(arrays.arrays(np.float32, (n, 15, 2), elements=PIXELS))
    score = draw(arrays.arrays(np.float32, (n, 15), elements=SCORES))
    absent = draw(arrays.arrays(bool, (n, 15)))
    absent[:, draw(st.integers(0, 14))] = False  # people without joints are not written
    xy[absent], score[absent] = np.nan, 0
    ids = draw(st.lists(st.integers(0, 9999), min_size=n, max_size=n, unique=True))
    people = People(
        np.zeros((n, 4), np.float32),
        draw(arrays.arrays(np.float32, n, elements=SCORES)),
        np.array(ids, np.int64),
    )
    return FramePoses(frame, frame / 25.0, people, xy, score)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["2017", "2018"])
@pytest.mark.parametrize("year", [2017, 2018])
@settings(max_examples=20)
@given(poses=st.tuples(*(frames(i) for i in range(NUM_FRAMES))))
def test_round_trip(layout: str, year: int, poses: tuple[FramePoses, ...]) -> None:
    with TemporaryDirectory() as name:
        root = Path(name)
        (sets.set17 if year == 2017 else sets.set18)(root, NUM_FRAMES, (1,))
        (sequence,) = open_posetrack(root, year, "val")
        path = root / f"{sequence.name}.json"
        # The order of frames does not matter: `frame` says where each belongs.
        write_prediction_file(path, sequence, poses[::-1], layout=layout, dummy=False)  # type: ignore[arg-type]
        read = read_prediction_file(path)
        text = path.read_text()
    json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} is not JSON"))
    assert len(read) == NUM_FRAMES
    for before, after in zip(poses, read, strict=True):
        assert before.frame == after.frame
        np.testing.assert_array_equal(before.xy, after.xy.astype(np.float32))
        np.testing.assert_array_equal(before.people.score, after.people.score)
        np.testing.assert_array_equal(before.people.track_id, after.people.track_id)
        if layout == "2017":
            np.testing.assert_array_equal(before.score, after.score.astype(np.float32))
        else:  # a person's scores are one list, so they are there for all joints or for none
            some = (np.where(np.isfinite(before.xy[..., 0]), before.score, -9999) != -9999).any(-1)
            np.testing.assert_array_equal(before.score[some], after.score[some].astype(np.float32))
