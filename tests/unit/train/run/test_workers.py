"""Several processes train as one: the same losses, the same weights everywhere, one to speak."""

import json
import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

import tiny_training
from child import started
from glpose.errors import BadConfig
from glpose.nets.synced_norm import SyncedBatchNorm2d, with_synced_norms
from glpose.train.run import workers as workers_module
from glpose.train.run.checkpoint import load_checkpoint
from glpose.train.run.log import RunLog
from glpose.train.run.workers import ALONE, Workers, join_workers, sharing
from glpose.train.state import start
from tiny_training import BY_TORCH, FAULTS, RUNS, TINY, TinyTask, log_of, train

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of all runs by two processes, and what each of them saw at their ends."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    with ExitStack() as running:
        processes = [
            running.enter_context(
                started(
                    [sys.executable, tiny_training.__file__, "workers", folder],
                    env={**os.environ, **common, "RANK": rank, "OMP_NUM_THREADS": "1"},
                    stderr=subprocess.PIPE,
                )
            )
            for rank in "01"
        ]
        errors = [process.communicate(timeout=200)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(errors)
    return folder


def ends(two: Path) -> list[dict]:
    return [json.loads((two / f"rank{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*RUNS, *(f"{name} by torch" for name in BY_TORCH)])
def test_two_processes_give_the_losses_of_one(
    two: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunLog, "draw", lambda self: None)
    train(RUNS[name.removesuffix(" by torch")], tmp_path / "one")
    one, both = log_of(tmp_path / "one"), log_of(two / name)
    near = 0.02 if "bf16" in name else 1e-4
    assert [row["step"] for row in both] == [row["step"] for row in one]
    for found, expected in zip(both, one, strict=True):
        for kind in ("losses", "scores"):
            assert found.get(kind, {}) == pytest.approx(expected.get(kind, {}), rel=near)
    # And so do the weights that were learned, running statistics included.
    saved, wanted = (load_checkpoint(f / "last.pt") for f in (two / name, tmp_path / "one"))
    # A parameter without a gradient in all processes has no state in the optimiser of any.
    assert saved["optimizer"]["state"].keys() == wanted["optimizer"]["state"].keys()
    for kind in ("model", "ema"):
        assert list(saved[kind]) == list(wanted[kind])
        for key, value in wanted[kind].items():
            near = 0.05 if "bf16" in name else 1e-3
            torch.testing.assert_close(saved[kind][key], value, rtol=near, atol=near / 10)


@pytest.mark.slow
def test_averaged_weights_are_the_same_in_all_processes_and_one_speaks(two: Path) -> None:
    first, second = ends(two)
    for name in [*RUNS, *(f"{name} by torch" for name in BY_TORCH)]:
        assert first[name]["ema"] == second[name]["ema"]
        assert first[name]["told"]
        assert second[name]["told"] == []


@pytest.mark.slow
def test_one_process_fills_the_cache_also_where_the_network_is_prepared_with_the_data(
    two: Path,
) -> None:
    assert [path.name for path in (two / "cache of one").iterdir()] == ["by 0"]


@pytest.mark.slow
def test_what_stops_one_process_stops_all_with_one_line(two: Path) -> None:
    first, second = ends(two)
    assert {name: second[name] for name in FAULTS} == dict.fromkeys(FAULTS, 2)
    assert "batch_size is 7" in first["uneven"]
    assert "expected a multiple of 2" in first["uneven"]
    assert not (two / "uneven").exists()
    assert "clip5.mp4: truncated (in process 1 of 2" in first["unreadable"]
    assert "the loss of step 4 is not finite (square nan)" in first["not finite"]
    record = json.loads((two / "not finite" / "bad_batch.json").read_text())
    assert [sample["row"] for sample in record["samples"]] == list(range(8))
    guilty = [s["row"] for s in record["samples"] if s["loss_alone"] == "not finite"]
    assert guilty == [6]
    assert load_checkpoint(two / "not finite" / "last.pt")["step"] == 4


@pytest.mark.slow
def test_parts_give_the_losses_of_the_whole_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunLog, "draw", lambda self: None)
    for name in ("plain", "plain in parts"):
        train(RUNS[name], tmp_path / name)
    whole, parts = (log_of(tmp_path / name) for name in ("plain", "plain in parts"))
    for a, b in zip(whole, parts, strict=True):
        assert a.get("losses", {}) == pytest.approx(b.get("losses", {}), rel=1e-4)


def test_a_process_that_is_alone_says_so_and_half_a_call_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_workers() as workers:
        assert (workers.rank, workers.count, workers.is_first) == (0, 1, True)
        assert workers.gather("x") == ["x"]
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(BadConfig, match="torchrun --nproc-per-node 3"), join_workers():
        pass


def test_replaced_norms_keep_names_weights_and_evaluation() -> None:
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.ModuleList()).eval()
    net.append(torch.nn.BatchNorm2d(4).eval())
    net[2].running_mean.fill_(0.5)
    names = list(net.state_dict())
    x = torch.randn(2, 4, 5, 5)
    before, weight = net[2](x), net[2].weight
    with_synced_norms(net)
    assert isinstance(net[2], SyncedBatchNorm2d)
    assert net[2].weight is weight
    assert list(net.state_dict()) == names
    assert torch.equal(net[2](x), before)


def test_torch_shares_between_gpus_and_we_between_cpus() -> None:
    assert sharing("cpu", 1) == sharing("cuda", 1) == "alone"
    assert sharing("cpu", 2) == "own"
    assert sharing("cuda", 2) == "torch"
    assert Workers(1, 4, torch.device("cuda", 1)).sharing == "torch"
    assert ALONE.sharing == "alone"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by", "norm"),
    [
        ("alone", torch.nn.BatchNorm2d),
        ("own", SyncedBatchNorm2d),
        ("torch", torch.nn.SyncBatchNorm),
    ],
)
def test_norms_are_those_of_who_shares_and_names_stay(
    by: str, norm: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "sharing", lambda *_: by)
    state = start(TINY, TinyTask(TINY, Path()), Workers(0, 2))
    assert type(state.model.norm) is norm
    assert type(state.ema.norm) is torch.nn.BatchNorm2d
    assert list(state.model.state_dict()) == list(state.ema.state_dict())


def test_the_batch_is_that_of_the_recipe_however_it_is_divided() -> None:
    from glpose.train.data.batches import own_rows
    from glpose.train.run.workers import Workers

    for count in (1, 2, 4):
        parts = [own_rows(tiny_training.replace(TINY, accumulate=2), Workers(r, count)) for r in
                 range(count)]  # fmt: skip
        for part, rows in ((0, range(4)), (1, range(4, 8))):
            shared = [row for own in parts for row in own[part].tolist()]
            assert shared == list(rows)


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "2")
    expected = r"process 2 of this machine has no GPU .* there are 2"
    with pytest.raises(BadConfig, match=expected), join_workers():
        pass


@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (torch.nn.BatchNorm1d, (6, 4)),
        (torch.nn.BatchNorm1d, (6, 4, 5)),
        (torch.nn.BatchNorm2d, (6, 4, 5, 3)),
    ],
)
def test_norms_of_one_process_are_those_of_torch(norm: type, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    plain = norm(4)
    torch.nn.init.normal_(plain.weight)
    synced = with_synced_norms(deepcopy(plain))
    assert type(synced) is not norm
    x = torch.randn(shape)
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    weight = torch.randn(shape)
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    try:
        outputs = [layer(x) for layer, x in zip((plain, synced), inputs, strict=True)]
        for y in outputs:
            (y * weight).sum().backward()
    finally:
        torch.distributed.destroy_process_group()
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(plain.weight.grad, synced.weight.grad, atol=1e-4, rtol=1e-4)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(synced.state_dict()[name], value, atol=1e-5, rtol=1e-5)
