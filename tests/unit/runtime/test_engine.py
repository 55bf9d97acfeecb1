"""What an engine may be asked for."""

import subprocess
import sys
from pathlib import Path

import pytest

from glpose.errors import BadConfig
from glpose.runtime.engine import EngineSpec, num_cores
from glpose.runtime.engines import onnxruntime
from glpose.runtime.load import load_detector


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("threads=0", "threads is 0; expected 1 to 1024"),
        ("threads='2'", "threads is '2'; expected a whole number or None"),
        ("threads=2.0", "threads is 2.0; expected a whole number or None"),
        ("threads=True", "threads is True; expected a whole number or None"),
        ("name='tensorrt'", "the engine's name is 'tensorrt'; expected 'onnxruntime'"),
        ("device='tpu'", "the engine's device is 'tpu'; expected 'cpu' or 'cuda'"),
    ],
)
def test_a_wrong_engine_is_refused(settings: str, words: str) -> None:
    # In a process of its own: here the types are checked before our own check is reached.
    code = f"import glpose; glpose.EngineSpec({settings})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == f"glpose.errors.BadConfig: {words}"


def test_all_cores_are_taken_unless_told() -> None:
    assert EngineSpec().num_threads == num_cores() >= 1
    assert EngineSpec(threads=3).num_threads == 3


def test_a_device_that_this_build_lacks_is_refused(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        onnxruntime.ort, "get_available_providers", lambda: ["CPUExecutionProvider"]
    )
    with pytest.raises(BadConfig, match="'cuda', but this ONNX Runtime has only CPUExecution"):
        load_detector(tiny_weights / "finder.onnx", EngineSpec(device="cuda"))
