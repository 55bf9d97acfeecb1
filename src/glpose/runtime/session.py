"""The ONNX Runtime door: the only module that imports onnxruntime. Files in, NumPy in and out."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from glpose.errors import BadWeights

Shape = tuple[int | str | None, ...]
"""Sizes of a graph's array; a name or None stands for any size."""

_ERRORS_ONLY = 3

# The runtime prints warnings on stderr by itself; everything that matters comes as an exception.
ort.set_default_logger_severity(_ERRORS_ONLY)


@dataclass(frozen=True, slots=True)
class ArrayInfo:
    """An input or output as the graph declares it; `dtype` is like "tensor(float)"."""

    shape: Shape
    dtype: str


class Session:
    """An opened graph. `metadata` is what the file says about itself."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        """Open a file, to be run with `threads` threads (None: all cores).

        Raises: BadWeights if the file is not a graph that can be run.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads or num_cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Threads that spin while they wait would take the cores from decoding and drawing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(
                path.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
        except OSError as problem:
            raise BadWeights(f"{path}: cannot be read ({problem.strerror})") from problem
        except Exception as problem:  # the runtime's own errors have no common type
            raise BadWeights(
                f"{path}: not a graph that can be opened ({_first_line(problem)}); "
                "the file is damaged or no ONNX file, get it again"
            ) from problem
        self.path = path
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        self.inputs = {
            i.name: ArrayInfo(tuple(i.shape), i.type) for i in self._session.get_inputs()
        }
        self.outputs = {
            o.name: ArrayInfo(tuple(o.shape), o.type) for o in self._session.get_outputs()
        }

    def run(self, inputs: Mapping[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        """The named outputs. Raises BadWeights if the graph fails on these inputs."""
        try:
            arrays = self._session.run(outputs, dict(inputs))
        except Exception as problem:  # as above
            shapes = ", ".join(f"{name} {array.shape}" for name, array in inputs.items())
            raise BadWeights(
                f"{self.path}: the graph failed on {shapes} ({_first_line(problem)}); "
                "use weights that `glpose export` wrote"
            ) from problem
        return [np.asarray(array) for array in arrays]


def num_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def engine() -> dict[str, str]:
    """Name, version and providers of the engine, for `glpose info`; "used" is what runs here."""
    return {
        "name": "ONNX Runtime",
        "version": ort.__version__,
        "providers": ", ".join(ort.get_available_providers()),
        "used": "CPUExecutionProvider",
    }


def _first_line(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0][:160] if lines else type(problem).__name__
