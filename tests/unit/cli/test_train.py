"""What training needs is missed before it starts."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")

pytestmark = pytest.mark.torch

# What is absent later must not have been imported before.
_CALL = """
import sys
from glpose.cli.main import main
for absent in ("torch", "matplotlib"):
    sys.modules[absent] = None
    for call in (["train", "lift_small", "--synth-only"], ["pretrain", "walk.mp4"]):
        print(main(call))
    del sys.modules[absent]
"""


@pytest.mark.slow
def test_without_a_package_of_training_nothing_is_begun(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CALL], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    lines = done.stderr.splitlines()
    assert (done.stdout.split(), len(lines)) == (["2"] * 4, 4), done.stderr
    assert [line.split("'")[1].partition(".")[0] for line in lines] == ["torch"] * 2 + [
        "matplotlib"
    ] * 2
    assert all("[train]" in line for line in lines)
    assert not list(tmp_path.iterdir())
