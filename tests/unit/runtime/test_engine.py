"""What an engine may be asked for."""

from pathlib import Path
from typing import get_args

import pytest

from child import refusals
from glpose.cli import checks, run
from glpose.errors import BadConfig, BadWeights
from glpose.runtime.engine import Device, EngineSpec, num_cores
from glpose.runtime.engines import onnxruntime
from glpose.runtime.load import load_detector, open_detector
from glpose.runtime.presets import Preset

REFUSED = {
    "threads=0": "threads is 0; expected 1 to 1024",
    "threads='2'": "threads is '2'; expected a whole number or None",
    "threads=2.0": "threads is 2.0; expected a whole number or None",
    "threads=True": "threads is True; expected a whole number or None",
    "name='tensorrt'": "the engine's name is 'tensorrt'; expected 'onnxruntime'",
    "device='tpu'": "the engine's device is 'tpu'; expected 'auto' or 'cpu' or 'cuda'",
}


@pytest.mark.slow
def test_wrong_engines_are_refused() -> None:
    expected = {f"EngineSpec({settings})": words for settings, words in REFUSED.items()}
    assert refusals(expected) == expected


def test_all_cores_are_taken_unless_told() -> None:
    assert EngineSpec().num_threads == num_cores() >= 1
    assert EngineSpec(threads=3).num_threads == 3


CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


class FakeSessions:
    """In place of ONNX Runtime's sessions: `starts` says whether the GPU can be used."""

    def __init__(self, starts: bool | Exception) -> None:
        self.starts, self.asked, self.open = starts, [], onnxruntime.ort.InferenceSession

    def __call__(
        self, data: bytes, options: object, providers: list[str], **more: object
    ) -> object:
        self.asked.append(providers)
        if CUDA in providers and isinstance(self.starts, Exception):
            raise self.starts
        session = self.open(data, options, providers=[CPU], **more)
        if CUDA in providers and self.starts:
            session.get_providers = lambda: [CUDA, CPU]
        return session


@pytest.fixture
def finder(tiny_weights: Path) -> Path:
    return tiny_weights / "finder.onnx"


def pretend(
    monkeypatch: pytest.MonkeyPatch, found: list[str], *, starts: bool | Exception = False
) -> FakeSessions:
    fake = FakeSessions(starts)
    monkeypatch.setattr(onnxruntime.ort, "get_available_providers", lambda: found)
    monkeypatch.setattr(onnxruntime.ort, "InferenceSession", fake)
    return fake


def test_a_device_that_this_build_lacks_is_refused(
    finder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, [CPU])
    with pytest.raises(BadConfig, match=r"has only CPUExec.* install onnxruntime-gpu in place of"):
        load_detector(finder, EngineSpec(device="cuda"))
    assert onnxruntime.engine()["auto"] == CPU


@pytest.mark.parametrize(
    ("device", "used"), [("auto", CUDA), ("cuda", CUDA), ("cpu", CPU)], ids=["auto", "cuda", "cpu"]
)
def test_the_gpu_is_used_where_it_can_be_and_was_not_declined(
    device: Device, used: str, finder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = pretend(monkeypatch, [CUDA, CPU], starts=True)
    assert open_detector(finder, EngineSpec(device=device)).record["provider"] == used
    assert fake.asked == [[CPU] if device == "cpu" else [CUDA, CPU]]
    assert onnxruntime.engine()["auto"] == CUDA


@pytest.mark.parametrize("starts", [False, RuntimeError("no libcudnn.so.9\nmore")], ids=str)
def test_a_gpu_that_does_not_start_is_an_error_only_if_it_was_asked_for(
    starts: bool | Exception, finder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, [CUDA, CPU], starts=starts)
    assert open_detector(finder, EngineSpec(device="auto")).record["provider"] == CPU
    with pytest.raises(BadConfig, match=r"cannot start it.*pip install") as found:
        load_detector(finder, EngineSpec(device="cuda"))
    assert ("(no libcudnn.so.9)" in str(found.value)) == isinstance(starts, Exception)
    with pytest.raises(BadWeights, match="not a graph that can be opened"):
        onnxruntime.Session(finder, b"damaged", EngineSpec(device="cuda"))


def test_the_command_line_knows_the_same_devices() -> None:
    assert get_args(checks.Device) == get_args(Device)
    assert get_args(run.Preset) == get_args(Preset)
