"""The losses of a part of a batch, wrapped in torch's DistributedDataParallel where it is used.

DDP averages gradients while they are computed, which hides the time of communication on GPUs. It
hooks into the forward call of a module, but a task computes losses by a function of network and
part. That function is wrapped instead of the network, whose weights keep their names.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from glpose.train.run.workers import Workers
from glpose.train.system import Task


class PartLosses(nn.Module):
    """`Task.losses` of one network as a module."""

    def __init__(self, task: Task, model: nn.Module) -> None:
        super().__init__()
        self.task, self.model = task, model

    def forward(self, part: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named losses of one part."""
        return self.task.losses(self.model, part)


def part_losses(task: Task, model: nn.Module, workers: Workers) -> nn.Module:
    """A module from a part to its losses; with sharing "torch", backward averages gradients.

    A parameter that has no gradient in any process keeps none. Without any to train there is
    nothing to average.
    """
    losses = PartLosses(task, model)
    if workers.sharing != "torch" or not any(p.requires_grad for p in model.parameters()):
        return losses
    return DistributedDataParallel(
        losses,
        device_ids=[workers.device] if workers.device.type == "cuda" else None,
        broadcast_buffers=False,  # synchronised norms have the same statistics everywhere
        find_unused_parameters=True,
    )


def without_averaging(losses: nn.Module, *, is_last: bool) -> AbstractContextManager:
    """Accumulate gradients locally for all parts but the last, so they are averaged once."""
    if not is_last and isinstance(losses, DistributedDataParallel):
        return losses.no_sync()
    return nullcontext()
