"""Batch norm over the batches of all processes on CPUs; torch's own one needs GPUs.

Axes: B batch, C channels, then none, one or two of space; W counts processes in `_combine`. Source of the sums: Chan,
Golub and LeVeque, Updating formulae and a pairwise algorithm for computing sample variances, 1979.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class _Synced(nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 - torch has no public base
    """A batch norm with training statistics over all processes.

    All processes must call it in the same order, with batches of the same size.
    """

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name of nn.Module
        if not self.training:
            return super().forward(input)
        assert self.momentum is not None
        y, mean, var, count = _Normalise.apply(input, self.weight, self.bias, self.eps)
        with torch.no_grad():
            assert self.running_mean is not None
            assert self.running_var is not None
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * (count / max(1.0, count - 1)), self.momentum)
        return y


class SyncedBatchNorm1d(_Synced, nn.BatchNorm1d):
    """That of values, B x C or B x C x W."""


class SyncedBatchNorm2d(_Synced, nn.BatchNorm2d):
    """That of maps, B x C x H x W."""


_SYNCED = {nn.BatchNorm1d: SyncedBatchNorm1d, nn.BatchNorm2d: SyncedBatchNorm2d}


def with_synced_norms(module: nn.Module) -> nn.Module:
    """The module with each batch norm replaced; weights and statistics are shared."""
    if type(module) in _SYNCED:
        assert isinstance(module, nn.modules.batchnorm._BatchNorm)  # noqa: SLF001
        synced = _SYNCED[type(module)](module.num_features, module.eps, module.momentum)
        synced.weight, synced.bias = module.weight, module.bias
        synced.running_mean, synced.running_var = module.running_mean, module.running_var
        synced.num_batches_tracked = module.num_batches_tracked
        return synced.train(module.training)
    for name, child in module.named_children():
        setattr(module, name, with_synced_norms(child))
    return module


def _combine(x: Tensor) -> tuple[Tensor, Tensor, float]:
    """Mean, biased variance and number of values per channel, over all processes."""
    var, mean = torch.var_mean(x, _all_but_channels(x), correction=0)
    own = torch.stack([mean, var])
    parts = [torch.empty_like(own) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(parts, own)
    mean_WC, var_WC = torch.stack(parts).unbind(1)
    mean = mean_WC.mean(0)
    # Batches have equal sizes: mean of their variances plus variance of their means.
    var = var_WC.mean(0) + (mean_WC - mean).square().mean(0)
    return mean, var, float(x.numel() // x.shape[1] * len(parts))


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Any:
        mean, var, count = _combine(x.float())
        scale = torch.rsqrt(var + eps)
        ctx.save_for_backward(x, weight, mean, scale)
        ctx.mark_non_differentiable(mean, var)
        gain = weight * scale
        y = x.float() * _wide(gain, x) + _wide(bias - mean * gain, x)
        return y.to(x.dtype), mean, var, count

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, weight, mean, scale = ctx.saved_tensors
        grad32 = grads[0].float()  # the statistics have no gradients
        normal = (x.float() - _wide(mean, x)) * _wide(scale, x)
        others = _all_but_channels(x)
        own = torch.stack([grad32.sum(others), (grad32 * normal).sum(others)])
        means = own / (x.numel() // x.shape[1])
        torch.distributed.all_reduce(means)
        means /= torch.distributed.get_world_size()
        inner = grad32 - _wide(means[0], x) - normal * _wide(means[1], x)
        # Parameter gradients stay local to this process: they are averaged later.
        return (inner * _wide(weight * scale, x)).to(x.dtype), own[1], own[0], None


def _all_but_channels(x: Tensor) -> tuple[int, ...]:
    return (0, *range(2, x.ndim))


def _wide(values_C: Tensor, x: Tensor) -> Tensor:
    """Values of the channels, to be used with `x`."""
    return values_C.reshape(-1, *(1,) * (x.ndim - 2))
