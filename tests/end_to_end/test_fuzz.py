"""About two minutes of mutated files; `make fuzz` takes an hour.

The number of cases is fixed, so that a run of the tests on another machine tries the same.
"""

import fuzz


def test_mutated_files_are_never_more_than_one_error() -> None:
    assert fuzz.fuzz(seconds=300, seed=1, num=1000) == []
