"""Batches are the same whoever makes them, and nobody is left when they are done."""

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

import tiny_training
from child import started
from glpose.errors import BadConfig, BadInput, GLPoseError
from glpose.train.data.batches import own_rows, prefetch
from glpose.train.run.checkpoint import load_checkpoint
from glpose.train.run.log import RunLog
from glpose.train.run.workers import ALONE
from tiny_training import TINY, TinyData, TinySet, log_of, train

pytestmark = [pytest.mark.torch, pytest.mark.slow]


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunLog, "draw", lambda self: None)


@pytest.fixture
def no_hang() -> Iterator[None]:
    """A test that would wait for ever fails after a minute."""

    def fail(*_: object) -> None:
        raise TimeoutError("still waiting after a minute")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


class WhoMade(TinyData):
    """Tells which process made a row, whether it was spawned, and its number of torch's threads."""

    def rows(self, step: int, numbers: Sequence[int]) -> dict[str, np.ndarray]:
        is_spawned = isinstance(multiprocessing.current_process(), SpawnProcess)
        by = np.array([[os.getpid(), is_spawned, torch.get_num_threads()]] * len(numbers))
        return super().rows(step, numbers) | {"by": by}


def test_processes_make_the_batches_that_threads_make() -> None:
    rows = own_rows(replace(TINY, accumulate=2), ALONE)
    made = {}
    for num_processes in (0, 1, 2):
        with prefetch(WhoMade(TINY), rows, range(3, 9), num_processes) as batches:
            made[num_processes] = list(batches)
        assert not multiprocessing.active_children()
    for num_processes, steps in made.items():
        assert len(steps) == 6
        for parts, expected in zip(steps, made[0], strict=True):
            for part, wanted in zip(parts, expected, strict=True):
                assert torch.equal(part["x"], wanted["x"])
                assert torch.equal(part["y"], wanted["y"])
        by = {tuple(who) for parts in steps for part in parts for who in part["by"].tolist()}
        assert len(by) == max(1, num_processes)
        if num_processes:
            assert {threads for *_, threads in by} == {1}
            assert os.getpid() not in {pid for pid, *_ in by}
            assert all(is_spawned for _, is_spawned, _ in by)  # no lock or thread is inherited


def test_a_run_learns_the_same_with_processes_and_may_be_resumed_with_others(
    tmp_path: Path,
) -> None:
    recipe = replace(TINY, model=tiny_training.TinyConfig(norm=True))
    train(recipe, tmp_path / "threads")
    train(replace(recipe, data_workers=2), tmp_path / "processes")
    assert log_of(tmp_path / "processes") == log_of(tmp_path / "threads")
    one, two = (load_checkpoint(tmp_path / n / "last.pt") for n in ("threads", "processes"))
    for kind in ("model", "ema"):
        assert all(torch.equal(value, two[kind][name]) for name, value in one[kind].items())
    other = replace(recipe, data_workers=1, picture_cache_mb=3)
    assert "resumed at step 6" in train(other, tmp_path / "threads", resume=True)[0]


def test_what_a_process_cannot_read_is_one_line_as_ever(tmp_path: Path) -> None:
    recipe = replace(TINY, data=TinySet(unreadable_row=5, bad_from=3), data_workers=1)
    with pytest.raises(BadInput, match=r"^clip5\.mp4: truncated$"):
        train(recipe, tmp_path / "run")
    assert load_checkpoint(tmp_path / "run" / "last.pt")["step"] == 3
    assert not multiprocessing.active_children()


# torch raises from its handler of SIGCHLD, wherever the program is: also where Python cannot pass an
# exception on (a callback of the garbage collector). The run then ends by the next error.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_process_that_dies_ends_the_run_with_one_line() -> None:
    rows = own_rows(TINY, ALONE)
    with (
        pytest.raises(GLPoseError, match=r"has ended \(.*lower picture_cache_mb") as caught,
        prefetch(WhoMade(TINY), rows, range(1000), 1) as batches,
    ):
        os.kill(int(next(batches)[0]["by"][0, 0]), signal.SIGKILL)
        for _ in batches:
            pass
    assert "\n" not in str(caught.value)
    assert not multiprocessing.active_children()


class DiesWithTheLock(TinyData):
    """The first of the processes is killed while it holds the lock of the event that ends all."""

    def rows(self, step: int, numbers: Sequence[int]) -> dict[str, np.ndarray]:
        frame = sys._getframe()
        while "done_event" not in frame.f_locals:  # of torch's loop
            assert frame.f_back is not None
            frame = frame.f_back
        if step == 4:
            frame.f_locals["done_event"]._cond.acquire()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().rows(step, numbers)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("in_thread", [False, True])
def test_a_process_that_dies_with_a_lock_holds_up_nobody(in_thread: bool, no_hang: None) -> None:
    """In a thread torch hears of no death, and asks the event of which the lock is held."""

    def run() -> None:
        with (
            pytest.raises(GLPoseError, match="has ended"),
            prefetch(DiesWithTheLock(TINY), own_rows(TINY, ALONE), range(1000), 2) as batches,
        ):
            for _ in batches:
                pass

    if in_thread:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(run).result()
    else:
        run()
    assert not multiprocessing.active_children()


