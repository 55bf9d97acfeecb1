"""From training data to tensors: which part of a batch this process works on, made ahead of time.

A batch is divided into `accumulate` parts that follow each other, and each part among the
processes. A part is therefore the same samples however many processes share it.
"""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from glpose.errors import BadConfig
from glpose.train.recipe import Recipe
from glpose.train.run.workers import Workers
from glpose.train.system import ArrayBatch, TrainData

Parts = list[dict[str, Tensor]]

# Enough to hide the work on a batch, few enough to keep memory small.
_PREFETCH = 6


def own_rows(recipe: Recipe, workers: Workers) -> list[np.ndarray]:
    """Rows of a batch for this process, one array for each part. Raises: BadConfig."""
    size, shares = recipe.batch_size, recipe.accumulate * workers.count
    if size % shares:
        raise BadConfig(
            f"batch_size is {size}, which {workers.count} processes times accumulate="
            f"{recipe.accumulate} do not divide; expected a multiple of {shares}"
        )
    rows = np.arange(size).reshape(recipe.accumulate, workers.count, size // shares)
    return list(rows[:, workers.rank])


def make_parts(data: TrainData, step: int, rows: list[np.ndarray]) -> Parts:
    """The tensors of a step that are this process's, one dictionary for each part."""
    return [_tensors(data.rows(step, part.tolist())) for part in rows]


def _tensors(arrays: ArrayBatch) -> dict[str, Tensor]:
    return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in arrays.items()}


def prefetch(
    data: TrainData, rows: list[np.ndarray], steps: range, num_threads: int = 2
) -> Generator[Parts]:
    """Parts in order, made ahead by threads (OpenCV and NumPy release the interpreter lock)."""
    with ThreadPoolExecutor(num_threads) as pool:
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
