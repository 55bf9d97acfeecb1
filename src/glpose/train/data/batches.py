"""From training data to tensors: this process's share of each batch, prefetched.

A batch is split into `accumulate` consecutive parts, and each part among the processes. A part
therefore has the same samples for any number of processes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from multiprocessing import parent_process, resource_tracker
from threading import Event, Thread
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from glpose.errors import BadConfig, GLPoseError
from glpose.train.recipe import Recipe
from glpose.train.run.workers import Workers
from glpose.train.system import ArrayBatch, TrainData

Parts = list[dict[str, Tensor]]

# Enough to hide the time to make a batch, few enough to save memory.
_PREFETCH = 6
_LOCKED_S = 1.0  # the processes hold the lock of an event for microseconds


def own_rows(recipe: Recipe, workers: Workers) -> list[np.ndarray]:
    """Rows of a batch for this process, one array per part. Raises: BadConfig."""
    size, shares = recipe.batch_size, recipe.accumulate * workers.count
    if size % shares:
        raise BadConfig(
            f"batch_size is {size}, which {workers.count} processes times accumulate="
            f"{recipe.accumulate} do not divide; expected a multiple of {shares}"
        )
    rows = np.arange(size).reshape(recipe.accumulate, workers.count, size // shares)
    return list(rows[:, workers.rank])


def make_parts(data: TrainData, step: int, rows: list[np.ndarray]) -> Parts:
    """Tensors of a step for the given rows, one dictionary per part."""
    return [_tensors(data.rows(step, part.tolist())) for part in rows]


def _tensors(arrays: ArrayBatch) -> dict[str, Tensor]:
    return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in arrays.items()}


@contextmanager
def prefetch(
    data: TrainData,
    rows: list[np.ndarray],
    steps: range,
    num_processes: int = 0,
    *,
    pin: bool = False,
) -> Iterator[Generator[Parts]]:
    """Parts of each step in order, prefetched by `num_processes` processes, or by two threads if 0.

    Batches do not depend on that number. `pin` puts batches made by processes in pinned memory. All
    processes have ended at the end of the block.

    Raises: GLPoseError if `data` raises one, when its step is requested, or if a process has died
    that was still needed.
    """
    if num_processes:
        made = _by_processes(data, rows, steps, num_processes, pin=pin)
    else:
        made = _by_threads(data, rows, steps)
    # Around the caller's block too: when a process dies, torch raises at any point.
    with _death_of_a_worker(RuntimeError), closing(made):
        yield made


def _by_threads(data: TrainData, rows: list[np.ndarray], steps: range) -> Generator[Parts]:
    """Threads suffice: OpenCV and NumPy release the interpreter lock."""
    with ThreadPoolExecutor(2) as pool:
        ahead: dict[int, Future] = {}
        try:
            for step in steps:
                for s in range(step, min(step + _PREFETCH, steps.stop)):
                    if s not in ahead:
                        ahead[s] = pool.submit(make_parts, data, s, rows)
                yield ahead.pop(step).result()
        finally:
            for future in ahead.values():
                future.cancel()


class _Steps(Dataset):
    """What is sent to a worker process: the data and the rows of this training process."""

    def __init__(self, data: TrainData, rows: list[np.ndarray]) -> None:
        self._data, self._rows = data, rows

    def __getitem__(self, step: int) -> Parts | Exception:
        try:
            return make_parts(self._data, step, self._rows)
        # Returned, not raised: torch would add a traceback to the message.
        except (GLPoseError, OSError) as problem:
            return problem


def _by_processes(
    data: TrainData, rows: list[np.ndarray], steps: range, num_processes: int, *, pin: bool
) -> Generator[Parts]:
    """Spawned processes inherit no thread, lock or GPU; torch has one thread in each."""
    loader = DataLoader(
        _Steps(data, rows),
        batch_size=None,
        sampler=steps,
        num_workers=num_processes,
        multiprocessing_context="spawn",
        worker_init_fn=_live_as_long_as_the_run,
        pin_memory=pin,
        generator=torch.Generator(),  # the loader draws a seed; keep the run's generator untouched
    )
    iterator = done = None
    is_fed = False
    try:
        with _deaf_to_ctrl_c():
            iterator = iter(loader)
            # torch would ask it, too, and wait for ever for the lock of one that was killed holding it.
            done = iterator._workers_done_event  # type: ignore[attr-defined]  # noqa: SLF001
            iterator._workers_done_event = Event()  # type: ignore[attr-defined]  # noqa: SLF001
        # EOFError and ConnectionError: it died before its batch was fetched.
        with _death_of_a_worker(RuntimeError, EOFError, ConnectionError):
            # Steps first: torch, asked for more than there is, would shut down in here.
            for _, made in zip(steps, iterator, strict=False):
                is_fed = True
                if isinstance(made, Exception):
                    raise made
                yield made
    except GLPoseError as problem:
        if is_fed or not isinstance(problem.__cause__, (RuntimeError, EOFError, ConnectionError)):
            raise
        raise GLPoseError(
            "a process that makes training data ended before its first batch; a script that trains "
            'with data_workers must be a file with `if __name__ == "__main__":` around the call; '
            "else memory may have run out: lower picture_cache_mb or data_workers"
        ) from problem
    finally:
        # torch does so when the iterator is collected, which a traceback may delay. How processes
        # end that nobody needs any more must not replace the exception that ends the run.
        if iterator is not None:
            with suppress(RuntimeError):
                _end_workers(iterator, done)


def _end_workers(iterator: Any, done: Any) -> None:
    """End the processes of torch's iterator; `done` is the event that tells them to.

    One that was killed may hold its lock, for which the others wait then.
    """
    try:
        if done._cond.acquire(True, _LOCKED_S):  # noqa: SLF001
            done._cond.release()  # noqa: SLF001
            done.set()
        else:
            for worker in iterator._workers:  # noqa: SLF001
                worker.terminate()
    finally:
        iterator._shutdown_workers()  # noqa: SLF001


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started in the block never see Ctrl-C; this thread sees it at the end.

    Processes inherit the blocked signals of the thread that starts them. Another thread of this
    process may take the signal, and Python then interrupts the main thread at once. Windows cannot
    block signals.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # to start it in the block would unblock the signal
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _live_as_long_as_the_run(number: int) -> None:
    """Ignore Ctrl-C, which reaches all processes of a terminal: the training process ends workers.

    If that process is killed, workers end by themselves. torch's own check of the parent comes too
    late if the run is killed while workers start.
    """
    del number
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for systems where it could not be blocked
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    run = parent_process()
    assert run is not None
    run.join()
    os._exit(1)


@contextmanager
def _death_of_a_worker(*kinds: type[Exception]) -> Iterator[None]:
    """Raises: GLPoseError in place of errors of torch or of the connection to a worker."""
    try:
        yield
    except kinds as problem:
        first = str(problem).partition("\n")[0].strip(" .") or type(problem).__name__
        if isinstance(problem, RuntimeError) and not first.startswith("DataLoader worker"):
            raise
        raise GLPoseError(
            f"a process that makes training data has ended ({first}); if memory ran out, lower "
            "picture_cache_mb or data_workers with --set, and --resume"
        ) from problem
