"""Checkpoints on disks that fill up: one kind of failure, and the old file stays."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from full_disk import files_of_at_most
from glpose.errors import BadInput
from glpose.train.run.checkpoint import disk_failures, load_checkpoint, save_checkpoint

pytestmark = pytest.mark.torch


def test_a_disk_that_fills_up_is_one_line_wherever_it_does(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"step": 1})
    state = {f"weight {n}": torch.rand(20, 300) for n in range(6)}
    save_checkpoint(tmp_path / "whole.pt", state)
    size = (tmp_path / "whole.pt").stat().st_size
    for limit in range(0, size, size // 40):
        full = pytest.raises(BadInput, match="File too large, while writing the run")
        with full, files_of_at_most(limit), disk_failures("writing the run"):
            save_checkpoint(path, state)
    assert load_checkpoint(path) == {"step": 1}
    assert sorted(file.name for file in tmp_path.iterdir()) == ["last.pt", "whole.pt"]


def test_what_is_no_failure_of_the_disk_stays_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("of torch's own")

    monkeypatch.setattr(torch, "save", fails)
    with pytest.raises(RuntimeError, match="of torch's own"), disk_failures("writing the run"):
        save_checkpoint(tmp_path / "last.pt", {})
