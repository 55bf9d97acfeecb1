"""Matching: cheapest pairs, the gate, and nothing twice."""

import numpy as np
import pytest

from glpose.track.assign import assign


def pairs(cost: list[list[float]], gate: float) -> list[tuple[int, int]]:
    rows, columns = assign(np.array(cost, np.float64), gate)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def test_the_cheapest_total_wins_over_the_cheapest_pair() -> None:
    assert pairs([[0.1, 0.2], [0.2, 0.9]], 1.0) == [(0, 1), (1, 0)]


def test_a_pair_at_the_gate_is_refused() -> None:
    assert pairs([[0.5]], 0.5) == []
    assert pairs([[0.499]], 0.5) == [(0, 0)]


def test_a_good_pair_is_not_broken_up_for_two_poor_ones() -> None:
    assert pairs([[0.1, 0.75], [0.75, 5.0]], 0.8) == [(0, 0)]


@pytest.mark.parametrize("forbidden", [np.inf, np.nan])
def test_costs_that_are_not_finite_forbid_a_pair(forbidden: float) -> None:
    assert pairs([[forbidden, 0.7], [forbidden, 0.1]], 0.8) == [(1, 1)]


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0)])
def test_nothing_to_match(shape: tuple[int, int]) -> None:
    rows, columns = assign(np.zeros(shape), 1.0)
    assert rows.shape == columns.shape == (0,)
