"""What an encoder makes of crops, in parts and together."""

from itertools import pairwise

import numpy as np
import pytest

from glpose.runtime.protocols import Encoded

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("summarises", [True, False])
def test_parts_make_the_whole_but_for_its_maps(*, summarises: bool) -> None:
    features, embedding = RNG.random((7, 2, 3, 3), np.float32), RNG.random((7, 2), np.float32)
    summary = RNG.random((7, 5, 2, 1), np.float32) if summarises else None
    whole = Encoded(features, embedding, {"heatmaps": features}, summary)
    for cuts in ((0, 7), (0, 3, 7), (0, 1, 2, 7)):
        parts = [whole.take(slice(*ends)) for ends in pairwise(cuts)]
        joined = Encoded.joined(iter(parts), 7)
        np.testing.assert_array_equal(joined.features, features)
        np.testing.assert_array_equal(joined.embedding, embedding)
        np.testing.assert_array_equal(joined.for_neighbours, whole.for_neighbours)
        assert not np.shares_memory(joined.features, features)
        assert joined.maps is None
        assert (joined.summary is None) == (summary is None)
    for row, one in zip(range(7), whole.each(), strict=True):
        np.testing.assert_array_equal(one.features, features[row : row + 1])
        assert one.maps is None
