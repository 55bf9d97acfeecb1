"""Numbers in the names of pictures: which of them are missing."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median_low

_MOST_TOLD = 5


def note_on_gaps(paths: Sequence[Path]) -> str:
    """What is missing in pictures that are numbered in even steps, in words; "" if nothing is.

    Nothing can be missing where names differ in more than one number, as dates do, or in steps of
    any length, as other numbers than those of frames do.
    """
    numbers = _numbers(paths)
    steps = [b - a for a, b in pairwise(numbers)]
    usual = median_low(steps) if steps else 0
    if usual <= 0 or any(step <= 0 or step % usual for step in steps):
        return ""
    gaps = [(a + usual, b - usual) for a, b in pairwise(numbers) if b - a > usual]
    if not gaps:
        return ""
    total = sum((last - first) // usual + 1 for first, last in gaps)
    told = [str(a) if a == b else f"{a} to {b}" for a, b in gaps[:_MOST_TOLD]]
    told += ["..."] * (len(gaps) > _MOST_TOLD)
    return (
        f"{total} of the numbers in the names of its pictures are missing ({', '.join(told)}), and "
        "times are as if none were"
    )


def _numbers(paths: Sequence[Path]) -> list[int]:
    """The one number in which the names differ; nothing if there is no such."""
    columns = list(zip(*(re.split(r"([0-9]+)", path.stem) for path in paths), strict=False))
    differing = [column for column in columns if len(set(column)) > 1]
    if len(differing) != 1 or not all(map(str.isdecimal, differing[0])):
        return []
    return [int(text) for text in differing[0]]
