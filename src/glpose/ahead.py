"""Streams that are held back until what follows has been seen."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def with_first(items: Iterable[T], number: int) -> tuple[Sequence[T], Iterator[T]]:
    """The up to `number` first items, which are there until they are drawn, and all items.

    If `items` fails, the items before are given out first.
    """
    source = iter(items)
    first: deque[T] = deque()
    problem: Exception | None = None
    try:
        for item in islice(source, number):
            first.append(item)
    except Exception as found:  # noqa: BLE001 - whatever it is, it is raised again
        problem = found

    def drawn() -> Iterator[T]:
        while first:
            yield first.popleft()
        if problem is not None:
            raise problem
        yield from source

    return first, drawn()


def looking_ahead(
    items: Iterable[T], number: int | Callable[[T], int]
) -> Iterator[tuple[T, Sequence[T]]]:
    """Each item with the up to `number` items behind it, which change when the next one is drawn.

    The number may be what a function says of the newest item. If `items` fails, the items that are held
    back are given out first.
    """
    held: deque[T] = deque()
    problem: Exception | None = None
    source = iter(items)
    while True:
        try:
            held.append(next(source))
        except StopIteration:
            break
        except Exception as found:  # noqa: BLE001 - whatever it is, it is raised again
            problem = found
            break
        most = number(held[-1]) if callable(number) else number
        while len(held) > most:
            yield held.popleft(), held
    while held:
        yield held.popleft(), held
    if problem is not None:
        raise problem
