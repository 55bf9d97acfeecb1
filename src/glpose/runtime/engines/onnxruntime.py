"""The ONNX Runtime door: the only module that imports onnxruntime. Bytes in, NumPy in and out."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np

# The first import in this process reads it: else the runtime keeps an id of the device in the user's
# cache folder, and looks up a host of its maker. No later switch prevents it. Other processes that
# are started from here keep what they had.
_TELEMETRY = "ORT_DISABLE_TELEMETRY"
_before = os.environ.get(_TELEMETRY)
os.environ[_TELEMETRY] = "1"

import onnxruntime as ort

if _before is None:
    del os.environ[_TELEMETRY]
else:
    os.environ[_TELEMETRY] = _before

from glpose.errors import BadConfig, BadWeights
from glpose.forked import use_natives
from glpose.runtime.engine import ArrayInfo, Device, EngineSpec

_WARNING, _FATAL_ONLY = 2, 4
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
NEEDED = 'CUDA needs an NVIDIA driver, CUDA and cuDNN: pip install "onnxruntime-gpu[cuda,cudnn]"'
"""What to do where CUDA does not start."""


class Session:
    """An opened `Graph`; errors name it by `path`."""

    def __init__(self, path: Path, data: bytes, engine: EngineSpec = EngineSpec()) -> None:
        """Open the bytes of a file.

        Raises: BadWeights if they are not a graph that can be run, BadConfig if this build of the
        runtime lacks the device.
        """
        use_natives()
        options = ort.SessionOptions()
        options.intra_op_num_threads = engine.num_threads
        options.inter_op_num_threads = 1
        # It prints warnings and errors on stderr; what matters is raised as an exception, too.
        options.log_severity_level = _FATAL_ONLY
        # Spinning threads would take CPU time from decoding and drawing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = _opened(path, data, options, engine.device)
        self.path = path
        self.provider = self._session.get_providers()[0]
        try:
            self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
            self.inputs = {
                i.name: ArrayInfo(tuple(i.shape), i.type) for i in self._session.get_inputs()
            }
            self.outputs = {
                o.name: ArrayInfo(tuple(o.shape), o.type) for o in self._session.get_outputs()
            }
        except UnicodeDecodeError as problem:
            raise BadWeights(
                f"{path}: its card or its names are not text; the file is damaged, get it again"
            ) from problem

    def run(self, inputs: Mapping[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        """The named outputs. Raises BadWeights if the graph fails on these inputs."""
        use_natives()
        try:
            arrays = self._session.run(outputs, dict(inputs))
        except Exception as problem:  # as above
            shapes = ", ".join(f"{name} {array.shape}" for name, array in inputs.items())
            raise BadWeights(
                f"{self.path}: the graph failed on {shapes} ({_first_line(problem)}); "
                "export it again, or use other weights"
            ) from problem
        found = [np.asarray(array) for array in arrays]
        for name, array in zip(outputs, found, strict=True):
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise BadWeights(
                    f"{self.path}: the graph's output '{name}' is not finite (NaN or infinity); "
                    "the file is damaged or its training has failed, use other weights"
                )
        return found


def engine() -> dict[str, str]:
    """Name, version and providers of the engine, and that of the device "auto" if it can be used."""
    found = ort.get_available_providers()
    return {
        "name": "ONNX Runtime",
        "version": ort.__version__,
        "providers": ", ".join(found),
        "auto": _CUDA if _CUDA in found else _CPU,
    }


def _opened(
    path: Path, data: bytes, options: ort.SessionOptions, device: Device
) -> ort.InferenceSession:
    found, why = ort.get_available_providers(), ""
    if device == "cuda" and _CUDA not in found:
        raise BadConfig(
            f"the engine's device is 'cuda', but this ONNX Runtime has only {', '.join(found)}; "
            "install onnxruntime-gpu in place of onnxruntime, or use the device 'cpu'"
        )
    if device != "cpu" and _CUDA in found:
        try:
            _load_cuda()
            with _quiet():
                session = _session(data, options, [_CUDA, _CPU])
            if session.get_providers()[0] == _CUDA:
                return session
        except Exception as problem:  # noqa: BLE001 - the runtime's own errors have no common type
            why = f" ({_first_line(problem)})"
    try:
        session = _session(data, options, [_CPU])
    except Exception as problem:  # as above
        raise BadWeights(
            f"{path}: not a graph that can be opened ({_first_line(problem)}); "
            "the file is damaged or no ONNX file, get it again"
        ) from problem
    if device == "cuda":
        raise BadConfig(
            f"the engine's device is 'cuda', but ONNX Runtime cannot start it{why}; {NEEDED}; or "
            "use the device 'cpu'"
        )
    return session


def _session(
    data: bytes, options: ort.SessionOptions, providers: list[str]
) -> ort.InferenceSession:
    # Without the fallback, which prints and tries the same again.
    return ort.InferenceSession(data, options, providers=providers, enable_fallback=0)


@contextmanager
def _quiet() -> Iterator[None]:
    """Say nothing of a CUDA that does not start, which no option of a session prevents.

    The level is that of the whole process and cannot be asked for: afterwards it is the usual one.
    """
    ort.set_default_logger_severity(_FATAL_ONLY)
    try:
        yield
    finally:
        ort.set_default_logger_severity(_WARNING)


def _load_cuda() -> None:
    """Load the libraries of CUDA that pip has installed, if any; they are not where systems look."""
    if hasattr(ort, "preload_dlls"):  # since 1.21
        with redirect_stdout(StringIO()):  # it prints what it does not find
            ort.preload_dlls()


def _first_line(problem: Exception) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0][:160] if lines else type(problem).__name__
