"""What the training loop asks of a system, and of its data. The loop knows no system by name.

A `System` opens a recipe as a `Task`, which is all that training and export ask. The task of a pose
estimator is a `PoseTask`: its network can be taken apart, to run as exported weights do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from glpose.train.recipe import Data, Model, Recipe

if TYPE_CHECKING:
    from torch import Tensor, nn

    from glpose.export.pose import PoseParts
    from glpose.runtime.card import PoseCard

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


Net = TypeVar("Net", bound="nn.Module")


class Task(ABC, Generic[Net]):
    """One recipe of a system, opened: network, training data, losses, scores and export.

    A task is made from its recipe and the folder that keeps prepared data; it opens no data before
    `train_data` is called, so that a run can be exported where its data is not.
    """

    @abstractmethod
    def build(self, *, fresh: bool = False) -> Net:
        """The network that training starts from: new weights, or those of the recipe's `init_from`.

        `fresh` leaves `init_from` aside, for a run whose own weights are loaded next.
        """

    @abstractmethod
    def train_data(self) -> TrainData:
        """Open the data of training and validation; slow preparation is kept for the next run.

        Raises: BadConfig or BadInput where either cannot be opened.
        """

    @abstractmethod
    def losses(self, model: Net, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named losses of one batch, already weighted: the loop minimises their sum.

        Where each is a mean over the samples, parts and processes give the loss of the whole batch.
        """

    @abstractmethod
    def score(self, model: Net) -> dict[str, float]:
        """Named scores on the validation set, higher is better; the first decides what is best."""

    @abstractmethod
    def pictures(self, model: Net) -> list[UInt8[np.ndarray, "_ _ 3"]]:
        """RGB pictures with predictions, for people to look at after a validation; none if empty."""

    @abstractmethod
    def export(
        self,
        model: Net,
        folder: Path,
        *,
        name: str,
        made_by: dict[str, str],
        scores: dict[str, str],
    ) -> list[Path]:
        """Write `.onnx` files with their cards and check them against torch."""


class PoseTask(Task[Net]):
    """The task of a pose estimator."""

    @abstractmethod
    def parts(
        self, model: Net, *, name: str, made_by: dict[str, str], scores: dict[str, str]
    ) -> tuple[PoseParts, PoseCard]:
        """Encoder and solver as they are exported, and their card."""


@dataclass(frozen=True, slots=True)
class System(Generic[Model, Data]):
    """One method: the types of its settings, and the task that a recipe with them becomes.

    `formerly` are names that the records of older versions know the system by.
    """

    model: type[Model]
    data: type[Data]
    task: Callable[[Recipe[Model, Data], Path], Task]
    formerly: tuple[str, ...] = ()

    def open(self, recipe: Recipe, cache_dir: Path) -> Task:
        """The task of a recipe of this system; `cache_dir` keeps prepared data."""
        assert isinstance(recipe.model, self.model)
        assert isinstance(recipe.data, self.data)
        return self.task(recipe, cache_dir)
