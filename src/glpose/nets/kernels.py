"""Dynamic kernels: what a person looked like in the frame before, as filters for the next one.

Axes: B batch, C channels, J joints, H W pixels. Source: Nie et al., Dynamic Kernel Distillation for
Efficient Pose Estimation in Videos, ICCV 2019, by the public code of its follow-up (read for the
layers and sizes: YHDang/pose-estimation). The gate is ours.
"""

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional

from glpose.nets.blocks import conv_bn
from glpose.nets.depthwise import depthwise

KERNEL_PX = 7


class Distillator(nn.Module):
    """Features and joint maps of `size_hw` to one kernel of 7x7 for each channel and sample.

    With `gate`, features where some joint is are a third input. Without it, the published form, the
    network was seen to read the picture and hardly the maps, and lost the person as soon as
    somebody else was in the frame before.
    """

    def __init__(
        self, channels: int, num_joints: int, size_hw: tuple[int, int], *, gate: bool = True
    ) -> None:
        super().__init__()
        self.gate = gate
        self._last_hw = tuple((side - 2) // 2 // 2 for side in size_hw)
        num_in = num_joints + channels * (2 if gate else 1)
        self.squeeze = conv_bn(num_in, channels, 1, relu=False)
        self.first = nn.Sequential(
            nn.Conv2d(channels, channels, 3, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
        )
        self.second = conv_bn(channels, channels)
        self.third = conv_bn(channels, channels)
        self.last = conv_bn(channels, channels, relu=False)

    def forward(self, features_BCHW: Tensor, maps_BJHW: Tensor) -> Tensor:
        """Kernels (B, C, 7, 7); maps of 64x64 become 62, 31, 15 and 7 pixels wide on the way."""
        inputs = [maps_BJHW, features_BCHW]
        if self.gate:
            somewhere_B1HW = maps_BJHW.clamp(0, 1).amax(1, keepdim=True)
            inputs.append(features_BCHW * somewhere_B1HW)
        x = self.squeeze(torch.cat(inputs, 1))
        x = functional.max_pool2d(self.first(x), 2)
        x = functional.max_pool2d(self.second(x), 2)
        x = self.third(x)
        if {side // 2 for side in self._last_hw} == {KERNEL_PX}:
            x = functional.max_pool2d(x, 2)
        else:
            x = adaptive_max_pool(x, self._last_hw, KERNEL_PX)
        return self.last(x)


def adaptive_max_pool(x_BCHW: Tensor, from_hw: tuple[int, ...], size: int) -> Tensor:
    """Adaptive max pooling of maps of a known size as torch has it, but torch cannot export that."""
    for axis, whole in zip((-2, -1), from_hw, strict=True):
        ends = [-(-(i + 1) * whole // size) for i in range(size)]
        parts = [
            x_BCHW.narrow(axis, i * whole // size, end - i * whole // size)
            for i, end in enumerate(ends)
        ]
        x_BCHW = torch.cat([part.amax(axis, keepdim=True) for part in parts], axis)
    return x_BCHW


def match_kernels(features_BCHW: Tensor, kernels_BCHW: Tensor) -> Tensor:
    """Correlate each channel of each sample with its own kernel, of odd size; the size stays."""
    if torch.onnx.is_in_onnx_export():
        return match_by_rows(features_BCHW, kernels_BCHW)
    batch, channels, height, width = features_BCHW.shape
    size = kernels_BCHW.shape[-1]
    found = depthwise(
        features_BCHW.reshape(1, batch * channels, height, width),
        kernels_BCHW.reshape(batch * channels, 1, size, size),
        stride=1,
        padding=size // 2,
    )
    return found.reshape(batch, channels, height, width)


def match_by_rows(features_BCHW: Tensor, kernels_BCHW: Tensor) -> Tensor:
    """`match_kernels` for any number of samples in one graph: ONNX fixes the groups of a convolution.

    One product of matrices takes the sums over the rows of the kernels, shifts those over columns.
    """
    height, width = features_BCHW.shape[-2:]
    size = kernels_BCHW.shape[-1]
    padded = functional.pad(features_BCHW, (size // 2,) * 4)
    # K rows of the kernels, P all padded pixels of the rows.
    shifted_BCKP = torch.stack([padded[:, :, y : y + height] for y in range(size)], 2).flatten(-2)
    summed = (kernels_BCHW.transpose(-1, -2) @ shifted_BCKP).unflatten(-1, (height, -1))
    return torch.stack([summed[:, :, x, :, x : x + width] for x in range(size)]).sum(0)


class KernelMatcher(nn.Module):
    """Joint maps of a frame from its features and the kernels of the frame before.

    `h = U(k * V f)` with 1x1 convolutions U and V and batch norms after both.
    """

    def __init__(self, channels: int, num_joints: int) -> None:
        super().__init__()
        self.v = conv_bn(channels, channels, 1, relu=False)
        self.u = conv_bn(channels, num_joints, 1, relu=False)

    def forward(self, features_BCHW: Tensor, kernels_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (B, J, H, W), and the features V f, from which the next kernels are distilled."""
        seen_BCHW = self.v(features_BCHW)
        return self.find(seen_BCHW, kernels_BCHW), seen_BCHW

    def find(self, seen_BCHW: Tensor, kernels_BCHW: Tensor) -> Tensor:
        """Maps (B, J, H, W) from the features V f."""
        return self.u(match_kernels(seen_BCHW, kernels_BCHW))


class ChangeJudge(nn.Module):
    """Training only: an auto-encoder of the change of the maps, given both frames (after BEGAN).

    Changes that people make are reconstructed well, others badly: `error` is low for the former.
    Reconstructed from BEGAN (Berthelot et al., 2017), which the paper cites; its layers are ours.
    """

    def __init__(self, num_joints: int, width: int = 64) -> None:
        super().__init__()
        widths = (num_joints + 6, width, 2 * width, 4 * width)
        down = [
            nn.Sequential(nn.Conv2d(a, b, 3, 2, 1), nn.ELU()) for a, b in itertools.pairwise(widths)
        ]
        back = (*reversed(widths[1:]), num_joints)
        up = [
            nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, 1, 1))
            for a, b in itertools.pairwise(back)
        ]
        self.layers = nn.Sequential(*down, *(m for u in up[:-1] for m in (u, nn.ELU())), up[-1])

    def error(self, change_BJHW: Tensor, before_B3HW: Tensor, after_B3HW: Tensor) -> Tensor:
        """The mean absolute error of the reconstruction; the pictures have the maps' size.

        Absolute is BEGAN's usual form; its paper allows the squared error, too.
        """
        given = torch.cat([change_BJHW, before_B3HW, after_B3HW], 1)
        made = functional.interpolate(self.layers(given), change_BJHW.shape[-2:])
        return (made - change_BJHW).abs().mean()


class Balance(nn.Module):
    """BEGAN's weight of what was predicted, moved so that its error is `share` of the true one's.

    It is a module so that the weight is saved with a network's.
    """

    weight: Tensor

    def __init__(self, share: float = 0.5, pace: float = 0.001) -> None:
        super().__init__()
        self.share, self.pace = share, pace
        self.register_buffer("weight", torch.zeros(()))

    def losses(
        self, true: Tensor, predicted: Tensor, predicted_alone: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The judge's loss and the estimator's.

        `predicted_alone` is the error of predictions from which no gradient reaches the estimator.
        """
        judge = true - self.weight.clone() * predicted_alone
        surplus = (self.share * true - predicted).detach().float()
        if torch.distributed.is_initialized():  # the same weight in all processes
            torch.distributed.all_reduce(surplus)
            surplus /= torch.distributed.get_world_size()
        self.weight.add_(self.pace * surplus).clamp_(0, 1)
        return judge, predicted
