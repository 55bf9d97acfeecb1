"""Makes the helpers beside it, e.g. `bad_videos`, importable from all tests; shared fixtures."""

import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# A slow machine must not look like a broken law.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# For `make quick`, which asks for it by name: a fifth of the usual examples.
settings.register_profile("quick", settings.get_profile("calm"), max_examples=20)
settings.load_profile("calm")
# Tests that were started in the background ignore Ctrl-C, and so would what they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny pose pair `tiny` and a detector `finder`; do not write into it."""
    import tiny_onnx  # onnx is slow to import, and most tests do not need it

    folder = tmp_path_factory.mktemp("weights")
    tiny_onnx.write_pose(folder)
    tiny_onnx.write_detector(folder / "finder.onnx")
    return folder


@pytest.fixture
def seeds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What each random generator that is made from a list of numbers begins with.

    Zeros at the end of a list change nothing: [3, 1] and [3, 1, 0] give the same numbers.
    """
    found: list[str] = []
    plain = np.random.default_rng

    def noted(seed: object = None) -> np.random.Generator:
        if isinstance(seed, list):
            found.append(str(np.random.SeedSequence(seed).generate_state(4)))
        return plain(seed)

    monkeypatch.setattr(np.random, "default_rng", noted)
    return found
