"""The report of a check of a data set on disk, shared by all sets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["complete", "incomplete", "unusable"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something missing or wrong: how often, first examples, and what to do about it."""

    what: str
    count: int
    examples: tuple[str, ...] = ()
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a set, such as a split: what it holds, and what is wrong with it.

    `counts` are printed in order; `notes` are worth knowing but need no action.
    """

    name: str
    usable: bool
    counts: Mapping[str, str | int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A set: its parts, and the notes and problems that concern the whole set."""

    name: str
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def state(self) -> State:
        """Unusable if no part has usable labels, incomplete if there is any problem."""
        if not any(part.usable for part in self.parts):
            return "unusable"
        problems = [*self.problems, *(p for part in self.parts for p in part.problems)]
        return "incomplete" if problems else "complete"
