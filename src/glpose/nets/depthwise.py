"""Depthwise convolutions whose gradients take no longer than they should on a CPU.

torch computes the gradients of 5x5 kernels, and those of inputs at stride 2, without oneDNN's fast
paths: up to 50 times the time of the forward pass. Here they are made of what is fast: gradients of
3x3 kernels, and convolutions of stride 1.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def depthwise(x_BCHW: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """`conv2d` with one kernel (C, 1, k, k) for each channel, k odd, and the same on all sides.

    Values and gradients are those of torch, up to rounding.
    """
    is_slow = stride > 1 or weight.shape[-1] > 3
    if is_slow and x_BCHW.device.type == "cpu" and torch.is_grad_enabled():
        if torch.is_autocast_enabled("cpu"):
            dtype = torch.get_autocast_dtype("cpu")
            x_BCHW, weight = x_BCHW.to(dtype), weight.to(dtype)
        return _Depthwise.apply(x_BCHW, weight, stride, padding)
    return functional.conv2d(x_BCHW, weight, None, stride, padding, 1, len(weight))


class _Depthwise(torch.autograd.Function):
    """The convolution with its two gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(x, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, *_ = ctx.needs_input_grad
        (grad,) = grads
        return (
            _of_input(grad, x, weight, ctx.stride, ctx.padding) if of_x else None,
            _of_weight(grad, x, weight, ctx.stride, ctx.padding) if of_weight else None,
            None,
            None,
        )


def _of_input(grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Convolve with the turned kernel; at a larger stride with zeros between the gradients."""
    size = weight.shape[-1]
    if stride > 1:
        high, wide = (side + 2 * padding - size + 1 for side in x.shape[-2:])
        spread = grad.new_zeros(*grad.shape[:2], high, wide)
        spread = spread.contiguous(memory_format=torch.channels_last)
        spread[..., ::stride, ::stride] = grad
        grad = spread
    turned = weight.flip(2, 3)
    return functional.conv2d(grad, turned, None, 1, size - 1 - padding, 1, len(weight))


def _of_weight(grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """The gradients of the 3x3 parts of the kernel; parts overlap by a row or column."""
    size = weight.shape[-1]
    high, wide = ((side - 1) * stride + 3 for side in grad.shape[-2:])
    if padding:
        x = functional.pad(x, (padding,) * 4)
    found, like = torch.empty_like(weight), weight[..., :3, :3].contiguous()
    for top in range(0, size - 2, 2):
        for left in range(0, size - 2, 2):
            part = x[..., top : top + high, left : left + wide]
            part = part.contiguous(memory_format=torch.channels_last)
            _, of_part, _ = torch.ops.aten.convolution_backward(
                grad,
                part,
                like,
                None,
                [stride, stride],
                [0, 0],
                [1, 1],
                False,
                [0, 0],
                len(weight),
                [False, True, False],
            )
            found[..., top : top + 3, left : left + 3] = of_part
    return found
