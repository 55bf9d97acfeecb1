"""What an engine is asked for, and what it gives: `EngineSpec` and an opened `Graph`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

import numpy as np

from glpose.errors import BadConfig

EngineName = Literal["onnxruntime"]
Device = Literal["auto", "cpu", "cuda"]

_MOST_THREADS = 1024

Shape = tuple[int | str | None, ...]
"""Sizes of a graph's array; a name or None stands for any size."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What runs the networks: an engine by name, its device and its number of CPU threads.

    With `threads` None it uses all cores that this process may use. With `device` "auto" it is a GPU
    of NVIDIA where one can be used, else the CPU.
    """

    name: EngineName = "onnxruntime"
    device: Device = "cpu"
    threads: int | None = None

    def __post_init__(self) -> None:
        known = {"name": get_args(EngineName), "device": get_args(Device)}
        for field, values in known.items():
            if (found := getattr(self, field)) not in values:
                raise BadConfig(
                    f"the engine's {field} is {found!r}; expected {' or '.join(map(repr, values))}"
                )
        if self.threads is None:
            return
        if type(self.threads) is not int:  # True is an int too
            raise BadConfig(f"threads is {self.threads!r}; expected a whole number or None")
        if not 1 <= self.threads <= _MOST_THREADS:
            raise BadConfig(f"threads is {self.threads}; expected 1 to {_MOST_THREADS}")

    @property
    def num_threads(self) -> int:
        """The number of threads; the number of cores if `threads` is None."""
        return self.threads or num_cores()


@dataclass(frozen=True, slots=True)
class ArrayInfo:
    """An input or output as the graph declares it; `dtype` is like "tensor(float)"."""

    shape: Shape
    dtype: str


@runtime_checkable
class Graph(Protocol):
    """An opened graph: `metadata` is that of the file, `provider` what runs it, as the engine calls it."""

    path: Path
    provider: str
    metadata: dict[str, str]
    inputs: dict[str, ArrayInfo]
    outputs: dict[str, ArrayInfo]

    def run(self, inputs: Mapping[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        """The named outputs. Raises: BadWeights if the graph fails on these inputs."""
        ...


def num_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
