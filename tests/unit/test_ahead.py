"""Streams that are held back."""

from collections.abc import Iterator

import pytest

from glpose.ahead import looking_ahead, with_first
from glpose.errors import VideoError


@pytest.mark.parametrize("number", [0, 1, 3, 9])
def test_each_item_comes_with_those_behind_it(number: int) -> None:
    found = [(item, list(later)) for item, later in looking_ahead(iter(range(5)), number)]
    assert found == [(i, list(range(i + 1, min(i + 1 + number, 5)))) for i in range(5)]


def test_the_newest_item_says_how_many_are_held_back() -> None:
    """More, and then fewer: those who were waiting come out at once."""
    wanted = [0, 2, 2, 3, 3, 3, 1, 1]
    found = [(i, len(later)) for i, later in looking_ahead(range(8), wanted.__getitem__)]
    assert found == [(0, 0), (1, 3), (2, 3), (3, 3), (4, 2), (5, 1), (6, 1), (7, 0)]


def test_no_more_are_drawn_than_are_looked_at() -> None:
    drawn = []

    def source() -> Iterator[int]:
        for item in range(9):
            drawn.append(item)
            yield item

    stream = looking_ahead(source(), 2)
    next(stream)
    assert drawn == [0, 1, 2]


@pytest.mark.parametrize("number", [0, 1, 3, 9])
def test_what_is_held_comes_before_a_failure(number: int) -> None:
    def source() -> Iterator[int]:
        yield from range(4)
        raise VideoError("broken")

    found = []
    with pytest.raises(VideoError, match="broken"):
        for item, _ in looking_ahead(source(), number):
            found.append(item)
    assert found == [0, 1, 2, 3]


@pytest.mark.parametrize("number", [0, 1, 4, 9])
def test_the_first_are_known_and_come_again_before_a_failure(number: int) -> None:
    drawn = []

    def source() -> Iterator[int]:
        for item in range(4):
            drawn.append(item)
            yield item
        raise VideoError("broken")

    first, items = with_first(source(), number)
    assert list(first) == drawn == list(range(min(number, 4)))
    found = []
    with pytest.raises(VideoError, match="broken"):
        for item in items:
            found.append(item)
            assert item not in first
    assert found == [0, 1, 2, 3]
