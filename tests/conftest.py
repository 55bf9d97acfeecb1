"""Makes the helpers beside it, e.g. `bad_videos`, importable from all tests; shared fixtures."""

from pathlib import Path

import pytest
import tiny_onnx


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny pose pair `tiny` and a detector `finder`; do not write into it."""
    folder = tmp_path_factory.mktemp("weights")
    tiny_onnx.write_pose(folder)
    tiny_onnx.write_detector(folder / "finder.onnx")
    return folder
