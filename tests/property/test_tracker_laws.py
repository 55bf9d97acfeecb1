"""Laws of matching and tracking that hold for all inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment

from glpose.track.assign import assign
from glpose.track.tracker import Tracker
from glpose.types import Detections, People

# On a coarse grid many rows want the same column.
_few_costs = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=5),
    elements=st.sampled_from((0.0, 0.2, 0.3, 0.45, 0.9, np.inf)),
)
_costs = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=2, max_dims=2, max_side=6), elements=st.floats(0, 1)
)
# On a coarse grid, so that overlaps, ties and equal boxes happen.
_person = st.tuples(
    st.integers(0, 6), st.integers(0, 3), st.sampled_from((0.1, 0.3, 0.5, 0.6, 0.8, 0.9))
)
_frame = st.lists(_person, max_size=5)
_video = st.lists(st.tuples(_frame, st.integers(1, 3), st.booleans()), max_size=12)


def detections(frame: list[tuple[int, int, float]]) -> Detections:
    rows = np.array(frame, np.float64).reshape(-1, 3)
    low = rows[:, :2] * 15
    return Detections(
        np.concatenate([low, low + np.array([40, 90])], 1).astype(np.float32),
        rows[:, 2].astype(np.float32),
    )


def play(video: list, order: np.random.Generator | None = None) -> list[People]:
    tracker, now, scene, out = Tracker(size_hw=(140, 140)), -1, 0, []
    for frame, step, cut in video:
        now += step
        scene += cut and now % 4 == 0
        found = detections(frame)
        if order is not None:
            shuffled = order.permutation(len(found))
            found = Detections(found.xyxy[shuffled], found.score[shuffled])
        out.append(tracker.update(now, found, scene=scene))
    return out


@settings(deadline=None)
@given(_costs, st.floats(0.05, 1))
def test_matching_uses_nothing_twice_and_keeps_the_gate(cost: np.ndarray, gate: float) -> None:
    rows, columns = assign(cost, gate)
    assert len(set(rows.tolist())) == len(rows) == len(set(columns.tolist()))
    assert (cost[rows, columns] < gate).all()


@settings(deadline=None)
@given(_few_costs, st.sampled_from((0.25, 0.5, 1.0)))
def test_no_other_matching_is_better(cost: np.ndarray, gate: float) -> None:
    rows, columns = assign(cost, gate)
    gain = np.maximum(gate - cost, 0)
    best = linear_sum_assignment(gain, maximize=True)
    assert gain[rows, columns].sum() == pytest.approx(gain[best].sum())
    assert rows.tolist() == sorted(rows.tolist())


@settings(deadline=None)
@given(_costs, st.floats(0.05, 1), st.integers(0, 2**32 - 1))
def test_matching_does_not_depend_on_the_order(cost: np.ndarray, gate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost = cost + rng.random(cost.shape) * 1e-3  # one best matching only
    p, q = rng.permutation(cost.shape[0]), rng.permutation(cost.shape[1])
    rows, columns = assign(cost, gate)
    shuffled_rows, shuffled_columns = assign(cost[np.ix_(p, q)], gate)
    expected = set(zip(rows.tolist(), columns.tolist(), strict=True))
    assert set(zip(p[shuffled_rows], q[shuffled_columns], strict=True)) == expected


@pytest.mark.slow
@given(_video, st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_tracks_do_not_depend_on_the_order_of_detections(video: list, seed: int) -> None:
    for a, b in zip(play(video), play(video, np.random.default_rng(seed)), strict=True):
        np.testing.assert_array_equal(a.track_id, b.track_id)
        np.testing.assert_array_equal(a.xyxy, b.xyxy)
        np.testing.assert_array_equal(a.score, b.score)


@pytest.mark.slow
@given(_video)
@settings(max_examples=40, deadline=None)
def test_numbers_start_at_one_never_repeat_and_boxes_are_sound(video: list) -> None:
    last: dict[int, int] = {}
    newest, first_after_cut, now = 0, 0, -1
    for (_, step, cut), people in zip(video, play(video), strict=True):
        now += step
        if cut and now % 4 == 0:
            first_after_cut = newest
        found = people.track_id.tolist()
        assert found == sorted(set(found)), "each number once, ascending"
        assert all(n > first_after_cut for n in found), "a cut ends all tracks"
        new = [n for n in found if n not in last]
        assert all(n > newest for n in new), "new numbers are new"
        assert all(now - last[n] <= 31 for n in found if n in last)
        newest = max([newest, *found])
        last |= dict.fromkeys(found, now)
        assert np.isfinite(people.xyxy).all()
        assert (people.xyxy[:, 2:] > people.xyxy[:, :2]).all()
        assert ((people.score > 0) & (people.score <= 1)).all()
