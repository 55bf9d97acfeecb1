"""Runs scripts of the bench in the process of the tests."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
FOREIGN = {"mediapipe", "torch", "onnx", "matplotlib"}
"""Packages without which a script cannot start."""

Called = Callable[..., tuple[int, str, str]]


@pytest.fixture
def called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Called:
    """Runs a script in this process, in an empty folder: its exit status and what it printed."""
    monkeypatch.chdir(tmp_path)

    def call(script: Path | str, *arguments: object) -> tuple[int, str, str]:
        path = BENCH / f"{script}.py" if isinstance(script, str) else script
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        status = 0
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as end:
            status = int(end.code or 0)
        except ModuleNotFoundError as problem:
            if problem.name not in FOREIGN:
                raise
            pytest.skip(str(problem))
        said = capsys.readouterr()
        return status, said.out, said.err

    return call
