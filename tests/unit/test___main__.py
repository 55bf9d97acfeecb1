"""The command can be stopped before it has begun."""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from glpose.__main__ import start

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("module", "of_it"),
    [("cyclopts", "raise"), ("av", "raise ImportError('init failed') from None")],
)
def test_a_signal_while_modules_are_imported_is_one_line(
    module: str, of_it: str, number: signal.Signals, tmp_path: Path
) -> None:
    """Dataclasses are made by `exec`; compiled modules make another exception of it."""
    waits = f"import os, time; os.kill(os.getpid(), {int(number)}); time.sleep(30)"
    program = f"try:\n    exec({waits!r})\nexcept KeyboardInterrupt:\n    {of_it}\n"
    (tmp_path / f"{module}.py").write_text(program)
    paths = [str(tmp_path), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "glpose", "run", "a.mp4"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "glpose: interrupted\n")


def test_the_command_is_this_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"] == {"glpose": f"{start.__module__}:{start.__name__}"}