def test_a_script_without_a_guard_is_told_of_it(tmp_path: Path) -> None:
    script = tmp_path / "train_it.py"
    script.write_text(
        "import sys; from dataclasses import replace; from pathlib import Path\n"
        f"sys.path.insert(0, {str(Path(tiny_training.__file__).parent)!r})\n"
        "from tiny_training import TINY, train\n"
        f"train(replace(TINY, data_workers=1), Path({str(tmp_path / 'run')!r}))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    said = done.stderr.splitlines()[-1]
    assert said.startswith(
        "glpose.errors.GLPoseError: a process that makes training data ended before"
    )
    assert "__main__" in said


@pytest.mark.parametrize("how", ["all batches were made", "Ctrl-C", "full disk"])
def test_a_process_that_dies_when_nobody_needs_it_changes_nothing(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = {"Ctrl-C": KeyboardInterrupt(), "full disk": OSError("full")}.get(how)
    by: list[int] = []
    shut_down = _MultiProcessingDataLoaderIter._mark_worker_as_unavailable

    def kill_and_shut_down(self: Any, *args: Any, **kwargs: Any) -> None:
        os.kill(by[0], signal.SIGKILL)
        time.sleep(60)  # ends when the process has: torch's handler of SIGCHLD raises
        shut_down(self, *args, **kwargs)

    monkeypatch.setattr(
        _MultiProcessingDataLoaderIter, "_mark_worker_as_unavailable", kill_and_shut_down
    )
    began, raised = time.monotonic(), None
    try:
        with prefetch(WhoMade(TINY), own_rows(TINY, ALONE), range(2), 1) as batches:
            for parts in batches:
                by.append(int(parts[0]["by"][0, 0]))
                if problem:
                    raise problem
    except (KeyboardInterrupt, OSError, GLPoseError) as caught:
        raised = caught
    assert raised is problem
    assert len(by) == (1 if problem else 2)
    assert time.monotonic() - began < 60
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_no_process(tmp_path: Path, how: signal.Signals) -> None:
    with endless_run(tmp_path) as run:
        assert run.stdout is not None
        pids = [int(pid) for pid in run.stdout.readline().split()]
        assert len(pids) == 2, (tmp_path / "stderr").read_text()
        run.send_signal(how)
        check_it_ended(run, how, pids, tmp_path)


def test_ctrl_c_while_processes_start_is_seen_by_the_run_alone(tmp_path: Path) -> None:
    with endless_run(tmp_path) as run:
        limit, pids = time.monotonic() + 30, []
        while len(pids) < 2 and time.monotonic() < limit and run.poll() is None:
            time.sleep(0.001)
            pids = spawned_by(run.pid)
        assert len(pids) == 2, (tmp_path / "stderr").read_text()
        assert [is_deaf_to_ctrl_c(pid) for pid in pids] == [True, True]
        os.killpg(run.pid, signal.SIGINT)  # what a terminal does
        check_it_ended(run, signal.SIGINT, pids, tmp_path)


@contextmanager
def endless_run(folder: Path) -> Iterator[subprocess.Popen]:
    """It leads a process group of its own, as in a terminal."""
    with (
        (folder / "stderr").open("w") as errors,
        started(
            [sys.executable, tiny_training.__file__, "feed", folder],
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        ) as run,
    ):
        yield run


def check_it_ended(
    run: subprocess.Popen, how: signal.Signals, pids: list[int], folder: Path
) -> None:
    assert run.wait(timeout=60) == -how, (folder / "stderr").read_text()
    limit = time.monotonic() + 20
    while any(is_running(pid) for pid in pids) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not any(is_running(pid) for pid in pids)


def spawned_by(pid: int) -> list[int]:
    """Processes that make data, from their first moment on."""
    children = said_of(pid, f"task/{pid}/children").split()
    return [int(child) for child in children if "spawn_main" in said_of(int(child), "cmdline")]


def said_of(pid: int, what: str) -> str:
    """Nothing of a process that is no more: a run starts short-lived ones while it loads."""
    try:
        return Path(f"/proc/{pid}/{what}").read_text()
    except (FileNotFoundError, ProcessLookupError):  # before, and after it was opened
        return ""


def is_deaf_to_ctrl_c(pid: int) -> bool:
    lines = said_of(pid, "status").splitlines()
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigBlk:", "SigIgn:"))]
    return bool((masks[0] | masks[1]) >> (signal.SIGINT - 1) & 1)


@pytest.mark.parametrize("can_block", [True, False])
def test_any_thread_on_any_system_may_fetch(
    can_block: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource_tracker.ensure_running()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())

    def fetch() -> set:
        with prefetch(TinyData(TINY), own_rows(TINY, ALONE), range(2), 1) as batches:
            assert len(list(batches)) == 2
            return set() if not can_block else signal.pthread_sigmask(signal.SIG_BLOCK, ())

    with ThreadPoolExecutor(1) as pool, monkeypatch.context() as patch:
        if not can_block:
            patch.delattr(signal, "pthread_sigmask")  # as on Windows
        assert pool.submit(fetch).result() == (blocked if can_block else set())


def is_running(pid: int) -> bool:
    """A process that has ended may keep its number until somebody asks for its status."""
    stat = said_of(pid, "stat")
    return bool(stat) and stat.rpartition(")")[2].split()[0] != "Z"


def test_fewer_than_no_processes_are_refused() -> None:
    with pytest.raises(BadConfig, match="data_workers is -1; expected 0 to 1000"):
        replace(TINY, data_workers=-1)


def test_errors_reach_the_other_process_as_they_are() -> None:
    problem = pickle.loads(pickle.dumps(BadInput("clip5.mp4: truncated")))
    assert (type(problem), str(problem)) == (BadInput, "clip5.mp4: truncated")
