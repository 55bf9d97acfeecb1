"""Two minutes of mutated files; `make fuzz` takes an hour."""

import fuzz


def test_mutated_files_are_never_more_than_one_error() -> None:
    assert fuzz.fuzz(seconds=120, seed=1) == []
