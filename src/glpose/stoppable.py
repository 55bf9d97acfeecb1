"""Iterators that any thread may end, also while another one waits for their next item."""

import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


class Stoppable(Iterator[T]):
    """The items of a generator, until it is closed.

    A generator alone cannot be closed while a thread is in it. Here that thread gets the item it
    waits for, and closes the generator then.
    """

    def __init__(self, items: Generator[T, None, None]) -> None:
        self._items, self._in_use, self._is_closed = items, threading.Lock(), False

    def __next__(self) -> T:
        try:
            with self._in_use:
                if self._is_closed:
                    raise StopIteration
                return next(self._items)
        finally:
            if self._is_closed:
                self.close()

    def close(self) -> None:
        """No more items come. Does not wait for a thread that is in the generator."""
        self._is_closed = True
        if self._in_use.acquire(blocking=False):
            try:
                self._items.close()
            finally:
                self._in_use.release()
