"""What the rows of `eyes.py` share: the weights and sets to measure with, and what a row gives."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool
from scripts import at_least

from glpose.api import Models, load_models
from glpose.errors import GLPoseError
from glpose.runtime.engine import EngineSpec
from glpose.skeleton import Skeleton
from glpose.weights import DEFAULT_DETECTOR, DEFAULT_PICTURE, DEFAULT_POSE

PARTS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
LIMBS = tuple(f"{side}_{part}" for part in PARTS for side in ("left", "right"))
"""The 12 limb joints: pairs side by side, the left joint first."""

T = TypeVar("T")


class NotMeasured(GLPoseError):
    """Why a row cannot be measured: a set or weights were not given."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table, as text; `aim` is what we want to reach."""

    what: str
    measured: str
    aim: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row measured: lines of the table, lines to read below it, numbers for a file."""

    figures: list[Figure]
    details: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """What is measured, and on what: `data` has the sets as subfolders.

    `pose` are the weights for videos, `picture` those for pictures.
    `single` are weights of one frame to compare with; `limit` takes only so many clips or pictures
    of a set, spread evenly over it.
    """

    data: Path
    pose: str = DEFAULT_POSE
    picture: str = DEFAULT_PICTURE
    detector: str = DEFAULT_DETECTOR
    single: str | None = None
    limit: int | None = None
    threads: int | None = None

    @property
    def engine(self) -> EngineSpec:
        """What runs the networks."""
        return EngineSpec(threads=self.threads)

    @cached_property
    def models(self) -> Models:
        """The networks for videos, loaded once."""
        return load_models(self.pose, self.detector, self.engine)

    @cached_property
    def picture_models(self) -> Models:
        """The networks for pictures, loaded once."""
        return load_models(self.picture, self.detector, self.engine)

    def path(self, name: str) -> Path:
        """A set's folder or a file in one. Raises NotMeasured if it is missing."""
        path = self.data / name
        if not path.exists():
            raise NotMeasured(f"there is no {name} in {self.data}")
        return path

    def some(self, items: Sequence[T]) -> list[T]:
        """All items, or `limit` of them."""
        return some(items, self.limit)


def some(items: Sequence[T], limit: int | None) -> list[T]:
    """All items, or `limit` of them, spread evenly."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[i * len(items) // limit] for i in range(limit)]


def subject_of(arguments: argparse.Namespace) -> Subject:
    """The subject that the arguments of `parser_of` name."""
    names = vars(arguments).keys() & Subject.__dataclass_fields__.keys()
    return Subject(**{name: getattr(arguments, name) for name in names})


_OPTIONS: dict[str, dict[str, Any]] = {
    "pose": {"default": DEFAULT_POSE},
    "picture": {"default": DEFAULT_PICTURE},
    "detector": {"default": DEFAULT_DETECTOR},
    "single": {},
    "limit": {"type": at_least(1)},
    "threads": {"type": at_least(1)},
}


def parser_of(doc: str | None, *options: str) -> argparse.ArgumentParser:
    """A parser of the folder of the sets, and of those options of `Subject` that a script uses."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("data", type=Path)
    for name in options:
        parser.add_argument(f"--{name}", **_OPTIONS[name])
    return parser


def with_weights(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The parser with an option for weights to compare: pairs of a name and a name or folder."""
    parser.add_argument("--weights", nargs="+", default=[], type=_named, metavar="NAME=WEIGHTS")
    return parser


def _named(item: str) -> tuple[str, str]:
    name, equals, weights = item.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{item}: expected NAME=WEIGHTS")
    return name, weights


def columns(joints: Skeleton, names: Sequence[str] = LIMBS) -> list[int]:
    """Where a network's skeleton has these joints. Raises BadInput if it lacks one."""
    return [joints.index(name) for name in names]


def percent(right: Bool[np.ndarray, "*n"], counted: Bool[np.ndarray, "*n"]) -> float:
    """The share of those counted that are right; NaN if none counts."""
    return float(100 * right[counted].mean()) if counted.any() else float("nan")
