"""The interface between the training loop and a system with its data; the loop names no system.

A `System` opens a recipe as a `Task`, which is all that training needs. For export it is either a
`PoseTask`, whose network can be split into the parts of an estimator, or an `ExportTask`; that of a
network that lifts is a `LiftTask`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from glpose.train.recipe import Data, Model, Recipe

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from glpose.export.pose import PoseParts
    from glpose.runtime.card import PoseCard
    from glpose.runtime.lift import Lifter

ArrayBatch = dict[str, np.ndarray]


@runtime_checkable
class TrainData(Protocol):
    """Training samples. A row of a batch depends only on the recipe's seed, the step and the row.

    That makes resuming exact: step 1000 sees the same pictures, augmented the same way, whether
    or not the run was interrupted at step 999. It also lets several processes make a batch, each
    its own rows. With `Recipe.data_workers` the data is pickled to each worker process, which
    reopens large files by their paths.
    """

    @property
    def num_samples(self) -> int | None:
        """How many samples there are to draw from; None where nobody can tell."""
        ...

    @property
    def has_epochs(self) -> bool:
        """Whether each sample is drawn once per epoch, and not at random."""
        ...

    def rows(self, step: int, numbers: Sequence[int]) -> ArrayBatch:
        """The given rows of a step's batch, stacked; called from several threads at once.

        Raises: BadInput for a file that cannot be read.
        """
        ...

    def describe(self, step: int) -> list[str] | None:
        """Names of the rows of a step's batch (set, clip, frame, person), or None without names."""
        ...


Net = TypeVar("Net", bound="torch.nn.Module")


class Task(ABC, Generic[Net]):
    """One recipe of a system, opened: network, training data, losses, scores and export.

    A task is made from its recipe and the cache folder of prepared data. It opens no data before
    `train_data` is called, so a run can be exported on a machine without its data.

    `resumed` is the network of a run that goes on, if it is one: where frozen parts of the network
    prepare the data, they are its parts, since the file of `init_from` may be another by now.

    `notes` are lines to report once the data is open: what of it is not used. `drawn_from` then has
    digests of files or sets by name, for data whose `num_samples` does not tell that it is other
    data: a run is resumed with what it was started with only.
    """

    resumed: Net | None = None
    notes: tuple[str, ...] = ()
    drawn_from: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def build(self, *, fresh: bool = False) -> Net:
        """The network that training starts from: new weights, or those of the recipe's `init_from`.

        `fresh` ignores `init_from`, for a run whose own weights are loaded next.
        """

    @abstractmethod
    def sets_seen(self) -> tuple[str, ...]:
        """The sets that the weights are trained on, also those before the run, for the card."""

    @abstractmethod
    def train_data(self) -> TrainData:
        """Open the training and validation data; slow preparation is cached for the next run.

        Raises: BadConfig or BadInput where either cannot be opened.
        """

    @abstractmethod
    def losses(self, model: Net, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named losses of one batch, already weighted: the loop minimises their sum.

        If each is a mean over samples, the average over parts and processes is that of the batch;
        one that is divided by what is labelled in a part (offsets, boxes, joints in space) is not.
        """

    @abstractmethod
    def score(self, model: Net) -> dict[str, float]:
        """Named scores on the validation set, higher is better; the first selects the best."""

    def pictures(self, model: Net) -> list[UInt8[np.ndarray, "_ _ 3"]]:
        """RGB pictures with predictions to inspect after a validation; none unless a system draws."""
        del model
        return []


class ExportTask(Task[Net]):
    """The task of what estimates no poses, and writes files of its own."""

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
        """Write `.onnx` files with their cards and check them against torch.

        `folder` is an empty one: if this raises, nothing in it is kept.
        """


class PoseTask(Task[Net]):
    """The task of a pose estimator, which `export.pose` writes."""

    @abstractmethod
    def parts(self, model: Net) -> tuple[PoseParts, PoseCard]:
        """Encoder and solver in their exported form, and their card, named after the recipe."""


class LiftTask(ExportTask[Net]):
    """The task of a network that lifts tracks of joints to poses in space."""

    @abstractmethod
    def lifter(self, model: Net, *, name: str, made_by: dict[str, str]) -> Lifter:
        """The network as it is used on videos, run by torch."""


@dataclass(frozen=True, slots=True)
class System(Generic[Model, Data]):
    """One method: the types of its settings, and the task that a recipe with them becomes.

    `formerly` are the system's names in records of older versions.
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
