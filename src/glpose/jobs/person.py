"""One person of a video: by number, or the largest, the longest seen, the most central one."""

from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from glpose.errors import BadInput
from glpose.imaging import cell_centre
from glpose.poses import of_rows
from glpose.types import FramePoses

Rule = Literal["largest", "longest", "central"]
"""Who is largest, or nearest to the middle of the picture, in most frames; or who is in most."""


def read_person(text: str) -> Rule | int:
    """A rule or a number. Raises: BadInput."""
    for rule in get_args(Rule):
        if text == rule:
            return rule
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return int(text)
    raise BadInput(
        f"--person is '{text}'; expected {', '.join(get_args(Rule))}, or a number as in the overlay"
    )


def check_person(file: Path, known: Collection[int], person: int) -> None:
    """Raises: BadInput if nobody in a file of results has the number of a person who is asked for."""
    if person not in known:
        there = ", ".join(map(str, sorted(known)[:9])) or "nobody"
        raise BadInput(f"{file}: has no person {person}; there are {there}")


def find_person(rule: Rule, frames: Iterable[tuple[FramePoses, tuple[int, int]]]) -> int | None:
    """The number of the person whom a rule means, of equal ones the first; None without people.

    `frames` are the poses with the sizes of their pictures, which may differ.
    """
    votes: Counter[int] = Counter()
    for poses, size_hw in frames:
        people = poses.people
        middle = np.array([cell_centre(0, side) for side in size_hw[::-1]])  # of the picture
        if rule == "longest":
            votes.update(people.track_id.tolist())
        elif len(people):
            corners = people.xyxy.astype(np.float64).reshape(-1, 2, 2)
            worth = (
                (corners[:, 1] - corners[:, 0]).prod(1)
                if rule == "largest"
                else -np.linalg.norm(corners.mean(1) - middle, axis=1)
            )
            votes[int(people.track_id[worth.argmax()])] += 1
    return min(votes, key=lambda number: (-votes[number], number), default=None)


def of_person(poses: FramePoses, track_id: int | None) -> FramePoses:
    """The frame with this person alone, or with nobody."""
    return of_rows(poses, poses.people.track_id == (-1 if track_id is None else track_id))
