"""The judge of cues of identity."""

import numpy as np
from reid import Visit, judge

from glpose.skeleton import JHMDB15


def visit(who: str, group: int = 0) -> Visit:
    empty = np.zeros((0, 4))
    return Visit(who, group, [], empty, empty, empty, JHMDB15)


def apart(places: list[float]) -> np.ndarray:
    return np.abs(np.subtract.outer(places, places))


def test_people_who_are_nearest_to_themselves_are_all_told() -> None:
    visits = [visit(who) for who in "aabbcd"]
    assert judge(apart([0, 1, 10, 11, 20, 30]), visits) == (100.0, 100.0)


def test_one_who_is_nearer_to_somebody_else_is_not_told() -> None:
    """One of the a and one of the b are nearer to each other than to themselves."""
    visits = [visit(who) for who in "aabbcd"]
    assert judge(apart([0, 2, 3, 4.5, 20, 30]), visits) == (50.0, 0.0)


def test_people_of_other_groups_are_never_met() -> None:
    visits = [visit("a"), visit("a"), visit("b"), visit("c", 1), visit("c", 1), visit("d", 1)]
    assert judge(apart([0, 2, 9, 1, 3, 10]), visits) == (100.0, 100.0)
