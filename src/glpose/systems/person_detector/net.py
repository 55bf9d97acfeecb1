"""The network: a residual backbone, a top-down pyramid and a head for each stride.

Axes: B batch, C channels, H W pixels, A points (all cells of all strides, finest first, row by
row). Sources: points and distances to the four sides from Tian et al., FCOS, ICCV 2019; pyramid
from Lin et al., Feature Pyramid Networks, CVPR 2017; residual blocks from He et al., CVPR 2016.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from glpose.imaging import cell_centre
from glpose.nets.blocks import BasicBlock, chain, conv_bn
from glpose.systems.person_detector.spec import PersonDetectorConfig

# Keeps exp() finite for any weights; e^6 strides exceed any picture.
_MAX_LOG_DISTANCE = 6.0
# Before training every point predicts a box of 4 x 8 strides, with a score of 1 %.
_FIRST_LOG_DISTANCE = (math.log(2), math.log(4), math.log(2), math.log(4))
_FIRST_LOGIT = math.log(0.01 / 0.99)


class Head(nn.Module):
    """Scores and distances of one stride, from two branches of one 3x3 convolution each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score_branch = conv_bn(width, width)
        self.box_branch = conv_bn(width, width)
        self.score = nn.Conv2d(width, 1, 1)
        self.distance = nn.Conv2d(width, 4, 1)
        nn.init.normal_(self.score.weight, std=0.01)
        nn.init.normal_(self.distance.weight, std=0.01)
        nn.init.constant_(self.score.bias, _FIRST_LOGIT)  # type: ignore[arg-type]
        with torch.no_grad():
            self.distance.bias.copy_(torch.tensor(_FIRST_LOG_DISTANCE))  # type: ignore[union-attr]

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, HW) and logarithms of distances in strides (B, HW, 4)."""
        logit = self.score(self.score_branch(x_BCHW))
        distance = self.distance(self.box_branch(x_BCHW))
        return logit.flatten(1), distance.flatten(2).transpose(1, 2)


class PersonDetector(nn.Module):
    """Pictures to boxes and scores of all points; the caller applies NMS."""

    def __init__(self, config: PersonDetectorConfig) -> None:
        super().__init__()
        self.config = config
        w2, w4, w8, w16, w32 = config.widths
        n4, n8, n16, n32 = config.num_blocks
        neck = config.neck_width
        self.stem = nn.Sequential(
            conv_bn(3, w2, 3, 2), conv_bn(w2, w4, 3, 2), chain(BasicBlock, w4, w4, n4)
        )
        self.stage8 = nn.Sequential(conv_bn(w4, w8, 3, 2), chain(BasicBlock, w8, w8, n8))
        self.stage16 = nn.Sequential(conv_bn(w8, w16, 3, 2), chain(BasicBlock, w16, w16, n16))
        self.stage32 = nn.Sequential(conv_bn(w16, w32, 3, 2), chain(BasicBlock, w32, w32, n32))
        self.lateral = nn.ModuleList(conv_bn(w, neck, 1) for w in (w8, w16, w32))
        self.smooth = nn.ModuleList(conv_bn(neck, neck) for _ in range(2))
        self.heads = nn.ModuleList(Head(neck) for _ in config.strides)

    def forward(self, images_BHWC: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (B, A, 4) in input pixels and scores (B, A).

        `images` are `uint8` RGB (B, H, W, 3), H and W multiples of 32.
        """
        boxes_BA4, logits_BA = self.raw(images_BHWC)
        return boxes_BA4, logits_BA.sigmoid()

    def raw(self, images_BHWC: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (B, A, 4) in input pixels and logits (B, A), for the losses."""
        x_BCHW = images_BHWC.permute(0, 3, 1, 2).float() / 64 - 2
        c8 = self.stage8(self.stem(x_BCHW))
        c16 = self.stage16(c8)
        c32 = self.stage32(c16)
        p32 = self.lateral[2](c32)
        p16 = self.lateral[1](c16) + functional.interpolate(p32, scale_factor=2.0)
        p16 = self.smooth[1](p16)
        p8 = self.lateral[0](c8) + functional.interpolate(p16, scale_factor=2.0)
        p8 = self.smooth[0](p8)
        logits, boxes = [], []
        for head, level_BCHW, stride in zip(
            self.heads, (p8, p16, p32), self.config.strides, strict=True
        ):
            logit_BA, distance_BA4 = head(level_BCHW)
            points = cell_centres(level_BCHW.shape[-2], level_BCHW.shape[-1], stride)
            points = points.to(level_BCHW.device)
            logits.append(logit_BA.float())
            boxes.append(decode_boxes(points, distance_BA4.float(), stride))
        return torch.cat(boxes, 1), torch.cat(logits, 1)


def cell_centres(rows: int | Tensor, columns: int | Tensor, stride: int) -> Tensor:
    """Centres of the cells of a level as (x, y) in input pixels, row by row: (A, 2).

    Sizes are tensors while a graph is traced, which keeps them dynamic in the exported graph.
    """
    y, x = _middles(rows, stride), _middles(columns, stride)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).reshape(-1, 2)


def _middles(num: int | Tensor, stride: int) -> Tensor:
    # `arange` also takes a scalar tensor, though its type hints do not say so.
    return cell_centre(torch.arange(num, dtype=torch.float32), stride)  # type: ignore[arg-type]


def all_points(size_hw: tuple[int, int], strides: tuple[int, ...]) -> Tensor:
    """The points (A, 2) of an input of this size."""
    return torch.cat([cell_centres(size_hw[0] // s, size_hw[1] // s, s) for s in strides])


def decode_boxes(points_A2: Tensor, log_distance_BA4: Tensor, stride: int) -> Tensor:
    """Boxes from the distances to the left, top, right and bottom side."""
    distance = log_distance_BA4.clamp(max=_MAX_LOG_DISTANCE).exp() * stride
    return torch.cat([points_A2 - distance[..., :2], points_A2 + distance[..., 2:]], -1)
