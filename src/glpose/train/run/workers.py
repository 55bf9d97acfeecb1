"""Several processes that train one network, each on its part of every batch.

`torchrun` starts them and sets their ranks in environment variables. Their weights are always
equal: same initialisation, same averaged gradients, same arithmetic.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

import torch
from torch import Tensor, nn

from glpose.errors import BadConfig, GLPoseError

# The others wait while the first one validates or decodes a data set. torchrun notices a dead
# process at once; the limit is for one that hangs.
_PATIENCE = timedelta(hours=12)


Sharing = Literal["alone", "own", "torch"]
"""Who averages gradients and joins the statistics of batch norms."""


def sharing(device_type: str, count: int) -> Sharing:
    """Torch on GPUs; our own code on CPUs, since torch's synchronised norms need GPUs."""
    if count == 1:
        return "alone"
    return "torch" if device_type == "cuda" else "own"


@dataclass(frozen=True, slots=True)
class Workers:
    """The `rank` (from 0) of a process among `count`; the first writes, reports and validates.

    `device` is where the process computes.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        """Whether this process writes and reports."""
        return self.rank == 0

    @property
    def sharing(self) -> Sharing:
        """Who averages gradients and joins the statistics of batch norms."""
        return sharing(self.device.type, self.count)

    @contextmanager
    def together(self) -> Iterator[None]:
        """A GLPoseError of one process in the block stops all processes.

        Raises: GLPoseError in the first process, wherever it occurred; the others exit silently
        with status 2, so that the user reads it once.
        """
        problem: GLPoseError | None = None
        try:
            yield
        except GLPoseError as found:
            if self.count == 1:
                raise
            problem = found
        if self.count == 1:
            return
        failed = torch.tensor([problem is not None], dtype=torch.int32)
        torch.distributed.all_reduce(failed)
        if not failed:
            return
        told: list[str | None] = [None] * self.count
        torch.distributed.all_gather_object(told, problem and str(problem))
        if not self.is_first:
            raise SystemExit(2)
        if problem is not None:
            raise problem
        rank, message = next((i, text) for i, text in enumerate(told) if text is not None)
        raise GLPoseError(f"{message} (in process {rank} of {self.count}, counted from 0)")

    def average(self, values: Tensor) -> None:
        """Replace values by their mean over the processes."""
        if self.count > 1:
            torch.distributed.all_reduce(values)
            values /= self.count

    def average_gradients(self, parameters: list[nn.Parameter]) -> None:
        """Replace gradients by their mean, unless torch does; None in all processes stays None."""
        if self.sharing != "own":
            return
        given = torch.tensor([float(p.grad is not None) for p in parameters], device=self.device)
        # One message instead of hundreds.
        parts = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]
        message = torch.cat([given, *parts])
        torch.distributed.all_reduce(message)
        given, rest = message[: len(parameters)], message[len(parameters) :] / self.count
        sizes = [p.numel() for p in parameters]
        for p, is_given, mean in zip(parameters, given.tolist(), rest.split(sizes), strict=True):
            if is_given:
                p.grad = mean.view(p.shape) if p.grad is None else p.grad.copy_(mean.view(p.shape))

    def gather(self, value: object) -> list:
        """The values of all processes, ordered by rank."""
        if self.count == 1:
            return [value]
        values: list = [None] * self.count
        torch.distributed.all_gather_object(values, value)
        return values

    def check_equal(self, module: nn.Module) -> None:
        """Raises: GLPoseError if the weights differ between processes."""
        if self.count == 1:
            return
        floats = (v for v in module.state_dict().values() if v.is_floating_point())
        sums = self.gather([float(v.double().sum()) for v in floats])
        with self.together():
            if any(found != sums[0] for found in sums):
                raise GLPoseError(
                    "the processes no longer have the same weights; are they on machines of "
                    "different kinds? Start anew on equal ones, the last checkpoint is whole"
                )


ALONE = Workers()


@contextmanager
def join_workers() -> Iterator[Workers]:
    """The processes started by torchrun, or this one alone. Raises: BadConfig."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    device = _own_device()
    if count == 1:
        yield Workers(device=device)
        return
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise BadConfig(
            f"WORLD_SIZE is {count}, but {', '.join(missing)} is not set; start several processes "
            f"with: torchrun --nproc-per-node {count} -m glpose.train NAME"
        )
    # Objects and CPU tensors always use gloo.
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    torch.distributed.init_process_group(backend, timeout=_PATIENCE)
    try:
        yield Workers(torch.distributed.get_rank(), count, device)
    finally:
        torch.distributed.destroy_process_group()


def _own_device() -> torch.device:
    """The process's own GPU, or the CPU without GPUs; CUDA_VISIBLE_DEVICES hides GPUs."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    if local_rank >= torch.cuda.device_count():
        raise BadConfig(
            f"process {local_rank} of this machine has no GPU of its own, there are "
            f"{torch.cuda.device_count()}; start as many processes as GPUs, or none with "
            "CUDA_VISIBLE_DEVICES= in front of the command"
        )
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)
