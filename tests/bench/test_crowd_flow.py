"""Crowd-flow's acceptance experiments, shortened; `bench/crowd_flow.py` has them whole."""

from dataclasses import replace

import crowd_flow
import numpy as np
import pytest

from glpose.flow import move_points


def test_the_exact_flow_moves_joints_to_where_they_are_next() -> None:
    """From the first frame to the second, at the pixels of the first; one limb may cover another."""
    xy = crowd_flow.crowd(1).truth_xy[:, :1]  # nobody is in front of the first
    moved = move_points(xy[4, 0], crowd_flow.exact_flow(xy[4], xy[5]))
    error = np.sort(np.linalg.norm(moved - xy[5, 0], axis=-1))
    assert error[:-2].max() < 0.5
    assert np.linalg.norm(xy[5, 0] - xy[4, 0], axis=-1).mean() > 3


@pytest.mark.slow
def test_flow_fusion_beats_no_flow_wrong_flow_and_a_plain_mean() -> None:
    table = crowd_flow.joints(2, 1, windows=(4,))
    assert crowd_flow.shortfalls(table) == []
    assert 60 < table["per frame"].ap < 90


@pytest.mark.slow
def test_poses_carried_along_the_flow_tell_who_is_who() -> None:
    dense, sparse = (crowd_flow.identities(2, 0, every) for every in (1, 3))
    assert crowd_flow.confusions(dense, sparse) == []
    assert dense[crowd_flow.LAST_BOX].switches > 2
    assert sparse[crowd_flow.WITHOUT].switches > sparse[crowd_flow.WITH].switches


def test_identities_are_counted_person_by_person() -> None:
    """Two people of two frames, one found in both under two numbers, one in the first: 3 of 4 found."""
    row = crowd_flow._shares(np.array([4.0, 3, 1, 0, 3, 2]), 1)
    assert row == crowd_flow.Identities(50.0, pytest.approx(400 / 7), 1.0)


@pytest.mark.slow
def test_a_person_without_a_box_appears_in_all_three_frames() -> None:
    assert min(crowd_flow.missed(crowd_flow.crowd(3), 2, 8)) >= 0.5


@pytest.mark.slow
def test_flow_of_rendered_pictures_is_good_enough() -> None:
    table = crowd_flow.rendered(1, 0)
    alone, fused, _ = table.values()
    assert fused.ap >= alone.ap + 3
    assert fused.jitter_px < alone.jitter_px / 2


def test_each_demand_can_fail() -> None:
    """What the experiment must not pass by: each control as good as the real thing."""
    row = crowd_flow.Row
    table = {
        "per frame": row(70, 4, 12),
        "fused w = 4, exact flow": row(95, 1, 2),
        "fused w = 4, zero flow": row(80, 3, 4),
        "fused w = 4, negated flow": row(75, 4, 9),
        "unchecked w = 4, exact flow": row(94, 1, 2),
        "unchecked w = 4, zero flow": row(80, 3, 3),
        "unchecked w = 4, negated flow": row(60, 5, 3),
        "plain mean w = 4, exact flow": row(79, 3, 2),
    }
    assert crowd_flow.shortfalls(table) == []
    for name, change, said in (
        ("per frame", {"ap": 81.0}, "per frame and 15"),
        ("fused w = 4, zero flow", {"ap": 90.0}, "fused: AP of zero flow and 6"),
        ("fused w = 4, negated flow", {"ap": 90.0}, "fused: AP of negated flow and 6"),
        ("unchecked w = 4, negated flow", {"ap": 71.0}, "worse than no fusion"),
        ("unchecked w = 4, negated flow", {"ap": 81.0}, "worse than zero flow"),
        ("fused w = 4, exact flow", {"jitter_px": 4.0}, "jitter cut"),
        ("plain mean w = 4, exact flow", {"ap": 95.0}, "better than the plain mean"),
    ):
        found = crowd_flow.shortfalls(table | {name: replace(table[name], **change)})
        assert any(said in line for line in found), (name, found)


def test_each_demand_on_identities_can_fail() -> None:
    who = crowd_flow.Identities
    dense = {crowd_flow.WITHOUT: who(90, 92, 1), crowd_flow.WITH: who(91, 95, 0)}
    sparse = {
        crowd_flow.WITHOUT: who(76, 83, 2),
        crowd_flow.ZERO: who(77, 84, 2),
        crowd_flow.NEGATED: who(70, 80, 3),
        crowd_flow.WITH: who(80, 86, 1),
    }
    assert crowd_flow.confusions(dense, sparse) == []
    for of_dense, of_sparse, said in (
        ({crowd_flow.WITH: who(91, 95, 2.1)}, {}, "at most 2 switches"),
        ({crowd_flow.WITH: who(91, 91, 1)}, {}, "IDF1 not below that of boxes"),
        ({}, {crowd_flow.WITHOUT: who(80, 87, 2)}, "IDF1 not below that of boxes alone"),
        ({}, {crowd_flow.WITHOUT: who(80, 86, 1)}, "fewer switches than boxes alone"),
        ({}, {crowd_flow.ZERO: who(80, 86, 1)}, "fewer switches than zero flow"),
        ({}, {crowd_flow.NEGATED: who(80, 86, 1)}, "fewer switches than negated flow"),
    ):
        (found,) = crowd_flow.confusions(dense | of_dense, sparse | of_sparse)
        assert said in found
