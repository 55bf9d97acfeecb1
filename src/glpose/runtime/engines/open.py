"""Open a graph with the engine that a spec names."""

from pathlib import Path

from glpose.runtime.engine import EngineSpec, Graph
from glpose.runtime.engines.onnxruntime import Session


def open_graph(path: Path, data: bytes, engine: EngineSpec) -> Graph:
    """Open the graph in the bytes of a file; `path` is what errors call it.

    There is one engine so far: the name of another is refused by `EngineSpec`.

    Raises: BadWeights if it cannot be run, BadConfig if the engine lacks the device.
    """
    return Session(path, data, engine)
