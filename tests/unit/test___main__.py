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


def run_python(*words: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Python with modules of a folder in front."""
    paths = [str(path), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "RANK": "0"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("words", "module", "of_it"),
    [
        (["glpose", "run", "a.mp4"], "cyclopts", "raise"),
        (["glpose", "run", "a.mp4"], "av", "raise ImportError('init failed') from None"),
        (["glpose.train", "pretrain_small"], "cyclopts", "raise"),
        (["glpose.train", "pretrain_small"], "torch", "raise TypeError('no type') from None"),
    ],
)
def test_a_signal_while_modules_are_imported_is_one_line(
    words: list[str], module: str, of_it: str, number: signal.Signals, tmp_path: Path
) -> None:
    """Dataclasses are made by `exec`; compiled modules make another exception of it."""
    waits = f"import os, time; os.kill(os.getpid(), {int(number)}); time.sleep(30)"
    program = f"try:\n    exec({waits!r})\nexcept KeyboardInterrupt:\n    {of_it}\n"
    (tmp_path / f"{module}.py").write_text(program)
    done = run_python("-m", *words, path=tmp_path)
    assert (done.returncode, done.stderr) == (130, "glpose: interrupted\n")


@pytest.mark.parametrize("again", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("ends", ["time.sleep(30)", "return 130"])
def test_another_signal_while_it_ends_changes_nothing(
    ends: str, again: signal.Signals, tmp_path: Path
) -> None:
    program = (
        "import atexit, signal, sys, time\n"
        "from glpose.__main__ import start\n"
        "def command():\n"
        f"    atexit.register(signal.raise_signal, {int(again)})\n"
        "    if 'sleep' in sys.argv[1]: signal.raise_signal(signal.SIGINT)\n"
        f"    {ends}\n"
        "sys.exit(start(command))\n"
    )
    done = run_python("-c", program, ends, path=tmp_path)
    said = "" if "130" in ends else "glpose: interrupted\n"
    assert (done.returncode, done.stderr) == (130, said)


def test_the_end_is_not_held_up_by_a_stream_that_waits(tmp_path: Path) -> None:
    program = (
        "import atexit, sys, threading\n"
        "from glpose.__main__ import start\n"
        "def command():\n"
        "    waits = threading.Event().wait\n"
        "    threading.Thread(target=waits, name=sys.argv[1], daemon=True).start()\n"
        "    sys.stdout.write('a result')\n"
        "    return 3\n"
        "atexit.register(print, ', and what waits for it')\n"
        "sys.exit(start(command))\n"
    )
    done = run_python("-c", program, "glpose-network", path=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (3, "a result", "")
    done = run_python("-c", program, "another", path=tmp_path)
    assert (done.returncode, done.stdout) == (3, "a result, and what waits for it\n")


def test_the_command_is_this_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["scripts"] == {"glpose": f"{start.__module__}:{start.__name__}"}
