"""What the training loop asks of a system, and of its data. The loop knows no system by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from glpose.train.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

ArrayBatch = dict[str, np.ndarray]


@runtime_checkable
class TrainData(Protocol):
    """Training samples. A row of a batch is a function of the recipe's seed, step and row alone.

    That makes resuming exact: step 1000 sees the same pictures, augmented the same way, whether
    or not the run was interrupted at step 999. It also lets several processes make a batch, each
    its rows. With `Recipe.data_workers` the data is pickled into each worker process: what is large
    is opened there again by its path.
    """

    @property
    def num_samples(self) -> int | None:
        """How many samples an epoch has; None where there are no epochs."""
        ...

    def rows(self, step: int, numbers: Sequence[int]) -> ArrayBatch:
        """These rows of the batch of a step, stacked; called by several threads at once.

        Raises: BadInput for a file that cannot be read.
        """
        ...

    def describe(self, step: int) -> list[str] | None:
        """A name for each row of a batch (set, clip, frame, person), or None without names."""
        ...


@runtime_checkable
class System(Protocol):
    """One paper's network, data, losses and scores.

    A system may also have `sample_pictures(model, recipe, cache_dir)`: a list of RGB pictures with
    predictions drawn, for people to look at after each validation.
    """

    def build(self, recipe: Recipe) -> nn.Module:
        """A fresh network, initialised from `recipe.init_from` where that is set."""
        ...

    def train_data(self, recipe: Recipe, cache_dir: Path) -> TrainData:
        """Open the training data; slow preparation (decoding) is kept in `cache_dir`."""
        ...

    def losses(self, model: nn.Module, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named losses of one batch, already weighted: the loop minimises their sum.

        Where each is a mean over the samples, parts and processes give the loss of the whole batch.
        """
        ...

    def validate(self, model: nn.Module, recipe: Recipe, cache_dir: Path) -> dict[str, float]:
        """Named scores, higher is better; the first decides which checkpoint is the best."""
        ...

    def export(
        self,
        model: nn.Module,
        recipe: Recipe,
        folder: Path,
        *,
        name: str,
        made_by: dict[str, str],
        scores: dict[str, str],
    ) -> list[Path]:
        """Write `.onnx` files with their cards and check them against torch."""
        ...
