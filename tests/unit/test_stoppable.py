"""Iterators that are ended by another thread than the one that waits in them."""

import threading
from collections.abc import Generator

import pytest

from glpose.stoppable import Stoppable


class Slow:
    """A generator that waits for a sign before each item but the first."""

    def __init__(self) -> None:
        self.go, self.waits, self.ended = (threading.Event() for _ in range(3))

    def items(self) -> Generator[int, None, None]:
        try:
            yield 0
            for item in range(1, 100):
                self.waits.set()
                assert self.go.wait(10)
                yield item
        finally:
            self.ended.set()


def test_what_is_closed_gives_no_more_and_ends_the_generator() -> None:
    slow = Slow()
    items = Stoppable(slow.items())
    assert next(items) == 0
    items.close()
    assert slow.ended.is_set()
    assert list(items) == []
    items.close()


def test_another_thread_gets_what_it_waits_for_and_ends_the_generator() -> None:
    slow, found = Slow(), []
    items = Stoppable(slow.items())
    thread = threading.Thread(target=lambda: found.extend(items))
    thread.start()
    assert slow.waits.wait(10)
    items.close()  # a generator alone: ValueError
    assert not slow.ended.is_set()
    slow.go.set()
    thread.join(10)
    assert not thread.is_alive()
    assert found == [0, 1]
    assert slow.ended.is_set()


def test_what_fails_has_ended() -> None:
    def items() -> Generator[int, None, None]:
        yield 0
        raise KeyError("lost")

    found = Stoppable(items())
    assert next(found) == 0
    with pytest.raises(KeyError):
        next(found)
    assert list(found) == []
