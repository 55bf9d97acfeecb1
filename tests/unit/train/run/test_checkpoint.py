"""Checkpoints on disks that fill up, that fail to read, or that change what was written."""

import errno
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

pytest.importorskip("torch")

import torch

from full_disk import files_of_at_most
from glpose.errors import BadInput, BadWeights
from glpose.train.run import checkpoint
from glpose.train.run.checkpoint import disk_failures, is_whole, load_checkpoint, save_checkpoint

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


def test_damage_anywhere_in_the_weights_is_found(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    save_checkpoint(path, {"weight": torch.rand(20, 300)})
    assert is_whole(path)
    assert load_checkpoint(path)["weight"].shape == (20, 300)
    content = path.read_bytes()
    for place in range(2000, len(content) - 2000, 4000):
        path.write_bytes(
            content[:place] + bytes(255 - b for b in content[place:][:1]) + content[place + 1 :]
        )
        assert not is_whole(path)
        with pytest.raises(BadWeights, match="damaged"):
            load_checkpoint(path)
    for end in range(0, len(content), 1000):
        path.write_bytes(content[:end])
        assert not is_whole(path)
    path.unlink()
    assert not is_whole(path)


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (OSError(errno.EIO, "Input/output error"), "Input/output error"),
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_what_cannot_be_read_now_is_not_called_damaged(
    tmp_path: Path, problem: Exception, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "best.pt"
    save_checkpoint(path, {"step": 1})
    monkeypatch.setattr(checkpoint, "open_regular", Mock(side_effect=problem))
    for reads in (load_checkpoint, is_whole):
        with pytest.raises(BadInput, match=rf"best\.pt: cannot be read now \({why}\)"):
            reads(path)


class FailsToRead(FileIO):
    """A file on a disk that fails at one reading, counted from 1."""

    def __init__(self, path: Path, at: int) -> None:
        super().__init__(path)
        self.at, self.number = at, 0

    def _count(self) -> None:
        self.number += 1
        if self.number == self.at:
            raise OSError(errno.EIO, "Input/output error")

    def readinto(self, buffer: Any) -> int:
        self._count()
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self._count()
        return super().readall()


def test_a_disk_that_fails_at_any_reading_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also at the end of the file, where zipfile says that it is no archive."""
    path = tmp_path / "best.pt"
    save_checkpoint(path, {"weight": torch.rand(20, 300)})

    def opened(at: int) -> FailsToRead:
        file = FailsToRead(path, at)
        monkeypatch.setattr(checkpoint, "open_regular", lambda _: BufferedReader(file))
        return file

    whole = opened(0)
    assert is_whole(path)
    assert whole.number > 3
    for at in range(1, whole.number + 1):
        opened(at)
        with pytest.raises(BadInput, match="Input/output error"):
            is_whole(path)


def test_memory_that_torch_lacks_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_checkpoint(tmp_path / "last.pt", {"step": 1})
    lacks = RuntimeError(
        "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    )
    monkeypatch.setattr(torch, "load", Mock(side_effect=lacks))
    with pytest.raises(BadInput, match="not enough memory"):
        load_checkpoint(tmp_path / "last.pt")


def test_a_checkpoint_that_was_cut_short_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(path, {"weight": torch.rand(20, 300)})
    whole = path.read_bytes()
    for length in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:length])
        assert not is_whole(path)
        with pytest.raises(BadWeights, match="damaged"):
            load_checkpoint(path)


def test_a_folder_in_place_of_a_checkpoint_is_to_be_moved(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a folder; expected a checkpoint; move it away"):
        is_whole(tmp_path)


@pytest.mark.parametrize("what", [torch.zeros(3), [1], None])
def test_a_file_of_something_else_is_no_checkpoint(tmp_path: Path, what: object) -> None:
    path = tmp_path / "best.pt"
    torch.save(what, path)
    name = type(what).__name__
    with pytest.raises(BadWeights, match=rf"best\.pt: not a checkpoint of .* \(a {name}\)"):
        load_checkpoint(path)
