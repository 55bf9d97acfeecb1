"""What tests of several jobs share."""

from pathlib import Path

import pytest

from glpose.jobs.run import Options
from glpose.jobs.writers import poses_csv, poses_jsonl
from glpose.runtime.engine import EngineSpec


@pytest.fixture
def options(tiny_weights: Path, tmp_path: Path) -> Options:
    """Runs of tiny weights into `out`, without an overlay."""
    return Options(
        tmp_path / "out",
        weights=str(tiny_weights),
        detector=str(tiny_weights / "finder.onnx"),
        engine=EngineSpec(threads=1),
        writers=(poses_jsonl, poses_csv),
    )
