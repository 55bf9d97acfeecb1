"""The nouns: choosing among people."""

import numpy as np

from glpose.types import People


def test_people_are_chosen_by_places_in_their_order_or_by_a_mask() -> None:
    xyxy = np.arange(12, dtype=np.float32).reshape(3, 4)
    people = People(xyxy, np.array([0.1, 0.2, 0.3], np.float32), np.array([7, 8, 9]))
    for rows in ([2, 0], np.array([2, 0])):
        some = people[rows]
        assert some.track_id.tolist() == [9, 7]
        assert np.array_equal(some.xyxy, xyxy[[2, 0]])
        assert np.array_equal(some.score, people.score[[2, 0]])
    assert people[np.array([True, False, True])].track_id.tolist() == [7, 9]
    assert len(people[np.zeros(3, bool)]) == 0
