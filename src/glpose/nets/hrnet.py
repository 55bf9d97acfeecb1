"""HRNet up to a chosen stage, returning its finest branch: the feature extractor of GLPose.

Axes: B batch, C channels, H W pixels. Source: Sun et al., Deep High-Resolution Representation
Learning for Human Pose Estimation, CVPR 2019; the module names follow the published checkpoints
(read: leoxiaobin/deep-high-resolution-net.pytorch, MIT licence), so that these load by name.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from glpose.nets.blocks import BasicBlock, Bottleneck, Encoder, chain, conv_bn
from glpose.nets.spec import HRNetConfig

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class ExchangeModule(nn.Module):
    """Parallel branches of residual blocks, then fusion of each branch with all others.

    `outputs` limits the fusion to the branches that are used afterwards.
    """

    def __init__(self, widths: list[int], num_blocks: int, outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(chain(BasicBlock, w, w, num_blocks) for w in widths)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_exchange(widths, i, j) for j in range(len(widths)))
            for i in range(outputs)
        )

    def forward(self, branches_BCHW: list[Tensor]) -> list[Tensor]:
        x = [branch(b) for branch, b in zip(self.branches, branches_BCHW, strict=True)]
        fused = []
        for i, layers in enumerate(self.fuse_layers):
            total = None
            for j, layer in enumerate(layers):  # type: ignore[arg-type]
                y = x[j] if i == j else layer(x[j])
                if j > i:
                    y = functional.interpolate(y, size=x[i].shape[-2:], mode="nearest")
                total = y if total is None else total + y
            assert total is not None
            fused.append(functional.relu(total))
        return fused


def _exchange(widths: list[int], target: int, source: int) -> nn.Module:
    if source == target:
        return nn.Identity()
    if source > target:
        return conv_bn(widths[source], widths[target], 1, relu=False)
    steps = target - source
    return nn.Sequential(
        *(
            conv_bn(
                widths[source],
                widths[target] if step == steps - 1 else widths[source],
                3,
                2,
                relu=step < steps - 1,
            )
            for step in range(steps)
        )
    )


class HRNet(Encoder):
    """Crops to features of the finest branch at a quarter of the crop's size, never negative.

    Height and width of crops must be multiples of 4.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: HRNetConfig) -> None:
        super().__init__(config.channels, config.stride)
        self.config = config
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN)[None, :, None, None], False)
        self.register_buffer("std", 255 * torch.tensor(IMAGENET_STD)[None, :, None, None], False)
        stem = config.stem_width
        self.conv1 = nn.Conv2d(3, stem, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.conv2 = nn.Conv2d(stem, stem, 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem)
        block = Bottleneck if config.first == "bottleneck" else BasicBlock
        self.layer1 = chain(block, stem, config.first_width, config.first_blocks)
        previous = [config.first_width * block.expansion]
        for s, num_modules in enumerate(config.num_modules):
            widths = [config.width * 2**i for i in range(s + 2)]
            self.add_module(f"transition{s + 1}", _transition(previous, widths))
            last = s == len(config.num_modules) - 1
            modules = [
                ExchangeModule(
                    widths,
                    config.num_blocks,
                    outputs=1 if last and m == num_modules - 1 else len(widths),
                )
                for m in range(num_modules)
            ]
            self.add_module(f"stage{s + 2}", nn.ModuleList(modules))
            previous = widths

    def stages(self, crops_BHWC: Tensor) -> list[Tensor]:
        """The finest branch after stage 2 and each later stage."""
        x_BCHW = (crops_BHWC.permute(0, 3, 1, 2).float() - self.mean) / self.std
        x_BCHW = functional.relu(self.bn1(self.conv1(x_BCHW)))
        x_BCHW = functional.relu(self.bn2(self.conv2(x_BCHW)))
        branches = [self.layer1(x_BCHW)]
        finest = []
        for s in range(len(self.config.num_modules)):
            transition = self.get_submodule(f"transition{s + 1}")
            last = branches[-1]
            branches = [
                layer(branches[i] if i < len(branches) else last)
                for i, layer in enumerate(transition)  # type: ignore[arg-type]
            ]
            for module in self.get_submodule(f"stage{s + 2}"):  # type: ignore[attr-defined]
                branches = module(branches)
            finest.append(branches[0])
        return finest


def _transition(previous: list[int], widths: list[int]) -> nn.ModuleList:
    """Adapt the existing branches, and start the next coarser one from the coarsest."""
    layers = nn.ModuleList()
    for i, width in enumerate(widths):
        if i >= len(previous):
            # One more module level, as in the published checkpoints' names.
            layers.append(nn.Sequential(conv_bn(previous[-1], width, 3, 2)))
        elif previous[i] != width:
            layers.append(conv_bn(previous[i], width, 3))
        else:
            layers.append(nn.Identity())
    return layers
