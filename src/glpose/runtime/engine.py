"""Engines run graphs: `EngineSpec` selects engine and device, `open_graph` opens a file."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from glpose.errors import BadConfig

Shape = tuple[int | str | None, ...]
"""Sizes of a graph's array; a name or None stands for any size."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What runs the networks: an engine by name, its device and its number of CPU threads.

    With `threads` None it uses all cores that this process may use.
    """

    name: Literal["onnxruntime"] = "onnxruntime"
    device: Literal["cpu", "cuda"] = "cpu"
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.threads is not None and self.threads < 1:
            raise BadConfig(f"threads is {self.threads}; expected 1 or more")

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
    """An opened graph. `metadata` is the metadata of the file."""

    path: Path
    metadata: dict[str, str]
    inputs: dict[str, ArrayInfo]
    outputs: dict[str, ArrayInfo]

    def run(self, inputs: Mapping[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        """The named outputs. Raises: BadWeights if the graph fails on these inputs."""
        ...


def open_graph(path: Path, data: bytes, engine: EngineSpec) -> Graph:
    """Open the graph of a file from its bytes.

    Raises: BadWeights if it cannot be run, BadConfig if the engine lacks the device.
    """
    from glpose.runtime.engines.onnxruntime import Session

    return Session(path, data, engine)


def num_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
