"""One run at a time writes into a folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from child import started
from glpose.errors import BadInput
from glpose.formats.lock import LOCK, in_turn, only_writer

HOLD = """
import sys, time
from pathlib import Path
from glpose.formats.lock import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_is_named_and_its_end_frees_the_folder(tmp_path: Path) -> None:
    with started([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BadInput, match=f"writes there already .process {other.pid} on "):
            only_writer(tmp_path).__enter__()
        other.kill()  # leaves its file
        other.wait()
    assert (tmp_path / LOCK).exists()
    with only_writer(tmp_path):
        assert f"process {os.getpid()} " in (tmp_path / LOCK).read_text()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be written"), only_writer(tmp_path / "absent"):
        pass


NEXT = """
import sys
from pathlib import Path
from glpose.formats.lock import in_turn
print("comes", flush=True)
with in_turn(Path(sys.argv[1])):
    print(*(file.name for file in Path(sys.argv[1]).iterdir()), flush=True)
"""


def test_who_comes_later_waits_for_its_turn(tmp_path: Path) -> None:
    with (
        in_turn(tmp_path),
        started([sys.executable, "-c", NEXT, tmp_path], stdout=subprocess.PIPE) as other,
    ):
        assert other.stdout is not None
        assert other.stdout.readline() == "comes\n"
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.3)
        (tmp_path / "taken").touch()
    with in_turn(tmp_path / "absent"):
        assert [file.name for file in tmp_path.iterdir()] == ["taken"]
